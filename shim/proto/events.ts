/**
 * Messages of containerd's events, and the call that forwards them.
 *
 * @module
 */

import { MOUNT } from "./containerd_types.ts";
import {
  bool,
  message,
  type MessageInit,
  type MessageOf,
  nested,
  repeated,
  string,
  uint32,
} from "./schema.ts";
import { ANY, TIMESTAMP } from "./well_known.ts";

const PACKAGE = "containerd.events";

/** Where a process's streams go. */
export const TASK_IO = message(`${PACKAGE}.TaskIO`, {
  stdin: string(1),
  stdout: string(2),
  stderr: string(3),
  terminal: bool(4),
});
/** See {@link TASK_IO}. */
export type TaskIo = MessageOf<typeof TASK_IO>;

/** A container was created. */
export const TASK_CREATE = message(`${PACKAGE}.TaskCreate`, {
  containerId: string(1),
  bundle: string(2),
  rootfs: repeated(nested(3, MOUNT)),
  io: nested(4, TASK_IO),
  checkpoint: string(5),
  pid: uint32(6),
});

/** A container's first process was started. */
export const TASK_START = message(`${PACKAGE}.TaskStart`, {
  containerId: string(1),
  pid: uint32(2),
});

/** A container was deleted. `id` is empty. */
export const TASK_DELETE = message(`${PACKAGE}.TaskDelete`, {
  containerId: string(1),
  pid: uint32(2),
  exitStatus: uint32(3),
  exitedAt: nested(4, TIMESTAMP),
  id: string(5),
});

/** A process ended. `id` is the container's, or the exec's; it is never empty. */
export const TASK_EXIT = message(`${PACKAGE}.TaskExit`, {
  containerId: string(1),
  id: string(2),
  pid: uint32(3),
  exitStatus: uint32(4),
  exitedAt: nested(5, TIMESTAMP),
});

/** The kernel killed a process of the container, because memory ran out. */
export const TASK_OOM = message(`${PACKAGE}.TaskOOM`, { containerId: string(1) });

/** An exec was created. */
export const TASK_EXEC_ADDED = message(`${PACKAGE}.TaskExecAdded`, {
  containerId: string(1),
  execId: string(2),
});

/** An exec was started. */
export const TASK_EXEC_STARTED = message(`${PACKAGE}.TaskExecStarted`, {
  containerId: string(1),
  execId: string(2),
  pid: uint32(3),
});

/** A container was paused. */
export const TASK_PAUSED = message(`${PACKAGE}.TaskPaused`, { containerId: string(1) });

/** A container goes on after a pause. */
export const TASK_RESUMED = message(`${PACKAGE}.TaskResumed`, { containerId: string(1) });

/** A container's state was written. */
export const TASK_CHECKPOINTED = message(`${PACKAGE}.TaskCheckpointed`, {
  containerId: string(1),
  checkpoint: string(2),
});

/** The topics of a shim's events, and the message of each. */
export const TASK_EVENTS = {
  "/tasks/create": TASK_CREATE,
  "/tasks/start": TASK_START,
  "/tasks/exit": TASK_EXIT,
  "/tasks/delete": TASK_DELETE,
  "/tasks/oom": TASK_OOM,
  "/tasks/exec-added": TASK_EXEC_ADDED,
  "/tasks/exec-started": TASK_EXEC_STARTED,
  "/tasks/paused": TASK_PAUSED,
  "/tasks/resumed": TASK_RESUMED,
  "/tasks/checkpointed": TASK_CHECKPOINTED,
} as const;
/** Topic of an event. */
export type TaskTopic = keyof typeof TASK_EVENTS;
/** The event of a topic. */
export type TaskEvent<T extends TaskTopic> = MessageInit<typeof TASK_EVENTS[T]>;

/** An event on its way; all four fields have to be there. */
export const ENVELOPE = message("containerd.types.Envelope", {
  timestamp: nested(1, TIMESTAMP),
  namespace: string(2),
  topic: string(3),
  event: nested(4, ANY),
});
/** See {@link ENVELOPE}. */
export type Envelope = MessageOf<typeof ENVELOPE>;

/** Hands an event to containerd. */
export const FORWARD_REQUEST = message("containerd.services.events.ttrpc.v1.ForwardRequest", {
  envelope: nested(1, ENVELOPE),
});
/** See {@link FORWARD_REQUEST}. */
export type ForwardRequest = MessageOf<typeof FORWARD_REQUEST>;

/**
 * Messages of the task service. Versions 2 and 3 differ in the package's name only, which is not on
 * the wire; the names here are those of version 2.
 *
 * @module
 */

import { MOUNT, PROCESS_INFO } from "./containerd_types.ts";
import {
  bool,
  enumeration,
  map,
  message,
  type MessageOf,
  nested,
  repeated,
  string,
  uint32,
} from "./schema.ts";
import { ANY, TIMESTAMP } from "./well_known.ts";

const PACKAGE = "containerd.task.v2";

/** States of a process, as `containerd.v1.types.Status` numbers them. */
export const TASK_STATUS = {
  unknown: 0,
  created: 1,
  running: 2,
  stopped: 3,
  paused: 4,
  pausing: 5,
} as const;
/** State of a process. */
export type TaskStatus = keyof typeof TASK_STATUS;

/** Makes a container and its first process, which waits until it is started. */
export const CREATE_TASK_REQUEST = message(`${PACKAGE}.CreateTaskRequest`, {
  id: string(1),
  bundle: string(2),
  rootfs: repeated(nested(3, MOUNT)),
  terminal: bool(4),
  stdin: string(5),
  stdout: string(6),
  stderr: string(7),
  checkpoint: string(8),
  parentCheckpoint: string(9),
  options: nested(10, ANY),
});
/** See {@link CREATE_TASK_REQUEST}. */
export type CreateTaskRequest = MessageOf<typeof CREATE_TASK_REQUEST>;

/** The pid is the one on the node, as everywhere in these messages. */
export const CREATE_TASK_RESPONSE = message(`${PACKAGE}.CreateTaskResponse`, { pid: uint32(1) });
/** See {@link CREATE_TASK_RESPONSE}. */
export type CreateTaskResponse = MessageOf<typeof CREATE_TASK_RESPONSE>;

/** Starts what was created: the container's first process, or an exec. */
export const START_REQUEST = message(`${PACKAGE}.StartRequest`, {
  id: string(1),
  execId: string(2),
});
/** See {@link START_REQUEST}. */
export type StartRequest = MessageOf<typeof START_REQUEST>;

/** Answer to {@link START_REQUEST}. */
export const START_RESPONSE = message(`${PACKAGE}.StartResponse`, { pid: uint32(1) });
/** See {@link START_RESPONSE}. */
export type StartResponse = MessageOf<typeof START_RESPONSE>;

/** Forgets a process that has ended. */
export const DELETE_REQUEST = message(`${PACKAGE}.DeleteRequest`, {
  id: string(1),
  execId: string(2),
});
/** See {@link DELETE_REQUEST}. */
export type DeleteRequest = MessageOf<typeof DELETE_REQUEST>;

/** Answer to {@link DELETE_REQUEST}, and what the `delete` command prints. */
export const DELETE_RESPONSE = message(`${PACKAGE}.DeleteResponse`, {
  pid: uint32(1),
  exitStatus: uint32(2),
  exitedAt: nested(3, TIMESTAMP),
});
/** See {@link DELETE_RESPONSE}. */
export type DeleteResponse = MessageOf<typeof DELETE_RESPONSE>;

/** Adds a process to a container, without starting it; `spec` is an OCI process as JSON. */
export const EXEC_PROCESS_REQUEST = message(`${PACKAGE}.ExecProcessRequest`, {
  id: string(1),
  execId: string(2),
  terminal: bool(3),
  stdin: string(4),
  stdout: string(5),
  stderr: string(6),
  spec: nested(7, ANY),
});
/** See {@link EXEC_PROCESS_REQUEST}. */
export type ExecProcessRequest = MessageOf<typeof EXEC_PROCESS_REQUEST>;

/** Tells a terminal its size, in characters. */
export const RESIZE_PTY_REQUEST = message(`${PACKAGE}.ResizePtyRequest`, {
  id: string(1),
  execId: string(2),
  width: uint32(3),
  height: uint32(4),
});
/** See {@link RESIZE_PTY_REQUEST}. */
export type ResizePtyRequest = MessageOf<typeof RESIZE_PTY_REQUEST>;

/** Asks for the state of a process. */
export const STATE_REQUEST = message(`${PACKAGE}.StateRequest`, {
  id: string(1),
  execId: string(2),
});
/** See {@link STATE_REQUEST}. */
export type StateRequest = MessageOf<typeof STATE_REQUEST>;

/** Answer to {@link STATE_REQUEST}. */
export const STATE_RESPONSE = message(`${PACKAGE}.StateResponse`, {
  id: string(1),
  bundle: string(2),
  pid: uint32(3),
  status: enumeration(4, TASK_STATUS),
  stdin: string(5),
  stdout: string(6),
  stderr: string(7),
  terminal: bool(8),
  exitStatus: uint32(9),
  exitedAt: nested(10, TIMESTAMP),
  execId: string(11),
});
/** See {@link STATE_RESPONSE}. */
export type StateResponse = MessageOf<typeof STATE_RESPONSE>;

/** Sends a signal to a process, or to all of the container. */
export const KILL_REQUEST = message(`${PACKAGE}.KillRequest`, {
  id: string(1),
  execId: string(2),
  signal: uint32(3),
  all: bool(4),
});
/** See {@link KILL_REQUEST}. */
export type KillRequest = MessageOf<typeof KILL_REQUEST>;

/** Closes the shim's end of a process's stdin. */
export const CLOSE_IO_REQUEST = message(`${PACKAGE}.CloseIORequest`, {
  id: string(1),
  execId: string(2),
  stdin: bool(3),
});
/** See {@link CLOSE_IO_REQUEST}. */
export type CloseIoRequest = MessageOf<typeof CLOSE_IO_REQUEST>;

/** Asks for the processes of a container. */
export const PIDS_REQUEST = message(`${PACKAGE}.PidsRequest`, { id: string(1) });
/** See {@link PIDS_REQUEST}. */
export type PidsRequest = MessageOf<typeof PIDS_REQUEST>;

/** Answer to {@link PIDS_REQUEST}. */
export const PIDS_RESPONSE = message(`${PACKAGE}.PidsResponse`, {
  processes: repeated(nested(1, PROCESS_INFO)),
});
/** See {@link PIDS_RESPONSE}. */
export type PidsResponse = MessageOf<typeof PIDS_RESPONSE>;

/** Writes a container's state to a directory. */
export const CHECKPOINT_TASK_REQUEST = message(`${PACKAGE}.CheckpointTaskRequest`, {
  id: string(1),
  path: string(2),
  options: nested(3, ANY),
});
/** See {@link CHECKPOINT_TASK_REQUEST}. */
export type CheckpointTaskRequest = MessageOf<typeof CHECKPOINT_TASK_REQUEST>;

/** Changes the limits of a container; `resources` is OCI's `linux.resources` as JSON. */
export const UPDATE_TASK_REQUEST = message(`${PACKAGE}.UpdateTaskRequest`, {
  id: string(1),
  resources: nested(2, ANY),
  annotations: map(string(3)),
});
/** See {@link UPDATE_TASK_REQUEST}. */
export type UpdateTaskRequest = MessageOf<typeof UPDATE_TASK_REQUEST>;

/** Waits for the end of a process. */
export const WAIT_REQUEST = message(`${PACKAGE}.WaitRequest`, {
  id: string(1),
  execId: string(2),
});
/** See {@link WAIT_REQUEST}. */
export type WaitRequest = MessageOf<typeof WAIT_REQUEST>;

/** Answer to {@link WAIT_REQUEST}. */
export const WAIT_RESPONSE = message(`${PACKAGE}.WaitResponse`, {
  exitStatus: uint32(1),
  exitedAt: nested(2, TIMESTAMP),
});
/** See {@link WAIT_RESPONSE}. */
export type WaitResponse = MessageOf<typeof WAIT_RESPONSE>;

/** Asks for the metrics of a container. */
export const STATS_REQUEST = message(`${PACKAGE}.StatsRequest`, { id: string(1) });
/** See {@link STATS_REQUEST}. */
export type StatsRequest = MessageOf<typeof STATS_REQUEST>;

/** Answer to {@link STATS_REQUEST}: metrics of cgroup version 1 or 2. */
export const STATS_RESPONSE = message(`${PACKAGE}.StatsResponse`, { stats: nested(1, ANY) });
/** See {@link STATS_RESPONSE}. */
export type StatsResponse = MessageOf<typeof STATS_RESPONSE>;

/** Asks which processes serve and are the container. */
export const CONNECT_REQUEST = message(`${PACKAGE}.ConnectRequest`, { id: string(1) });
/** See {@link CONNECT_REQUEST}. */
export type ConnectRequest = MessageOf<typeof CONNECT_REQUEST>;

/** Answer to {@link CONNECT_REQUEST}; `taskPid` is 0 if there is no such container. */
export const CONNECT_RESPONSE = message(`${PACKAGE}.ConnectResponse`, {
  shimPid: uint32(1),
  taskPid: uint32(2),
  version: string(3),
});
/** See {@link CONNECT_RESPONSE}. */
export type ConnectResponse = MessageOf<typeof CONNECT_RESPONSE>;

/** Asks the shim to end if no container is left. */
export const SHUTDOWN_REQUEST = message(`${PACKAGE}.ShutdownRequest`, {
  id: string(1),
  now: bool(2),
});
/** See {@link SHUTDOWN_REQUEST}. */
export type ShutdownRequest = MessageOf<typeof SHUTDOWN_REQUEST>;

/** Stops all processes of a container for a while. */
export const PAUSE_REQUEST = message(`${PACKAGE}.PauseRequest`, { id: string(1) });
/** See {@link PAUSE_REQUEST}. */
export type PauseRequest = MessageOf<typeof PAUSE_REQUEST>;

/** Ends a pause. */
export const RESUME_REQUEST = message(`${PACKAGE}.ResumeRequest`, { id: string(1) });
/** See {@link RESUME_REQUEST}. */
export type ResumeRequest = MessageOf<typeof RESUME_REQUEST>;

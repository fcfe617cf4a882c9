/**
 * containerd's calls, as operations on containers.
 *
 * @module
 */

import type { Any, Timestamp } from "../proto/well_known.ts";
import { GO_ZERO_TIME, packAny, timestampOf } from "../proto/well_known.ts";
import { PROCESS_DETAILS } from "../proto/containerd_types.ts";
import type { StateResponse } from "../proto/task.ts";
import { StatusError } from "../ttrpc/status.ts";
import type { Container, ContainerEvents } from "./container.ts";
import { type CreateRequest } from "./create_container.ts";
import type { EventQueue } from "./events.ts";
import type { Exit } from "./reaper.ts";
import type { TaskService } from "./service_contract.ts";
import type { TaskProcess } from "./task_process.ts";

/** What the service is made of. */
export interface TaskServiceParts {
  readonly events: Pick<EventQueue, "publish">;
  /** Makes a container, which waits to be started. */
  readonly create: (
    request: CreateRequest,
    more: { events: ContainerEvents; options: Any | undefined },
  ) => Promise<Container>;
  /** What is left of a container on the node is removed: mounts, references. */
  readonly cleanUp: (container: Container) => void | Promise<void>;
  /** containerd thinks that this was the last container. It asks after each one. */
  readonly onShutdown: () => void;
}

/** The task service over containers, and whether there are any. */
export function createTaskService(
  parts: TaskServiceParts,
): TaskService & { isEmpty(): boolean } {
  const containers = new Map<string, Container>();
  /** Ids that are being made. */
  const making = new Set<string>();
  const { events } = parts;

  function find(id: string): Container {
    const found = containers.get(id);
    if (found) return found;
    throw new StatusError("NOT_FOUND", "container not created: not found");
  }

  return {
    async create(request) {
      const { id, bundle, rootfs, stdin, stdout, stderr, terminal, checkpoint, options } = request;
      if (checkpoint !== "") {
        throw new StatusError("UNIMPLEMENTED", "restoring from a checkpoint is not supported");
      }
      if (containers.has(id) || making.has(id)) {
        throw new StatusError("ALREADY_EXISTS", `container ${id}: already exists`);
      }
      making.add(id);
      // The end of a process must not be told before the container is.
      const held = holdEvents(createEvents(id, events));
      try {
        const container = await parts.create(
          { id, bundle, rootfs, stdin, stdout, stderr, isTerminal: terminal },
          { events: held.events, options },
        );
        containers.set(id, container);
        const { pid } = container.init;
        events.publish("/tasks/create", {
          containerId: id,
          bundle,
          rootfs,
          io: { stdin, stdout, stderr, terminal },
          checkpoint,
          pid,
        });
        held.release();
        return { pid };
      } finally {
        making.delete(id);
      }
    },

    async start({ id, execId }) {
      return { pid: await find(id).start(execId) };
    },

    async delete({ id, execId }) {
      const container = find(id);
      if (execId !== "") return exitAnswer(await container.deleteExec(execId));
      const exit = await container.delete();
      await parts.cleanUp(container);
      containers.delete(id);
      const { pid } = container.init;
      const exitedAt = timestampOf(exit.at.getTime());
      events.publish("/tasks/delete", {
        containerId: id,
        pid,
        exitStatus: exit.status,
        exitedAt,
        id: "",
      });
      return { pid, exitStatus: exit.status, exitedAt };
    },

    pids({ id }) {
      return {
        processes: find(id).pids().map(({ pid, execId }) => ({
          pid,
          ...(execId === "" ? {} : { info: packAny(PROCESS_DETAILS, { execId }) }),
        })),
      };
    },

    pause: ({ id }) => find(id).pause(),
    resume: ({ id }) => find(id).resume(),

    checkpoint() {
      throw new StatusError("UNIMPLEMENTED", "checkpoint is not supported");
    },

    kill: ({ id, execId, signal, all }) => find(id).kill(execId, { signal, all }),

    exec({ id, execId, terminal, stdin, stdout, stderr, spec }) {
      if (!spec) throw new StatusError("INVALID_ARGUMENT", "exec has no process specification");
      find(id).addExec(execId, {
        request: { stdin, stdout, stderr, isTerminal: terminal },
        spec: spec.value,
      });
    },

    resizePty({ id, execId, width, height }) {
      const process = find(id).process(execId);
      if (process.state === "stopped") {
        throw new StatusError("UNKNOWN", "cannot resize a stopped container");
      }
      process.io?.resize({ width, height });
    },

    closeIo({ id, execId, stdin }) {
      if (stdin) find(id).process(execId).io?.closeStdin();
    },

    async update({ id, resources }) {
      if (!resources) throw new StatusError("INVALID_ARGUMENT", "update has no resources");
      await find(id).update(resources.value);
    },

    async wait({ id, execId }, call) {
      const { exited } = find(id).process(execId);
      const exit = await Promise.race([exited, abandoned(call.signal)]);
      return { exitStatus: exit.status, exitedAt: timestampOf(exit.at.getTime()) };
    },

    state({ id, execId }) {
      const container = find(id);
      return stateAnswer(container, container.process(execId));
    },

    stats({ id }) {
      return { stats: find(id).cgroup.stats() };
    },

    connect({ id }) {
      return { shimPid: Deno.pid, taskPid: containers.get(id)?.init.pid ?? 0, version: "" };
    },

    shutdown: () => parts.onShutdown(),

    isEmpty: () => containers.size === 0 && making.size === 0,
  };
}

/** What a container tells, as containerd's events. */
function createEvents(id: string, events: Pick<EventQueue, "publish">): ContainerEvents {
  return {
    started: (pid) => events.publish("/tasks/start", { containerId: id, pid }),
    execAdded: (execId) => events.publish("/tasks/exec-added", { containerId: id, execId }),
    execStarted: (execId, pid) =>
      events.publish("/tasks/exec-started", { containerId: id, execId, pid }),
    outOfMemory: () => events.publish("/tasks/oom", { containerId: id }),
    exited: (execId, { pid, exit }) =>
      events.publish("/tasks/exit", {
        containerId: id,
        id: execId || id,
        pid,
        exitStatus: exit.status,
        exitedAt: timestampOf(exit.at.getTime()),
      }),
    paused: () => events.publish("/tasks/paused", { containerId: id }),
    resumed: () => events.publish("/tasks/resumed", { containerId: id }),
  };
}

/** Keeps what is told until it is released. */
function holdEvents(to: ContainerEvents): { events: ContainerEvents; release(): void } {
  let waiting: (() => void)[] | undefined = [];
  function hold<Args extends unknown[]>(tell: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      if (waiting) waiting.push(() => tell(...args));
      else tell(...args);
    };
  }
  return {
    events: {
      started: hold(to.started),
      execAdded: hold(to.execAdded),
      execStarted: hold(to.execStarted),
      outOfMemory: hold(to.outOfMemory),
      exited: hold(to.exited),
      paused: hold(to.paused),
      resumed: hold(to.resumed),
    },
    release() {
      const held = waiting ?? [];
      waiting = undefined;
      for (const tell of held) tell();
    },
  };
}

function exitAnswer(
  { pid, exit }: TaskProcess,
): { pid: number; exitStatus: number; exitedAt: Timestamp } {
  return { pid, exitStatus: exit?.status ?? 0, exitedAt: exitedAt(exit) };
}

function exitedAt(exit: Exit | undefined): Timestamp {
  return exit ? timestampOf(exit.at.getTime()) : GO_ZERO_TIME;
}

function stateAnswer(container: Container, process: TaskProcess): StateResponse {
  const { stdin, stdout, stderr, isTerminal } = process.request;
  return {
    id: container.id,
    bundle: container.bundle,
    pid: process.pid,
    status: process.state,
    stdin,
    stdout,
    stderr,
    terminal: isTerminal,
    exitStatus: process.exit?.status ?? 0,
    exitedAt: exitedAt(process.exit),
    execId: process.execId,
  };
}

/** Rejects when nobody waits for the answer any more. */
function abandoned(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

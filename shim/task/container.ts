/**
 * One container: its processes, and what may be done with them when. Knows nothing of the protocol.
 *
 * @module
 */

import { callLater, sleep } from "../../lib/timer.ts";
import { errorText } from "../../lib/errors.ts";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import { StatusError } from "../ttrpc/status.ts";
import type { ContainerCgroup } from "./cgroup.ts";
import type { IoRequest, ProcessIo } from "./process_io.ts";
import type { Exit, Reaper } from "./reaper.ts";
import { type Runc, RuncError } from "./runc.ts";
import { TaskProcess } from "./task_process.ts";

/** What a container tells of itself. Calls come in the order in which things happened. */
export interface ContainerEvents {
  started(pid: number): void;
  execAdded(execId: string): void;
  execStarted(execId: string, pid: number): void;
  /** The kernel has killed a process because the container's memory was used up. */
  outOfMemory(): void;
  /** @param execId Empty for the container's first process, whose exit is the last. */
  exited(execId: string, process: { pid: number; exit: Exit }): void;
  paused(): void;
  resumed(): void;
}

/** What a container works with. */
export interface ContainerParts {
  readonly runc: Runc;
  readonly reaper: Reaper;
  readonly events: ContainerEvents;
  readonly cgroup: ContainerCgroup;
  /** Opens the streams of a further process. */
  readonly openIo: (request: IoRequest, name: string) => Promise<ProcessIo>;
  /** Whether its processes can see those of other containers, or of the pod. */
  readonly isPidNamespaceShared: boolean;
  /** Whether its first process serves already; absent for programs that nobody waits for. */
  readonly isServing?: (pid: number) => boolean;
  /** Calls back from time to time. @returns A function that ends it. */
  readonly atIntervals: (callback: () => void) => () => void;
  /** Keeps how it ended, for whoever cleans up if this process dies. */
  readonly onExit: (exit: Exit) => void;
}

const SIGKILL = 9;
/** Milliseconds that a process which was killed has to be gone. */
const KILLED_MS = 10_000;
/** Milliseconds after which a container counts as started though its process does not serve yet. */
const SERVING_MS = 5_000;
const SERVING_CHECK_MS = 10;
/** Milliseconds that output has to reach the client before it is given up. */
const DRAIN_MS = 10_000;

/** A container that runc has created. */
export class Container {
  readonly id: string;
  readonly bundle: string;
  readonly init: TaskProcess;
  readonly #parts: ContainerParts;
  readonly #execs = new Map<string, TaskProcess>();
  /** Operations that change its state come one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  /** The start that is under way: the end of a process is told after its start. */
  #starting: Promise<unknown> = Promise.resolve();
  #hasEnded = false;
  /** Somebody has asked for it. */
  #wasKilled = false;
  /** The signals that are being sent. */
  #killing: Promise<unknown> = Promise.resolve();
  readonly #stopWatchingMemory: () => void;

  constructor(
    { id, bundle, init }: { id: string; bundle: string; init: TaskProcess },
    parts: ContainerParts,
  ) {
    this.id = id;
    this.bundle = bundle;
    this.init = init;
    this.#parts = parts;
    this.#stopWatchingMemory = parts.atIntervals(() => this.#checkMemory());
    void this.#watchInit();
  }

  /** The process of an exec, or the first one for the empty name. */
  process(execId: string): TaskProcess {
    if (execId === "") return this.init;
    const found = this.#execs.get(execId);
    if (found) return found;
    throw new StatusError("NOT_FOUND", `process does not exist ${execId}: not found`);
  }

  /** Starts the container, whose host then serves, or an exec. @returns Its pid. */
  start(execId: string): Promise<number> {
    const started = this.#inTurn(async () => {
      const process = this.process(execId);
      process.checkStartable();
      if (execId !== "") return await this.#startExec(process);
      await this.#parts.runc.start(this.id);
      process.started();
      this.#parts.events.started(process.pid);
      await this.#untilServing();
      return process.pid;
    });
    this.#starting = started;
    return started;
  }

  /**
   * Adds a process, which waits to be started.
   * @param spec An OCI process object as JSON.
   */
  addExec(execId: string, { request, spec }: { request: IoRequest; spec: Uint8Array }): void {
    if (this.init.state === "stopped") {
      throw new StatusError("UNKNOWN", "cannot exec in a stopped container");
    }
    if (this.#execs.has(execId)) {
      throw new StatusError("ALREADY_EXISTS", `id ${execId}: already exists`);
    }
    Deno.writeFileSync(this.#specFile(execId), spec, { mode: 0o600 });
    this.#execs.set(execId, new TaskProcess(execId, request));
    this.#parts.events.execAdded(execId);
  }

  async kill(execId: string, { signal, all }: { signal: number; all: boolean }): Promise<void> {
    const process = this.process(execId);
    if (process.state === "stopped") throw alreadyFinished();
    if (execId !== "") {
      if (process.pid === 0) {
        throw new StatusError("FAILED_PRECONDITION", `process ${execId} is not started`);
      }
      return killProcess(process.pid, signal);
    }
    if (signal === SIGKILL) this.#wasKilled = true;
    const killing = this.#parts.runc.kill(this.id, { signal, all });
    this.#killing = Promise.allSettled([this.#killing, killing]);
    try {
      await killing;
    } catch (error) {
      if (error instanceof RuncError && error.isGone) throw alreadyFinished();
      throw error;
    }
  }

  pause(): Promise<void> {
    return this.#inTurn(async () => {
      this.#checkRunning("pause", "running");
      await this.#parts.runc.pause(this.id);
      this.init.paused(true);
      this.#parts.events.paused();
    });
  }

  resume(): Promise<void> {
    return this.#inTurn(async () => {
      this.#checkRunning("resume", "paused");
      await this.#parts.runc.resume(this.id);
      this.init.paused(false);
      this.#parts.events.resumed();
    });
  }

  /** @param resources OCI `LinuxResources` as JSON. */
  update(resources: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      if (this.init.state === "stopped") {
        throw new StatusError("UNKNOWN", "cannot update a stopped container");
      }
      await this.#parts.runc.update(this.id, resources);
    });
  }

  /**
   * Pids of all its processes, and which exec those are that were added. Never empty: containerd 1.7
   * and newer ask when they start, and forget a task without any, with its exit code. So the one of
   * a process that has ended counts until the container is deleted.
   */
  pids(): { pid: number; execId: string }[] {
    const execs = new Map([...this.#execs.values()].map(({ pid, execId }) => [pid, execId]));
    const pids = new Set([...this.#parts.cgroup.pids(), this.init.pid]);
    return [...pids].map((pid) => ({ pid, execId: execs.get(pid) ?? "" }));
  }

  get cgroup(): ContainerCgroup {
    return this.#parts.cgroup;
  }

  /** Forgets an exec that has ended, or that was never started. */
  deleteExec(execId: string): Promise<TaskProcess> {
    return this.#inTurn(async () => {
      const process = this.process(execId);
      process.checkDeletable();
      await process.io?.drain(DRAIN_MS);
      await process.io?.close();
      this.#execs.delete(execId);
      await removeIfThere(this.#specFile(execId));
      return process;
    });
  }

  /** Removes the container, which has ended or was never started. @returns How it ended. */
  delete(): Promise<Exit> {
    return this.#inTurn(async () => {
      const { init } = this;
      init.checkDeletable();
      // containerd closes the connection after a deletion, also under whoever waits for a signal.
      await this.#killing;
      await this.#parts.runc.delete(this.id, { isForced: init.state === "created" });
      const exit = await within(init.exited, KILLED_MS) ??
        { status: 128 + SIGKILL, at: new Date() };
      for (const exec of this.#execs.values()) await exec.io?.close();
      await init.io?.drain(DRAIN_MS);
      await init.io?.close();
      this.#stopWatchingMemory();
      this.#parts.cgroup.close();
      return exit;
    });
  }

  async #untilServing(): Promise<void> {
    const { isServing } = this.#parts;
    if (!isServing) return;
    const deadline = performance.now() + SERVING_MS;
    while (!this.#hasEnded && performance.now() < deadline) {
      if (isServing(this.init.pid)) return;
      await sleep(SERVING_CHECK_MS);
    }
  }

  async #startExec(process: TaskProcess): Promise<number> {
    const { init } = this;
    const { runc, openIo, events } = this.#parts;
    if (init.state === "stopped" || init.state === "created") {
      throw new StatusError(
        "FAILED_PRECONDITION",
        `container ${this.id} init process is not running`,
      );
    }
    const { execId } = process;
    const pidFile = `${this.bundle}/${execId}.pid`;
    const io = await openIo(process.request, execId);
    try {
      await runc.exec(this.id, {
        specFile: this.#specFile(execId),
        pidFile,
        stdio: io.descriptors,
        consoleSocket: io.consoleSocket,
      });
      await io.attach();
    } catch (error) {
      await io.close();
      // Nobody will start it again, and a wait for it must end.
      process.stopped({ status: 255, at: new Date() });
      throw error;
    }
    process.attach(readPid(pidFile), io);
    process.started();
    events.execStarted(execId, process.pid);
    void this.#watchExec(process);
    return process.pid;
  }

  async #watchExec(process: TaskProcess): Promise<void> {
    const exit = await this.#parts.reaper.exitOf(process.pid);
    await settled(this.#starting);
    process.io?.closeStdin();
    process.io?.flush();
    this.#parts.events.exited(process.execId, { pid: process.pid, exit });
    process.stopped(exit);
  }

  async #watchInit(): Promise<void> {
    const { init } = this;
    const { reaper, events, runc, cgroup, isPidNamespaceShared, onExit } = this.#parts;
    const exit = await reaper.exitOf(init.pid);
    this.#hasEnded = true;
    await settled(this.#starting);
    if (isPidNamespaceShared) {
      // Nothing ends its other processes but us.
      await runc.kill(this.id, { signal: SIGKILL, all: true }).catch((error: unknown) => {
        if (!(error instanceof RuncError)) throw error;
      });
    }
    const running = [...this.#execs.values()].filter(({ state }) => state === "running");
    await within(Promise.all(running.map(({ exited }) => exited)), KILLED_MS);
    this.#stopWatchingMemory();
    const isSuspicious = exit.status === 128 + SIGKILL && !this.#wasKilled;
    if (await cgroup.endedOutOfMemory(isSuspicious)) events.outOfMemory();
    init.io?.closeStdin();
    init.io?.flush();
    onExit(exit);
    events.exited("", { pid: init.pid, exit });
    init.stopped(exit);
  }

  #checkMemory(): void {
    if (this.#parts.cgroup.wasOutOfMemory()) this.#parts.events.outOfMemory();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = settled(this.#last).then(work);
    this.#last = result;
    return result;
  }

  #checkRunning(what: string, wanted: "running" | "paused"): void {
    if (this.init.state === wanted) return;
    throw new StatusError("UNKNOWN", `cannot ${what} task in ${this.init.state} state`);
  }

  #specFile(execId: string): string {
    return `${this.bundle}/${execId}.json`;
  }
}

/** Resolves when an operation has ended, however it did. */
async function settled(operation: Promise<unknown>): Promise<void> {
  await operation.catch(() => {
    // Its caller has got the failure.
  });
}

function alreadyFinished(): StatusError {
  return new StatusError("NOT_FOUND", "process already finished: not found");
}

/** @throws {StatusError} if the process is gone. */
function killProcess(pid: number, signal: number): void {
  try {
    Deno.kill(pid, signal as unknown as Deno.Signal);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw alreadyFinished();
    throw new StatusError("UNKNOWN", `Cannot send signal ${signal} to ${pid}: ${errorText(error)}`);
  }
}

/** The pid that runc wrote. @throws {Error} if it is none. */
export function readPid(file: string): number {
  const text = Deno.readTextFileSync(file);
  if (!/^\d+$/.test(text)) throw new Error(`"${file}" holds no pid but ${JSON.stringify(text)}`);
  return Number(text);
}

/** What `work` resolves to; undefined if it takes longer. */
async function within<T>(work: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let cancel: (() => void) | undefined;
  const late = new Promise<undefined>((resolve) => {
    cancel = callLater(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel?.();
  }
}

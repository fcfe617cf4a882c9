/**
 * One process of a container: its first one, or one that was added by exec.
 *
 * @module
 */

import { StatusError } from "../ttrpc/status.ts";
import type { IoRequest, ProcessIo } from "./process_io.ts";
import type { Exit } from "./reaper.ts";

/** Where a process is in its life. */
export type ProcessState = "created" | "running" | "paused" | "stopped";

/** A process. All times and codes that are told of it are the same everywhere. */
export class TaskProcess {
  /** Empty for the container's first process. */
  readonly execId: string;
  readonly request: IoRequest;
  #state: ProcessState = "created";
  #pid = 0;
  #exit: Exit | undefined;
  #io: ProcessIo | undefined;
  readonly #exited = Promise.withResolvers<Exit>();

  constructor(execId: string, request: IoRequest) {
    this.execId = execId;
    this.request = request;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** On the node; 0 before there is one. */
  get pid(): number {
    return this.#pid;
  }

  /** How it ended; undefined while it has not. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Resolves when its end has been told; also after that, as often as it is asked for. */
  get exited(): Promise<Exit> {
    return this.#exited.promise;
  }

  get io(): ProcessIo | undefined {
    return this.#io;
  }

  /** It has a pid now, and streams. */
  attach(pid: number, io: ProcessIo): void {
    this.#pid = pid;
    this.#io = io;
  }

  started(): void {
    if (this.#state === "created") this.#state = "running";
  }

  paused(isPaused: boolean): void {
    if (this.#state !== "stopped") this.#state = isPaused ? "paused" : "running";
  }

  /** It has ended, and everybody who has to know it first has been told. */
  stopped(exit: Exit): void {
    this.#state = "stopped";
    this.#exit = exit;
    this.#exited.resolve(exit);
  }

  /** @throws {StatusError} unless it may be deleted. */
  checkDeletable(): void {
    if (this.#state !== "running" && this.#state !== "paused") return;
    throw new StatusError("UNKNOWN", "cannot delete a running process");
  }

  /** @throws {StatusError} unless it may be started. */
  checkStartable(): void {
    if (this.#state === "created") return;
    throw new StatusError("UNKNOWN", `cannot start a ${this.#state} process`);
  }
}

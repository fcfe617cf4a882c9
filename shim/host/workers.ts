/**
 * The workers of the main isolate: started, replaced when they die, stopped together.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { errorText } from "../../lib/errors.ts";
import type { StopMessage, WorkerInit, WorkerMessage } from "./worker_main.ts";

/** Milliseconds before a dead worker is replaced; doubles each time it dies without serving. */
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 10_000;
/** Milliseconds a worker has to write its logs and close its stores. */
const CLOSE_MS = 3_000;

interface Member {
  readonly worker: Worker;
  isReady: boolean;
}

/** A number of workers that serve the same thing. */
export class Workers {
  readonly #init: WorkerInit;
  readonly #report: (line: string) => void;
  readonly #module: URL;
  readonly #members = new Set<Member>();
  readonly #restarts = new Set<ReturnType<typeof setTimeout>>();
  #isStopping = false;

  /** @param options.module What a worker runs; the program itself by default. */
  constructor(init: WorkerInit, options: { report: (line: string) => void; module?: URL }) {
    this.#init = init;
    this.#report = options.report;
    this.#module = options.module ?? new URL(Deno.mainModule);
  }

  /** Starts `count` workers; they serve as soon as they are ready. */
  start(count: number): void {
    for (let i = 0; i < count; i++) this.#spawn(FIRST_DELAY_MS);
  }

  /** Drains and ends all workers. One that is still starting has nothing to drain. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    await Promise.all([...this.#members].map((member) => stopMember(member, graceMs)));
  }

  #spawn(delayMs: number): void {
    const worker = new Worker(this.#module, { workerData: this.#init });
    const member: Member = { worker, isReady: false };
    this.#members.add(member);
    let reason = "it returned";
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "ready") member.isReady = true;
    });
    worker.on("error", (error) => reason = errorText(error));
    worker.on("exit", () => {
      this.#members.delete(member);
      if (!this.#isStopping) this.#replace(member.isReady ? FIRST_DELAY_MS : delayMs, reason);
    });
  }

  #replace(delayMs: number, reason: string): void {
    this.#report(`A worker ended: ${reason}. Starting another one.`);
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#spawn(Math.min(delayMs * 2, MAX_DELAY_MS));
    }, delayMs);
    this.#restarts.add(timer);
  }
}

async function stopMember({ worker, isReady }: Member, graceMs: number): Promise<void> {
  // A message that comes before the worker listens is lost.
  if (isReady) {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "stopped") resolve();
    });
    worker.on("exit", () => resolve());
    const timer = setTimeout(resolve, graceMs + CLOSE_MS);
    worker.postMessage({ type: "stop", graceMs } satisfies StopMessage);
    await stopped;
    clearTimeout(timer);
  }
  await worker.terminate();
}

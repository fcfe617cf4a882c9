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

/** A number of workers that serve the same thing. */
export class Workers {
  readonly #init: WorkerInit;
  readonly #report: (line: string) => void;
  readonly #workers = new Set<Worker>();
  #isStopping = false;

  constructor(init: WorkerInit, report: (line: string) => void) {
    this.#init = init;
    this.#report = report;
  }

  /** Starts `count` workers; they serve as soon as they are ready. */
  start(count: number): void {
    for (let i = 0; i < count; i++) this.#spawn(FIRST_DELAY_MS);
  }

  /** Drains and ends all workers. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#workers].map((worker) => stopWorker(worker, graceMs)));
  }

  #spawn(delayMs: number): void {
    const worker = new Worker(new URL(Deno.mainModule), { workerData: this.#init });
    this.#workers.add(worker);
    let nextDelayMs = delayMs;
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "ready") nextDelayMs = FIRST_DELAY_MS;
    });
    worker.on("error", (error) => {
      this.#workers.delete(worker);
      if (this.#isStopping) return;
      this.#report(`A worker ended: ${errorText(error)}. Starting another one.`);
      setTimeout(() => {
        if (!this.#isStopping) this.#spawn(Math.min(nextDelayMs * 2, MAX_DELAY_MS));
      }, nextDelayMs);
    });
  }
}

async function stopWorker(worker: Worker, graceMs: number): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    worker.on("message", (message: WorkerMessage) => {
      if (message.type === "stopped") resolve();
    });
    worker.on("exit", () => resolve());
    worker.on("error", () => resolve());
    setTimeout(resolve, graceMs + 1_000);
  });
  worker.postMessage({ type: "stop", graceMs } satisfies StopMessage);
  await stopped;
  await worker.terminate();
}

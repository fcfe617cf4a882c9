/**
 * The workers of the main isolate: started, replaced when they die, stopped together.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { errorText } from "../../lib/errors.ts";
import type { LiveReport, LiveSource } from "./live/live_report.ts";
import type { Snapshot } from "./metrics/samples.ts";
import type {
  LiveMessage,
  MetricsMessage,
  StopMessage,
  WorkerInit,
  WorkerMessage,
} from "./worker_main.ts";

/** Milliseconds before a dead worker is replaced; doubles each time it dies without serving. */
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 10_000;
/** Milliseconds a worker has to write its logs and close its stores. */
const CLOSE_MS = 3_000;
/** Milliseconds that a worker has to tell its numbers; a guest may be computing in it. */
const METRICS_MS = 1_000;

interface Member {
  readonly worker: Worker;
  /** What the live page asks. */
  readonly live: LiveSource;
  isReady: boolean;
  /** Its last numbers, if anybody asked for them. */
  snapshot?: Snapshot;
}

/** The numbers of workers. */
export interface WorkerSnapshots {
  /** Of those that serve; of one that does not answer in time the last ones. */
  readonly live: readonly Snapshot[];
  /** The last ones of those that have died. */
  readonly gone: readonly Snapshot[];
}

/** A number of workers that serve the same thing. */
export class Workers {
  readonly #init: WorkerInit;
  readonly #report: (line: string) => void;
  readonly #module: URL;
  readonly #members = new Set<Member>();
  readonly #restarts = new Set<ReturnType<typeof setTimeout>>();
  #waiting: (() => void)[] = [];
  #isStopping = false;
  #questions = 0;
  readonly #gone: Snapshot[] = [];

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

  /** Resolves when all that were started serve. */
  async allServe(): Promise<void> {
    while ([...this.#members].some(({ isReady }) => !isReady)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Asks all workers for their numbers. */
  async snapshots(): Promise<WorkerSnapshots> {
    const question = this.#questions++;
    const members = [...this.#members].filter(({ isReady }) => isReady);
    const answers = await Promise.all(members.map(async (member) => {
      const snapshot = await askForMetrics(member.worker, question);
      if (snapshot) member.snapshot = snapshot;
      return member.snapshot;
    }));
    const live = answers.filter((snapshot) => snapshot !== undefined);
    return { live, gone: this.#gone };
  }

  /** Those that serve, as the live page asks them. */
  liveSources(): readonly LiveSource[] {
    return [...this.#members].filter(({ isReady }) => isReady).map(({ live }) => live);
  }

  /** Drains and ends all workers. One that is still starting has nothing to drain. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    await Promise.all([...this.#members].map((member) => stopMember(member, graceMs)));
  }

  #spawn(delayMs: number): void {
    const worker = new Worker(this.#module, { workerData: this.#init });
    const live = { take: () => askForLive(worker, this.#questions++) };
    const member: Member = { worker, live, isReady: false };
    this.#members.add(member);
    let reason = "it returned";
    worker.on("message", (message: WorkerMessage) => {
      if (message.type !== "ready") return;
      member.isReady = true;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
    worker.on("error", (error) => reason = errorText(error));
    worker.on("exit", () => {
      this.#members.delete(member);
      if (member.snapshot) this.#gone.push(member.snapshot);
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

async function askForMetrics(worker: Worker, question: number): Promise<Snapshot | undefined> {
  const { promise, resolve } = Promise.withResolvers<Snapshot | undefined>();
  function onMessage(message: WorkerMessage): void {
    if (message.type === "metrics" && message.question === question) resolve(message.snapshot);
  }
  const timer = setTimeout(() => resolve(undefined), METRICS_MS);
  worker.on("message", onMessage);
  worker.postMessage({ type: "metrics", question } satisfies MetricsMessage);
  const snapshot = await promise;
  clearTimeout(timer);
  worker.off("message", onMessage);
  return snapshot;
}

/** Waits as long as it takes: what the worker tells, it tells once. */
async function askForLive(worker: Worker, question: number): Promise<LiveReport | undefined> {
  const { promise, resolve } = Promise.withResolvers<LiveReport | undefined>();
  function onMessage(message: WorkerMessage): void {
    if (message.type === "live" && message.question === question) resolve(message.report);
  }
  function onExit(): void {
    resolve(undefined);
  }
  worker.on("message", onMessage);
  worker.on("exit", onExit);
  worker.postMessage({ type: "live", question } satisfies LiveMessage);
  const report = await promise;
  worker.off("message", onMessage);
  worker.off("exit", onExit);
  return report;
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

/**
 * What is to be reconciled: each key at most once, and never by two workers at the same time.
 *
 * @module
 */

/** Options of {@link WorkQueue}. */
export interface WorkQueueOptions {
  /** Milliseconds of the pause after the first failure of a key; doubles with each. Default: 5. */
  readonly firstDelayMs?: number;
  /** Longest pause, in milliseconds. Default: 1,000,000, about 17 minutes. */
  readonly maxDelayMs?: number;
  /** Retries per second of all keys together; up to `burst` at once. Default: 10 and 100. */
  readonly retriesPerSecond?: number;
  readonly burst?: number;
  /** Milliseconds of a clock. */
  readonly now?: () => number;
}

/** Gets the times of keys, in milliseconds, for metrics. */
export interface QueueObserver {
  /** A worker has taken a key that waited so long. */
  onTaken(waitedMs: number): void;
  /** A worker has finished with a key. */
  onDone(workedMs: number): void;
}

/** A queue of keys. */
export class WorkQueue {
  readonly #options: Required<WorkQueueOptions>;
  /** Waiting for a worker, in order, with the time since when. */
  readonly #ready = new Map<string, number>();
  /** With the time when work began. */
  readonly #inWork = new Map<string, number>();
  /** Asked for again while a worker has them. */
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { at: number; timer: ReturnType<typeof setTimeout> }>();
  readonly #waiting: ((key: string | undefined) => void)[] = [];
  #tokens: number;
  #tokensAt: number;
  #isClosed = false;
  /** How many keys were ever added, for metrics. */
  adds = 0;
  retries = 0;
  observer: QueueObserver | undefined;

  constructor(options: WorkQueueOptions = {}) {
    this.#options = {
      firstDelayMs: 5,
      maxDelayMs: 1_000_000,
      retriesPerSecond: 10,
      burst: 100,
      now: () => performance.now(),
      ...options,
    };
    this.#tokens = this.#options.burst;
    this.#tokensAt = this.#options.now();
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Adds a key now. One that waits already is not added twice. */
  add(key: string): void {
    if (this.#isClosed) return;
    this.#cancelTimer(key);
    if (this.#inWork.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.adds++;
    const taker = this.#waiting.shift();
    const now = this.#options.now();
    if (taker) {
      this.#begin(key, now);
      taker(key);
    } else this.#ready.set(key, now);
  }

  /** Adds a key later. The earliest of several times counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#isClosed) return;
    if (delayMs <= 0) return this.add(key);
    const at = this.#options.now() + delayMs;
    const planned = this.#timers.get(key);
    if (planned && planned.at <= at) return;
    this.#cancelTimer(key);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, delayMs);
    this.#timers.set(key, { at, timer });
  }

  /** Adds a key that failed, after a pause that grows with its failures. */
  retry(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.retries++;
    const { firstDelayMs, maxDelayMs } = this.#options;
    const delay = Math.min(firstDelayMs * 2 ** failures, maxDelayMs);
    this.addAfter(key, Math.max(delay, this.#takeToken()));
  }

  /** A key succeeded: its next failure counts as the first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often a key has failed in a row. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key; {@link done} gives it back. Undefined when the queue is closed. */
  take(): Promise<string | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    for (const [key, since] of this.#ready) {
      this.#ready.delete(key);
      this.#begin(key, since);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** A worker has finished with a key. */
  done(key: string): void {
    const since = this.#inWork.get(key);
    this.#inWork.delete(key);
    if (since !== undefined) this.observer?.onDone(this.#options.now() - since);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Milliseconds that workers have had the keys which they have now. */
  workTimes(): number[] {
    const now = this.#options.now();
    return [...this.#inWork.values()].map((since) => now - since);
  }

  /** Gives out nothing more. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#ready.clear();
    for (const taker of this.#waiting.splice(0)) taker(undefined);
  }

  #begin(key: string, waitingSince: number): void {
    const now = this.#options.now();
    this.#inWork.set(key, now);
    this.observer?.onTaken(now - waitingSince);
  }

  #cancelTimer(key: string): void {
    const planned = this.#timers.get(key);
    if (!planned) return;
    clearTimeout(planned.timer);
    this.#timers.delete(key);
  }

  /** @returns Milliseconds until the token that was taken is there. */
  #takeToken(): number {
    const { retriesPerSecond, burst, now } = this.#options;
    const time = now();
    const grown = (time - this.#tokensAt) / 1e3 * retriesPerSecond;
    this.#tokens = Math.min(burst, this.#tokens + grown) - 1;
    this.#tokensAt = time;
    return this.#tokens >= 0 ? 0 : -this.#tokens / retriesPerSecond * 1e3;
  }
}

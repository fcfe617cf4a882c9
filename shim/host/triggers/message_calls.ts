/**
 * Messages on their way to guests: several at once, and not more of them in memory than there is room
 * for.
 *
 * @module
 */

/** Guests that work on messages of one trigger at the same time. */
const MAX_CALLS = 64;
/** Messages that wait. */
const MAX_WAITING = 1_000;
/** Milliseconds between two reports of lost messages. */
const REPORT_MS = 10_000;

/** Hands messages over. The owner stops it. */
export class MessageCalls {
  readonly #report: (lines: string[]) => void;
  readonly #what: string;
  readonly #limit: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  #lost = 0;
  #reportTimer: ReturnType<typeof setTimeout> | undefined;
  #onIdle: (() => void) | undefined;
  #isStopped = false;

  /** @param options.what For reports: `redis trigger`. */
  constructor(
    options: { what: string; report: (lines: string[]) => void; maxCalls?: number },
  ) {
    this.#what = options.what;
    this.#report = options.report;
    this.#limit = options.maxCalls ?? MAX_CALLS;
  }

  /**
   * Has `call` run as soon as there is room. If too many wait, the message is lost: it is counted,
   * and told from time to time.
   * @param call Never rejects.
   */
  add(call: () => Promise<void>): void {
    if (this.#isStopped) return;
    if (this.#running < this.#limit) void this.#run(call);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(call);
    else this.#lose();
  }

  /** Takes nothing more, drops what waits, and lets what runs end within `graceMs` milliseconds. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    this.#waiting.length = 0;
    if (this.#lost > 0) this.#tellLost();
    if (this.#running === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      timer = setTimeout(resolve, graceMs);
    });
    clearTimeout(timer);
  }

  async #run(call: () => Promise<void>): Promise<void> {
    this.#running++;
    for (let next: typeof call | undefined = call; next; next = this.#waiting.shift()) await next();
    this.#running--;
    if (this.#running === 0) this.#onIdle?.();
  }

  #lose(): void {
    this.#lost++;
    this.#reportTimer ??= setTimeout(() => this.#tellLost(), REPORT_MS);
  }

  #tellLost(): void {
    clearTimeout(this.#reportTimer);
    this.#reportTimer = undefined;
    this.#report([
      `Warning: the ${this.#what} lost ${this.#lost} message(s): they came faster than the ` +
      "components handle them",
    ]);
    this.#lost = 0;
  }
}

/**
 * How many instances an isolate may hold at once, by count and by bytes. Beyond that, requests wait
 * for one to be given back.
 *
 * @module
 */

/** No instance became free in time. The request is answered with 503. */
export class InstanceLimitReached extends Error {
  override readonly name = "InstanceLimitReached";

  constructor(waitedMs: number) {
    super(`No instance became free within ${waitedMs} ms: the live instances are at their limit`);
  }
}

/** Limits of an {@link InstanceBudget}. */
export interface BudgetLimits {
  /** V8 ends the process near 32,000 memories; stay well below. */
  readonly maxInstances: number;
  /** Bytes of linear memory that may be in use. */
  readonly maxBytes: number;
  /** Milliseconds a request waits for its share. */
  readonly maxWaitMs: number;
}

/** Somebody who waits for a share. */
interface Waiter {
  readonly bytes: number;
  readonly owner: unknown;
  resolve(handedOver: unknown): void;
}

/** The instances of all components of one isolate. */
export class InstanceBudget {
  readonly #limits: BudgetLimits;
  readonly #waiting: Waiter[] = [];
  /** Asked to give up idle instances when somebody has to wait. */
  readonly #reclaimers: (() => boolean)[] = [];
  #instances = 0;
  #bytes = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  get instances(): number {
    return this.#instances;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param reclaim Drops one idle instance; returns false if there is none. */
  addReclaimer(reclaim: () => boolean): void {
    this.#reclaimers.push(reclaim);
  }

  /** Takes a share at once, if there is room and nobody waits. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0) return false;
    while (!this.#fits(bytes)) {
      if (!this.#reclaimers.some((reclaim) => reclaim())) return false;
    }
    this.#take(bytes);
    return true;
  }

  /** Whether somebody waits for a share. Idle instances are then better given up than kept. */
  get isContended(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Waits for a share, or for something of `owner` that comes with a share of its own. Those who
   * wait are served in the order they came, whoever's they are.
   * @returns what {@link handOver} passed, or undefined: a share was taken.
   * @throws {InstanceLimitReached} by rejection, after `maxWaitMs`.
   */
  take(bytes: number, owner?: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new InstanceLimitReached(this.#limits.maxWaitMs));
        // What the one at the head waited for may be too much, and enough for those behind.
        this.#serve();
      }, this.#limits.maxWaitMs);
      const waiter: Waiter = {
        bytes,
        owner,
        resolve: (handedOver) => {
          clearTimeout(timer);
          resolve(handedOver);
        },
      };
      this.#waiting.push(waiter);
    });
  }

  /**
   * Passes `item`, with the share it has, to the first in line if that is of the same owner.
   * @returns false if it is not: `item` should then be given up, so that the line moves.
   */
  handOver(owner: unknown, item: unknown): boolean {
    if (this.#waiting.length === 0 || this.#waiting[0]!.owner !== owner) return false;
    this.#waiting.shift()!.resolve(item);
    return true;
  }

  /** Gives a share back. */
  give(bytes: number): void {
    this.#instances--;
    this.#bytes -= bytes;
    this.#serve();
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#take(next.bytes);
      next.resolve(undefined);
    }
  }

  #fits(bytes: number): boolean {
    // A single instance always fits: the limit must not make a component unusable.
    return this.#instances === 0 || (this.#instances < this.#limits.maxInstances &&
      this.#bytes + bytes <= this.#limits.maxBytes);
  }

  #take(bytes: number): void {
    this.#instances++;
    this.#bytes += bytes;
  }
}

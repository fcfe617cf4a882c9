/**
 * Instances of one component of the asynchronous component model: used by several calls at once and
 * by many after each other, as Spin does it. What a guest keeps in memory is therefore seen by later
 * calls; components of that model have to expect it.
 *
 * @module
 */

import type { ComponentExports } from "./component.ts";
import type { MemoryCollector } from "./garbage.ts";
import type { InstanceBudget } from "./instance_budget.ts";
import type { LoadedSharedComponent, SharedCall, SharedInstance } from "./shared_component.ts";

/** A number, chosen anew for each instance from `from` to below `to`; `from` itself if both are equal. */
export type NumberRange = readonly [from: number, to: number];

/** How instances are reused. */
export interface ReuseLimits {
  /** Calls that one instance serves. */
  readonly maxCalls: NumberRange;
  /** Calls that one instance serves at once. */
  readonly maxConcurrentCalls: NumberRange;
  /** Milliseconds that an instance without calls is kept. */
  readonly idleMs: NumberRange;
  /** Milliseconds that a call may take to its result; undefined: as long as it likes. */
  readonly callTimeoutMs: NumberRange | undefined;
}

/** What an instance costs beside its memory, in bytes, roughly. */
const OVERHEAD_BYTES = 1 << 20;

/** Numbers of one component's instances, for metrics. */
export interface ReuseCounters {
  created: number;
  calls: number;
  discarded: number;
}

/** An instance, from the decision to make it. */
interface Slot {
  readonly instance: Promise<SharedInstance>;
  readonly maxCalls: number;
  readonly maxConcurrentCalls: number;
  /** Known once it has been made. */
  made: SharedInstance | undefined;
  used: number;
  ongoing: number;
  /** Calls that nobody waits for any more. */
  abandoned: number;
  idleTimer: ReturnType<typeof setTimeout> | undefined;
}

/** A call in a shared instance. */
export interface ConcurrentCall<T> extends SharedCall<T> {
  /** Fires when the instance is no good any more. */
  readonly ended: AbortSignal;
  /**
   * Nobody waits for this call any more. A guest cannot be made to stop one of its calls; it is ended
   * once nobody waits for any.
   */
  abandon(reason: Error): void;
}

/** The instances of one component in one isolate. The owner closes them. */
export class ConcurrentInstances {
  readonly counters: ReuseCounters = { created: 0, calls: 0, discarded: 0 };
  readonly limits: ReuseLimits;
  readonly #component: LoadedSharedComponent;
  readonly #budget: InstanceBudget;
  readonly #collector: MemoryCollector;
  readonly #slots = new Set<Slot>();
  #chargedBytes = OVERHEAD_BYTES;
  #isClosed = false;

  private constructor(
    component: LoadedSharedComponent,
    options: { limits: ReuseLimits; budget: InstanceBudget; collector: MemoryCollector },
  ) {
    this.#component = component;
    this.#budget = options.budget;
    this.#collector = options.collector;
    this.limits = options.limits;
    options.budget.addReclaimer(() => this.#dropIdle());
  }

  /**
   * Makes one instance, so that a component which cannot start is found out at once.
   * @throws {Error} by rejection, as it failed.
   */
  static async create(
    component: LoadedSharedComponent,
    options: { limits: ReuseLimits; budget: InstanceBudget; collector: MemoryCollector },
  ): Promise<ConcurrentInstances> {
    const instances = new ConcurrentInstances(component, options);
    const first = await component.instantiate();
    instances.#chargedBytes = OVERHEAD_BYTES + first.memoryBytes;
    first.end();
    return instances;
  }

  /** Instances that exist or are being made. */
  get size(): number {
    return this.#slots.size;
  }

  /** Instances that serve no call. */
  get idleCount(): number {
    return this.#slots.values().filter(({ ongoing }) => ongoing === 0).toArray().length;
  }

  /** Bytes that the instances are charged with. */
  get bytes(): number {
    return this.#slots.size * this.#chargedBytes;
  }

  /**
   * Calls an export in an instance that has room, or in a new one.
   * @param options.until The instance is kept until this resolves, even if the guest has nothing more
   * to do: what it has returned may have to be read.
   * @throws {InstanceLimitReached} by rejection, if no instance is to be had.
   */
  async call<T>(
    call: (exports: ComponentExports) => Promise<T>,
    options: { until?: Promise<void> } = {},
  ): Promise<ConcurrentCall<T>> {
    const slot = this.#findSlot() ?? this.#addSlot();
    slot.used++;
    slot.ongoing++;
    clearTimeout(slot.idleTimer);
    let instance: SharedInstance;
    try {
      instance = await slot.instance;
    } catch (error) {
      slot.ongoing--;
      throw error;
    }
    this.counters.calls++;
    const { result, finished } = instance.call(call);
    let isAbandoned = false;
    void Promise.all([finished, options.until]).then(() => {
      if (isAbandoned) slot.abandoned--;
      this.#release(slot);
    });
    return {
      result,
      finished,
      ended: instance.ended,
      abandon: (reason) => {
        if (isAbandoned || !this.#slots.has(slot)) return;
        isAbandoned = true;
        slot.abandoned++;
        if (slot.abandoned === slot.ongoing) instance.end(reason);
      },
    };
  }

  /** Ends all instances, and the calls in them. */
  close(): void {
    this.#isClosed = true;
    for (const slot of [...this.#slots]) this.#drop(slot);
  }

  /**
   * The fullest instance that has room: so that few are needed, and the others become idle. Where a
   * guest computes without end, no other call would get its turn.
   */
  #findSlot(): Slot | undefined {
    let found: Slot | undefined;
    for (const slot of this.#slots) {
      const hasRoom = slot.used < slot.maxCalls && slot.ongoing < slot.maxConcurrentCalls &&
        slot.abandoned === 0 && !slot.made?.isComputing;
      if (hasRoom && slot.ongoing >= (found?.ongoing ?? 0)) found = slot;
    }
    return found;
  }

  #addSlot(): Slot {
    const slot: Slot = {
      instance: this.#instantiate(),
      maxCalls: choose(this.limits.maxCalls),
      maxConcurrentCalls: choose(this.limits.maxConcurrentCalls),
      made: undefined,
      used: 0,
      ongoing: 0,
      abandoned: 0,
      idleTimer: undefined,
    };
    this.#slots.add(slot);
    slot.instance.then((instance) => {
      slot.made = instance;
      instance.ended.addEventListener("abort", () => this.#drop(slot), { once: true });
      if (this.#isClosed) this.#drop(slot);
    }, () => {
      // Whoever waits for it is told; the next call tries again.
      this.#slots.delete(slot);
    });
    return slot;
  }

  async #instantiate(): Promise<SharedInstance> {
    const bytes = this.#chargedBytes;
    if (!this.#budget.tryTake(bytes)) await this.#budget.take(bytes);
    try {
      const instance = await this.#component.instantiate();
      this.counters.created++;
      return instance;
    } catch (error) {
      this.#budget.give(bytes);
      throw error;
    }
  }

  #release(slot: Slot): void {
    slot.ongoing--;
    if (slot.ongoing > 0 || !this.#slots.has(slot)) return;
    if (slot.used >= slot.maxCalls || this.#budget.isContended) return this.#drop(slot);
    slot.idleTimer = setTimeout(() => this.#drop(slot), choose(this.limits.idleMs));
    // Nothing waits for an idle instance.
    Deno.unrefTimer(slot.idleTimer);
  }

  #drop(slot: Slot): void {
    // One that is being made is dropped when it is there.
    if (!slot.made || !this.#slots.delete(slot)) return;
    clearTimeout(slot.idleTimer);
    this.counters.discarded++;
    slot.made.end();
    this.#collector.dropped(slot.made.memoryBytes + OVERHEAD_BYTES);
    this.#budget.give(this.#chargedBytes);
  }

  #dropIdle(): boolean {
    for (const slot of this.#slots) {
      if (slot.ongoing > 0 || !slot.made) continue;
      this.#drop(slot);
      return true;
    }
    return false;
  }
}

/** A value of the range: the same for all if it has only one. */
export function choose([from, to]: NumberRange): number {
  return to > from ? from + Math.floor(Math.random() * (to - from)) : from;
}

/**
 * Instances of one component. Every request gets one to itself, in its initial state: rewound after
 * the request before, or new.
 *
 * @module
 */

import { callAtIntervals } from "../../lib/timer.ts";
import type { ComponentInstance, LoadedComponent } from "./component.ts";
import type { MemoryCollector } from "./garbage.ts";
import type { InstanceBudget } from "./instance_budget.ts";
import {
  createCopyResetter,
  type MemoryReset,
  type MemoryResetter,
  type ResetterOptions,
} from "./reset_copy.ts";
import type { CopyOnWrite } from "./reset_copy_on_write.ts";

/** How instances are made fresh. `auto` chooses by what is proven and what is fast. */
export type InstanceStrategy = "auto" | "fresh" | "copy" | "copy-on-write";

/** From this size on, mapping the initial memory is faster than copying it. */
const COPY_ON_WRITE_BYTES = 128 << 10;
/** Milliseconds between two looks at idle instances. */
const SWEEP_MS = 5_000;
/** What an instance costs beside its memory, in bytes, roughly. */
const OVERHEAD_BYTES = 64 << 10;

/** What the pools of one isolate share. */
export interface PoolShared {
  readonly budget: InstanceBudget;
  readonly collector: MemoryCollector;
  readonly copyOnWrite: CopyOnWrite | undefined;
}

/** Numbers of one pool, for metrics. */
export interface PoolCounters {
  created: number;
  reset: number;
  discarded: number;
}

interface PooledInstance extends ComponentInstance {
  readonly chargedBytes: number;
  memoryReset: MemoryReset | undefined;
}

/** The values of mutable globals after instantiation. */
type GlobalImage = readonly (number | bigint)[];

/** The instances of one component in one isolate. The owner closes it. */
export class InstancePool {
  readonly counters: PoolCounters = { created: 0, reset: 0, discarded: 0 };
  readonly #component: LoadedComponent;
  readonly #shared: PoolShared;
  readonly #idle: PooledInstance[] = [];
  readonly #stopSweeping: () => void;
  #resetter: MemoryResetter | undefined;
  #globalImage: GlobalImage = [];
  #chargedBytes = OVERHEAD_BYTES;
  #fewestIdle = 0;

  private constructor(component: LoadedComponent, shared: PoolShared) {
    this.#component = component;
    this.#shared = shared;
    this.#stopSweeping = callAtIntervals(() => {
      this.#dropUnused();
      shared.collector.sweep();
    }, SWEEP_MS);
    shared.budget.addReclaimer(() => this.#dropOne());
  }

  /**
   * Makes the pool and its first instance, whose initial state becomes the image that later
   * requests are rewound to.
   */
  static create(
    component: LoadedComponent,
    options: {
      first: ComponentInstance;
      /** Why instances must not be rewound although the component could be, if so. */
      notResettable?: string | undefined;
      strategy: InstanceStrategy;
      shared: PoolShared;
    },
  ): InstancePool {
    const pool = new InstancePool(component, options.shared);
    pool.counters.created++;
    const { first } = options;
    pool.#globalImage = first.globals.map((global) => global.value);
    const memoryBytes = sizeOf(first.memories);
    if ((component.manifest.notResettable ?? options.notResettable) === undefined) {
      pool.#resetter = chooseResetter(options.strategy, {
        initial: first.memories,
        isShrinkable: component.manifest.modules.every((module) => module.isShrinkable),
        copyOnWrite: options.shared.copyOnWrite,
      });
    }
    pool.#chargedBytes = OVERHEAD_BYTES +
      (pool.#resetter?.name === "copy-on-write" ? memoryBytes >> 3 : memoryBytes);
    if (pool.#shared.budget.tryTake(pool.#chargedBytes)) pool.#idle.push(pool.#adopt(first));
    return pool;
  }

  /** How instances of this component are made fresh. */
  get strategy(): "fresh" | "copy" | "copy-on-write" {
    return this.#resetter?.name ?? "fresh";
  }

  /** Whether {@link acquire} will not have to wait. */
  get idleCount(): number {
    return this.#idle.length;
  }

  /** Bytes that the live instances are charged with. */
  get bytes(): number {
    return (this.counters.created - this.counters.discarded) * this.#chargedBytes;
  }

  /**
   * An instance in its initial state, for one request; give it back with {@link release}.
   * @throws {InstanceLimitReached} by rejection, if none becomes free in time.
   */
  acquire(): ComponentInstance | Promise<ComponentInstance> {
    const idle = this.#idle.pop();
    if (idle) {
      if (this.#idle.length < this.#fewestIdle) this.#fewestIdle = this.#idle.length;
      return idle;
    }
    this.#fewestIdle = 0;
    return this.#create();
  }

  async #create(): Promise<ComponentInstance> {
    const bytes = this.#chargedBytes;
    const { budget } = this.#shared;
    if (!budget.tryTake(bytes)) {
      const handedOver = await budget.take(bytes, this);
      if (handedOver !== undefined) return handedOver as PooledInstance;
    }
    try {
      const instance = await this.#component.instantiate();
      this.counters.created++;
      return this.#adopt(instance);
    } catch (error) {
      budget.give(bytes);
      throw error;
    }
  }

  /**
   * Takes an instance back.
   * @param isGood Whether the request ended normally. After a trap, a cancellation or a limit the
   * instance is never used again.
   */
  release(instance: ComponentInstance, isGood: boolean): void {
    const pooled = instance as PooledInstance;
    if (pooled.disposeResources() && isGood && this.#rewind(pooled)) {
      this.counters.reset++;
      this.#keep(pooled);
    } else {
      this.#drop(pooled);
    }
  }

  #keep(instance: PooledInstance): void {
    const { budget } = this.#shared;
    if (!budget.isContended) this.#idle.push(instance);
    else if (!budget.handOver(this, instance)) this.#drop(instance);
  }

  /** Drops all idle instances; those in use are dropped when they are given back. */
  close(): void {
    this.#stopSweeping();
    while (this.#dropOne());
    this.#resetter?.close();
    this.#resetter = undefined;
  }

  #adopt(instance: ComponentInstance): PooledInstance {
    return {
      ...instance,
      chargedBytes: this.#chargedBytes,
      memoryReset: this.#resetter?.adopt(instance.memories),
    };
  }

  #rewind(instance: PooledInstance): boolean {
    if (!this.#resetter || !instance.memoryReset?.reset()) return false;
    for (let i = 0; i < instance.globals.length; i++) {
      instance.globals[i]!.value = this.#globalImage[i];
    }
    try {
      instance.restoreResources();
    } catch {
      // What it got when it started cannot be had again: the next request gets a new instance.
      return false;
    }
    return true;
  }

  #dropOne(): boolean {
    const instance = this.#idle.pop();
    if (!instance) return false;
    this.#drop(instance);
    return true;
  }

  #drop(instance: PooledInstance): void {
    this.counters.discarded++;
    instance.abandon();
    instance.memoryReset?.close();
    this.#shared.collector.dropped(sizeOf(instance.memories));
    this.#shared.budget.give(instance.chargedBytes);
  }

  /** Drops the instances that nobody needed since the last sweep, all but one. */
  #dropUnused(): void {
    const unused = Math.min(this.#fewestIdle, this.#idle.length - 1);
    for (let i = 0; i < unused; i++) this.#drop(this.#idle.shift()!);
    this.#fewestIdle = this.#idle.length;
    if (unused > 16) this.#shared.collector.collectAll();
  }
}

function sizeOf(memories: readonly WebAssembly.Memory[]): number {
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}

function chooseResetter(
  strategy: InstanceStrategy,
  { copyOnWrite, ...options }: ResetterOptions & { copyOnWrite: CopyOnWrite | undefined },
): MemoryResetter | undefined {
  if (strategy === "fresh") return undefined;
  const isLarge = sizeOf(options.initial) >= COPY_ON_WRITE_BYTES;
  if (strategy === "copy-on-write" || (strategy === "auto" && isLarge)) {
    const resetter = copyOnWrite?.createResetter(options);
    if (resetter) return resetter;
  }
  return createCopyResetter(options);
}

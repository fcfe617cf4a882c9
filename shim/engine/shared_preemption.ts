/**
 * Preemption of an instance in which several calls go on at once. As in `preemption.ts`, a guest that
 * has run for a slice gives way to the event loop. But here others could enter the instance in the
 * meantime, and find its allocator in the middle of its work: the component model lets a guest be
 * entered only where it waits. So while one stack is preempted, everybody else stays outside.
 *
 * What is outside comes in in three ways, each of which is held back here: an export is called, a
 * host function that suspended the guest returns, or what a host function answered is written into
 * the guest's memory with the guest's own allocator. Between the moment when one of them is let
 * through and the moment when it is in, other microtasks may run; during these no stack is preempted.
 *
 * @module
 */

import { GuestAbandoned } from "./guest_waits.ts";
import { CpuLimitExceeded, type TurnQueue } from "./preemption.ts";
import { SharedStacks, type StackHelpers, type StackHost } from "./shared_stacks.ts";
import { FUEL_EXPORT, INTERRUPT_EXPORT } from "./wasm/rewrite.ts";

/** Loop iterations and calls between two questions: one to five milliseconds of real code. */
const FUEL = 1 << 18;
/** Milliseconds a guest runs before it gives way. */
const SLICE_MS = 5;
/** What a question may charge at most, in milliseconds: time the guest spent suspended is free. */
const MAX_CHARGE_MS = 40;
/** Microtasks between a host function's answer and the moment when the bindings have written it. */
const DELIVERY_STEPS = 32;

/** JSPI, which TypeScript's library does not know yet. */
const { Suspending, promising } = WebAssembly as unknown as {
  Suspending: new (fn: (...args: never[]) => Promise<unknown>) => WebAssembly.ImportValue;
  promising(fn: unknown): (...args: unknown[]) => Promise<unknown>;
};

/** Whose turn it is, as the bindings keep it. */
export interface TaskState {
  save(): unknown;
  restore(saved: unknown): void;
}

const NO_TASKS: TaskState = { save: () => undefined, restore() {} };

/** Preemption of one shared instance. */
export class SharedPreemption implements StackHost {
  /** Set once the bindings exist. */
  tasks: TaskState = NO_TASKS;
  readonly #cpuLimitMs: number;
  readonly #fuel: WebAssembly.Global[] = [];
  readonly #interrupt: () => void;
  readonly #stacks: StackHelpers | undefined;
  /** Those who wait for a preempted stack to go on. */
  #held: (() => void)[] = [];
  readonly #waits = new Set<(reason: Error) => void>();
  #isPaused = false;
  /** How many have been let in and are not in yet. */
  #entering = 0;
  /** JavaScript frames on the guest's stack; it starts on one that cannot be suspended at all. */
  #noSuspend = 1;
  #usedMs = 0;
  #sliceMs = 0;
  #lastTick = 0;
  #ended: Error | undefined;

  /**
   * @param options.helper See `compileInterruptHelper`.
   * @param options.stacks Keeps stacks for later calls; without, each call gets a new one.
   * @param options.cpuLimitMs Milliseconds a guest may compute between two waits; 0: no limit.
   */
  constructor(options: {
    helper: WebAssembly.Module;
    stacks?: StackHelpers | undefined;
    turns: TurnQueue;
    cpuLimitMs: number;
  }) {
    this.#stacks = options.stacks;
    this.#cpuLimitMs = options.cpuLimitMs;
    const instance = new WebAssembly.Instance(options.helper, {
      h: { t: () => this.#tick(), p: new Suspending(() => this.#pause(options.turns)) },
    });
    this.#interrupt = instance.exports.i as () => void;
    this.#begin();
  }

  /** Whether a guest computes and has been made to give way. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Connects a module's instance, if it is interruptible. Call once its exports exist. */
  attach(exports: WebAssembly.Exports): void {
    const table = exports[INTERRUPT_EXPORT];
    if (!(table instanceof WebAssembly.Table)) return;
    table.set(0, this.#interrupt);
    const fuel = exports[FUEL_EXPORT] as WebAssembly.Global;
    fuel.value = FUEL;
    this.#fuel.push(fuel);
  }

  /** The instance has started: from now on its guests may be preempted. */
  started(): void {
    this.#noSuspend = 0;
  }

  /** Wraps a function of the guest that JavaScript calls without a stack that can be suspended. */
  guard(fn: unknown): unknown {
    if (typeof fn !== "function") return fn;
    return (...args: unknown[]) => {
      if (this.#noSuspend === 0) this.#begin();
      this.#noSuspend++;
      try {
        return fn(...args);
      } finally {
        this.#noSuspend--;
      }
    };
  }

  /** An export that may suspend. */
  suspendable(fn: unknown): (...args: unknown[]) => Promise<unknown> {
    const stacks = this.#stacks && SharedStacks.create(fn, { helpers: this.#stacks, host: this });
    return stacks ? (...args) => stacks.call(args as number[]) : this.newStack(fn);
  }

  /** The same, on a new stack for each call: the guest begins before this returns, if it may. */
  newStack(fn: unknown): (...args: unknown[]) => Promise<unknown> {
    const call = promising(fn);
    return (...args) => {
      if (!this.#isPaused) {
        this.#begin();
        return call(...args);
      }
      const saved = this.tasks.save();
      return new Promise((resolve) => {
        this.#enter(() => {
          this.tasks.restore(saved);
          this.#begin();
          resolve(call(...args));
        });
      });
    };
  }

  /** For {@link SharedStacks}. */
  enter(wake: () => void): void {
    const before = this.tasks.save();
    this.#resume(wake, before);
  }

  /** For {@link SharedStacks}. */
  onEnd(reject: (reason: Error) => void): () => void {
    this.#waits.add(reject);
    return () => this.#waits.delete(reject);
  }

  /** An import that suspends the guest until its promise settles, or the instance is ended. */
  suspending(fn: (...args: unknown[]) => unknown): WebAssembly.ImportValue {
    return new Suspending((...args: unknown[]) => {
      const saved = this.tasks.save();
      const result = fn(...args);
      return new Promise((resolve, reject) => {
        if (this.#ended) return reject(this.#ended);
        this.#waits.add(reject);
        const goOn = (settle: () => void): void => {
          if (this.#waits.delete(reject)) this.#resume(settle, saved);
        };
        Promise.resolve(result).then(
          (value) => goOn(() => resolve(value)),
          (error) => goOn(() => reject(error)),
        );
      });
    });
  }

  /** What a host function answers, when it may be given to the guest. */
  settled<T>(answer: T | PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      Promise.resolve(answer).then(
        (value) => this.#deliver(() => resolve(value)),
        (error) => this.#deliver(() => reject(error)),
      );
    });
  }

  /**
   * Ends the guests of the instance: those that compute at their next loop or call, those that wait
   * at once, so that their stacks and the memory can be collected.
   */
  end(reason: Error = new GuestAbandoned()): void {
    this.#ended ??= reason;
    for (const fuel of this.#fuel) fuel.value = 1;
    const waits = [...this.#waits];
    this.#waits.clear();
    for (const reject of waits) reject(this.#ended);
  }

  #begin(): void {
    this.#usedMs = 0;
    this.#sliceMs = 0;
    this.#lastTick = performance.now();
  }

  #enter(action: () => void): void {
    if (this.#isPaused) this.#held.push(() => this.#enter(action));
    else action();
  }

  /** `settle` queues the guest's going on, which is then the very next microtask. */
  #resume(settle: () => void, saved: unknown): void {
    this.#enter(() => {
      this.#entering++;
      queueMicrotask(() => {
        this.#entering--;
        this.tasks.restore(saved);
        this.#begin();
      });
      settle();
    });
  }

  #deliver(settle: () => void): void {
    // Nobody is left to take it.
    if (this.#ended) return;
    this.#enter(() => {
      this.#entering++;
      let left = DELIVERY_STEPS;
      const step = (): void => {
        if (--left > 0) queueMicrotask(step);
        else this.#entering--;
      };
      queueMicrotask(step);
      settle();
    });
  }

  #pause(turns: TurnQueue): Promise<void> {
    const saved = this.tasks.save();
    this.#isPaused = true;
    return new Promise((resolve, reject) => {
      turns.enqueue(() => {
        this.#isPaused = false;
        this.#lastTick = performance.now();
        this.tasks.restore(saved);
        // The guest is the first microtask after this, and those who were held come behind it.
        if (this.#ended) reject(this.#ended);
        else resolve();
        const held = this.#held;
        this.#held = [];
        queueMicrotask(() => {
          for (const enter of held) enter();
        });
      });
    });
  }

  /** @returns 1 if the guest has to pause. */
  #tick(): number {
    for (const fuel of this.#fuel) if (fuel.value <= 0) fuel.value = FUEL;
    const now = performance.now();
    const charge = Math.min(now - this.#lastTick, MAX_CHARGE_MS);
    this.#lastTick = now;
    this.#usedMs += charge;
    this.#sliceMs += charge;
    if (this.#ended) throw this.#ended;
    if (this.#cpuLimitMs > 0 && this.#usedMs > this.#cpuLimitMs) {
      throw new CpuLimitExceeded(this.#cpuLimitMs);
    }
    if (this.#noSuspend > 0 || this.#entering > 0 || this.#sliceMs < SLICE_MS) return 0;
    this.#sliceMs = 0;
    return 1;
  }
}

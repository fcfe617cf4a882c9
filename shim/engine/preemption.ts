/**
 * Preemption of guests. Rewritten modules count their loops and recursions; at zero they call a
 * small helper, which asks {@link Preemption.tick} whether to go on. A guest that has run for a slice
 * gives way to the event loop (by JSPI, if no JavaScript is on its stack); one that has used up its
 * CPU time, or whose request was cancelled, is ended by a trap. So a guest that loops costs the
 * others time, but stops none of them, and no thread has to be killed.
 *
 * @module
 */

import { FUEL_EXPORT, INTERRUPT_EXPORT } from "./wasm/rewrite.ts";

/** Loop iterations and calls between two questions: one to five milliseconds of real code. */
const FUEL = 1 << 18;
/** Milliseconds a guest runs before it gives way. */
const SLICE_MS = 5;
/** What a question may charge at most, in milliseconds: time the guest spent suspended is free. */
const MAX_CHARGE_MS = 40;

/** A guest used more CPU time than a request may. */
export class CpuLimitExceeded extends Error {
  override readonly name = "CpuLimitExceeded";

  constructor(limitMs: number) {
    super(`The request used more than ${limitMs} ms of CPU time (see --cpu-limit)`);
  }
}

/** The request's client is gone. */
export class RequestCancelled extends Error {
  override readonly name = "RequestCancelled";

  constructor() {
    super("The client closed the connection");
  }
}

/** The request took longer than it may. It is answered with 504. */
export class RequestTimedOut extends Error {
  override readonly name = "RequestTimedOut";

  constructor(timeoutMs: number) {
    super(`The request took more than ${timeoutMs} ms (see --request-timeout)`);
  }
}

/**
 * Lets waiting guests go on, one per turn of the event loop, in the order they came, so that
 * input and output are served between any two slices.
 */
export class TurnQueue {
  readonly #waiting: (() => void)[] = [];
  #isArmed = false;

  /** Resolves when it is the caller's turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.enqueue(resolve));
  }

  /** Calls `goOn` when it is the caller's turn, with no microtask between the turn and the call. */
  enqueue(goOn: () => void): void {
    this.#waiting.push(goOn);
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    // A timer, not setImmediate: with that, Deno polls for input and output only now and then.
    setTimeout(() => {
      this.#isArmed = false;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#arm();
    }, 0);
  }
}

/**
 * `(func (export "interrupt") (if (call $tick) (then (call $pause))))` with imports `h.t` (tick) and
 * `h.p` (pause, suspending). In Wasm, because a suspending import always suspends.
 */
const HELPER = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 8, 2, 0x60, 0, 1, 0x7f, 0x60, 0, 0], // types: () -> i32, () -> ()
  ...[2, 13, 2, 1, 0x68, 1, 0x74, 0, 0, 1, 0x68, 1, 0x70, 0, 1], // imports h.t, h.p
  ...[3, 2, 1, 1], // function 2: type 1
  ...[7, 5, 1, 1, 0x69, 0, 2], // export "i"
  ...[10, 11, 1, 9, 0, 0x10, 0, 0x04, 0x40, 0x10, 1, 0x0b, 0x0b],
]);

/** The compiled helper; make one per isolate. */
export function compileInterruptHelper(): WebAssembly.Module {
  return new WebAssembly.Module(HELPER);
}

/** JSPI, which TypeScript's library does not know yet. */
const { Suspending } = WebAssembly as unknown as {
  Suspending: new (fn: () => Promise<void>) => WebAssembly.ImportValue;
};

/** Preemption of one component instance. */
export class Preemption {
  readonly #cpuLimitMs: number;
  readonly #fuel: WebAssembly.Global[] = [];
  readonly #interrupt: () => void;
  #noSuspend = 1;
  #usedMs = 0;
  #lastTick = 0;
  #sliceMs = 0;
  #isCancelled = false;

  /** @param options.cpuLimitMs Milliseconds of CPU time a request may use; 0: no limit. */
  constructor(options: { helper: WebAssembly.Module; turns: TurnQueue; cpuLimitMs: number }) {
    this.#cpuLimitMs = options.cpuLimitMs;
    const { turns } = options;
    const instance = new WebAssembly.Instance(options.helper, {
      h: { t: () => this.#tick(), p: new Suspending(() => this.#pause(turns)) },
    });
    this.#interrupt = instance.exports.i as () => void;
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

  /** Wraps a guest function that JavaScript calls while the guest is on the stack. */
  guard<Args extends unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result {
    return (...args) => {
      this.#noSuspend++;
      try {
        return fn(...args);
      } finally {
        this.#noSuspend--;
      }
    };
  }

  /** A request begins: its time counts from zero, and it may be suspended. */
  begin(): void {
    this.#noSuspend = 0;
    this.#usedMs = 0;
    this.#sliceMs = 0;
    this.#isCancelled = false;
    this.#lastTick = performance.now();
    for (const fuel of this.#fuel) fuel.value = FUEL;
  }

  /** Ends the guest as soon as it loops or calls. */
  cancel(): void {
    this.#isCancelled = true;
    for (const fuel of this.#fuel) fuel.value = 1;
  }

  async #pause(turns: TurnQueue): Promise<void> {
    await turns.turn();
    this.#lastTick = performance.now();
  }

  /** @returns 1 if the guest has to pause. */
  #tick(): number {
    for (const fuel of this.#fuel) if (fuel.value <= 0) fuel.value = FUEL;
    const now = performance.now();
    const charge = Math.min(now - this.#lastTick, MAX_CHARGE_MS);
    this.#lastTick = now;
    this.#usedMs += charge;
    this.#sliceMs += charge;
    if (this.#isCancelled) throw new RequestCancelled();
    if (this.#cpuLimitMs > 0 && this.#usedMs > this.#cpuLimitMs) {
      throw new CpuLimitExceeded(this.#cpuLimitMs);
    }
    if (this.#noSuspend > 0 || this.#sliceMs < SLICE_MS) return 0;
    this.#sliceMs = 0;
    return 1;
  }
}

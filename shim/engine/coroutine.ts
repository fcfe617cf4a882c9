/**
 * Calls a guest's export on one suspendable stack for all requests of an instance. A call through
 * `WebAssembly.promising` maps a new stack of a megabyte each time, which costs more than a small
 * request; here the stack waits, suspended, in between.
 *
 * @module
 */

import type { GuestWaits } from "./guest_waits.ts";

/**
 * ```wat
 * (import "h" "n" (func $next (result i32)))      ;; suspends until there is a request
 * (import "h" "d" (func $done))
 * (import "h" "f" (func $handle (param i32 i32)))
 * (global $second (export "g") (mut i32) (i32.const 0))
 * (func (export "r") (loop
 *   (call $handle (call $next) (global.get $second)) (call $done) (br 0)))
 * ```
 */
const HELPER = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 13, 3, 0x60, 0, 1, 0x7f, 0x60, 0, 0, 0x60, 2, 0x7f, 0x7f, 0],
  ...[2, 19, 3, 1, 0x68, 1, 0x6e, 0, 0, 1, 0x68, 1, 0x64, 0, 1, 1, 0x68, 1, 0x66, 0, 2],
  ...[3, 2, 1, 1],
  ...[6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b],
  ...[7, 9, 2, 1, 0x72, 0, 3, 1, 0x67, 3, 0],
  ...[10, 17, 1, 15, 0, 0x03, 0x40, 0x10, 0, 0x23, 0, 0x10, 2, 0x10, 1, 0x0c, 0, 0x0b, 0x0b],
]);

/**
 * The same with `(import "h" "b" (func $begin))`, which is called before `$handle`: what resumes a stack
 * brings along the asynchronous context in which it was suspended, that of the call before.
 */
const HELPER_WITH_CONTEXTS = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 13, 3, 0x60, 0, 1, 0x7f, 0x60, 0, 0, 0x60, 2, 0x7f, 0x7f, 0],
  ...[2, 25, 4, 1, 0x68, 1, 0x6e, 0, 0, 1, 0x68, 1, 0x64, 0, 1, 1, 0x68, 1, 0x66, 0, 2],
  ...[1, 0x68, 1, 0x62, 0, 1],
  ...[3, 2, 1, 1],
  ...[6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b],
  ...[7, 9, 2, 1, 0x72, 0, 4, 1, 0x67, 3, 0],
  ...[10, 19, 1, 17, 0, 0x03, 0x40, 0x10, 0, 0x10, 3, 0x23, 0, 0x10, 2, 0x10, 1],
  ...[0x0c, 0, 0x0b, 0x0b],
]);

/** JSPI, which TypeScript's library does not know yet. */
const { Suspending, promising } = WebAssembly as unknown as {
  Suspending: new (fn: () => Promise<number>) => WebAssembly.ImportValue;
  promising(fn: unknown): (...args: unknown[]) => Promise<unknown>;
};

/** Carries the asynchronous context of a call onto a stack that is kept for all calls. */
export interface CallContexts {
  /** Called in the caller's context; what it returns is called on the stack, and enters it. */
  capture(): () => void;
}

/**
 * The compiled helper; make one per isolate.
 * @param options.hasContexts Whether the coroutines are given {@link CallContexts}.
 */
export function compileCoroutineHelper(
  options: { hasContexts?: boolean } = {},
): WebAssembly.Module {
  return new WebAssembly.Module(options.hasContexts ? HELPER_WITH_CONTEXTS : HELPER);
}

/** An export that may suspend. One call at a time. */
export type SuspendableExport = (...args: unknown[]) => Promise<unknown>;

/**
 * Makes an export suspendable. Those of the form `(param i32 i32)`, which HTTP handlers have, share
 * one stack for all calls; after a trap the export must not be called again.
 */
export function suspendable(
  fn: unknown,
  options: {
    helper: WebAssembly.Module;
    waits: GuestWaits;
    contexts?: CallContexts | undefined;
  },
): SuspendableExport {
  try {
    const coroutine = new Coroutine(fn as WebAssembly.ImportValue, options);
    return (first, second) => coroutine.call(first as number, second as number);
  } catch (error) {
    if (error instanceof WebAssembly.LinkError) return promising(fn);
    throw error;
  }
}

class Coroutine {
  readonly #run: () => Promise<unknown>;
  readonly #second: WebAssembly.Global;
  readonly #waits: GuestWaits;
  readonly #contexts: CallContexts | undefined;
  #isStarted = false;
  #enterContext: (() => void) | undefined;
  #wake!: (first: number) => void;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(
    fn: WebAssembly.ImportValue,
    { helper, waits, contexts }: {
      helper: WebAssembly.Module;
      waits: GuestWaits;
      contexts?: CallContexts | undefined;
    },
  ) {
    this.#waits = waits;
    this.#contexts = contexts;
    const { exports } = new WebAssembly.Instance(helper, {
      h: {
        n: new Suspending(() => this.#next()),
        d: () => this.#resolve(),
        f: fn,
        b: () => this.#enterContext?.(),
      },
    });
    this.#run = promising(exports.r) as () => Promise<unknown>;
    this.#second = exports.g as WebAssembly.Global;
  }

  call(first: number, second: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#second.value = second;
      this.#enterContext = this.#contexts?.capture();
      if (!this.#isStarted) this.#start();
      this.#wake(first);
    });
  }

  /** Runs to the first wait for a request. */
  #start(): void {
    this.#isStarted = true;
    // A trap ends the call that it happened in.
    this.#run().catch((error) => this.#reject(error));
  }

  #next(): Promise<number> {
    return this.#waits.promise((resolve) => this.#wake = resolve);
  }
}

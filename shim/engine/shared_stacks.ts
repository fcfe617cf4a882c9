/**
 * Stacks that can be suspended, for the calls of a shared instance. A call through
 * `WebAssembly.promising` maps a new stack of a megabyte each time, and a request of WASI 0.3 takes
 * several such calls; here stacks are kept, suspended, until there is the next call.
 *
 * @module
 */

import type { CallContexts } from "./coroutine.ts";

/** JSPI, which TypeScript's library does not know yet. */
const { Suspending, promising } = WebAssembly as unknown as {
  Suspending: new (fn: () => Promise<void>) => WebAssembly.ImportValue;
  promising(fn: unknown): (...args: unknown[]) => Promise<unknown>;
};

/** The most parameters of a function that can be called here. */
const MAX_PARAMETERS = 8;

/** How a stack that waits for its next call is woken, and how its guest may go on. */
export interface StackHost {
  /** Calls `wake` when a guest may be entered; the guest goes on in the very next microtask. */
  enter(wake: () => void): void;
  /** Registers what ends the stack's wait, until the returned function is called. */
  onEnd(reject: (reason: Error) => void): () => void;
}

/** The compiled helpers of one isolate, by number of parameters. */
export class StackHelpers {
  readonly contexts: CallContexts | undefined;
  readonly #modules = new Map<number, WebAssembly.Module>();

  /** @param options.contexts Carry the context of each call onto its stack, if given. */
  constructor(options: { contexts?: CallContexts | undefined } = {}) {
    this.contexts = options.contexts;
  }

  /** The helper for functions of `count` parameters; see {@link buildHelper}. */
  of(count: number): WebAssembly.Module {
    const hasContexts = this.contexts !== undefined;
    const module = this.#modules.get(count) ??
      new WebAssembly.Module(buildHelper(count, { hasContexts }));
    this.#modules.set(count, module);
    return module;
  }
}

/** The stacks on which one export of an instance is called. */
export class SharedStacks {
  readonly #fn: WebAssembly.ImportValue;
  readonly #helper: WebAssembly.Module;
  readonly #host: StackHost;
  readonly #contexts: CallContexts | undefined;
  readonly #idle: Stack[] = [];

  private constructor(
    fn: WebAssembly.ImportValue,
    options: {
      helper: WebAssembly.Module;
      host: StackHost;
      contexts: CallContexts | undefined;
    },
  ) {
    this.#contexts = options.contexts;
    this.#fn = fn;
    this.#helper = options.helper;
    this.#host = options.host;
  }

  /**
   * Stacks for `fn`.
   * @returns undefined if it is not of the form `(param i32…) (result i32)`, which the exports of the
   * asynchronous component model have.
   */
  static create(
    fn: unknown,
    options: { helpers: StackHelpers; host: StackHost },
  ): SharedStacks | undefined {
    const { length } = fn as { length: number };
    if (length > MAX_PARAMETERS) return undefined;
    const stacks = new SharedStacks(fn as WebAssembly.ImportValue, {
      helper: options.helpers.of(length),
      host: options.host,
      contexts: options.helpers.contexts,
    });
    try {
      stacks.#idle.push(stacks.#create());
      return stacks;
    } catch (error) {
      if (error instanceof WebAssembly.LinkError) return undefined;
      throw error;
    }
  }

  /** Calls the export. @throws {Error} by rejection, if the guest traps. */
  async call(parameters: readonly number[]): Promise<number> {
    const stack = this.#idle.pop() ?? this.#create();
    const result = await stack.call(parameters);
    this.#idle.push(stack);
    return result;
  }

  #create(): Stack {
    return new Stack(this.#helper, {
      fn: this.#fn,
      host: this.#host,
      contexts: this.#contexts,
    });
  }
}

/** One stack. */
class Stack {
  readonly #run: () => Promise<unknown>;
  readonly #parameters: WebAssembly.Global[];
  readonly #host: StackHost;
  readonly #contexts: CallContexts | undefined;
  #isStarted = false;
  #enterContext: (() => void) | undefined;
  #wake!: () => void;
  #resolve!: (result: number) => void;
  #reject!: (error: unknown) => void;

  constructor(
    helper: WebAssembly.Module,
    options: {
      fn: WebAssembly.ImportValue;
      host: StackHost;
      contexts: CallContexts | undefined;
    },
  ) {
    this.#contexts = options.contexts;
    const { exports } = new WebAssembly.Instance(helper, {
      h: {
        n: new Suspending(() => this.#next()),
        d: (result: number) => this.#resolve(result),
        f: options.fn,
        b: () => this.#enterContext?.(),
      },
    });
    this.#host = options.host;
    this.#run = promising(exports.r) as () => Promise<unknown>;
    this.#parameters = Object.entries(exports).filter(([name]) => name.startsWith("p"))
      .map(([, global]) => global as WebAssembly.Global);
  }

  call(parameters: readonly number[]): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#parameters.forEach((global, index) => global.value = parameters[index]);
      this.#enterContext = this.#contexts?.capture();
      if (!this.#isStarted) this.#start();
      this.#host.enter(this.#wake);
    });
  }

  /** Runs to the first wait for a call. */
  #start(): void {
    this.#isStarted = true;
    // A trap ends the call that it happened in; the stack is gone with it.
    this.#run().catch((error) => this.#reject(error));
  }

  #next(): Promise<void> {
    return new Promise((resolve, reject) => {
      const forget = this.#host.onEnd(reject);
      this.#wake = () => {
        forget();
        resolve();
      };
    });
  }
}

/**
 * ```wat
 * (import "h" "n" (func $next))                   ;; suspends until there is a call
 * (import "h" "d" (func $done (param i32)))
 * (import "h" "f" (func $call (param i32 …) (result i32)))
 * (import "h" "b" (func $begin))                  ;; with contexts only; called after $next
 * (global (export "p0") (mut i32) (i32.const 0))  ;; and so on, one for each parameter
 * (func (export "r") (loop
 *   (call $next) (call $done (call $call (global.get 0) …)) (br 0)))
 * ```
 */
function buildHelper(
  count: number,
  { hasContexts }: { hasContexts: boolean },
): Uint8Array<ArrayBuffer> {
  const parameters = Array.from({ length: count }, (_, index) => index);
  const i32 = 0x7f;
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const section = (id: number, bytes: readonly number[]) => [id, ...leb(bytes.length), ...bytes];
  const body = [
    ...[0x03, 0x40, 0x10, 0, ...hasContexts ? [0x10, 3] : []],
    ...parameters.flatMap((index) => [0x23, index]),
    ...[0x10, 2, 0x10, 1, 0x0c, 0, 0x0b, 0x0b],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [
      ...[3, 0x60, 0, 0, 0x60, 1, i32, 0],
      ...[0x60, count, ...parameters.map(() => i32), 1, i32],
    ]),
    ...section(2, [
      hasContexts ? 4 : 3,
      ...[...name("h"), ...name("n"), 0, 0],
      ...[...name("h"), ...name("d"), 0, 1],
      ...[...name("h"), ...name("f"), 0, 2],
      ...hasContexts ? [...name("h"), ...name("b"), 0, 0] : [],
    ]),
    ...section(3, [1, 0]),
    ...section(6, [count, ...parameters.flatMap(() => [i32, 1, 0x41, 0, 0x0b])]),
    ...section(7, [
      count + 1,
      ...[...name("r"), 0, hasContexts ? 4 : 3],
      ...parameters.flatMap((index) => [...name(`p${index}`), 3, index]),
    ]),
    ...section(10, [1, body.length + 1, 0, ...body]),
  ]);
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >> 7)];
}

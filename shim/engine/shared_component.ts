/**
 * A component of the asynchronous component model, loaded and linked: instances in which several
 * calls go on at once.
 *
 * @module
 */

import type { ArtifactManifest } from "./artifact.ts";
import type { CompiledModules, ComponentExports, EngineShared } from "./component.ts";
import { readBindings } from "./evaluate_bindings.ts";
import { GuestTimers } from "./guest_timers.ts";
import { GuestAbandoned } from "./guest_waits.ts";
import type { LinkedImports } from "./link.ts";
import { SharedPreemption, type TaskState } from "./shared_preemption.ts";
import { StackHelpers } from "./shared_stacks.ts";
import { WeakTable } from "./weak_table.ts";
import { MEMORY_EXPORT } from "./wasm/rewrite.ts";

/** What adapted bindings add to the exports; see `async_bindings.ts`. */
interface AddedMembers {
  readonly $tasks: TaskState;
  $clear(): unknown[];
}

/** A component's bindings, as imported. */
interface Bindings {
  instantiate(
    getCoreModule: (name: string) => WebAssembly.Module,
    imports: Record<string, unknown>,
    instantiateCore: (
      module: WebAssembly.Module,
      imports: WebAssembly.Imports,
    ) => WebAssembly.Instance,
  ): Promise<ComponentExports & AddedMembers>;
}

/** A call that goes on in a {@link SharedInstance}. */
export interface SharedCall<T> {
  /** What the export returned, or why it did not. */
  readonly result: Promise<T>;
  /** Resolves when the guest has nothing more to do for it, which may be later. Never rejects. */
  readonly finished: Promise<void>;
}

/** A component that can be instantiated. */
export interface LoadedSharedComponent {
  readonly id: string;
  readonly manifest: ArtifactManifest;
  instantiate(): Promise<SharedInstance>;
}

/** Loads a component's bindings. Its imports may be shared by any number of instances. */
export async function loadSharedComponent(options: {
  id: string;
  directory: string;
  manifest: ArtifactManifest;
  modules: CompiledModules;
  imports: LinkedImports;
  shared: EngineShared;
}): Promise<LoadedSharedComponent> {
  const { id, manifest } = options;
  const bindings = await readBindings<Bindings>(options.directory);
  const stacks = new StackHelpers({ contexts: options.shared.contexts });
  return {
    id,
    manifest,
    instantiate: () => SharedInstance.create(bindings, { ...options, stacks }),
  };
}

/** What the bindings tell of a task of the guest. */
interface GuestTask {
  exitPromise(): Promise<void>;
}

/** One instance. Ends by {@link end}, or by itself when a guest in it traps. */
export class SharedInstance {
  /** Fires when the instance is no good any more; the reason is why. */
  readonly ended: AbortSignal;
  readonly #end = new AbortController();
  readonly #preemption: SharedPreemption;
  readonly #timers = new GuestTimers();
  readonly #memories: WebAssembly.Memory[] = [];
  /** Closes what the guest has not read to its end. */
  readonly #sources = new Set<() => unknown>();
  /** Ends who waits for the guest. Cheaper than a listener of `ended` for each. */
  readonly #unsettled = new Set<(reason: Error) => void>();
  #exports!: ComponentExports & AddedMembers;
  #task: GuestTask | undefined;

  private constructor(options: { shared: EngineShared; stacks: StackHelpers }) {
    this.ended = this.#end.signal;
    this.#preemption = new SharedPreemption({ ...options.shared, stacks: options.stacks });
  }

  /** @throws {Error} by rejection, if the component traps while it starts. */
  static async create(
    bindings: Bindings,
    options: {
      modules: CompiledModules;
      imports: LinkedImports;
      shared: EngineShared;
      stacks: StackHelpers;
    },
  ): Promise<SharedInstance> {
    const instance = new SharedInstance(options);
    const preemption = instance.#preemption;
    try {
      const exports = await bindings.instantiate(
        (name) => options.modules.get(name)!,
        { ...options.imports, $host: instance.#host() },
        (module, imports) => {
          const core = new WebAssembly.Instance(module, imports);
          for (const [name, value] of Object.entries(core.exports)) {
            if (name.startsWith(MEMORY_EXPORT)) {
              instance.#memories.push(value as WebAssembly.Memory);
            }
          }
          preemption.attach(core.exports);
          return core;
        },
      );
      instance.#exports = exports;
      preemption.tasks = exports.$tasks;
      preemption.started();
      return instance;
    } catch (error) {
      instance.#timers.close();
      throw error;
    }
  }

  /** Bytes of linear memory. */
  get memoryBytes(): number {
    return this.#memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  }

  /** Whether a guest in it computes and has been made to give way. */
  get isComputing(): boolean {
    return this.#preemption.isPaused;
  }

  /** Calls an export. The result is rejected if the instance ends before. */
  call<T>(call: (exports: ComponentExports) => Promise<T>): SharedCall<T> {
    this.#task = undefined;
    const returned = this.#settleOrEnd(() => call(this.#exports));
    // Set by the bindings, in the synchronous part of the call.
    const task = this.#task as GuestTask | undefined;
    const finished = Promise.allSettled([
      returned,
      task ? this.#settleOrEnd(() => task.exitPromise()) : undefined,
    ]);
    return { result: returned, finished: finished.then(() => {}) };
  }

  /** Ends all calls and lets go of everything. The second time it does nothing. */
  end(reason: Error = new GuestAbandoned()): void {
    if (this.ended.aborted) return;
    this.#end.abort(reason);
    for (const reject of this.#unsettled) reject(reason);
    this.#unsettled.clear();
    this.#preemption.end(reason);
    this.#timers.close();
    for (const close of [...this.#sources]) close();
    for (const resource of this.#exports?.$clear() ?? []) {
      try {
        (resource as Partial<Disposable>)[Symbol.dispose]?.();
      } catch {
        // There is nobody left to tell: the guest is gone. The others are still let go of.
      }
    }
  }

  #settleOrEnd<T>(action: () => Promise<T>): Promise<T> {
    const { ended } = this;
    if (ended.aborted) return Promise.reject(ended.reason);
    return new Promise((resolve, reject) => {
      this.#unsettled.add(reject);
      action().then((value) => {
        this.#unsettled.delete(reject);
        resolve(value);
      }, (error) => {
        this.#unsettled.delete(reject);
        reject(error);
      });
    });
  }

  #host(): Record<string, unknown> {
    const timers = this.#timers;
    const preemption = this.#preemption;
    return {
      WeakTable,
      guard: (fn: unknown) => preemption.guard(fn),
      suspendable: (fn: unknown) => preemption.suspendable(fn),
      newStack: (fn: unknown) => preemption.newStack(fn),
      suspending: (fn: (...args: unknown[]) => unknown) => preemption.suspending(fn),
      settled: (answer: unknown) => preemption.settled(answer),
      started: (task: GuestTask) => this.#task = task,
      failed: (error: unknown) => this.#fail(error),
      source: (close: (() => unknown) | undefined) => this.#addSource(close),
      wake: () => timers.wake(),
      setTimeout: (callback: () => void, delayMs: number) => timers.setTimeout(callback, delayMs),
      setInterval: (callback: () => void) => timers.setInterval(callback),
      clearInterval: (handle: () => void) => timers.clearInterval(handle),
    };
  }

  /** After a trap nothing of the instance can be relied on: it ends, when the trap has been told. */
  #fail(error: unknown): void {
    const reason = error instanceof Error ? error : new Error(String(error));
    queueMicrotask(() => this.end(reason));
  }

  #addSource(close: (() => unknown) | undefined): () => unknown {
    const closeOnce = (): unknown => {
      if (!this.#sources.delete(closeOnce)) return undefined;
      return close?.();
    };
    this.#sources.add(closeOnce);
    return closeOnce;
  }
}

/**
 * A component of the app as the triggers call it: one export, on an instance of its own, or of WASI
 * 0.3, on one that it shares with other calls.
 *
 * @module
 */

import type { ComponentExports } from "../engine/component.ts";
import type { ConcurrentInstances } from "../engine/concurrent_instances.ts";
import type { InstancePool } from "../engine/instance_pool.ts";
import { RequestCancelled } from "../engine/preemption.ts";
import { TerminalError } from "../../lib/errors.ts";
import { guestFailure } from "./guest_failure.ts";
import type { Observer } from "./observer.ts";

/** One component in one isolate. */
export class Guest {
  readonly id: string;
  /** Its exports, with their versions. */
  readonly exports: readonly string[];
  /** Is to be told of messages that it gets. */
  readonly observer: Observer | undefined;
  readonly #instances: InstancePool | ConcurrentInstances;

  constructor(options: {
    id: string;
    observer?: Observer | undefined;
    exports: readonly string[];
    pool: InstancePool | ConcurrentInstances;
  }) {
    this.id = options.id;
    this.exports = options.exports;
    this.observer = options.observer;
    this.#instances = options.pool;
  }

  /**
   * The instances of a component of WASI 0.2.
   * @throws {TerminalError} if it is one of 0.3.
   */
  get pool(): InstancePool {
    if (!("call" in this.#instances)) return this.#instances;
    throw new TerminalError(
      "WrongComponentModel",
      `Component "${this.id}" mixes a handler of WASI 0.2 with functions of WASI 0.3, which this ` +
        "host does not run; build it with one version of its SDK",
    );
  }

  /** The instances of a component of WASI 0.3, or undefined if it is one of 0.2. */
  get concurrent(): ConcurrentInstances | undefined {
    return "call" in this.#instances ? this.#instances : undefined;
  }

  /** Numbers of its instances. */
  get counters(): { readonly created: number; readonly reset: number; readonly discarded: number } {
    const { counters } = this.#instances;
    return { reset: 0, ...counters };
  }

  /** How its instances are made fresh; `shared` if it is of WASI 0.3. */
  get strategy(): "fresh" | "copy" | "copy-on-write" | "shared" {
    return "call" in this.#instances ? "shared" : this.#instances.strategy;
  }

  /** Instances that serve no request. */
  get idleCount(): number {
    return this.#instances.idleCount;
  }

  /** Bytes that its instances are charged with. */
  get instanceBytes(): number {
    return this.#instances.bytes;
  }

  /** What the next request would get: an instance that served another one before, or a new one. */
  get nextInstance(): "reused" | "new" | "shared" {
    if ("call" in this.#instances) return "shared";
    const { idleCount, counters } = this.#instances;
    return idleCount > 0 && counters.reset > 0 ? "reused" : "new";
  }

  /** Drops all instances. */
  close(): void {
    this.#instances.close();
  }

  /**
   * Calls one function of the component on an instance in its initial state. A result that the
   * function declares as an error is thrown by the bindings as an `Error` whose `payload` is the
   * error's value; it reaches `call`'s caller as it is, and the instance stays good.
   * @param call Calls the function; what it resolves to is returned.
   * @param options.signal Ends the guest when it fires.
   * @throws {GuestFailure} by rejection, if the guest traps, exits, or is stopped.
   * @throws {InstanceLimitReached} by rejection, if no instance is to be had.
   */
  async invoke<T>(
    call: (exports: ComponentExports) => Promise<T>,
    options: { signal?: AbortSignal } = {},
  ): Promise<T> {
    if (this.concurrent) return await this.#invokeShared(this.concurrent, { call, ...options });
    const instance = await this.pool.acquire();
    const { signal } = options;
    const cancel = (): void => instance.preemption.cancel();
    instance.preemption.begin();
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    let isGood = false;
    try {
      const result = await call(instance.exports);
      isGood = true;
      return result;
    } catch (error) {
      isGood = isDeclared(error);
      if (isGood) throw error;
      throw guestFailure(this.id, error ?? new Error("unknown failure"));
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.pool.release(instance, isGood);
    }
  }

  async #invokeShared<T>(
    instances: ConcurrentInstances,
    options: { call: (exports: ComponentExports) => Promise<T>; signal?: AbortSignal },
  ): Promise<T> {
    const { signal } = options;
    const { result, abandon } = await instances.call(options.call);
    const cancelled = Promise.withResolvers<never>();
    const cancel = (): void => {
      const reason = new RequestCancelled();
      abandon(reason);
      cancelled.reject(reason);
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return await Promise.race([result, cancelled.promise]);
    } catch (error) {
      if (isDeclared(error)) throw error;
      throw guestFailure(this.id, error ?? new Error("unknown failure"));
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }
}

/** Whether an error is a value that the guest returned, which the bindings throw. */
function isDeclared(error: unknown): boolean {
  return error instanceof Error && Object.hasOwn(error, "payload");
}

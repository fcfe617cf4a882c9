/**
 * A component of the app as the triggers call it: one export, on an instance of its own.
 *
 * @module
 */

import type { ComponentExports } from "../engine/component.ts";
import type { InstancePool } from "../engine/instance_pool.ts";
import { guestFailure } from "./guest_failure.ts";

/** One component in one isolate. */
export class Guest {
  readonly id: string;
  /** Its exports, with their versions. */
  readonly exports: readonly string[];
  readonly pool: InstancePool;

  constructor(options: { id: string; exports: readonly string[]; pool: InstancePool }) {
    this.id = options.id;
    this.exports = options.exports;
    this.pool = options.pool;
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
}

/** Whether an error is a value that the guest returned, which the bindings throw. */
function isDeclared(error: unknown): boolean {
  return error instanceof Error && Object.hasOwn(error, "payload");
}

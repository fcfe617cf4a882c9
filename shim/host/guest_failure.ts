/**
 * What is said when a guest did not do what it was called for.
 *
 * @module
 */

import { CpuLimitExceeded, RequestCancelled, RequestTimedOut } from "../engine/preemption.ts";
import { GuestExit } from "../imports/wasi_cli.ts";

/** The component ended without an answer, or in the middle of it. */
export class GuestFailure extends Error {
  override readonly name = "GuestFailure";

  constructor(component: string, reason: string, options?: ErrorOptions) {
    super(`component "${component}" ${reason}`, options);
  }
}

/**
 * The failure of a call of `component`.
 * @param error What the call threw; undefined if it returned.
 * @param unfinished What is said of a guest that returned without having done its work.
 */
export function guestFailure(
  component: string,
  error: unknown,
  unfinished = "returned too early",
): GuestFailure {
  const reason = error === undefined ? unfinished : describeFailure(error);
  return new GuestFailure(component, reason, { cause: error });
}

function describeFailure(error: unknown): string {
  if (error instanceof GuestExit) return `exited with code ${error.code} before it was done`;
  const isStop = error instanceof CpuLimitExceeded || error instanceof RequestCancelled ||
    error instanceof RequestTimedOut;
  if (isStop) {
    return `was stopped: ${error.message}`;
  }
  if (error instanceof RangeError && /call stack/.test(error.message)) {
    return "trapped: call stack exhausted";
  }
  if (error instanceof WebAssembly.RuntimeError) return `trapped: ${error.message}`;
  return `failed: ${error instanceof Error ? error.message : String(error)}`;
}

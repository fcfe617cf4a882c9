/**
 * `wasi:clocks@0.2`: the wall clock and the monotonic clock.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "./component_context.ts";
import { Pollable } from "./wasi_io.ts";

const NANOS_PER_MS = 1_000_000n;
/** `performance.now()` is meaningful to about a microsecond; in nanoseconds. */
export const MONOTONIC_RESOLUTION = 1_000n;
/** The longest delay a timer takes, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The monotonic clock, in nanoseconds. */
export function monotonicNow(): bigint {
  return BigInt(Math.floor(performance.now() * 1e6));
}

/**
 * A pollable that is ready from `deadline` on, a time of the monotonic clock. It has a timer only
 * while somebody waits, and none after it was dropped.
 */
export function deadlinePollable(deadline: bigint): Pollable {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let fired: PromiseWithResolvers<void> | undefined;

  function arm(): void {
    const leftNanos = deadline - monotonicNow();
    if (leftNanos <= 0n) {
      timer = undefined;
      fired?.resolve();
      return;
    }
    // Rounded up: a timer that fires early would make the guest wait twice.
    const leftMs = (leftNanos + NANOS_PER_MS - 1n) / NANOS_PER_MS;
    const delayMs = leftMs > BigInt(MAX_TIMER_MS) ? MAX_TIMER_MS : Number(leftMs);
    timer = setTimeout(arm, delayMs);
  }

  return new Pollable(
    () => monotonicNow() >= deadline,
    () => {
      if (!fired) {
        fired = Promise.withResolvers<void>();
        arm();
      }
      return fired.promise;
    },
    // A guest that is abandoned while it waits is not woken by this promise.
    () => clearTimeout(timer),
  );
}

/** The record `datetime` of now. A clock before 1970 reads as 1970. */
function wallNow(): { seconds: bigint; nanoseconds: number } {
  const nowMs = Math.max(0, Date.now());
  return {
    seconds: BigInt(Math.floor(nowMs / 1000)),
    nanoseconds: (nowMs % 1000) * 1_000_000,
  };
}

/** The interfaces of `wasi:clocks@0.2`, the same for every component. */
export function createWasiClocks(_component?: ComponentContext): ImportObject {
  return {
    "wasi:clocks/monotonic-clock@0.2": {
      now: monotonicNow,
      resolution: () => MONOTONIC_RESOLUTION,
      subscribeInstant: (when: bigint) => deadlinePollable(when),
      subscribeDuration: (duration: bigint) => deadlinePollable(monotonicNow() + duration),
    },
    "wasi:clocks/wall-clock@0.2": {
      now: wallNow,
      resolution: () => ({ seconds: 0n, nanoseconds: Number(NANOS_PER_MS) }),
    },
  };
}

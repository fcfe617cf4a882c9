/**
 * `wasi:clocks@0.3`: the system's clock and the monotonic clock.
 *
 * @module
 */

import type { ImportObject } from "../component_context.ts";
import { MONOTONIC_RESOLUTION, monotonicNow } from "../wasi_clocks.ts";

const NANOS_PER_MS = 1_000_000n;
/** The longest delay a timer takes, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves when the monotonic clock reads `deadline`. */
function waitUntil(deadline: bigint): Promise<void> {
  return new Promise((resolve) => {
    function arm(): void {
      const leftNanos = deadline - monotonicNow();
      if (leftNanos <= 0n) return resolve();
      // Rounded up: a timer that fires early would have to be set again.
      const leftMs = (leftNanos + NANOS_PER_MS - 1n) / NANOS_PER_MS;
      setTimeout(arm, leftMs > BigInt(MAX_TIMER_MS) ? MAX_TIMER_MS : Number(leftMs));
    }
    arm();
  });
}

/** The record `instant` of now. Unlike in 0.2, it may be before 1970. */
function systemNow(): { seconds: bigint; nanoseconds: number } {
  const nowMs = Date.now();
  const seconds = Math.floor(nowMs / 1000);
  return { seconds: BigInt(seconds), nanoseconds: (nowMs - seconds * 1000) * 1_000_000 };
}

/** The interfaces of `wasi:clocks@0.3`, the same for every component. */
export function createClocks(): ImportObject {
  return {
    "wasi:clocks/types@0.3": {},
    "wasi:clocks/monotonic-clock@0.3": {
      now: monotonicNow,
      getResolution: () => MONOTONIC_RESOLUTION,
      waitUntil: (when: bigint) => waitUntil(when),
      waitFor: (howLong: bigint) => waitUntil(monotonicNow() + howLong),
    },
    "wasi:clocks/system-clock@0.3": {
      now: systemNow,
      getResolution: () => NANOS_PER_MS,
    },
  };
}

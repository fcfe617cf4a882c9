/**
 * Whether memory grows under steady load.
 *
 * @module
 */

import { median } from "../bench/statistics.ts";

/** What {@link judgeGrowth} found. */
export interface Growth {
  /** Median of the second quarter, in bytes: after the warm-up. */
  readonly earlyBytes: number;
  /** Median of the last quarter, in bytes. */
  readonly lateBytes: number;
  /** The most that {@link lateBytes} may be. */
  readonly allowedBytes: number;
  readonly hasGrown: boolean;
}

/** What a garbage collector may let lie about longer at one time than at another. */
const TOLERANCE = 1.1;
const TOLERANCE_BYTES = 20e6;
/** Fewer samples say nothing. */
const MIN_SAMPLES = 8;

/**
 * Compares the second quarter of the samples with the last one; the first is the warm-up.
 * @param samples Resident bytes, at even intervals.
 * @throws {RangeError} if there are fewer than eight.
 */
export function judgeGrowth(samples: readonly number[]): Growth {
  if (samples.length < MIN_SAMPLES) {
    throw new RangeError(`${samples.length} samples are too few; let it run longer`);
  }
  const quarter = Math.floor(samples.length / 4);
  const earlyBytes = median(samples.slice(quarter, 2 * quarter));
  const lateBytes = median(samples.slice(-quarter));
  const allowedBytes = earlyBytes * TOLERANCE + TOLERANCE_BYTES;
  return { earlyBytes, lateBytes, allowedBytes, hasGrown: lateBytes > allowedBytes };
}

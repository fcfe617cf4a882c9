/**
 * Moments as the OpenTelemetry protocol has them.
 *
 * @module
 */

/** Nanoseconds since 1970, to the microsecond. */
export function nowNanos(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1_000)) * 1_000n;
}

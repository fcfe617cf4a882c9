/**
 * Randomness that can be repeated: a test prints its seed when it fails.
 *
 * @module
 */

/** Random numbers and bytes from one seed. */
export interface SeededRandom {
  /** To be printed with a failure. */
  readonly seed: number;
  /** A whole number from 0 to `limit` − 1. */
  below(limit: number): number;
  /** That many bytes. */
  bytes(length: number): Uint8Array;
}

/** Numbers of the generator mulberry32. @param seed Default: another one each time. */
export function seededRandom(seed: number = Date.now() >>> 0): SeededRandom {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  return {
    seed,
    below: (limit) => next() % limit,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  };
}

/**
 * `wasi:random@0.2`. The insecure interfaces are as good as the secure one: nothing is gained by
 * being worse.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "./component_context.ts";

/** What `getRandomValues` fills at once, in bytes. */
const CHUNK_BYTES = 65_536;
/** The most bytes a guest gets from one call; more traps, before the host's memory is at stake. */
export const MAX_RANDOM_BYTES = 64n * 1024n * 1024n;

/** Random bytes. @throws {RangeError} for more than {@link MAX_RANDOM_BYTES}. */
export function randomBytes(length: bigint): Uint8Array {
  if (length > MAX_RANDOM_BYTES) {
    throw new RangeError(
      `Cannot make ${length} random bytes: the limit of one call is ${MAX_RANDOM_BYTES}`,
    );
  }
  const bytes = new Uint8Array(Number(length));
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
    crypto.getRandomValues(bytes.subarray(offset, offset + CHUNK_BYTES));
  }
  return bytes;
}

/** A random u64. */
export function randomU64(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}

/** The interfaces of `wasi:random@0.2`, the same for every component. */
export function createWasiRandom(_component?: ComponentContext): ImportObject {
  return {
    "wasi:random/random@0.2": { getRandomBytes: randomBytes, getRandomU64: randomU64 },
    "wasi:random/insecure@0.2": {
      getInsecureRandomBytes: randomBytes,
      getInsecureRandomU64: randomU64,
    },
    "wasi:random/insecure-seed@0.2": { insecureSeed: () => [randomU64(), randomU64()] },
  };
}

/**
 * `wasi:random@0.3`, which differs from 0.2 by names, and by giving fewer bytes where more than the
 * host's limit are asked for.
 *
 * @module
 */

import type { ImportObject } from "../component_context.ts";
import { MAX_RANDOM_BYTES, randomBytes, randomU64 } from "../wasi_random.ts";

function atMost(maxLength: bigint): Uint8Array {
  return randomBytes(maxLength < MAX_RANDOM_BYTES ? maxLength : MAX_RANDOM_BYTES);
}

/** The interfaces of `wasi:random@0.3`, the same for every component. */
export function createRandom(): ImportObject {
  return {
    "wasi:random/random@0.3": { getRandomBytes: atMost, getRandomU64: randomU64 },
    "wasi:random/insecure@0.3": {
      getInsecureRandomBytes: atMost,
      getInsecureRandomU64: randomU64,
    },
    "wasi:random/insecure-seed@0.3": { getInsecureSeed: () => [randomU64(), randomU64()] },
  };
}

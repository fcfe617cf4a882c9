/**
 * The numbers that `wasi:keyvalue/atomics` keeps in stores of bytes: s64, eight bytes, lowest first.
 * Spin reads and writes the same.
 *
 * @module
 */

const COUNTER_BYTES = 8;

/**
 * The number in `current` (undefined: 0) plus `delta`, and the bytes to store.
 * @param options.key For messages.
 * @throws {Error} if `current` is not eight bytes long, or the sum does not fit into an s64.
 */
export function addToCounter(
  current: Uint8Array | undefined,
  options: { readonly key: string; readonly delta: bigint },
): { readonly sum: bigint; readonly value: Uint8Array } {
  const { key, delta } = options;
  if (current && current.length !== COUNTER_BYTES) {
    throw new Error(
      `cannot increment "${key}": its value has ${current.length} bytes, a number has ` +
        `${COUNTER_BYTES}`,
    );
  }
  const sum = (current ? view(current).getBigInt64(0, true) : 0n) + delta;
  if (BigInt.asIntN(64, sum) !== sum) {
    throw new Error(`cannot increment "${key}": the sum is out of range`);
  }
  const value = new Uint8Array(COUNTER_BYTES);
  view(value).setBigInt64(0, sum, true);
  return { sum, value };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

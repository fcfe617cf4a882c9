/**
 * Adler-32 (RFC 1950), by which the Secrets of runtime configurations are named.
 *
 * @module
 */

/** The largest prime below 2^16. */
const MODULUS = 65_521;

/** The checksum as a number without sign. */
export function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % MODULUS;
    b = (b + a) % MODULUS;
  }
  return b * 0x10000 + a;
}

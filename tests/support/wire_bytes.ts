/**
 * Bytes as people write them down.
 *
 * @module
 */

const PART = /"([^"]*)"|([0-9a-f]{2})|\s+|(.)/gs;

/**
 * Hexadecimal digits, with white space anywhere between bytes, and `"text"` for its UTF-8 bytes.
 * @throws {SyntaxError} if there is anything else.
 */
export function wireBytes(written: string): Uint8Array {
  const bytes: number[] = [];
  for (const [, text, digits, wrong] of written.matchAll(PART)) {
    if (wrong !== undefined) throw new SyntaxError(`${wrong} is neither hexadecimal nor quoted`);
    if (text !== undefined) bytes.push(...new TextEncoder().encode(text));
    if (digits !== undefined) bytes.push(parseInt(digits, 16));
  }
  return Uint8Array.from(bytes);
}

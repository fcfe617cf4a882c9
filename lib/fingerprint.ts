/**
 * Fingerprints by which a text is told from the one before it.
 *
 * @module
 */

/**
 * 64 bits of a text, as 16 hexadecimal digits: two FNV-1a sums over its UTF-16 units. Texts that
 * somebody chooses can be made to look alike: nothing that must be safe may rest on it.
 */
export function fingerprint(text: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b) ^ (b >>> 13);
  }
  return hex(a ^ (b >>> 16)) + hex(b ^ (a >>> 15));
}

function hex(bits: number): string {
  return (bits >>> 0).toString(16).padStart(8, "0");
}

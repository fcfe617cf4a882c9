/**
 * ASN.1 in the distinguished encoding (X.690), as far as certificates are made of it.
 *
 * @module
 */

/** The tags that are used here. */
export const DER_TAGS = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value with its tag and length. Values of constructed types are given as their parts. */
export function der(
  tag: number,
  ...parts: readonly Uint8Array<ArrayBuffer>[]
): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concat([new Uint8Array([tag, ...encodeLength(length)]), ...parts]);
}

function encodeLength(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

/** The parts as a `SEQUENCE`. */
export function derSequence(...parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  return der(DER_TAGS.sequence, ...parts);
}

/** A number that is not negative, from its big-endian bytes. */
export function derInteger(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? [0] : [...bytes.subarray(first)];
  // A set top bit would make the number negative.
  return der(DER_TAGS.integer, new Uint8Array(digits[0]! >= 0x80 ? [0, ...digits] : digits));
}

/** `1.2.840.10045.4.3.2`. */
export function derObjectIdentifier(dotted: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift(0x80 | (left & 0x7f));
    return groups;
  });
  return der(DER_TAGS.objectIdentifier, new Uint8Array(bytes));
}

/** Bytes whose last one has `unused` bits that do not count. */
export function derBitString(bytes: Uint8Array, unused = 0): Uint8Array<ArrayBuffer> {
  return der(DER_TAGS.bitString, new Uint8Array([unused, ...bytes]));
}

/** A time in whole seconds. Years before 2050 have two digits, as RFC 5280 (4.1.2.5) wants. */
export function derTime(time: Date): Uint8Array<ArrayBuffer> {
  const digits = `${time.toISOString().replace(/\.\d+/, "").replaceAll(/[-:T]/g, "")}`;
  const isShort = time.getUTCFullYear() < 2050;
  return der(
    isShort ? DER_TAGS.utcTime : DER_TAGS.generalizedTime,
    new TextEncoder().encode(isShort ? digits.slice(2) : digits),
  );
}

/** One value that was read. */
export interface DerValue {
  readonly tag: number;
  /** Without tag and length. */
  readonly content: Uint8Array<ArrayBuffer>;
  /** With them. */
  readonly encoded: Uint8Array<ArrayBuffer>;
}

/**
 * The values that follow each other in some bytes: the parts of a constructed value's content.
 * @throws {SyntaxError} if they are cut off, or have no definite length.
 */
export function readDer(bytes: Uint8Array<ArrayBuffer>): DerValue[] {
  const values: DerValue[] = [];
  for (let start = 0; start < bytes.length;) {
    const { begin, length } = readLength(bytes, start + 1);
    const end = begin + length;
    if (!(end <= bytes.length)) throw new SyntaxError("Value is cut off");
    values.push({
      tag: bytes[start]!,
      content: bytes.subarray(begin, end),
      encoded: bytes.subarray(start, end),
    });
    start = end;
  }
  return values;
}

function readLength(bytes: Uint8Array, at: number): { begin: number; length: number } {
  const first = bytes[at] ?? NaN;
  if (first < 0x80) return { begin: at + 1, length: first };
  const size = first & 0x7f;
  if (!(size >= 1 && size <= 4)) throw new SyntaxError("Value has no definite length");
  let length = 0;
  for (let index = 1; index <= size; index++) length = length * 256 + (bytes[at + index] ?? NaN);
  return { begin: at + 1 + size, length };
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

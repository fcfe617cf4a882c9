/**
 * Decimal numbers in PostgreSQL's binary form: groups of four digits.
 *
 * @module
 */

import { PgConversionError } from "./_pg_errors.ts";
import { viewOf } from "./_pg_wire.ts";

const NEGATIVE = 0x4000;
/** Values that are no numbers, as the server writes them. */
const SPECIAL: ReadonlyMap<number, string> = new Map([
  [0xc000, "NaN"],
  [0xd000, "Infinity"],
  [0xf000, "-Infinity"],
]);

/** Digits that the server takes at most, before and after the point. */
const MAX_INTEGER_DIGITS = 131_072;
const MAX_FRACTION_DIGITS = 16_383;

/** The text of a number, with as many digits after the point as it was stored with. */
export function decodeNumeric(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const [count, weight, sign, scale] = [
    view.getUint16(0),
    view.getInt16(2),
    view.getUint16(4),
    view.getUint16(6),
  ];
  const special = SPECIAL.get(sign);
  if (special !== undefined) return special;
  let integer = "";
  let fraction = "";
  // A number may begin after the point, or end before it: groups of zeros are not sent.
  for (let place = Math.max(weight, 0); place > weight - count || place >= 0; place--) {
    const index = weight - place;
    const group = index >= 0 && index < count ? view.getUint16(8 + 2 * index) : 0;
    const digits = String(group).padStart(4, "0");
    if (place >= 0) integer += digits;
    else fraction += digits;
  }
  const text = integer.replace(/^0+(?=\d)/, "") +
    (scale > 0 ? `.${fraction.padEnd(scale, "0").slice(0, scale)}` : "");
  return sign === NEGATIVE ? `-${text}` : text;
}

/** The binary form of a number. @throws {PgConversionError} if the text is none. */
export function encodeNumeric(text: string): Uint8Array {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(text);
  const [, sign = "", integer = "", fraction = ""] = match ?? [];
  const isNumber = match && integer + fraction !== "" && integer.length <= MAX_INTEGER_DIGITS &&
    fraction.length <= MAX_FRACTION_DIGITS;
  if (!isNumber) throw new PgConversionError(`invalid decimal ${text}`);
  const digits = integer.padStart(Math.ceil(integer.length / 4) * 4, "0") +
    fraction.padEnd(Math.ceil(fraction.length / 4) * 4, "0");
  const groups = (digits.match(/.{4}/g) ?? []).map(Number);
  let weight = Math.ceil(integer.length / 4) - 1;
  const first = groups.findIndex((group) => group !== 0);
  const last = groups.findLastIndex((group) => group !== 0);
  if (first < 0) weight = 0;
  else weight -= first;
  const kept = first < 0 ? [] : groups.slice(first, last + 1);
  const bytes = new Uint8Array(8 + 2 * kept.length);
  const view = viewOf(bytes);
  view.setUint16(0, kept.length);
  view.setInt16(2, weight);
  view.setUint16(4, sign === "-" && kept.length > 0 ? NEGATIVE : 0);
  view.setUint16(6, fraction.length);
  kept.forEach((group, index) => view.setUint16(8 + 2 * index, group));
  return bytes;
}

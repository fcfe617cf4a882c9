/**
 * PostgreSQL's binary values → values of `spin:postgres/postgres@4`.
 *
 * @module
 */

import { dateOfDays, datetimeOfMicros, timeOfMicros } from "./_pg_calendar.ts";
import { PgConversionError } from "./_pg_errors.ts";
import { decodeNumeric } from "./_pg_numeric.ts";
import {
  type PgDbValue,
  type PgRange,
  type PgValue,
  type RangeBound,
  TAG_OF_OID,
} from "./_pg_types.ts";
import { type PgWireValue, viewOf } from "./_pg_wire.ts";

type Decode<T> = (bytes: Uint8Array) => T;

/**
 * The value of a column of type `oid`.
 * @throws {PgConversionError} if the interface has no form for it: infinite dates, nested arrays.
 */
export function decodeValue(bytes: PgWireValue, oid: number): PgDbValue {
  if (bytes === null) return { tag: "db-null" };
  const tag = TAG_OF_OID.get(oid);
  if (tag === undefined) return { tag: "unsupported", val: new Uint8Array(bytes) };
  return decodeKnown(tag, bytes);
}

function decodeKnown(tag: PgValue["tag"], bytes: Uint8Array): PgDbValue {
  switch (tag) {
    case "boolean":
      return { tag, val: bytes[0] !== 0 };
    case "int16":
      return { tag, val: viewOf(bytes).getInt16(0) };
    case "int32":
      return { tag, val: int32(bytes) };
    case "int64":
      return { tag, val: int64(bytes) };
    case "floating32":
      return { tag, val: viewOf(bytes).getFloat32(0) };
    case "floating64":
      return { tag, val: viewOf(bytes).getFloat64(0) };
    case "str":
      return { tag, val: text(bytes) };
    case "binary":
      // The bytes are part of a message, which need not be kept for them.
      return { tag, val: new Uint8Array(bytes) };
    case "date":
      return { tag, val: dateOfDays(int32(bytes)) };
    case "time":
      return { tag, val: timeOfMicros(int64(bytes)) };
    case "datetime":
      return { tag, val: datetimeOfMicros(int64(bytes)) };
    case "uuid":
      return { tag, val: formatUuid(bytes) };
    case "jsonb":
      return { tag, val: compactJson(bytes.subarray(1)) };
    case "decimal":
      return { tag, val: decodeNumeric(bytes) };
    case "range-int32":
      return { tag, val: decodeRange(bytes, int32) };
    case "range-int64":
      return { tag, val: decodeRange(bytes, int64) };
    case "range-decimal":
      return { tag, val: decodeRange(bytes, decodeNumeric) };
    case "array-int32":
      return { tag, val: decodeArray(bytes, int32) };
    case "array-int64":
      return { tag, val: decodeArray(bytes, int64) };
    case "array-decimal":
      return { tag, val: decodeArray(bytes, decodeNumeric) };
    case "array-str":
      return { tag, val: decodeArray(bytes, text) };
    case "interval":
      return { tag, val: decodeInterval(bytes) };
    default:
      throw new PgConversionError(`no column has the type ${tag}`);
  }
}

function int32(bytes: Uint8Array): number {
  return viewOf(bytes).getInt32(0);
}

function int64(bytes: Uint8Array): bigint {
  return viewOf(bytes).getBigInt64(0);
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

function text(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}

function decodeInterval(bytes: Uint8Array): { micros: bigint; days: number; months: number } {
  const view = viewOf(bytes);
  return { micros: view.getBigInt64(0), days: view.getInt32(8), months: view.getInt32(12) };
}

function formatUuid(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/**
 * The server puts spaces between the parts. They are taken out byte by byte: parsing would round
 * large numbers.
 */
function compactJson(bytes: Uint8Array): Uint8Array {
  const compact = new Uint8Array(bytes.length);
  let length = 0;
  let isString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (!isString && byte === SPACE) continue;
    compact[length++] = byte;
    if (byte === QUOTE) isString = !isString;
    // The next byte is part of the escape, even if it is a quote.
    else if (isString && byte === BACKSLASH) compact[length++] = bytes[++at]!;
  }
  return compact.slice(0, length);
}

const RANGE = {
  empty: 1,
  lowerInclusive: 2,
  upperInclusive: 4,
  lowerInfinite: 8,
  upperInfinite: 16,
};

/** An empty range has no ends, as in Spin. */
function decodeRange<T>(bytes: Uint8Array, decode: Decode<T>): PgRange<T> {
  const flags = bytes[0]!;
  if (flags & RANGE.empty) return [undefined, undefined];
  let at = 1;
  const bound = (infinite: number, inclusive: number): RangeBound<T> => {
    if (flags & infinite) return undefined;
    const start = at + 4;
    at = start + viewOf(bytes).getInt32(at);
    return [decode(bytes.subarray(start, at)), flags & inclusive ? "inclusive" : "exclusive"];
  };
  const lower = bound(RANGE.lowerInfinite, RANGE.lowerInclusive);
  return [lower, bound(RANGE.upperInfinite, RANGE.upperInclusive)];
}

function decodeArray<T>(bytes: Uint8Array, decode: Decode<T>): (T | undefined)[] {
  const view = viewOf(bytes);
  const dimensions = view.getInt32(0);
  if (dimensions === 0) return [];
  if (dimensions > 1) throw new PgConversionError("array contains too many dimensions");
  // Dimensions, whether there are NULLs, the type, the length, and the number of the first element.
  let at = 20;
  return Array.from({ length: view.getInt32(12) }, () => {
    const length = view.getInt32(at);
    at += 4;
    if (length < 0) return undefined;
    at += length;
    return decode(bytes.subarray(at - length, at));
  });
}

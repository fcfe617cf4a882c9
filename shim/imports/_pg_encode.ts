/**
 * Parameters of `spin:postgres/postgres@4` → PostgreSQL's binary values.
 *
 * @module
 */

import { daysOfDate, microsOfDatetime, microsOfTime, microsOfUnixSeconds } from "./_pg_calendar.ts";
import { PgConversionError } from "./_pg_errors.ts";
import { encodeNumeric } from "./_pg_numeric.ts";
import type { PgParameter } from "./_pg_socket.ts";
import {
  FIRST_USER_OID,
  OID,
  OIDS_OF_PARAMETER,
  type PgInterval,
  type PgRange,
  type PgValue,
} from "./_pg_types.ts";
import { viewOf } from "./_pg_wire.ts";

/** A parameter that has been checked and copied, and waits for the statement's types. */
export type EncodedParameter = (oid: number) => PgParameter;

/**
 * Encodes the parameters of a statement. The result, called with the statement's types, throws
 * {@link PgConversionError} if these are others, since PostgreSQL would take the bytes for its own.
 * @throws {PgConversionError} if a value is not what its kind says: a date, a UUID, a JSON text.
 */
export function encodeParameters(
  parameters: readonly PgValue[],
): (types: readonly number[]) => PgParameter[] {
  const encoded = parameters.map(encodeParameter);
  return (types) => {
    if (types.length !== encoded.length) {
      throw new PgConversionError(
        `expected ${types.length} parameters but got ${encoded.length}`,
      );
    }
    return encoded.map((encode, index) => {
      const oid = types[index]!;
      checkType(parameters[index]!, { oid, index });
      return encode(oid);
    });
  };
}

function checkType(value: PgValue, { oid, index }: { oid: number; index: number }): void {
  if (value.tag === "db-null" || OIDS_OF_PARAMETER[value.tag].includes(oid)) return;
  // Enums, domains and the like of the database take their text.
  if (value.tag === "str" && oid >= FIRST_USER_OID) return;
  const name = Object.entries(OID).find(([, known]) => known === oid)?.[0];
  throw new PgConversionError(
    `error serializing parameter ${index}: cannot convert between ${value.tag} and the Postgres ` +
      `type ${name === undefined ? `with the OID ${oid}` : `\`${name}\``}`,
  );
}

function encodeParameter(value: PgValue): EncodedParameter {
  switch (value.tag) {
    case "db-null":
      return () => null;
    case "str":
      return () => value.val;
    case "jsonb":
      return encodeJson(value.val);
    case "array-str":
      return encodeTexts(value.val);
    default: {
      const bytes = encodeBytes(value);
      return () => bytes;
    }
  }
}

type BinaryValue = Exclude<PgValue, { readonly tag: "db-null" | "str" | "jsonb" | "array-str" }>;

function encodeBytes(value: BinaryValue): Uint8Array {
  switch (value.tag) {
    case "boolean":
      return Uint8Array.of(value.val ? 1 : 0);
    case "int8":
      return sized(1, (view) => view.setInt8(0, value.val));
    case "int16":
      return sized(2, (view) => view.setInt16(0, value.val));
    case "int32":
      return int32(value.val);
    case "int64":
      return int64(value.val);
    case "floating32":
      return sized(4, (view) => view.setFloat32(0, value.val));
    case "floating64":
      return sized(8, (view) => view.setFloat64(0, value.val));
    case "binary":
      // A view of guest memory, which changes while the statement waits.
      return value.val.slice();
    case "date":
      return int32(daysOfDate(value.val));
    case "time":
      return int64(microsOfTime(value.val));
    case "datetime":
      return int64(microsOfDatetime(value.val));
    case "timestamp":
      return int64(microsOfUnixSeconds(value.val));
    case "uuid":
      return parseUuid(value.val);
    case "decimal":
      return encodeNumeric(value.val);
    case "range-int32":
      return encodeRange(value.val, int32);
    case "range-int64":
      return encodeRange(value.val, int64);
    case "range-decimal":
      return encodeRange(value.val, encodeNumeric);
    case "array-int32":
      return encodeArray(value.val, { oid: OID.int4, encode: int32 });
    case "array-int64":
      return encodeArray(value.val, { oid: OID.int8, encode: int64 });
    case "array-decimal":
      return encodeArray(value.val, { oid: OID.numeric, encode: encodeNumeric });
    case "interval":
      return encodeInterval(value.val);
  }
}

function sized(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(viewOf(bytes));
  return bytes;
}

function int32(value: number): Uint8Array {
  return sized(4, (view) => view.setInt32(0, value));
}

function int64(value: bigint): Uint8Array {
  return sized(8, (view) => view.setBigInt64(0, value));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** `jsonb` has its version before the text, `json` has not. */
function encodeJson(value: Uint8Array): EncodedParameter {
  const bytes = value.slice();
  let text: string | undefined;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    JSON.parse(text);
  } catch {
    throw new PgConversionError(`invalid JSON ${text ?? new TextDecoder().decode(bytes)}`);
  }
  return (oid) => oid === OID.jsonb ? concat([Uint8Array.of(1), bytes]) : bytes;
}

function parseUuid(text: string): Uint8Array {
  const bare = text.replace(/^urn:uuid:/i, "").replace(/^\{(.*)\}$/, "$1");
  const isUuid = /^[0-9a-f]{32}$/i.test(bare) ||
    /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(bare);
  if (!isUuid) throw new PgConversionError(`invalid UUID ${text}`);
  return Uint8Array.fromHex(bare.replaceAll("-", ""));
}

function encodeInterval({ micros, days, months }: PgInterval): Uint8Array {
  return sized(16, (view) => {
    view.setBigInt64(0, micros);
    view.setInt32(8, days);
    view.setInt32(12, months);
  });
}

function encodeRange<T>([lower, upper]: PgRange<T>, encode: (value: T) => Uint8Array): Uint8Array {
  const flags = (lower ? (lower[1] === "inclusive" ? 2 : 0) : 8) |
    (upper ? (upper[1] === "inclusive" ? 4 : 0) : 16);
  const bounds = [lower, upper].flatMap((bound) => {
    if (!bound) return [];
    const bytes = encode(bound[0]);
    return [int32(bytes.length), bytes];
  });
  return concat([Uint8Array.of(flags), ...bounds]);
}

/** The types of elements, which an array names, by the type of the array. */
const ELEMENT_OIDS: ReadonlyMap<number, number> = new Map([
  [OID.textArray, OID.text],
  [OID.varcharArray, OID.varchar],
  [OID.bpcharArray, OID.bpchar],
  [OID.nameArray, OID.name],
]);

function encodeTexts(values: readonly (string | undefined)[]): EncodedParameter {
  return (oid) => encodeArray(values, { oid: ELEMENT_OIDS.get(oid) ?? OID.text, encode: utf8 });
}

function encodeArray<T>(
  values: readonly (T | undefined)[],
  { oid, encode }: { oid: number; encode: (value: T) => Uint8Array },
): Uint8Array {
  const hasNulls = values.some((value) => value === undefined || value === null);
  if (values.length === 0) return concat([int32(0), int32(0), int32(oid)]);
  const elements = values.flatMap((value) => {
    if (value === undefined || value === null) return [int32(-1)];
    const bytes = encode(value);
    return [int32(bytes.length), bytes];
  });
  return concat([
    ...[1, hasNulls ? 1 : 0, oid, values.length, 1].map(int32),
    ...elements,
  ]);
}

/**
 * The types of `spin:postgres/postgres@4`, and the numbers of PostgreSQL's own types.
 *
 * @module
 */

import type { PgDate, PgDatetime, PgTime } from "./_pg_calendar.ts";

/** Numbers in `pg_type`; the server's program has them fixed. */
export const OID = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  float4: 700,
  float8: 701,
  unknown: 705,
  nameArray: 1003,
  int4Array: 1007,
  textArray: 1009,
  bpcharArray: 1014,
  varcharArray: 1015,
  int8Array: 1016,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numericArray: 1231,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
  int4Range: 3904,
  numRange: 3906,
  int8Range: 3926,
} as const;

/** Types below this number come with the server; others were made in a database. */
export const FIRST_USER_OID = 16_384;

/** The enum `range-bound-kind`. */
export type RangeBoundKind = "inclusive" | "exclusive";

/** One end of a range; undefined has no limit. */
export type RangeBound<T> = [T, RangeBoundKind] | undefined;

/** Lower and upper end. */
export type PgRange<T> = [RangeBound<T>, RangeBound<T>];

/** The record `interval`. */
export interface PgInterval {
  readonly micros: bigint;
  readonly days: number;
  readonly months: number;
}

/** The variant `parameter-value`, and `db-value` besides `unsupported`. */
export type PgValue =
  | { readonly tag: "boolean"; readonly val: boolean }
  | { readonly tag: "int8" | "int16" | "int32"; readonly val: number }
  | { readonly tag: "int64" | "timestamp"; readonly val: bigint }
  | { readonly tag: "floating32" | "floating64"; readonly val: number }
  | { readonly tag: "str"; readonly val: string }
  | { readonly tag: "uuid" | "decimal"; readonly val: string }
  | { readonly tag: "binary"; readonly val: Uint8Array }
  | { readonly tag: "jsonb"; readonly val: Uint8Array }
  | { readonly tag: "date"; readonly val: PgDate }
  | { readonly tag: "time"; readonly val: PgTime }
  | { readonly tag: "datetime"; readonly val: PgDatetime }
  | { readonly tag: "range-int32"; readonly val: PgRange<number> }
  | { readonly tag: "range-int64"; readonly val: PgRange<bigint> }
  | { readonly tag: "range-decimal"; readonly val: PgRange<string> }
  | { readonly tag: "array-int32"; readonly val: readonly (number | undefined)[] }
  | { readonly tag: "array-int64"; readonly val: readonly (bigint | undefined)[] }
  | { readonly tag: "array-decimal"; readonly val: readonly (string | undefined)[] }
  | { readonly tag: "array-str"; readonly val: readonly (string | undefined)[] }
  | { readonly tag: "interval"; readonly val: PgInterval }
  | { readonly tag: "db-null" };

/** The variant `db-value`. */
export type PgDbValue = PgValue | { readonly tag: "unsupported"; readonly val: Uint8Array };

/** The case of `db-data-type`, and of `db-value`, that a type has; any other is `other`. */
export const TAG_OF_OID: ReadonlyMap<number, PgValue["tag"]> = new Map([
  [OID.bool, "boolean"],
  [OID.bytea, "binary"],
  [OID.float4, "floating32"],
  [OID.float8, "floating64"],
  [OID.int2, "int16"],
  [OID.int4, "int32"],
  [OID.int8, "int64"],
  [OID.text, "str"],
  [OID.varchar, "str"],
  [OID.bpchar, "str"],
  [OID.timestamp, "datetime"],
  [OID.timestamptz, "datetime"],
  [OID.date, "date"],
  [OID.time, "time"],
  [OID.uuid, "uuid"],
  [OID.jsonb, "jsonb"],
  [OID.numeric, "decimal"],
  [OID.int4Range, "range-int32"],
  [OID.int8Range, "range-int64"],
  [OID.numRange, "range-decimal"],
  [OID.int4Array, "array-int32"],
  [OID.int8Array, "array-int64"],
  [OID.numericArray, "array-decimal"],
  [OID.textArray, "array-str"],
  [OID.varcharArray, "array-str"],
  [OID.bpcharArray, "array-str"],
  [OID.interval, "interval"],
]);

/** The types that a parameter may be bound to. */
export const OIDS_OF_PARAMETER: Readonly<
  Record<Exclude<PgValue["tag"], "db-null">, readonly number[]>
> = {
  "boolean": [OID.bool],
  "int8": [OID.char],
  "int16": [OID.int2],
  "int32": [OID.int4],
  "int64": [OID.int8],
  "floating32": [OID.float4],
  "floating64": [OID.float8],
  "str": [OID.text, OID.varchar, OID.bpchar, OID.name, OID.unknown],
  "binary": [OID.bytea],
  "date": [OID.date],
  "time": [OID.time],
  "datetime": [OID.timestamp],
  "timestamp": [OID.timestamptz],
  "uuid": [OID.uuid],
  "jsonb": [OID.jsonb, OID.json],
  "decimal": [OID.numeric],
  "range-int32": [OID.int4Range],
  "range-int64": [OID.int8Range],
  "range-decimal": [OID.numRange],
  "array-int32": [OID.int4Array],
  "array-int64": [OID.int8Array],
  "array-decimal": [OID.numericArray],
  "array-str": [OID.textArray, OID.varcharArray, OID.bpcharArray, OID.nameArray],
  "interval": [OID.interval],
};

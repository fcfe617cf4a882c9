/**
 * Values of `fermyon:spin/rdbms-types` and of MySQL's binary protocol.
 *
 * @module
 */

/** The variant `parameter-value`, and `db-value` besides `unsupported`. */
export type MysqlValue =
  | { readonly tag: "boolean"; readonly val: boolean }
  | { readonly tag: MysqlSmallInteger | "floating32" | "floating64"; readonly val: number }
  | { readonly tag: "int64" | "uint64"; readonly val: bigint }
  | { readonly tag: "str"; readonly val: string }
  | { readonly tag: "binary"; readonly val: Uint8Array }
  | { readonly tag: "db-null" };

type MysqlSmallInteger = "int8" | "int16" | "int32" | "uint8" | "uint16" | "uint32";

/** The enum `db-data-type`. */
export type MysqlDataType = Exclude<MysqlValue["tag"], "db-null"> | "other";

/** What the server says of a column. */
export interface MysqlField {
  readonly name: string;
  readonly columnType: number;
  readonly flags: number;
}

/** A value as the client decodes it: numbers of 64 bits are strings of digits. */
export type MysqlRawValue = null | number | string | Uint8Array;

/** A value of the server has no form in the interface. */
export class MysqlConversionError extends Error {
  override readonly name = "MysqlConversionError";
}

const FLAG = { unsigned: 32, binary: 128 };

/** Numbers of column types, as the protocol has them: signed and unsigned. */
const NUMERIC: ReadonlyMap<number, readonly [MysqlDataType, MysqlDataType]> = new Map([
  [1, ["int8", "uint8"]], // TINY
  [2, ["int16", "uint16"]], // SHORT
  [3, ["int32", "uint32"]], // LONG
  [9, ["int32", "uint32"]], // INT24
  [8, ["int64", "uint64"]], // LONGLONG
  [4, ["floating32", "floating32"]], // FLOAT
  [5, ["floating64", "floating64"]], // DOUBLE
]);

/** Text types, and what they are with the binary flag. */
const CHARACTER: ReadonlyMap<number, readonly [MysqlDataType, MysqlDataType]> = new Map([
  [252, ["str", "binary"]], // BLOB, TEXT
  [250, ["binary", "binary"]], // MEDIUM_BLOB
  [251, ["binary", "binary"]], // LONG_BLOB
  [253, ["str", "binary"]], // VAR_STRING
  [254, ["str", "binary"]], // STRING
]);

/** The type of a column. */
export function mysqlDataType({ columnType, flags }: MysqlField): MysqlDataType {
  const numeric = NUMERIC.get(columnType);
  if (numeric) return numeric[flags & FLAG.unsigned ? 1 : 0];
  return CHARACTER.get(columnType)?.[flags & FLAG.binary ? 1 : 0] ?? "other";
}

/**
 * The value of a column.
 * @throws {MysqlConversionError} if it is of a type that the interface does not have.
 */
export function toMysqlValue(raw: MysqlRawValue, field: MysqlField): MysqlValue {
  if (raw === null) return { tag: "db-null" };
  const tag = mysqlDataType(field);
  switch (tag) {
    case "int64":
    case "uint64":
      return { tag, val: BigInt(raw as string | number) };
    case "str":
      return {
        tag,
        val: typeof raw === "string" ? raw : new TextDecoder().decode(raw as Uint8Array),
      };
    case "binary":
      return {
        tag,
        val: typeof raw === "string"
          ? new TextEncoder().encode(raw)
          : new Uint8Array(raw as Uint8Array),
      };
    case "boolean":
    case "other":
      throw new MysqlConversionError(
        `Cannot convert value ${describe(raw)} in column ${field.name} data type Other`,
      );
    default:
      return { tag, val: raw as number };
  }
}

function describe(raw: Exclude<MysqlRawValue, null>): string {
  return raw instanceof Uint8Array ? `[${raw.join(", ")}]` : JSON.stringify(raw);
}

/** Bytes that a value takes, about. */
export function sizeOf(raw: MysqlRawValue): number {
  return raw === null || typeof raw === "number" ? 8 : raw.length + 8;
}

/**
 * The versions of the PostgreSQL interface: what each calls the values, types and errors of the
 * newest one.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { PgConversionError, type PgDbError, PgServerError, toDbError } from "./_pg_errors.ts";
import { type PgDbValue, type PgValue, TAG_OF_OID } from "./_pg_types.ts";

/** The variant `error` of version 4. */
export type PgError =
  | { readonly tag: "connection-failed"; readonly val: string }
  | { readonly tag: "bad-parameter"; readonly val: string }
  | { readonly tag: "query-failed"; readonly val: PgQueryError }
  | { readonly tag: "value-conversion-failed"; readonly val: string }
  | { readonly tag: "other"; readonly val: string };

/** The variant `query-error` of version 4. */
export type PgQueryError =
  | { readonly tag: "text"; readonly val: string }
  | { readonly tag: "db-error"; readonly val: PgDbError };

/** One version of the interface. */
export interface PgDialect {
  /** Whether `dataType` wants names. */
  readonly namesTypes: boolean;
  /** @throws {PgConversionError} if PostgreSQL has nothing of the kind. */
  parameter(value: GuestParameter): PgValue;
  /** @param name The type's name in `pg_type`. */
  dataType(oid: number, name: string): unknown;
  value(value: PgDbValue): unknown;
  error(error: PgError): unknown;
}

/** A parameter of any version. */
export type GuestParameter = PgValue | {
  readonly tag: "uint8" | "uint16" | "uint32" | "uint64";
  readonly val: number | bigint;
};

/** `query-failed` of what a statement threw. */
export function queryFailed(error: unknown): PgError {
  return {
    tag: "query-failed",
    val: error instanceof PgServerError
      ? { tag: "db-error", val: toDbError(error) }
      : { tag: "text", val: errorText(error) },
  };
}

/** `spin:postgres/postgres@4`. */
export const PG_V4: PgDialect = {
  namesTypes: true,
  parameter: withoutUnsigned,
  dataType(oid, name) {
    const tag = TAG_OF_OID.get(oid);
    return tag === undefined ? { tag: "other", val: name } : { tag };
  },
  value: (value) => value,
  error: (error) => error,
};

const V2_TAGS = [
  "boolean",
  "int16",
  "int32",
  "int64",
  "floating32",
  "floating64",
  "str",
  "binary",
] as const;

/** `spin:postgres/postgres@3.0.0`. */
export const PG_V3: PgDialect = olderDialect([...V2_TAGS, "date", "time", "datetime"]);

/** `fermyon:spin/postgres@2.0.0`. */
export const PG_V2: PgDialect = olderDialect(V2_TAGS);

/** `fermyon:spin/postgres`. */
export const PG_V1: PgDialect = {
  ...PG_V2,
  error(error) {
    return error.tag === "other" ? { tag: "other-error", val: error.val } : flatError(error);
  },
};

/** Versions before 4 know a few kinds of values, and errors have a text only. */
function olderDialect(tags: readonly PgValue["tag"][]): PgDialect {
  return {
    namesTypes: false,
    parameter: withoutUnsigned,
    dataType(oid) {
      const tag = TAG_OF_OID.get(oid);
      return tag !== undefined && tags.includes(tag) ? tag : "other";
    },
    value(value) {
      const isKnown = value.tag === "db-null" ||
        (value.tag !== "unsupported" && tags.includes(value.tag));
      return isKnown ? value : { tag: "unsupported" };
    },
    error: flatError,
  };
}

function flatError(error: PgError): { readonly tag: PgError["tag"]; readonly val: string } {
  if (error.tag !== "query-failed") return error;
  const { val } = error;
  return { tag: error.tag, val: val.tag === "text" ? val.val : val.val.asText };
}

function withoutUnsigned(value: GuestParameter): PgValue {
  switch (value.tag) {
    case "uint8":
    case "uint16":
    case "uint32":
    case "uint64":
      throw new PgConversionError("Postgres does not support unsigned integers");
    default:
      return value;
  }
}

/**
 * The imports of Spin's first ABI: which interface of today each belongs to, and its types. The
 * interfaces are those of `fermyon:spin` without a version, whose functions kept their form.
 *
 * @module
 */

import type { AbiType, Case } from "./abi.ts";

/** A function that a module imports. */
export interface OldFunction {
  readonly params: readonly AbiType[];
  /** Absent: it gives nothing back, and cannot fail. */
  readonly result?: { readonly ok?: AbiType; readonly err: AbiType };
}

/** An import module of the first ABI. */
export interface OldInterface {
  /** The interface that has the functions today. */
  readonly name: string;
  /** By import name. */
  readonly functions: Readonly<Record<string, OldFunction & { readonly name?: string }>>;
}

function list(of: AbiType): AbiType {
  return { kind: "list", of };
}

function option(of: AbiType): AbiType {
  return { kind: "option", of };
}

function record(fields: Readonly<Record<string, AbiType>>): AbiType {
  return { kind: "record", fields: Object.entries(fields) };
}

function variant(...cases: Case[]): AbiType {
  return { kind: "variant", cases };
}

function enumeration(...cases: string[]): AbiType {
  return { kind: "enum", cases };
}

/** A header or a parameter: its name and its value. */
export const PAIR: AbiType = { kind: "tuple", of: ["string", "string"] };

const PAIRS = list(PAIR);

/** The methods there are, by number. */
export const METHODS = ["get", "post", "put", "delete", "patch", "head", "options"] as const;

/** The record `response`. */
export const RESPONSE: AbiType = record({
  status: "u16",
  headers: option(PAIRS),
  body: option("bytes"),
});

const CONFIG_ERROR = variant(
  ["provider", "string"],
  ["invalid-key", "string"],
  ["invalid-schema", "string"],
  ["other", "string"],
);

const KEY_VALUE_ERROR = variant(
  ["store-table-full"],
  ["no-such-store"],
  ["access-denied"],
  ["invalid-store"],
  ["no-such-key"],
  ["io", "string"],
);

const HTTP_ERROR = enumeration(
  "success",
  "destination-not-allowed",
  "invalid-url",
  "request-error",
  "runtime-error",
  "too-many-requests",
);

const SQLITE_ERROR = variant(
  ["no-such-database"],
  ["access-denied"],
  ["invalid-connection"],
  ["database-full"],
  ["io", "string"],
);

const SQLITE_VALUE = variant(
  ["integer", "s64"],
  ["real", "f64"],
  ["text", "string"],
  ["blob", "bytes"],
  ["null"],
);

const LLM_ERROR = variant(
  ["model-not-supported"],
  ["runtime-error", "string"],
  ["invalid-input", "string"],
);

/** General purpose error of Redis. */
const REDIS_ERROR = enumeration("success", "error");

/** What the handler of a message of Redis gives: `expected<unit, error>`. */
export const MESSAGE_RESULT: AbiType = variant(["ok"], ["err", REDIS_ERROR]);

const REDIS_PARAMETER = variant(["int64", "s64"], ["binary", "bytes"]);
const REDIS_RESULT = variant(["nil"], ["status", "string"], ["int64", "s64"], ["binary", "bytes"]);

/** What the SQL servers have in common; the order is that of their types' numbers. */
const SQL_CASES: Case[] = [
  ["boolean", "bool"],
  ["int8", "s8"],
  ["int16", "s16"],
  ["int32", "s32"],
  ["int64", "s64"],
  ["uint8", "u8"],
  ["uint16", "u16"],
  ["uint32", "u32"],
  ["uint64", "u64"],
  ["floating32", "f32"],
  ["floating64", "f64"],
  ["str", "string"],
  ["binary", "bytes"],
];

const SQL_ERROR = variant(
  ["success"],
  ["connection-failed", "string"],
  ["bad-parameter", "string"],
  ["query-failed", "string"],
  ["value-conversion-failed", "string"],
  ["other-error", "string"],
);

const SQL_PARAMETERS: readonly AbiType[] = [
  "string",
  "string",
  list(variant(...SQL_CASES, ["db-null"])),
];

const SQL_ROWS = record({
  columns: list(
    record({
      name: "string",
      dataType: enumeration(...SQL_CASES.map(([name]) => name), "other"),
    }),
  ),
  rows: list(list(variant(...SQL_CASES, ["db-null"], ["unsupported"]))),
});

const SQL_QUERY: OldFunction = {
  params: SQL_PARAMETERS,
  result: { ok: SQL_ROWS, err: SQL_ERROR },
};

function keyValue(params: readonly AbiType[], ok?: AbiType): OldFunction {
  return { params, result: { ...(ok === undefined ? {} : { ok }), err: KEY_VALUE_ERROR } };
}

function redis(params: readonly AbiType[], ok?: AbiType): OldFunction {
  return {
    params: ["string", ...params],
    result: { ...(ok === undefined ? {} : { ok }), err: REDIS_ERROR },
  };
}

/** By import module. */
export const OLD_INTERFACES: Readonly<Record<string, OldInterface>> = {
  "spin-config": {
    name: "fermyon:spin/config",
    functions: {
      "get-config": { params: ["string"], result: { ok: "string", err: CONFIG_ERROR } },
    },
  },
  "key-value": {
    name: "fermyon:spin/key-value",
    functions: {
      "open": keyValue(["string"], "u32"),
      "get": keyValue(["u32", "string"], "bytes"),
      "set": keyValue(["u32", "string", "bytes"]),
      "delete": keyValue(["u32", "string"]),
      "exists": keyValue(["u32", "string"], "bool"),
      "get-keys": keyValue(["u32"], list("string")),
      "close": { params: ["u32"] },
    },
  },
  "wasi-outbound-http": {
    name: "fermyon:spin/http",
    functions: {
      "request": {
        name: "send-request",
        params: [record({
          method: enumeration(...METHODS),
          uri: "string",
          headers: PAIRS,
          params: PAIRS,
          body: option("bytes"),
        })],
        result: { ok: RESPONSE, err: HTTP_ERROR },
      },
    },
  },
  "outbound-redis": {
    name: "fermyon:spin/redis",
    functions: {
      "publish": redis(["string", "bytes"]),
      "get": redis(["string"], "bytes"),
      "set": redis(["string", "bytes"]),
      "incr": redis(["string"], "s64"),
      "del": redis([list("string")], "s64"),
      "sadd": redis(["string", list("string")], "s64"),
      "smembers": redis(["string"], list("string")),
      "srem": redis(["string", list("string")], "s64"),
      "execute": redis(["string", list(REDIS_PARAMETER)], list(REDIS_RESULT)),
    },
  },
  "outbound-pg": {
    name: "fermyon:spin/postgres",
    functions: {
      "query": SQL_QUERY,
      "execute": { params: SQL_PARAMETERS, result: { ok: "u64", err: SQL_ERROR } },
    },
  },
  "outbound-mysql": {
    name: "fermyon:spin/mysql",
    functions: {
      "query": SQL_QUERY,
      "execute": { params: SQL_PARAMETERS, result: { err: SQL_ERROR } },
    },
  },
  "sqlite": {
    name: "fermyon:spin/sqlite",
    functions: {
      "open": { params: ["string"], result: { ok: "u32", err: SQLITE_ERROR } },
      "execute": {
        params: ["u32", "string", list(SQLITE_VALUE)],
        result: {
          ok: record({
            columns: list("string"),
            rows: list(record({ values: list(SQLITE_VALUE) })),
          }),
          err: SQLITE_ERROR,
        },
      },
      "close": { params: ["u32"] },
    },
  },
  "llm": {
    name: "fermyon:spin/llm",
    functions: {
      "infer": {
        params: [
          "string",
          "string",
          option(record({
            maxTokens: "u32",
            repeatPenalty: "f32",
            repeatPenaltyLastNTokenCount: "u32",
            temperature: "f32",
            topK: "u32",
            topP: "f32",
          })),
        ],
        result: {
          ok: record({
            text: "string",
            usage: record({ promptTokenCount: "u32", generatedTokenCount: "u32" }),
          }),
          err: LLM_ERROR,
        },
      },
      "generate-embeddings": {
        params: ["string", list("string")],
        result: {
          ok: record({
            embeddings: list(list("f32")),
            usage: record({ promptTokenCount: "u32" }),
          }),
          err: LLM_ERROR,
        },
      },
    },
  },
};

/** The name under which the host's interfaces have a function: `get-keys` → `getKeys`. */
export function hostFunctionName(importName: string, old: { readonly name?: string }): string {
  return (old.name ?? importName).replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
}

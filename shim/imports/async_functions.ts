/**
 * The import functions that may return a promise. The bindings generated for a component suspend
 * the guest at these and only these, so the list is part of the prepared artifact's version: after
 * a change, components are prepared anew.
 *
 * Names are version-less, as the binding generator matches them.
 *
 * @module
 */

const IO = [
  "wasi:io/poll#poll",
  "wasi:io/poll#[method]pollable.block",
  "wasi:io/streams#[method]input-stream.blocking-read",
  "wasi:io/streams#[method]input-stream.blocking-skip",
  "wasi:io/streams#[method]output-stream.blocking-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-splice",
  // Of the snapshot 2023-10-18.
  "wasi:io/poll#poll-list",
  "wasi:io/poll#poll-one",
  "wasi:io/streams#[method]output-stream.forward",
];

const VARIABLES = ["fermyon:spin/config#get-config", "fermyon:spin/variables#get"];

const KEY_VALUE = [
  // v1: functions over a handle number.
  ...["open", "get", "set", "delete", "exists", "get-keys"]
    .map((name) => `fermyon:spin/key-value#${name}`),
  // v2: a resource.
  "fermyon:spin/key-value#[static]store.open",
  ...["get", "set", "delete", "exists", "get-keys"]
    .map((name) => `fermyon:spin/key-value#[method]store.${name}`),
];

const SQLITE = [
  ...["open", "execute"].map((name) => `fermyon:spin/sqlite#${name}`),
  ...["fermyon:spin/sqlite", "spin:sqlite/sqlite"].flatMap((name) => [
    `${name}#[static]connection.open`,
    `${name}#[method]connection.execute`,
    `${name}#[method]connection.last-insert-rowid`,
    `${name}#[method]connection.changes`,
  ]),
];

const REDIS_FUNCTIONS = [
  "publish",
  "get",
  "set",
  "incr",
  "del",
  "sadd",
  "smembers",
  "srem",
  "execute",
];

const REDIS = [
  // v1: functions with the address first.
  ...REDIS_FUNCTIONS.map((name) => `fermyon:spin/redis#${name}`),
  // v2: a resource.
  "fermyon:spin/redis#[static]connection.open",
  ...REDIS_FUNCTIONS.map((name) => `fermyon:spin/redis#[method]connection.${name}`),
];

const MQTT = [
  "fermyon:spin/mqtt#[static]connection.open",
  "fermyon:spin/mqtt#[method]connection.publish",
];

const SQL_CONNECTION = [
  "[static]connection.open",
  "[method]connection.query",
  "[method]connection.execute",
];

const POSTGRES = [
  // v1: functions with the address first.
  ...["query", "execute"].map((name) => `fermyon:spin/postgres#${name}`),
  ...["fermyon:spin/postgres", "spin:postgres/postgres"].flatMap((name) =>
    SQL_CONNECTION.map((item) => `${name}#${item}`)
  ),
  "spin:postgres/postgres#[method]connection-builder.build",
];

const MYSQL = ["query", "execute", ...SQL_CONNECTION].map((item) => `fermyon:spin/mysql#${item}`);

const LLM = ["infer", "generate-embeddings"].map((name) => `fermyon:spin/llm#${name}`);

const HTTP = ["fermyon:spin/http#send-request"];

const WASI_KEYVALUE = [
  "wasi:keyvalue/store#open",
  ...["get", "set", "delete", "exists", "list-keys"]
    .map((name) => `wasi:keyvalue/store#[method]bucket.${name}`),
  "wasi:keyvalue/atomics#increment",
  "wasi:keyvalue/atomics#[method]cas.current",
  "wasi:keyvalue/atomics#swap",
  ...["get-many", "set-many", "delete-many"].map((name) => `wasi:keyvalue/batch#${name}`),
];

const WASI_CONFIG = ["get", "get-all"].map((name) => `wasi:config/store#${name}`);

/** Every import function that may suspend a guest. */
export const ASYNC_IMPORTS: readonly string[] = [
  ...IO,
  ...VARIABLES,
  ...KEY_VALUE,
  ...SQLITE,
  ...REDIS,
  ...MQTT,
  ...POSTGRES,
  ...MYSQL,
  ...LLM,
  ...HTTP,
  ...WASI_KEYVALUE,
  ...WASI_CONFIG,
];

/** Every export that may be entered asynchronously. */
export const ASYNC_EXPORTS: readonly string[] = [
  "wasi:http/incoming-handler#handle",
  "fermyon:spin/inbound-http#handle-request",
  "fermyon:spin/inbound-redis#handle-message",
  "wasi:cli/run#run",
  // Of worlds, not of interfaces: the MQTT, SQS and cron triggers.
  "handle-message",
  "handle-queue-message",
  "handle-cron-event",
];

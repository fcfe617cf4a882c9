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

/** Every import function that may suspend a guest. */
export const ASYNC_IMPORTS: readonly string[] = [
  ...IO,
  ...VARIABLES,
  ...KEY_VALUE,
  ...SQLITE,
  ...REDIS,
];

/** Every export that may be entered asynchronously. */
export const ASYNC_EXPORTS: readonly string[] = [
  "wasi:http/incoming-handler#handle",
  "wasi:cli/run#run",
];

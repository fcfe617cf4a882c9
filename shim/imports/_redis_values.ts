/**
 * Commands and replies in the guest's types, and what the host has to know of commands.
 *
 * @module
 */

import type { RespArgument, RespValue } from "./_resp.ts";

/** The variant `redis-parameter`. */
export type RedisParameter =
  | { readonly tag: "int64"; readonly val: bigint }
  | { readonly tag: "binary"; readonly val: Uint8Array };

/** The variant `redis-result`. */
export type RedisResult =
  | { readonly tag: "nil" }
  | { readonly tag: "status"; readonly val: string }
  | { readonly tag: "int64"; readonly val: bigint }
  | { readonly tag: "binary"; readonly val: Uint8Array };

/** The command with its arguments; binary ones, which are views of guest memory, are copied. */
export function toCommand(
  command: string,
  parameters: readonly RedisParameter[],
): RespArgument[] {
  return [
    command,
    ...parameters.map(({ val }) => val instanceof Uint8Array ? val.slice() : val),
  ];
}

const TYPE_ERROR = Object.freeze({ tag: "type-error" });

/** The bytes of a reply, undefined if there are none. @throws the case `type-error`. */
export function toBytes(reply: RespValue): Uint8Array | undefined {
  if (reply.kind === "nil") return undefined;
  if (reply.kind !== "bytes") throw TYPE_ERROR;
  return reply.bytes;
}

/** @throws the case `type-error`. */
export function toInteger(reply: RespValue): bigint {
  if (reply.kind !== "integer") throw TYPE_ERROR;
  return reply.value;
}

/** An integer as `u32`. @throws the case `type-error`. */
export function toCount(reply: RespValue): number {
  const value = toInteger(reply);
  if (value < 0n || value > 0xffff_ffffn) throw TYPE_ERROR;
  return Number(value);
}

/** A list of strings. @throws the case `type-error`, also for bytes that are no UTF-8. */
export function toTexts(reply: RespValue): string[] {
  if (reply.kind !== "list") throw TYPE_ERROR;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return reply.items.map((item) => {
    if (item.kind !== "bytes") throw TYPE_ERROR;
    try {
      return decoder.decode(item.bytes);
    } catch {
      // The interface's type is `string`, which cannot hold the member.
      throw TYPE_ERROR;
    }
  });
}

/**
 * Any reply, its lists flattened into one.
 * @throws the case `other` for maps, which the interface cannot hold, and for errors in a list.
 */
export function toResults(reply: RespValue): RedisResult[] {
  const results: RedisResult[] = [];
  collect(reply, results);
  return results;
}

function collect(reply: RespValue, results: RedisResult[]): void {
  switch (reply.kind) {
    case "nil":
      results.push({ tag: "nil" });
      return;
    case "status":
      results.push({ tag: "status", val: reply.text });
      return;
    case "integer":
      results.push({ tag: "int64", val: reply.value });
      return;
    case "bytes":
      results.push({ tag: "binary", val: reply.bytes });
      return;
    case "list":
      for (const item of reply.items) collect(item, results);
      return;
    case "map":
      throw { tag: "other", val: "the reply has a map, which this interface cannot hold" };
    case "error":
      throw { tag: "other", val: `${reply.code}: ${reply.message}` };
  }
}

/** Commands after which the server treats the connection differently. */
const STATEFUL: ReadonlySet<string> = new Set([
  "ASKING",
  "AUTH",
  "CLIENT",
  "DEBUG",
  "DISCARD",
  "EXEC",
  "HELLO",
  "MULTI",
  "QUIT",
  "READONLY",
  "READWRITE",
  "REPLCONF",
  "RESET",
  "SCRIPT",
  "SELECT",
  "UNWATCH",
  "WATCH",
]);

/** Commands that wait for something to happen. */
const BLOCKING: ReadonlySet<string> = new Set([
  "BLMOVE",
  "BLMPOP",
  "BLPOP",
  "BRPOP",
  "BRPOPLPUSH",
  "BZMPOP",
  "BZPOPMAX",
  "BZPOPMIN",
  "WAIT",
  "WAITAOF",
  "XREAD",
  "XREADGROUP",
]);

/** Commands after which the server sends what nobody asked for. */
const REPEATING: ReadonlySet<string> = new Set([
  "MONITOR",
  "PSUBSCRIBE",
  "PSYNC",
  "PUNSUBSCRIBE",
  "SSUBSCRIBE",
  "SUBSCRIBE",
  "SUNSUBSCRIBE",
  "SYNC",
  "UNSUBSCRIBE",
]);

/** Whether a connection must not be given to somebody else after this command. */
export function isStatefulCommand(command: readonly RespArgument[]): boolean {
  return STATEFUL.has(word(command[0]));
}

/** Whether the reply may take as long as the guest asks for. */
export function isBlockingCommand(command: readonly RespArgument[]): boolean {
  return BLOCKING.has(word(command[0]));
}

/** Whether the command is not answered exactly once, so that replies could not be told apart. */
export function isRepeatingCommand(command: readonly RespArgument[]): boolean {
  const name = word(command[0]);
  return REPEATING.has(name) || (name === "CLIENT" && word(command[1]) === "REPLY");
}

function word(argument: RespArgument | undefined): string {
  const text = argument instanceof Uint8Array ? new TextDecoder().decode(argument) : argument;
  return String(text ?? "").toUpperCase();
}

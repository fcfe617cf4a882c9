/**
 * A key-value store in a Redis server. Keys and values are Redis's own, as in Spin: programs that
 * use the same server see the same data, and labels that share a server share its keys.
 *
 * @module
 */

import { connectRedis, type RedisSocket } from "./_redis_socket.ts";
import { parseRedisAddress } from "./_redis_address.ts";
import type { RespArgument, RespValue } from "./_resp.ts";
import { MAX_RESULT_BYTES, resultTooLarge } from "./_result_limit.ts";
import type { FullKeyValueStore } from "./key_value_stores.ts";
import type { RedisStoreConfig } from "./_store_config.ts";

/** Options of {@link createRedisKeyValueStore}; the defaults are for production. */
export interface RedisKeyValueOptions {
  /** Milliseconds to connect and log in. Default: 10 s. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds for each answer. Default: 10 s. */
  readonly timeoutMs?: number;
}

/**
 * Sets a key if its value is the expected one. A script is one step for the server, so that no
 * connection has to be watched and one serves all guests.
 */
const SWAP_SCRIPT = `local present = redis.call('GET', KEYS[1])
local expected = ARGV[2]
if ARGV[1] == 'absent' then expected = false end
if present ~= expected then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
return 1`;

/** Keys that one step of a scan looks at. */
const SCAN_COUNT = "1000";

/**
 * Creates the store. All guests of the isolate share one connection, which is opened when it is
 * needed, also after the server was away; commands that wait for an answer then fail. The caller
 * closes it.
 */
export function createRedisKeyValueStore(
  config: RedisStoreConfig,
  options: RedisKeyValueOptions = {},
): FullKeyValueStore {
  const connection = new SharedConnection(config, options);
  const run = (...command: RespArgument[]) => connection.run(command);
  return {
    get: async (key) => toBytes(await run("GET", key)),
    async set(key, value) {
      await run("SET", key, value);
    },
    async delete(key) {
      await run("DEL", key);
    },
    exists: async (key) => toInteger(await run("EXISTS", key)) > 0n,
    keys: () => scanKeys(run),
    async getMany(keys) {
      // Redis wants at least one key.
      return keys.length === 0 ? [] : toList(await run("MGET", ...keys)).map(toBytes);
    },
    async setMany(entries) {
      if (entries.length > 0) await run("MSET", ...entries.flat());
    },
    async deleteMany(keys) {
      if (keys.length > 0) await run("DEL", ...keys);
    },
    increment: async (key, delta) => toInteger(await run("INCRBY", key, delta)),
    async compareAndSwap(key, { expected, value }) {
      const condition = expected === undefined ? "absent" : "present";
      const old = expected ?? new Uint8Array();
      const reply = await run("EVAL", SWAP_SCRIPT, "1", key, condition, old, value);
      return toInteger(reply) > 0n;
    },
    close: () => connection.close(),
  };
}

class SharedConnection {
  readonly #config: RedisStoreConfig;
  readonly #options: RedisKeyValueOptions;
  #socket: Promise<RedisSocket> | undefined;

  constructor(config: RedisStoreConfig, options: RedisKeyValueOptions) {
    this.#config = config;
    this.#options = options;
  }

  /** @throws {Error} with the server's message, if it refuses the command. */
  async run(command: readonly RespArgument[]): Promise<RespValue> {
    const socket = await (this.#socket ?? this.#connect());
    const reply = await socket.send(command, this.#options.timeoutMs ?? 10_000);
    if (reply.kind === "error") throw new Error(`${reply.code}: ${reply.message}`);
    return reply;
  }

  close(): void {
    // A connection that failed has told its users.
    this.#socket?.then((socket) => socket.close(), () => {});
    this.#socket = undefined;
  }

  #connect(): Promise<RedisSocket> {
    const opening = this.#open();
    this.#socket = opening;
    // The next command opens another one, unless that has been done already.
    const forget = () => {
      if (this.#socket === opening) this.#socket = undefined;
    };
    opening.then((socket) => socket.onClosed(forget), forget);
    return opening;
  }

  async #open(): Promise<RedisSocket> {
    const address = parseRedisAddress(this.#config.url);
    if (!address) throw new Error("Invalid address of a Redis server");
    return await connectRedis(address, {
      // Blocked networks are closed to guests; this address is the operator's own.
      isBlocked: () => false,
      timeoutMs: this.#options.connectTimeoutMs ?? 10_000,
      maxReplyBytes: MAX_RESULT_BYTES,
    });
  }
}

/**
 * All keys, without stopping the server as `KEYS` does. Keys that are not UTF-8 are left out: guests
 * could not name them.
 */
async function scanKeys(
  run: (...command: RespArgument[]) => Promise<RespValue>,
): Promise<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // A scan may give a key more than once.
  const keys = new Set<string>();
  let size = 0;
  let cursor = "0";
  do {
    const [next, found] = toList(await run("SCAN", cursor, "COUNT", SCAN_COUNT));
    cursor = new TextDecoder().decode(toBytes(next!));
    for (const item of toList(found!)) {
      const key = decode(toBytes(item), decoder);
      if (key === undefined || keys.has(key)) continue;
      keys.add(key);
      size += key.length;
      if (size > MAX_RESULT_BYTES) throw resultTooLarge();
    }
  } while (cursor !== "0");
  return [...keys];
}

function decode(bytes: Uint8Array | undefined, decoder: TextDecoder): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    // Not UTF-8.
    return undefined;
  }
}

function toBytes(reply: RespValue): Uint8Array | undefined {
  if (reply.kind === "nil") return undefined;
  if (reply.kind === "bytes") return reply.bytes;
  throw unexpected();
}

function toInteger(reply: RespValue): bigint {
  if (reply.kind === "integer") return reply.value;
  throw unexpected();
}

function toList(reply: RespValue): readonly RespValue[] {
  if (reply.kind === "list") return reply.items;
  throw unexpected();
}

function unexpected(): Error {
  return new Error("the Redis server sent a reply of an unexpected type");
}

/**
 * `fermyon:spin/redis` (v1, functions with the address first), `fermyon:spin/redis@2.0.0` (a resource)
 * and `spin:redis@3.0.0` (the same, asynchronous).
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { ComponentContext, ImportObject } from "./component_context.ts";
import {
  isBlockingCommand,
  isRepeatingCommand,
  isStatefulCommand,
  type RedisParameter,
  type RedisResult,
  toBytes,
  toCommand,
  toCount,
  toInteger,
  toResults,
  toTexts,
} from "./_redis_values.ts";
import type { RedisSocket } from "./_redis_socket.ts";
import type { RespArgument, RespValue } from "./_resp.ts";
import { TooManyConnectionsError } from "./connection_limits.ts";
import { InvalidAddressError, type RedisConnections, type RedisUser } from "./redis_connections.ts";

/** Milliseconds that a server may take to answer a command that does not wait by its nature. */
const REPLY_MS = 30_000;

/** The same for commands such as `BLPOP`, which end by a time limit of their own or by an event. */
const BLOCKING_REPLY_MS = 10 * 60_000;

/**
 * The Redis interfaces of one component. Connections are taken from `connections`, which the caller
 * closes.
 */
export function createSpinRedis(
  component: ComponentContext,
  connections: RedisConnections,
): ImportObject {
  const open = createOpener(component, connections);
  const Connection = createConnectionClass(open);
  return {
    "fermyon:spin/redis": createFunctions(open),
    "fermyon:spin/redis@2.0.0": { Connection },
    "spin:redis/redis@3.0.0": { Connection },
  };
}

/** A connection of a guest. */
interface Session {
  /**
   * Sends a command and gives its reply to `read`.
   * @throws the variant `error`.
   */
  run<T>(command: readonly RespArgument[], read: (reply: RespValue) => T): Promise<T>;
  /** Gives the connection to the next guest, or closes it if this one has left a trace on it. */
  close(): void;
}

/** @throws the variant `error`. */
type Opener = (address: string) => Promise<Session>;

/** The variant `error` of `redis@2.0.0`. */
type GuestError =
  | { readonly tag: "invalid-address" | "too-many-connections" | "type-error" }
  | { readonly tag: "other"; readonly val: string };

/** The variant that says why there is no connection, or no reply. */
function toGuestError(error: unknown): GuestError {
  if (error instanceof InvalidAddressError) return { tag: "invalid-address" };
  if (error instanceof TooManyConnectionsError) return { tag: "too-many-connections" };
  return { tag: "other", val: errorText(error) };
}

function createOpener(component: ComponentContext, connections: RedisConnections): Opener {
  const user: RedisUser = { owner: component.id, outbound: component.outbound };

  async function take(address: string): Promise<RedisSocket> {
    if (!await component.outbound.check(address, "redis")) {
      throw { tag: "invalid-address" } satisfies GuestError;
    }
    try {
      return await connections.take(address, user);
    } catch (error) {
      throw toGuestError(error);
    }
  }

  return async (address) => {
    // Connecting now tells the guest at once what is wrong. A guest that is ended while it waits
    // never gets the session, so none holds a connection before its first command.
    connections.giveBack(await take(address), { address, user });
    return createSession({
      take: () => take(address),
      giveBack: (socket) => connections.giveBack(socket, { address, user }),
    });
  };
}

interface SocketSource {
  take(): Promise<RedisSocket>;
  giveBack(socket: RedisSocket): void;
}

/** A session keeps its connection from its first command on, and replaces it when it has broken. */
function createSession(source: SocketSource): Session {
  let held: RedisSocket | undefined;
  let connecting: Promise<RedisSocket> | undefined;
  let isStateful = false;
  let isClosed = false;

  function socket(): RedisSocket | Promise<RedisSocket> {
    if (isClosed) throw other("the connection was closed");
    if (held?.isOpen) return held;
    // A new one would be in another database, or outside of the transaction.
    if (held && isStateful) throw other("the connection was lost, and its state with it");
    return connecting ??= connect().finally(() => connecting = undefined);
  }

  async function connect(): Promise<RedisSocket> {
    const taken = await source.take();
    if (!isClosed) return held = taken;
    source.giveBack(taken);
    throw other("the connection was closed");
  }

  return {
    async run(command, read) {
      if (isRepeatingCommand(command)) {
        throw other(`${command[0]} is not possible here: it is answered more than once`);
      }
      const connection = await socket();
      isStateful ||= isStatefulCommand(command);
      return read(await send(connection, command));
    },
    close() {
      isClosed = true;
      if (!held) return;
      if (isStateful) held.close();
      else source.giveBack(held);
      held = undefined;
    },
  };
}

async function send(socket: RedisSocket, command: readonly RespArgument[]): Promise<RespValue> {
  try {
    return await socket.send(command, isBlockingCommand(command) ? BLOCKING_REPLY_MS : REPLY_MS);
  } catch (error) {
    throw toGuestError(error);
  }
}

function other(text: string): GuestError {
  return { tag: "other", val: text };
}

function createConnectionClass(open: Opener): unknown {
  return class Connection {
    readonly #session: Session;

    private constructor(session: Session) {
      this.#session = session;
    }

    static async open(address: string): Promise<Connection> {
      return new Connection(await open(address));
    }

    publish(channel: string, payload: Uint8Array): Promise<void> {
      return this.#run(["PUBLISH", channel, payload.slice()], () => {});
    }

    get(key: string): Promise<Uint8Array | undefined> {
      return this.#run(["GET", key], toBytes);
    }

    set(key: string, value: Uint8Array): Promise<void> {
      return this.#run(["SET", key, value.slice()], () => {});
    }

    incr(key: string): Promise<bigint> {
      return this.#run(["INCR", key], toInteger);
    }

    del(keys: string[]): Promise<number> {
      return this.#run(["DEL", ...keys], toCount);
    }

    sadd(key: string, values: string[]): Promise<number> {
      return this.#run(["SADD", key, ...values], toCount);
    }

    smembers(key: string): Promise<string[]> {
      return this.#run(["SMEMBERS", key], toTexts);
    }

    srem(key: string, values: string[]): Promise<number> {
      return this.#run(["SREM", key, ...values], toCount);
    }

    execute(command: string, parameters: RedisParameter[]): Promise<RedisResult[]> {
      return this.#run(toCommand(command, parameters), toResults);
    }

    #run<T>(command: readonly RespArgument[], read: (reply: RespValue) => T): Promise<T> {
      return this.#session.run(command, (reply) => read(withoutError(reply)));
    }

    [Symbol.dispose](): void {
      this.#session.close();
    }
  };
}

/** @throws the variant case `other`, in the form that Spin gives it. */
function withoutError(reply: RespValue): RespValue {
  if (reply.kind !== "error") return reply;
  throw other(reply.message === "" ? reply.code : `${reply.code}: ${reply.message}`);
}

/** The v1 functions: a connection for each call. Their errors say nothing but `error`. */
function createFunctions(open: Opener): Record<string, unknown> {
  async function run<T>(
    address: string,
    { command, read }: { command: readonly RespArgument[]; read: (reply: RespValue) => T },
  ): Promise<T> {
    let session: Session | undefined;
    try {
      session = await open(address);
      return await session.run(command, (reply) => read(withoutError(reply)));
    } catch {
      // The interface has no room for the reason.
      throw "error";
    } finally {
      session?.close();
    }
  }

  return {
    publish: (address: string, channel: string, payload: Uint8Array) =>
      run(address, { command: ["PUBLISH", channel, payload.slice()], read: () => {} }),
    get: (address: string, key: string) =>
      run(address, {
        command: ["GET", key],
        read: (reply) => toBytes(reply) ?? new Uint8Array(0),
      }),
    set: (address: string, key: string, value: Uint8Array) =>
      run(address, { command: ["SET", key, value.slice()], read: () => {} }),
    incr: (address: string, key: string) =>
      run(address, { command: ["INCR", key], read: toInteger }),
    del: (address: string, keys: string[]) =>
      run(address, { command: ["DEL", ...keys], read: toInteger }),
    sadd: (address: string, key: string, values: string[]) =>
      run(address, { command: ["SADD", key, ...values], read: toInteger }),
    smembers: (address: string, key: string) =>
      run(address, { command: ["SMEMBERS", key], read: toTexts }),
    srem: (address: string, key: string, values: string[]) =>
      run(address, { command: ["SREM", key, ...values], read: toInteger }),
    execute: (address: string, command: string, parameters: RedisParameter[]) =>
      run(address, { command: toCommand(command, parameters), read: toResults }),
  };
}

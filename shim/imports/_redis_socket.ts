/**
 * One connection to a Redis server. Loaded when a guest first uses Redis.
 *
 * @module
 */

import type { Socket } from "node:net";
import { errorText } from "../../lib/errors.ts";
import type { RedisAddress } from "./_redis_address.ts";
import {
  encodeCommand,
  type RespArgument,
  RespDecoder,
  RespError,
  type RespValue,
} from "./_resp.ts";
import { connectServer, orAbort } from "./_server_socket.ts";

/** Options of {@link connectRedis}. */
export interface ConnectRedisOptions {
  /** Whether the operator forbids a resolved address. */
  readonly isBlocked: (ip: string) => boolean;
  /** Milliseconds for the lookup, the connection and the login together. */
  readonly timeoutMs: number;
  /** Most bytes of one reply. */
  readonly maxReplyBytes: number;
}

/** Milliseconds of silence after which the system asks whether the server is still there. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Connects, logs in and selects the database. The caller closes the result.
 * @throws {Error} whose message names the server, never the password.
 */
export async function connectRedis(
  address: RedisAddress,
  options: ConnectRedisOptions,
): Promise<RedisSocket> {
  return await connectServer(address, {
    ...options,
    what: "Redis server",
    greet: (socket, signal) => logIn(new RedisSocket(socket, options), { address, signal }),
  });
}

async function logIn(
  socket: RedisSocket,
  { address, signal }: { address: RedisAddress; signal: AbortSignal },
): Promise<RedisSocket> {
  const { username, password, database } = address;
  const commands: RespArgument[][] = [];
  if (username !== "") commands.push(["AUTH", username, password]);
  else if (password !== "") commands.push(["AUTH", password]);
  if (database !== 0) commands.push(["SELECT", String(database)]);
  try {
    for (const command of commands) {
      const reply = await orAbort(socket.send(command), signal);
      if (reply.kind === "error") throw new Error(`${reply.code}: ${reply.message}`);
    }
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

interface PendingReply {
  readonly resolve: (reply: RespValue) => void;
  readonly reject: (error: unknown) => void;
}

/** Gets what comes over a connection that only listens. */
export interface RedisListener {
  onReply(reply: RespValue): void;
  onClosed(error: Error): void;
}

/** A connection that is logged in. Whoever has it closes it. */
export class RedisSocket {
  readonly #socket: Socket;
  readonly #decoder: RespDecoder;
  readonly #pending: PendingReply[] = [];
  #onClosed: (() => void) | undefined;
  #listener: RedisListener | undefined;
  #failure: Error | undefined;

  /** @param socket Connected. */
  constructor(socket: Socket, options: ConnectRedisOptions) {
    this.#socket = socket;
    this.#decoder = new RespDecoder({
      maxReplyBytes: options.maxReplyBytes,
      onReply: (reply) => this.#onReply(reply),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the Redis server closed the connection")));
  }

  /** Whether commands can be sent. */
  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** Whether replies are awaited. */
  get isBusy(): boolean {
    return this.#pending.length > 0;
  }

  /** Has `listener` called once when the connection is closed, by whichever side; now if it is. */
  onClosed(listener: () => void): void {
    if (this.isOpen) this.#onClosed = listener;
    else listener();
  }

  /**
   * Sends a command, whose arguments are copied, and resolves with its reply, which may be an error
   * of the server.
   * @param timeoutMs Closes the connection when there is no reply by then; default: no limit.
   * @throws {Error} by rejection, if the connection is closed or breaks.
   */
  async send(command: readonly RespArgument[], timeoutMs?: number): Promise<RespValue> {
    if (this.#failure) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<RespValue>();
    this.#pending.push({ resolve, reject });
    this.#socket.write(encodeCommand(command));
    if (timeoutMs === undefined) return await promise;
    const timer = setTimeout(() => {
      this.#fail(new Error(`the Redis server did not answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Sends a command whose replies never end, as `SUBSCRIBE` is. Nothing else can be sent after it.
   * All replies go to `listener`, and the reason when the connection ends.
   */
  listen(command: readonly RespArgument[], listener: RedisListener): void {
    if (this.#failure) return listener.onClosed(this.#failure);
    this.#listener = listener;
    this.#socket.write(encodeCommand(command));
  }

  /** Closes the connection; replies that are awaited are rejected. Further calls have no effect. */
  close(): void {
    this.#fail(new Error("the connection was closed"));
  }

  #onData(chunk: Uint8Array): void {
    if (!this.isOpen) return;
    try {
      this.#decoder.write(chunk);
    } catch (error) {
      this.#fail(
        error instanceof RespError
          ? new Error(`the Redis server does not speak the protocol: ${error.message}`)
          : error instanceof Error
          ? error
          : new Error(errorText(error)),
      );
    }
  }

  #onReply(reply: RespValue): void {
    if (this.#listener) return this.#listener.onReply(reply);
    const pending = this.#pending.shift();
    // After an answer to no question it is unknown to which one the next answer belongs.
    if (pending) pending.resolve(reply);
    else this.#fail(new Error("the Redis server sent a reply to no command"));
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#socket.destroy();
    for (const { reject } of this.#pending.splice(0)) reject(error);
    this.#onClosed?.();
    this.#listener?.onClosed(error);
  }
}

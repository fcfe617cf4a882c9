/**
 * One connection to a Redis server. Loaded when a guest first uses Redis.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { errorText } from "../../lib/errors.ts";
import type { RedisAddress } from "./_redis_address.ts";
import { encodeCommand, type RespArgument, RespDecoder, type RespValue } from "./_resp.ts";

/** Options of {@link connectRedis}. */
export interface ConnectRedisOptions {
  /** Whether the operator forbids a resolved address. */
  readonly isBlocked: (ip: string) => boolean;
  /** Milliseconds for the lookup, the connection and the login together. */
  readonly timeoutMs: number;
  /** Most bytes of one reply. */
  readonly maxReplyBytes: number;
}

/** Addresses of one name that are tried. */
const MAX_ADDRESSES = 4;

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
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Error(`no answer within ${options.timeoutMs / 1000} s`)),
    options.timeoutMs,
  );
  try {
    const ips = await resolveHost(address.host, { ...options, signal: deadline.signal });
    const socket = await connectFirst(ips, { address, options, signal: deadline.signal });
    return await logIn(new RedisSocket(socket, options), { address, signal: deadline.signal });
  } catch (error) {
    const { host, port } = address;
    const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    throw new Error(`Cannot connect to the Redis server ${where}: ${errorText(error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The addresses of a host that are not blocked: what is checked is what is used. */
async function resolveHost(
  host: string,
  { isBlocked, signal }: { isBlocked: (ip: string) => boolean; signal: AbortSignal },
): Promise<string[]> {
  const found = isIP(host) === 0 ? await orAbort(lookup(host, { all: true }), signal) : [
    { address: host },
  ];
  const ips = found.map(({ address }) => address).filter((ip) => !isBlocked(ip));
  if (ips.length === 0) throw new Error("its address is prohibited by the runtime configuration");
  return ips.slice(0, MAX_ADDRESSES);
}

async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

interface Target {
  readonly address: RedisAddress;
  readonly options: ConnectRedisOptions;
  readonly signal: AbortSignal;
}

/** Tries one address after the other, each for its share of the time. */
async function connectFirst(ips: readonly string[], target: Target): Promise<Socket> {
  const shareMs = target.options.timeoutMs / ips.length;
  let failure: unknown;
  for (const ip of ips) {
    try {
      return await connectOne(ip, { ...target, timeoutMs: shareMs });
    } catch (error) {
      target.signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

function connectOne(
  ip: string,
  { address, signal, timeoutMs }: Target & { timeoutMs: number },
): Promise<Socket> {
  const { port, host, isTls } = address;
  const socket = isTls
    ? connectTls({ host: ip, port, ...(isIP(host) === 0 ? { servername: host } : {}) })
    : connectTcp({ host: ip, port });
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const abort = () => socket.destroy(signal.reason);
  const timer = setTimeout(() => socket.destroy(new Error("connection timed out")), timeoutMs);
  signal.addEventListener("abort", abort);
  socket.once(isTls ? "secureConnect" : "connect", () => resolve(socket));
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the connection was closed")));
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
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

/** A connection that is logged in. Whoever has it closes it. */
export class RedisSocket {
  readonly #socket: Socket;
  readonly #decoder: RespDecoder;
  readonly #pending: PendingReply[] = [];
  #onClosed: (() => void) | undefined;
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

  /** Closes the connection; replies that are awaited are rejected. Further calls have no effect. */
  close(): void {
    this.#fail(new Error("the connection was closed"));
  }

  #onData(chunk: Uint8Array): void {
    if (!this.isOpen) return;
    try {
      this.#decoder.write(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(errorText(error)));
    }
  }

  #onReply(reply: RespValue): void {
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
  }
}

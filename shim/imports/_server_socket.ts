/**
 * Connections to brokers and stores that a guest names, with TLS where the address wants it.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { errorText } from "../../lib/errors.ts";

/** Where a server listens. */
export interface ServerAddress {
  /** Name or literal address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

/** Options of {@link connectServer}. */
export interface ConnectServerOptions {
  /** What the server is, for messages: `Redis server`. */
  readonly what: string;
  /** Whether the operator forbids a resolved address. */
  readonly isBlocked: (ip: string) => boolean;
  /** Milliseconds for the lookup, the connection and `greet` together. */
  readonly timeoutMs: number;
}

/** Addresses of one name that are tried. */
const MAX_ADDRESSES = 4;

/** Milliseconds of silence after which the system asks whether the server is still there. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Connects, and lets `greet` make something of the socket, such as a session that is logged in.
 * `greet` gets a signal that fires when the time is over, and closes the socket if it fails.
 * @throws {Error} whose message names the server, nothing else of the address.
 */
export async function connectServer<T>(
  address: ServerAddress,
  options: ConnectServerOptions & {
    readonly greet: (socket: Socket, signal: AbortSignal) => Promise<T>;
  },
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Error(`no answer within ${options.timeoutMs / 1000} s`)),
    options.timeoutMs,
  );
  try {
    const { signal } = deadline;
    const ips = await resolveHost(address.host, { isBlocked: options.isBlocked, signal });
    const timeoutMs = options.timeoutMs / ips.length;
    const plain = await connectFirst(ips, { port: address.port, signal, timeoutMs });
    const socket = address.isTls ? await startTls(plain, { host: address.host, signal }) : plain;
    return await options.greet(socket, signal);
  } catch (error) {
    const { host, port } = address;
    const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    throw new Error(`Cannot connect to the ${options.what} ${where}: ${errorText(error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The result of `promise`, or the reason of `signal` by rejection, whichever comes first. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The addresses of a host that are not blocked: what is checked is what is used. */
async function resolveHost(
  host: string,
  { isBlocked, signal }: { isBlocked: (ip: string) => boolean; signal: AbortSignal },
): Promise<string[]> {
  const found = isIP(host) === 0
    ? await orAbort(lookup(host, { all: true }), signal)
    : [{ address: host }];
  const ips = found.map(({ address }) => address).filter((ip) => !isBlocked(ip));
  if (ips.length === 0) throw new Error("its address is prohibited by the runtime configuration");
  return ips.slice(0, MAX_ADDRESSES);
}

interface Attempt {
  readonly port: number;
  readonly signal: AbortSignal;
  /** Milliseconds for each address. */
  readonly timeoutMs: number;
}

/** Tries one address after the other. */
async function connectFirst(ips: readonly string[], attempt: Attempt): Promise<Socket> {
  let failure: unknown;
  for (const ip of ips) {
    try {
      return await connectOne(ip, attempt);
    } catch (error) {
      attempt.signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

function connectOne(host: string, { port, signal, timeoutMs }: Attempt): Promise<Socket> {
  const socket = connect({ host, port });
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const abort = () => socket.destroy(signal.reason);
  const onClose = () => reject(new Error("the connection was closed"));
  const timer = setTimeout(() => socket.destroy(new Error("connection timed out")), timeoutMs);
  signal.addEventListener("abort", abort);
  socket.once("connect", () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    resolve(socket);
  });
  // Stays, so that an error between two owners of the socket does not end the process.
  socket.on("error", reject);
  socket.once("close", onClose);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    socket.off("close", onClose);
  });
}

/** Has the server prove its name. A literal address is proved as such, without being sent. */
async function startTls(
  socket: Socket,
  { host, signal }: { host: string; signal: AbortSignal },
): Promise<Socket> {
  const secure = connectTls({ socket, ...(isIP(host) === 0 ? { servername: host } : { host }) });
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const onClose = () => reject(new Error("the connection was closed"));
  secure.once("secureConnect", () => resolve(secure));
  // Stays, so that an error between two owners of the socket does not end the process.
  secure.on("error", reject);
  secure.once("close", onClose);
  try {
    return await orAbort(promise, signal);
  } catch (error) {
    secure.destroy();
    throw error;
  } finally {
    secure.off("close", onClose);
  }
}

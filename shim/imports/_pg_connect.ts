/**
 * Connects to PostgreSQL servers, with TLS if they offer it. Loaded when a guest first uses
 * PostgreSQL.
 *
 * @module
 */

import { isIP, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import { serialize } from "pg-protocol";
import { errorText } from "../../lib/errors.ts";
import { PG_DEFAULT_PORT, type PgAddress, type PgHost } from "./_pg_address.ts";
import { PgSocket, type PgSocketOptions } from "./_pg_socket.ts";
import { connectServer } from "./_server_socket.ts";

/** Options of {@link connectPg}. */
export interface ConnectPgOptions extends PgSocketOptions {
  /** Whether the operator forbids a resolved address. */
  readonly isBlocked: (ip: string) => boolean;
  /** Certificates in PEM that are trusted besides the usual ones. */
  readonly caRoots: readonly string[];
  /** Milliseconds to connect and log in, unless the address says otherwise. */
  readonly timeoutMs: number;
}

/** Longest time that an address may ask for, in milliseconds. */
const MAX_CONNECT_TIMEOUT_MS = 60_000;

/** Milliseconds of silence after which the system asks whether the server is still there. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Connects to the first server of the address that can be reached, and logs in. The caller closes
 * the result.
 * @throws {Error} whose message names the servers, never the password.
 */
export async function connectPg(
  address: PgAddress,
  options: ConnectPgOptions,
): Promise<PgSocket> {
  const failures: unknown[] = [];
  for (const host of address.hosts) {
    try {
      return await connectHost(host, { address, options });
    } catch (error) {
      failures.push(error);
    }
  }
  throw new Error(failures.map(errorText).join("; "), { cause: failures.at(-1) });
}

interface Login {
  readonly address: PgAddress;
  readonly options: ConnectPgOptions;
}

function connectHost(host: PgHost, login: Login): Promise<PgSocket> {
  const { address, options } = login;
  const target = {
    host: host.hostAddress ?? host.host,
    port: host.port ?? PG_DEFAULT_PORT,
    isTls: false,
  };
  return connectServer(target, {
    what: "PostgreSQL server",
    isBlocked: options.isBlocked,
    timeoutMs: Math.min(address.connectTimeoutMs ?? options.timeoutMs, MAX_CONNECT_TIMEOUT_MS),
    async greet(socket, signal) {
      const abort = () => socket.destroy(signal.reason);
      signal.addEventListener("abort", abort);
      try {
        socket.setNoDelay(true);
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
        const secured = address.sslMode === "disable"
          ? socket
          : await negotiateTls(socket, { host: host.host, login });
        const connection = new PgSocket(secured, options);
        await connection.logIn(address);
        return connection;
      } catch (error) {
        socket.destroy();
        // The error of a socket that was destroyed says less than why it was.
        signal.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener("abort", abort);
      }
    },
  });
}

/** Asks for TLS. The answer is one byte, before anything else. */
async function negotiateTls(
  socket: Socket,
  { host, login }: { host: string; login: Login },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const onClose = () => reject(new Error("the server closed the connection"));
  socket.once("data", resolve);
  socket.on("error", reject);
  socket.once("close", onClose);
  socket.write(serialize.requestSsl());
  const answer = await promise;
  socket.off("close", onClose);
  const text = String.fromCharCode(...answer);
  if (text === "N" && login.address.sslMode === "prefer") return socket;
  if (text === "N") throw new Error("the server does not offer TLS, which sslmode=require demands");
  // More than one byte would be plain text that claims to be protected.
  if (text !== "S") throw new Error("the server gave no valid answer to the request for TLS");
  return await startTls(socket, { host, caRoots: login.options.caRoots });
}

function startTls(
  socket: Socket,
  { host, caRoots }: { host: string; caRoots: readonly string[] },
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const secured = connectTls({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(caRoots.length === 0 ? {} : { ca: [...rootCertificates, ...caRoots] }),
  });
  const onClose = () => reject(new Error("the server closed the connection"));
  secured.once("secureConnect", () => {
    secured.off("close", onClose);
    resolve(secured);
  });
  secured.on("error", reject);
  secured.once("close", onClose);
  return promise;
}

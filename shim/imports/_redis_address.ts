/**
 * Addresses of Redis servers: `redis[s]://[[username]:password@]host[:port][/database]`.
 *
 * @module
 */

/** A parsed address. */
export interface RedisAddress {
  /** Name or literal address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly username: string;
  readonly password: string;
  readonly database: number;
}

const DEFAULT_PORT = 6379;

/**
 * Parses an address; undefined if it is none. The scheme is required, as in the original, and
 * sockets in the file system are none: they would be files of the host.
 */
export function parseRedisAddress(text: string): RedisAddress | undefined {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "redis:" && url.protocol !== "rediss:")) return undefined;
  // The check of allowed hosts takes everything before an `@` for a password, even there.
  if ((url.search + url.hash).includes("@")) return undefined;
  const host = decode(url.hostname.replace(/^\[|\]$/g, ""));
  const username = decode(url.username);
  const password = decode(url.password);
  // One slash may end an address without a database.
  const database = /^\/?(\d{0,9})$/.exec(url.pathname)?.[1];
  if (!host || username === undefined || password === undefined || database === undefined) {
    return undefined;
  }
  return {
    host,
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    isTls: url.protocol === "rediss:",
    username,
    password,
    database: Number(database),
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A `%` without two digits: the address is none.
    return undefined;
  }
}

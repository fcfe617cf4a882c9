/**
 * Addresses of PostgreSQL servers: `postgres://user:password@host[:port],…/database?key=value`, or
 * `key=value` pairs as libpq has them.
 *
 * @module
 */

import { isIP } from "node:net";

/** One server of an address. */
export interface PgHost {
  /** Name or literal address, without brackets; also the name in the server's certificate. */
  readonly host: string;
  /** The literal address to connect to instead of looking up `host`. */
  readonly hostAddress: string | undefined;
  /** Undefined if the address names none: 5432. */
  readonly port: number | undefined;
}

/** A parsed address. */
export interface PgAddress {
  /** The servers to try, in their order; at least one. */
  readonly hosts: readonly PgHost[];
  readonly user: string;
  /** Undefined if the address has none. */
  readonly password: string | undefined;
  readonly database: string;
  /** `disable` never uses TLS, `require` only TLS, `prefer` whatever the server offers. */
  readonly sslMode: "disable" | "prefer" | "require";
  /** Milliseconds for each host; undefined if the address does not say. */
  readonly connectTimeoutMs: number | undefined;
  /** Parameters that the server is told at the start. */
  readonly startup: Readonly<Record<string, string>>;
}

/** The address names a socket in the file system of the host. */
export class UnixSocketError extends Error {
  override readonly name = "UnixSocketError";
}

/** The port of a server whose address names none. */
export const PG_DEFAULT_PORT = 5432;

/** Settings that say how a client connects; here they have no effect. */
const IGNORED: readonly string[] = [
  "channel_binding",
  "keepalives",
  "keepalives_idle",
  "keepalives_interval",
  "keepalives_retries",
  "load_balance_hosts",
  "tcp_user_timeout",
];

const SSL_MODES: Readonly<Record<string, PgAddress["sslMode"]>> = {
  disable: "disable",
  prefer: "prefer",
  require: "require",
  // The certificate is always verified.
  "verify-ca": "require",
  "verify-full": "require",
};

/**
 * Parses an address.
 * @throws {UnixSocketError} if it names a socket file.
 * @throws {SyntaxError} if it is none; the message has no credentials in it.
 */
export function parsePgAddress(text: string): PgAddress {
  const match = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text);
  return toAddress(match ? parseUrl(match[1]!) : parsePairs(text));
}

type Settings = Map<string, string>;

function parseUrl(rest: string): Settings {
  const [, beforeQuery = "", query] = /^([^?]*)(?:\?(.*))?$/s.exec(rest)!;
  const at = beforeQuery.lastIndexOf("@");
  const settings: Settings = new Map();
  if (at >= 0) {
    const [user = "", ...password] = beforeQuery.slice(0, at).split(":");
    settings.set("user", decode(user));
    if (password.length > 0) settings.set("password", decode(password.join(":")));
  }
  const [, authority = "", database] = /^([^/]*)(?:\/(.*))?$/s.exec(beforeQuery.slice(at + 1))!;
  if (authority !== "") readAuthority(settings, authority);
  if (database) settings.set("dbname", decode(database));
  for (const pair of query ? query.split("&") : []) {
    const [key = "", ...value] = pair.split("=");
    if (pair !== "") settings.set(decode(key), decode(value.join("=")));
  }
  return settings;
}

/** `host[:port],[v6]:port,…`. */
function readAuthority(settings: Settings, authority: string): void {
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const part of authority.split(",")) {
    const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(part);
    if (!match) throw new SyntaxError("invalid connection string: invalid host or port");
    hosts.push(match[1] ?? decode(match[2] ?? ""));
    ports.push(match[3] ?? "");
  }
  settings.set("host", hosts.join(","));
  if (ports.some((port) => port !== "")) settings.set("port", ports.join(","));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SyntaxError("invalid connection string: invalid percent-encoding");
  }
}

/** `key = value key='it\'s'`. */
function parsePairs(text: string): Settings {
  const settings: Settings = new Map();
  const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))(?=\s|$)/sy;
  const end = text.trimEnd().length;
  while (pair.lastIndex < end) {
    const match = pair.exec(text);
    if (!match) throw new SyntaxError("invalid connection string: expected key=value");
    settings.set(match[1]!, (match[2] ?? match[3]!).replace(/\\(.)/gs, "$1"));
  }
  return settings;
}

function toAddress(settings: Settings): PgAddress {
  // The protocol ends texts by it.
  if ([...settings.values()].some((value) => value.includes("\0"))) {
    throw new SyntaxError("invalid connection string: it has a NUL character");
  }
  const take = (key: string): string | undefined => {
    const value = settings.get(key);
    settings.delete(key);
    return value;
  };
  const hosts = readHosts({ host: take("host"), hostaddr: take("hostaddr"), port: take("port") });
  const user = take("user");
  if (!user) throw invalid("user", "the address names no user");
  const sslMode = SSL_MODES[take("sslmode") ?? "prefer"];
  if (!sslMode) throw invalid("sslmode", "use disable, prefer or require");
  const negotiation = take("sslnegotiation") ?? "postgres";
  if (negotiation !== "postgres") throw invalid("sslnegotiation", "use postgres");
  const session = take("target_session_attrs") ?? "any";
  if (session !== "any") throw invalid("target_session_attrs", "use any");
  const address = {
    hosts,
    user,
    password: take("password"),
    database: take("dbname") || user,
    sslMode,
    connectTimeoutMs: readTimeout(take("connect_timeout")),
    startup: readStartup(take),
  };
  const unknown = [...settings.keys()].find((key) => !IGNORED.includes(key));
  if (unknown === undefined) return address;
  throw new SyntaxError(`invalid connection string: unknown option \`${unknown}\``);
}

function invalid(option: string, reason: string): SyntaxError {
  return new SyntaxError(
    `invalid connection string: invalid value for option \`${option}\`: ${reason}`,
  );
}

function readStartup(take: (key: string) => string | undefined): Record<string, string> {
  const options = take("options");
  const applicationName = take("application_name");
  return {
    ...(options ? { options } : {}),
    ...(applicationName ? { application_name: applicationName } : {}),
  };
}

/** Seconds; zero and below mean the default, as libpq has it. */
function readTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d{1,6}$/.test(text)) throw invalid("connect_timeout", "use a number of seconds");
  return Number(text) > 0 ? Number(text) * 1_000 : undefined;
}

function readHosts(
  { host, hostaddr, port }: {
    host: string | undefined;
    hostaddr: string | undefined;
    port: string | undefined;
  },
): PgHost[] {
  const names = host ? host.split(",") : [];
  const addresses = hostaddr ? hostaddr.split(",") : [];
  const ports = port ? port.split(",") : [];
  const count = Math.max(names.length, addresses.length);
  if (count === 0) throw invalid("host", "the address names no host");
  if (names.length > 0 && addresses.length > 0 && names.length !== addresses.length) {
    throw invalid("hostaddr", "there must be as many as hosts");
  }
  if (ports.length > 1 && ports.length !== count) {
    throw invalid("port", "there must be one, or as many as hosts");
  }
  return Array.from({ length: count }, (_, index) => {
    const hostAddress = addresses[index] || undefined;
    const name = names[index] || hostAddress;
    if (!name) throw invalid("host", "the address names no host");
    if (/^[/@]/.test(name)) {
      throw new UnixSocketError("Unix sockets are not supported on WebAssembly");
    }
    // The check of allowed hosts and the connecting must not read different hosts out of it.
    if (/[\s/@?#\\%]/.test(name)) throw invalid("host", "it is no name or IP address");
    if (hostAddress !== undefined && isIP(hostAddress) === 0) {
      throw invalid("hostaddr", "it is no IP address");
    }
    return { host: name, hostAddress, port: readPort(ports[index] ?? ports[0]) };
  });
}

function readPort(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 0xffff) throw invalid("port", "use a number from 1 to 65535");
  return port;
}

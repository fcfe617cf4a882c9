/**
 * Addresses of MySQL servers: `mysql://[user[:password]@]host[:port][/database][?key=value]`.
 *
 * @module
 */

/** A parsed address. */
export interface MysqlAddress {
  /** Name or literal address, without brackets. */
  readonly host: string;
  /** Undefined if the address names none: 3306. */
  readonly port: number | undefined;
  readonly user: string;
  readonly password: string;
  /** Empty if the address names none. */
  readonly database: string;
  readonly isTls: boolean;
}

/** The port of a server whose address names none. */
export const MYSQL_DEFAULT_PORT = 3306;

/** Settings of the original's client that say how it keeps connections; here without effect. */
const IGNORED: readonly string[] = [
  "abs_conn_ttl",
  "client_found_rows",
  "compression",
  "conn_ttl",
  "inactive_connection_ttl",
  "max_allowed_packet",
  "pool_max",
  "pool_min",
  "prefer_socket",
  "reset_connection",
  "secure_auth",
  "stmt_cache_size",
  "tcp_keepalive",
  "tcp_nodelay",
  "ttl_check_interval",
  "wait_timeout",
];

const ADDRESS =
  /^mysql:\/\/(?:([^/?#]*)@)?(?:\[([\da-fA-F:.]+)\]|([^\s/?#@:%[\]\\]+))(?::(\d{1,5}))?(?:\/([^/?#]*))?(?:\?([^#]*))?$/;

/**
 * Parses an address.
 * @throws {SyntaxError} if it is none; the message has no credentials in it.
 */
export function parseMysqlAddress(text: string): MysqlAddress {
  const match = ADDRESS.exec(text);
  if (!match) throw invalid("it is not in the form mysql://user:password@host:port/database");
  const [, userInfo = "", ipv6, name, port, database = "", query = ""] = match;
  const [user = "", ...password] = userInfo.split(":");
  return {
    host: ipv6 ?? name!,
    port: port === undefined ? undefined : readPort(port),
    user: decode(user),
    password: decode(password.join(":")),
    database: decode(database),
    isTls: readTls(query),
  };
}

function invalid(reason: string): SyntaxError {
  return new SyntaxError(`invalid MySQL address: ${reason}`);
}

function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw invalid("it has an invalid percent-encoding");
  }
  // The protocol ends texts by it.
  if (decoded.includes("\0")) throw invalid("it has a NUL character");
  return decoded;
}

function readPort(text: string): number {
  const port = Number(text);
  if (port < 1 || port > 0xffff) throw invalid("the port is not a number from 1 to 65535");
  return port;
}

/** Any `ssl-mode` but `disabled` demands TLS; without one there is none, as in Spin. */
function readTls(query: string): boolean {
  let isTls = false;
  for (const [name, value] of new URLSearchParams(query)) {
    const key = name.toLowerCase();
    if (key === "ssl-mode" || key === "sslmode") isTls ||= value.toLowerCase() !== "disabled";
    else if (key === "require_ssl") isTls ||= value === "true";
    else if (key === "socket") throw invalid("Unix sockets are not supported on WebAssembly");
    else if (!IGNORED.includes(key)) throw invalid(`unknown parameter \`${name}\``);
  }
  return isTls;
}

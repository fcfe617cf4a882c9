/**
 * What a WAGI program gets of a request: arguments and environment variables, as CGI has them.
 * Follows spin:crates/trigger-http/src/wagi.rs and spin:crates/http/src/wagi.
 *
 * @module
 */

import type { RequestHead } from "../../imports/wasi_http.ts";
import { headerText } from "../whole_message.ts";

/** The arguments of programs whose trigger gives none. */
export const DEFAULT_ARGV = "${SCRIPT_NAME} ${ARGS}";

/** Headers that are not for programs (RFC 3875, 4.1.18). */
const HIDDEN_HEADERS: ReadonlySet<string> = new Set(["authorization", "connection"]);

/** Stands for a header value that is no text. */
const CORRUPT_VALUE = "CORRUPT VALUE";

/** The headers that Spin adds, and the variables they become. */
const SPIN_VARIABLES: Readonly<Record<string, string>> = {
  "spin-path-info": "PATH_INFO",
  "spin-full-url": "X_FULL_URL",
  "spin-matched-route": "X_MATCHED_ROUTE",
  "spin-base-path": "X_BASE_PATH",
  "spin-raw-component-route": "X_RAW_COMPONENT_ROUTE",
  "spin-component-route": "X_COMPONENT_ROUTE",
  "spin-client-addr": "X_CLIENT_ADDR",
};

const PATH_MATCH_PREFIX = "spin-path-match-";

/**
 * The program's arguments.
 * @param argv The template of the trigger. An empty query leaves an empty argument.
 */
export function wagiArguments(argv: string, pathWithQuery: string): string[] {
  const { path, query } = splitQuery(pathWithQuery);
  return argv
    // Functions, so that a `$` in a path is nothing but that.
    .replaceAll("${SCRIPT_NAME}", () => path)
    .replaceAll("${ARGS}", () => query.replaceAll("&", " "))
    .split(" ");
}

function splitQuery(pathWithQuery: string): { path: string; query: string } {
  const at = pathWithQuery.indexOf("?");
  return at < 0
    ? { path: pathWithQuery, query: "" }
    : { path: pathWithQuery.slice(0, at), query: pathWithQuery.slice(at + 1) };
}

/** The program's environment besides the component's own. */
export function wagiEnvironment(head: RequestHead, contentLength: number): [string, string][] {
  const variables = new Map<string, string>();
  const headers = new Map<string, string>();
  for (const [name, value] of head.headers()) {
    const text = headerText(value) ?? CORRUPT_VALUE;
    const variable = spinVariable(name);
    if (variable !== undefined) variables.set(variable, text);
    // Of a repeated header, the last one counts.
    else headers.set(name, text);
  }
  const server = splitAuthority(headers.get("host") ?? head.authority);
  const clientIp = splitAuthority(variables.get("X_CLIENT_ADDR") ?? "").host;
  const pathInfo = variables.get("PATH_INFO") ?? "";
  const standard: Readonly<Record<string, string>> = {
    AUTH_TYPE: "",
    CONTENT_LENGTH: String(contentLength),
    CONTENT_TYPE: headers.get("content-type") ?? "",
    GATEWAY_INTERFACE: "CGI/1.1",
    PATH_TRANSLATED: decodePercent(pathInfo),
    QUERY_STRING: splitQuery(head.pathWithQuery).query,
    REMOTE_ADDR: clientIp,
    REMOTE_HOST: clientIp,
    REMOTE_USER: "",
    REQUEST_METHOD: head.method,
    SCRIPT_NAME: variables.get("X_COMPONENT_ROUTE") ?? "",
    SERVER_NAME: server.host,
    SERVER_PORT: server.port ?? "80",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_SOFTWARE: "WAGI/1",
    X_RAW_PATH_INFO: pathInfo,
  };
  const received = [...headers].filter(([name]) => !HIDDEN_HEADERS.has(name))
    .map(([name, value]): [string, string] => [
      `HTTP_${name.toUpperCase().replaceAll("-", "_")}`,
      value,
    ]);
  return [...Object.entries(standard), ...variables, ...received]
    // What a program reads up to the first zero byte would not be what was sent.
    .map(([name, value]) => [name, value.replaceAll("\0", "")]);
}

function spinVariable(header: string): string | undefined {
  if (header.startsWith(PATH_MATCH_PREFIX)) {
    const name = header.slice(PATH_MATCH_PREFIX.length);
    return `X_PATH_MATCH_${name.toUpperCase().replaceAll("-", "_")}`;
  }
  return SPIN_VARIABLES[header];
}

/** `host:port`, `host`, or an IPv6 address in brackets with or without a port. */
function splitAuthority(authority: string): { host: string; port: string | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(authority);
  const host = match?.[1] ?? authority;
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: match?.[2] || undefined };
}

/** What is percent-encoded as text; sequences that are no UTF-8 become U+FFFD. */
function decodePercent(text: string): string {
  const encoder = new TextEncoder();
  const bytes = text.split(/(%[0-9a-fA-F]{2})/).flatMap((part, index) =>
    index % 2 === 1 ? [parseInt(part.slice(1), 16)] : [...encoder.encode(part)]
  );
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

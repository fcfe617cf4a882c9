/**
 * A request as the server received it: raw path, headers in order and repeated ones apart, which
 * the platform's `Request` hides.
 *
 * @module
 */

/** The server's own request object behind a `Request`: what is used of it. */
interface ServerRequest {
  readonly method: string;
  readonly headerList: [string, string][];
  header(name: string): string | null;
}

/**
 * Finds the server's request object. It hangs on an unnamed property; where a version of the
 * platform has none, repeated headers arrive joined.
 */
export function serverRequest(request: Request): ServerRequest {
  const symbol = Object.getOwnPropertySymbols(request)
    .find((candidate) => candidate.description === "request");
  const inner = symbol && (request as unknown as Record<symbol, ServerRequest>)[symbol];
  if (inner && typeof inner.header === "function") return inner;
  return {
    method: request.method,
    get headerList(): [string, string][] {
      return [...request.headers];
    },
    header: (name) => request.headers.get(name),
  };
}

/** The parts of a request's address, all raw. */
export interface RequestAddress {
  readonly scheme: "http" | "https";
  readonly authority: string;
  /** Without the query. */
  readonly path: string;
  readonly pathWithQuery: string;
}

/** Anything a URL's authority may contain here; `user@host` is taken as it is. */
const AUTHORITY_SYNTAX = /^[^\s/?#\\]+$/;

/**
 * Splits a request's URL without normalising it.
 * @param host The Host header, if any.
 * @returns undefined if authority and Host disagree or are not valid, or if there is no path: such a
 * request gets 400.
 */
export function parseAddress(url: string, host: string | null): RequestAddress | undefined {
  const scheme = url.startsWith("https:") ? "https" : "http";
  const start = scheme.length + 3;
  if (host !== null) {
    if (!AUTHORITY_SYNTAX.test(host)) return undefined;
    // In absolute form the URL has an authority of its own, which has to be the same.
    if (!url.startsWith(host, start)) return undefined;
    const next = url.charCodeAt(start + host.length);
    if (next !== 0x2f && next !== 0x2a) return undefined; // "/" or "*"
  }
  const slash = host === null ? url.indexOf("/", start) : start + host.length;
  if (slash < 0) return undefined;
  const pathWithQuery = url.slice(slash);
  const query = pathWithQuery.indexOf("?");
  return {
    scheme,
    authority: url.slice(start, slash),
    path: query < 0 ? pathWithQuery : pathWithQuery.slice(0, query),
    pathWithQuery,
  };
}

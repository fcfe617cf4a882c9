/**
 * Downloads for images: what an image names is fetched by the node, so it must not reach what only
 * the node may.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";

/** As many redirections as browsers follow. */
const MAX_REDIRECTIONS = 20;

/** Options of {@link downloadSource}. */
export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Default: the global `fetch`. */
  readonly fetch?: (
    url: URL,
    init: { signal: AbortSignal; redirect: "manual" },
  ) => Promise<Response>;
  /** The addresses of a name. Default: asks the system. */
  readonly lookup?: (hostname: string) => Promise<string[]>;
}

/**
 * `fetch` for addresses that an image chose: HTTP and HTTPS only, and never a link-local address,
 * where clouds give nodes their credentials.
 *
 * @throws {TerminalError} if the URL, or one it redirects to, is refused.
 * @throws {Error} as `fetch` does.
 */
export async function downloadSource(
  url: string,
  { signal, fetch: fetchUrl = fetch, lookup = lookupAddresses }: DownloadOptions,
): Promise<Response> {
  let next = new URL(url);
  for (let redirections = 0; redirections <= MAX_REDIRECTIONS; redirections++) {
    await check(next, lookup);
    const response = await fetchUrl(next, { signal, redirect: "manual" });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    next = new URL(location, next);
  }
  throw new Error(`there are more than ${MAX_REDIRECTIONS} redirections`);
}

async function check(
  { protocol, hostname }: URL,
  lookup: (hostname: string) => Promise<string[]>,
): Promise<void> {
  if (protocol !== "https:" && protocol !== "http:") {
    throw refused(`"${protocol}" is neither http: nor https:`);
  }
  for (const address of await lookup(hostname.replace(/^\[|\]$/g, ""))) {
    if (isLinkLocal(address)) throw refused(`"${hostname}" is the link-local address ${address}`);
  }
}

async function lookupAddresses(hostname: string): Promise<string[]> {
  const { lookup } = await import("node:dns/promises");
  try {
    return (await lookup(hostname, { all: true })).map(({ address }) => address);
  } catch {
    // Behind a proxy, names need not be known here. Without one, the download says what is wrong.
    return [];
  }
}

/** Also if the IPv4 address is written as an IPv6 one. */
function isLinkLocal(address: string): boolean {
  return /^(?:::ffff:)?169\.254\./i.test(address) || /^::ffff:a9fe:/i.test(address) ||
    /^fe[89ab]/i.test(address) || /^fd00:ec2::/i.test(address);
}

function refused(why: string): TerminalError {
  return new TerminalError("RefusedSource", `nodes do not download from there: ${why}`);
}

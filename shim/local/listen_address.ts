/**
 * The `--listen` address.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";

/** A host name or IP address without brackets, and a port. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Finds the addresses of a name, as the system does. */
export type Lookup = (hostname: string) => Promise<string[]>;

/**
 * Parses `HOST:PORT`; an IPv6 address stands in brackets.
 * @throws {SyntaxError} if it is anything else.
 */
export function parseListenAddress(text: string): ListenAddress {
  // [v6]:port, or a host without colons and a port.
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new SyntaxError("give HOST:PORT, such as 127.0.0.1:3000, [::1]:3000 or localhost:0");
  }
  return { hostname: match[1] ?? match[2]!, port };
}

/**
 * The IP address to listen on for a name: 127.0.0.1 if the name has it, else its first address.
 * @throws {TerminalError} if the name has no address.
 */
export async function resolveListenAddress(
  address: ListenAddress,
  lookup: Lookup = lookupSystem,
): Promise<ListenAddress> {
  const { hostname, port } = address;
  let addresses: string[];
  try {
    addresses = isIpAddress(hostname) ? [hostname] : await lookup(hostname);
  } catch (error) {
    throw unknownHost(hostname, errorText(error));
  }
  const chosen = addresses.includes("127.0.0.1") ? "127.0.0.1" : addresses[0];
  if (chosen === undefined) throw unknownHost(hostname, "the name has no address");
  return { hostname: chosen, port };
}

function isIpAddress(hostname: string): boolean {
  return hostname.includes(":") || /^\d+(?:\.\d+){3}$/.test(hostname);
}

async function lookupSystem(hostname: string): Promise<string[]> {
  // Slow to load, and needed for names only.
  const { lookup } = await import("node:dns/promises");
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

function unknownHost(hostname: string, reason: string): TerminalError {
  return new TerminalError(
    "UnknownHost",
    `Cannot listen on "${hostname}": ${reason}. Give an IP address with --listen`,
  );
}

/**
 * `wasi:sockets/ip-name-lookup`. The original refuses every lookup; here a component may look up the
 * names that its allowed hosts mention, and then connect to what they resolve to.
 *
 * @module
 */

import type { OutboundPolicy } from "./component_context.ts";
import {
  type IpAddress,
  parseIp,
  type SocketErrorCode,
  toSocketErrorCode,
} from "./_socket_address.ts";
import { Pollable } from "./wasi_io.ts";

/** The resource `resolve-address-stream`. */
export class ResolveAddressStream {
  readonly #settled: Promise<void>;
  #addresses: IpAddress[] | undefined;
  #failure: SocketErrorCode | undefined;

  /** @param addresses Rejects with a {@link SocketErrorCode}. */
  constructor(addresses: Promise<IpAddress[]>) {
    this.#settled = addresses.then((found) => {
      this.#addresses = [...found];
    }, (error: SocketErrorCode) => {
      this.#failure = error;
    });
  }

  resolveNextAddress(): IpAddress | undefined {
    if (this.#failure) throw this.#failure;
    if (!this.#addresses) throw "would-block" satisfies SocketErrorCode;
    return this.#addresses.shift();
  }

  subscribe(): Pollable {
    return new Pollable(
      () => this.#addresses !== undefined || this.#failure !== undefined,
      () => this.#settled,
    );
  }
}

/**
 * Starts a lookup.
 * @throws {SocketErrorCode} `invalid-argument` for what is not a name; `permanent-resolver-failure`,
 * as in the original, for a name that no allowed host mentions. If the policy has to think first, the
 * stream reports the latter.
 */
export function resolveAddresses(outbound: OutboundPolicy, name: string): ResolveAddressStream {
  const host = toHost(name);
  const literal = parseIp(host);
  if (literal) return new ResolveAddressStream(Promise.resolve([literal]));
  const answer = outbound.mayResolve(host);
  if (answer === false) throw "permanent-resolver-failure" satisfies SocketErrorCode;
  return new ResolveAddressStream(resolve(outbound, { host, answer }));
}

/** The name in lower case and ASCII, or the address. @throws {SocketErrorCode} `invalid-argument`. */
function toHost(name: string): string {
  if (parseIp(name)) return name;
  // A URL knows what a host may be; these characters would make it more than that.
  const host = /[\s/?#@:\\[\]]/.test(name) ? "" : URL.parse(`http://${name}/`)?.hostname ?? "";
  if (host === "" || host.length > 253) throw "invalid-argument" satisfies SocketErrorCode;
  return host;
}

async function resolve(
  outbound: OutboundPolicy,
  options: { host: string; answer: boolean | Promise<boolean> },
): Promise<IpAddress[]> {
  const { host } = options;
  if (!await options.answer) throw "permanent-resolver-failure" satisfies SocketErrorCode;
  let found: { address: string }[];
  try {
    const { lookup } = await import("node:dns/promises");
    found = await lookup(host, { all: true });
  } catch (error) {
    const code = toSocketErrorCode(error);
    throw code === "unknown" ? "permanent-resolver-failure" : code;
  }
  const usable = found.map(({ address }) => address).filter((ip) => !outbound.isBlocked(ip));
  if (usable.length === 0) throw "name-unresolvable" satisfies SocketErrorCode;
  outbound.admit?.(host, usable);
  return usable.map(parseIp).filter((address) => address !== undefined);
}

/**
 * `wasi:sockets` of the snapshots: the sockets of 0.2 under older names, and with options that went
 * away later.
 *
 * @module
 */

import type { ComponentContext, ImportObject, OutboundPolicy } from "../component_context.ts";
import { resolveAddresses, type ResolveAddressStream as Lookup } from "../_name_lookup.ts";
import type { IpAddress, IpAddressFamily } from "../_socket_address.ts";
import { TcpSocket as TcpSocket02 } from "../_tcp_socket.ts";
import { UdpSocket as UdpSocket02 } from "../_udp_socket.ts";
import { createWasiSockets } from "../wasi_sockets.ts";
import { GivenOutputStream } from "./io.ts";
import { Ipv6Only } from "./ipv6_only.ts";
import { asSnapshot, FIRST, type Snapshot } from "./snapshots.ts";
import { ConnectedUdpSocket } from "./udp_socket.ts";
import type { InputStream, Pollable } from "../wasi_io.ts";

/** The resource `tcp-socket` of 2023-11-10. */
export class TcpSocket extends TcpSocket02 {
  readonly #ipv6Only: Ipv6Only;

  /** @throws {SocketErrorCode} `new-socket-limit`. */
  constructor(family: IpAddressFamily, outbound: OutboundPolicy) {
    super(family, outbound);
    this.#ipv6Only = new Ipv6Only(family);
  }

  ipv6Only(): boolean {
    return this.#ipv6Only.get();
  }

  setIpv6Only(value: boolean): void {
    this.#ipv6Only.set(value);
  }
}

/** The resource `tcp-socket` of 2023-10-18. */
export class OldTcpSocket extends TcpSocket02 {
  readonly #ipv6Only: Ipv6Only;
  #hasNoDelay = false;

  /** @throws {SocketErrorCode} `new-socket-limit`. */
  constructor(family: IpAddressFamily, outbound: OutboundPolicy) {
    super(family, outbound);
    this.#ipv6Only = new Ipv6Only(family);
  }

  override finishConnect(): [InputStream, GivenOutputStream] {
    const [input, output] = super.finishConnect();
    return [input, GivenOutputStream.replacing(output)];
  }

  ipv6Only(): boolean {
    return this.#ipv6Only.get();
  }

  setIpv6Only(value: boolean): void {
    this.#ipv6Only.set(value);
  }

  keepAlive(): boolean {
    return this.keepAliveEnabled();
  }

  setKeepAlive(value: boolean): void {
    this.setKeepAliveEnabled(value);
  }

  /** Kept and given back. The platform sends what is written at once in either case. */
  noDelay(): boolean {
    return this.#hasNoDelay;
  }

  setNoDelay(value: boolean): void {
    this.#hasNoDelay = value;
  }

  unicastHopLimit(): number {
    return this.hopLimit();
  }

  setUnicastHopLimit(value: number): void {
    this.setHopLimit(value);
  }
}

/** The resource `udp-socket` of 2023-11-10. */
export class UdpSocket extends UdpSocket02 {
  readonly #ipv6Only: Ipv6Only;

  /** @throws {SocketErrorCode} `new-socket-limit`. */
  constructor(family: IpAddressFamily, outbound: OutboundPolicy) {
    super(family, outbound);
    this.#ipv6Only = new Ipv6Only(family);
  }

  ipv6Only(): boolean {
    return this.#ipv6Only.get();
  }

  setIpv6Only(value: boolean): void {
    this.#ipv6Only.set(value);
  }
}

/** The resource `resolve-address-stream` of 2023-10-18: the addresses of one family, or of both. */
export class ResolveAddressStream {
  readonly #lookup: Lookup;
  readonly #family: IpAddressFamily | undefined;

  constructor(lookup: Lookup, family: IpAddressFamily | undefined) {
    this.#lookup = lookup;
    this.#family = family;
  }

  resolveNextAddress(): IpAddress | undefined {
    for (;;) {
      const address = this.#lookup.resolveNextAddress();
      if (!address || !this.#family || address.tag === this.#family) return address;
    }
  }

  subscribe(): Pollable {
    return this.#lookup.subscribe();
  }
}

/** The interfaces of `wasi:sockets` in a snapshot, for one component. */
export function createSockets(component: ComponentContext, snapshot: Snapshot): ImportObject {
  const { outbound } = component;
  const offered = asSnapshot(createWasiSockets(component), snapshot);
  if (snapshot !== FIRST) {
    return {
      ...offered,
      ...createdBy(outbound, { snapshot, TcpSocket, UdpSocket }),
      [`wasi:sockets/udp@${snapshot}`]: { ...offered[`wasi:sockets/udp@${snapshot}`], UdpSocket },
    };
  }
  return {
    ...offered,
    ...createdBy(outbound, { snapshot, TcpSocket: OldTcpSocket, UdpSocket: ConnectedUdpSocket }),
    [`wasi:sockets/ip-name-lookup@${FIRST}`]: {
      ResolveAddressStream,
      // There is nothing that the platform would call unavailable.
      resolveAddresses: (_network: unknown, name: string, family: IpAddressFamily | undefined) =>
        new ResolveAddressStream(resolveAddresses(outbound, name), family),
    },
  };
}

type SocketClass = new (family: IpAddressFamily, outbound: OutboundPolicy) => unknown;

/** The interfaces of the socket classes, and those that create them. */
function createdBy(
  outbound: OutboundPolicy,
  options: { snapshot: Snapshot; TcpSocket: SocketClass; UdpSocket: SocketClass },
): ImportObject {
  const { snapshot, TcpSocket, UdpSocket } = options;
  return {
    [`wasi:sockets/tcp@${snapshot}`]: { TcpSocket },
    [`wasi:sockets/tcp-create-socket@${snapshot}`]: {
      createTcpSocket: (family: IpAddressFamily) => new TcpSocket(family, outbound),
    },
    [`wasi:sockets/udp@${snapshot}`]: { UdpSocket },
    [`wasi:sockets/udp-create-socket@${snapshot}`]: {
      createUdpSocket: (family: IpAddressFamily) => new UdpSocket(family, outbound),
    },
  };
}

/**
 * The resource `wasi:sockets/udp#udp-socket` of 2023-10-18, which is its own pair of streams.
 *
 * @module
 */

import type { OutboundPolicy } from "../component_context.ts";
import {
  checkAddress,
  type IpAddressFamily,
  type IpSocketAddress,
  type SocketErrorCode,
} from "../_socket_address.ts";
import {
  type IncomingDatagram,
  type IncomingDatagramStream,
  type OutgoingDatagramStream,
  UdpSocket,
} from "../_udp_socket.ts";
import type { Pollable } from "../wasi_io.ts";
import { Ipv6Only } from "./ipv6_only.ts";

/** The record `datagram`. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly remoteAddress: IpSocketAddress;
}

interface Streams {
  readonly incoming: IncomingDatagramStream;
  readonly outgoing: OutgoingDatagramStream;
}

/**
 * A socket that sends and receives by itself, as soon as it is bound. Errors are thrown as
 * {@link SocketErrorCode}.
 */
export class ConnectedUdpSocket extends UdpSocket {
  readonly #ipv6Only: Ipv6Only;
  readonly #family: IpAddressFamily;
  /** The peer between `start-connect` and `finish-connect`. */
  #connecting: IpSocketAddress | undefined;
  #streams: Streams | undefined;
  /** What the guest could not do last, and so waits for. */
  #waitsFor: keyof Streams = "incoming";

  /** @throws {SocketErrorCode} `new-socket-limit`. */
  constructor(family: IpAddressFamily, outbound: OutboundPolicy) {
    super(family, outbound);
    this.#family = family;
    this.#ipv6Only = new Ipv6Only(family);
  }

  /** As in the original, a socket that is not bound is `invalid-state`, and not bound implicitly. */
  startConnect(_network: unknown, remote: IpSocketAddress): void {
    if (this.#connecting) throw "concurrency-conflict" satisfies SocketErrorCode;
    checkAddress(remote, { family: this.#family, isRemote: true });
    this.#connecting = remote;
  }

  finishConnect(): void {
    const remote = this.#connecting;
    if (!remote) throw "not-in-progress" satisfies SocketErrorCode;
    this.#connecting = undefined;
    this.#open(remote);
  }

  receive(maxResults: bigint): IncomingDatagram[] {
    const { incoming } = this.#streams ?? this.#open(undefined);
    if (maxResults === 0n) return [];
    const received = incoming.receive(maxResults);
    if (received.length > 0) return received;
    this.#waitsFor = "incoming";
    throw "would-block" satisfies SocketErrorCode;
  }

  /** @returns How many were sent; an error only if none was. */
  send(datagrams: Datagram[]): bigint {
    const { outgoing } = this.#streams ?? this.#open(undefined);
    if (datagrams.length === 0) return 0n;
    const permitted = Number(outgoing.checkSend());
    const sent = permitted === 0 ? 0n : outgoing.send(datagrams.slice(0, permitted));
    if (sent > 0n) return sent;
    this.#waitsFor = "outgoing";
    throw "would-block" satisfies SocketErrorCode;
  }

  ipv6Only(): boolean {
    return this.#ipv6Only.get();
  }

  setIpv6Only(value: boolean): void {
    this.#ipv6Only.set(value);
  }

  /** Ready for what would have blocked last: to receive, unless that was to send. */
  override subscribe(): Pollable {
    return this.#streams ? this.#streams[this.#waitsFor].subscribe() : super.subscribe();
  }

  #open(remote: IpSocketAddress | undefined): Streams {
    const [incoming, outgoing] = this.stream(remote);
    return this.#streams = { incoming, outgoing };
  }
}

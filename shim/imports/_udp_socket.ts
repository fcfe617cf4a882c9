/**
 * The resources of `wasi:sockets/udp`.
 *
 * @module
 */

import type { OutboundPolicy } from "./component_context.ts";
import {
  checkAddress,
  formatIp,
  formatUrl,
  type IpAddressFamily,
  ipOf,
  type IpSocketAddress,
  isSameAddress,
  type SocketErrorCode,
  toSocketAddress,
  toSocketErrorCode,
} from "./_socket_address.ts";
import { BufferOptions } from "./_socket_options.ts";
import { askPermission, type Permission, takeSocket } from "./_socket_permission.ts";
import { Pollable, readyPollable } from "./wasi_io.ts";

/** The record `incoming-datagram`. */
export interface IncomingDatagram {
  readonly data: Uint8Array;
  readonly remoteAddress: IpSocketAddress;
}

/** The record `outgoing-datagram`. */
export interface OutgoingDatagram {
  readonly data: Uint8Array;
  readonly remoteAddress?: IpSocketAddress | undefined;
}

/** The largest datagram there can be, in bytes. */
const MAX_DATAGRAM_BYTES = 65_535;
/** The largest payload that IPv4 can carry, in bytes. */
const MAX_PAYLOAD_BYTES = 65_507;
/** Datagrams that may be on their way to the system. */
const MAX_PENDING = 16;
/** Destinations whose permission is remembered by one socket. */
const MAX_REMEMBERED = 1024;

/** The system's socket, and what its streams share. */
class Datagrams {
  readonly conn: Deno.DatagramConn;
  #queue: IncomingDatagram[] = [];
  #failure: SocketErrorCode | undefined;
  #receiving: Promise<void> | undefined;
  readonly #sending = new Set<Promise<void>>();

  constructor(conn: Deno.DatagramConn) {
    this.conn = conn;
  }

  get hasDatagram(): boolean {
    return this.#queue.length > 0 || this.#failure !== undefined;
  }

  get pendingSends(): number {
    return this.#sending.size;
  }

  /** What has arrived; more waits in the system's buffer. @throws {SocketErrorCode} */
  take(max: number): IncomingDatagram[] {
    this.throwFailure();
    if (this.#queue.length === 0 && max > 0) void this.receive();
    return this.#queue.splice(0, max);
  }

  /** A failure is told once, whoever asks. @throws {SocketErrorCode} */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  receive(): Promise<void> {
    if (this.hasDatagram) return Promise.resolve();
    return this.#receiving ??= this.#receiveOnce();
  }

  async #receiveOnce(): Promise<void> {
    try {
      const [data, address] = await this.conn.receive(new Uint8Array(MAX_DATAGRAM_BYTES));
      this.#queue.push({ data: data.slice(), remoteAddress: toSocketAddress(address) });
    } catch (error) {
      this.#failure = toSocketErrorCode(error);
    } finally {
      this.#receiving = undefined;
    }
  }

  send(data: Uint8Array, remote: IpSocketAddress): void {
    const sending = this.conn.send(data, {
      transport: "udp",
      hostname: formatIp(ipOf(remote)),
      port: remote.val.port,
    }).then(() => {}, (error) => {
      this.#failure = toSocketErrorCode(error);
    }).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** Resolves when another datagram may be sent. */
  async sent(): Promise<void> {
    await Promise.race(this.#sending);
  }

  close(): void {
    if (this.#sending.size === 0) return this.conn.close();
    // What the guest has sent before it dropped the socket is still sent.
    void Promise.allSettled(this.#sending).then(() => this.conn.close());
  }
}

/** The resource `incoming-datagram-stream`. */
export class IncomingDatagramStream {
  readonly #datagrams: Datagrams;
  readonly #peer: IpSocketAddress | undefined;

  /** @param peer Datagrams of others are dropped. */
  constructor(datagrams: Datagrams, peer: IpSocketAddress | undefined) {
    this.#datagrams = datagrams;
    this.#peer = peer;
  }

  receive(maxResults: bigint): IncomingDatagram[] {
    const max = maxResults > 1024n ? 1024 : Number(maxResults);
    const peer = this.#peer;
    const received = this.#datagrams.take(max);
    return peer
      ? received.filter(({ remoteAddress }) => isSameAddress(remoteAddress, peer))
      : received;
  }

  subscribe(): Pollable {
    const datagrams = this.#datagrams;
    return new Pollable(() => datagrams.hasDatagram, () => datagrams.receive());
  }
}

/** The resource `outgoing-datagram-stream`. */
export class OutgoingDatagramStream {
  readonly #datagrams: Datagrams;
  readonly #peer: IpSocketAddress | undefined;
  readonly #permit: (address: IpSocketAddress) => Permission;
  #waitsFor: Permission | undefined;
  #budget = 0;

  constructor(
    datagrams: Datagrams,
    options: {
      peer: IpSocketAddress | undefined;
      permit: (address: IpSocketAddress) => Permission;
    },
  ) {
    this.#datagrams = datagrams;
    this.#peer = options.peer;
    this.#permit = options.permit;
  }

  checkSend(): bigint {
    this.#datagrams.throwFailure();
    this.#budget = this.#isReady() ? MAX_PENDING - this.#datagrams.pendingSends : 0;
    return BigInt(this.#budget);
  }

  /** How many were sent; an error only if none was. More than `check-send` permitted traps. */
  send(datagrams: OutgoingDatagram[]): bigint {
    if (datagrams.length > this.#budget) {
      throw new Error(
        `Cannot send: ${datagrams.length} datagrams exceed the ${this.#budget} that ` +
          "check-send permitted",
      );
    }
    this.#datagrams.throwFailure();
    let sent = 0;
    for (const datagram of datagrams) {
      try {
        if (!this.#sendOne(datagram)) break;
      } catch (error) {
        if (sent === 0) throw error;
        break;
      }
      sent++;
      this.#budget--;
    }
    return BigInt(sent);
  }

  subscribe(): Pollable {
    return new Pollable(
      () => this.#isReady(),
      () => this.#waitsFor ? this.#waitsFor.settled : this.#datagrams.sent(),
    );
  }

  #isReady(): boolean {
    if (this.#waitsFor && this.#waitsFor.isGranted === undefined) return false;
    this.#waitsFor = undefined;
    return this.#datagrams.pendingSends < MAX_PENDING;
  }

  /** @returns Whether it was sent: not while the permission is not known. */
  #sendOne(datagram: OutgoingDatagram): boolean {
    const remote = datagram.remoteAddress ?? this.#peer;
    if (!remote) throw "invalid-argument" satisfies SocketErrorCode;
    if (this.#peer && !isSameAddress(remote, this.#peer)) {
      throw "invalid-argument" satisfies SocketErrorCode;
    }
    const permission = this.#permit(remote);
    if (permission.isGranted === undefined) {
      this.#waitsFor = permission;
      return false;
    }
    if (!permission.isGranted) throw "access-denied" satisfies SocketErrorCode;
    if (datagram.data.length > MAX_PAYLOAD_BYTES) {
      throw "datagram-too-large" satisfies SocketErrorCode;
    }
    this.#datagrams.send(datagram.data.slice(), remote);
    return true;
  }
}

/** The resource `udp-socket`. Errors are thrown as {@link SocketErrorCode}. */
export class UdpSocket {
  readonly #family: IpAddressFamily;
  readonly #outbound: OutboundPolicy;
  readonly #releaseSocket: () => void;
  readonly #buffers = new BufferOptions();
  readonly #permissions = new Map<string, Permission>();
  #binding: { readonly address: IpSocketAddress; readonly permission: Permission } | undefined;
  #datagrams: Datagrams | undefined;
  #peer: IpSocketAddress | undefined;

  /** @throws {SocketErrorCode} `new-socket-limit`. */
  constructor(family: IpAddressFamily, outbound: OutboundPolicy) {
    this.#family = family;
    this.#outbound = outbound;
    this.#releaseSocket = takeSocket(outbound);
  }

  startBind(_network: unknown, address: IpSocketAddress): void {
    if (this.#binding) throw "concurrency-conflict" satisfies SocketErrorCode;
    if (this.#datagrams) throw "invalid-state" satisfies SocketErrorCode;
    checkAddress(address, { family: this.#family, isRemote: false });
    const permission = askPermission(this.#outbound, { scheme: "udp", address });
    if (permission.isGranted === false) throw "access-denied" satisfies SocketErrorCode;
    this.#binding = { address, permission };
  }

  finishBind(): void {
    if (!this.#binding) throw "not-in-progress" satisfies SocketErrorCode;
    const { address, permission } = this.#binding;
    if (permission.isGranted === undefined) throw "would-block" satisfies SocketErrorCode;
    this.#binding = undefined;
    if (!permission.isGranted) throw "access-denied" satisfies SocketErrorCode;
    try {
      this.#datagrams = new Datagrams(Deno.listenDatagram({
        transport: "udp",
        hostname: formatIp(ipOf(address)),
        port: address.val.port,
      }));
    } catch (error) {
      throw toSocketErrorCode(error);
    }
  }

  stream(
    remote: IpSocketAddress | undefined,
  ): [IncomingDatagramStream, OutgoingDatagramStream] {
    const datagrams = this.#bound();
    if (remote) {
      checkAddress(remote, { family: this.#family, isRemote: true });
      if (this.#permit(remote).isGranted === false) {
        throw "access-denied" satisfies SocketErrorCode;
      }
    }
    this.#peer = remote;
    return [
      new IncomingDatagramStream(datagrams, remote),
      new OutgoingDatagramStream(datagrams, {
        peer: remote,
        permit: (address) => this.#permit(address),
      }),
    ];
  }

  localAddress(): IpSocketAddress {
    return toSocketAddress(this.#bound().conn.addr);
  }

  remoteAddress(): IpSocketAddress {
    if (!this.#peer) throw "invalid-state" satisfies SocketErrorCode;
    return this.#peer;
  }

  addressFamily(): IpAddressFamily {
    return this.#family;
  }

  unicastHopLimit(): number {
    return this.#buffers.hopLimit;
  }

  setUnicastHopLimit(value: number): void {
    this.#buffers.hopLimit = value;
  }

  receiveBufferSize(): bigint {
    return this.#buffers.receiveBytes;
  }

  setReceiveBufferSize(value: bigint): void {
    this.#buffers.receiveBytes = value;
  }

  sendBufferSize(): bigint {
    return this.#buffers.sendBytes;
  }

  setSendBufferSize(value: bigint): void {
    this.#buffers.sendBytes = value;
  }

  subscribe(): Pollable {
    const permission = this.#binding?.permission;
    if (!permission) return readyPollable();
    return new Pollable(() => permission.isGranted !== undefined, () => permission.settled);
  }

  [Symbol.dispose](): void {
    this.#datagrams?.close();
    this.#datagrams = undefined;
    this.#binding = undefined;
    this.#releaseSocket();
  }

  #bound(): Datagrams {
    if (!this.#datagrams) throw "invalid-state" satisfies SocketErrorCode;
    return this.#datagrams;
  }

  /** Asked once for each destination: what is refused is reported to the user. */
  #permit(address: IpSocketAddress): Permission {
    checkAddress(address, { family: this.#family, isRemote: true });
    const key = formatUrl("udp", address);
    const known = this.#permissions.get(key);
    if (known) return known;
    const permission = askPermission(this.#outbound, { scheme: "udp", address });
    if (this.#permissions.size >= MAX_REMEMBERED) this.#permissions.clear();
    this.#permissions.set(key, permission);
    return permission;
  }
}

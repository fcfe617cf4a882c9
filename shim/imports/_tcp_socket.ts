/**
 * The resource `wasi:sockets/tcp#tcp-socket`. It can connect; it can neither be bound nor listen.
 *
 * @module
 */

import type { OutboundPolicy } from "./component_context.ts";
import {
  checkAddress,
  formatIp,
  type IpAddressFamily,
  ipOf,
  type IpSocketAddress,
  type SocketErrorCode,
  toSocketAddress,
  toSocketErrorCode,
} from "./_socket_address.ts";
import { BufferOptions, KeepAliveOptions } from "./_socket_options.ts";
import { askPermission, takeSocket } from "./_socket_permission.ts";
import { TcpConnection } from "./_tcp_connection.ts";
import { InputStream, OutputStream, Pollable } from "./wasi_io.ts";

type State =
  | { readonly tag: "unbound" }
  | {
    readonly tag: "connecting";
    /** Undefined while nothing is known. */
    result?: TcpConnection | SocketErrorCode;
    settled: Promise<void>;
  }
  | { readonly tag: "connected"; readonly connection: TcpConnection }
  | { readonly tag: "closed" };

/** The resource `tcp-socket`. Errors are thrown as {@link SocketErrorCode}. */
export class TcpSocket {
  readonly #family: IpAddressFamily;
  readonly #outbound: OutboundPolicy;
  readonly #releaseSocket: () => void;
  readonly #buffers = new BufferOptions();
  readonly #keepAlive = new KeepAliveOptions();
  #state: State = { tag: "unbound" };

  /** @throws {SocketErrorCode} `new-socket-limit`. */
  constructor(family: IpAddressFamily, outbound: OutboundPolicy) {
    this.#family = family;
    this.#outbound = outbound;
    this.#releaseSocket = takeSocket(outbound);
  }

  startBind(_network: unknown, _localAddress: IpSocketAddress): void {
    throw "access-denied" satisfies SocketErrorCode;
  }

  finishBind(): void {
    throw "not-in-progress" satisfies SocketErrorCode;
  }

  startConnect(_network: unknown, remote: IpSocketAddress): void {
    if (this.#state.tag === "connecting") throw "concurrency-conflict" satisfies SocketErrorCode;
    if (this.#state.tag !== "unbound") throw "invalid-state" satisfies SocketErrorCode;
    checkAddress(remote, { family: this.#family, isRemote: true });
    const permission = askPermission(this.#outbound, { scheme: "tcp", address: remote });
    if (permission.isGranted === false) throw "access-denied" satisfies SocketErrorCode;
    const state: State & { tag: "connecting" } = { tag: "connecting", settled: Promise.resolve() };
    state.settled = this.#connect(remote, permission.settled, () => permission.isGranted)
      .then((result) => {
        // The guest may have dropped the socket in the meantime.
        if (this.#state === state) state.result = result;
        else if (typeof result !== "string") closeUnused(result);
      });
    this.#state = state;
  }

  async #connect(
    remote: IpSocketAddress,
    settled: Promise<void>,
    isGranted: () => boolean | undefined,
  ): Promise<TcpConnection | SocketErrorCode> {
    if (isGranted() === undefined) await settled;
    if (!isGranted()) return "access-denied";
    try {
      const conn = await Deno.connect({ hostname: formatIp(ipOf(remote)), port: remote.val.port });
      return new TcpConnection(conn, this.#releaseSocket);
    } catch (error) {
      return toSocketErrorCode(error);
    }
  }

  finishConnect(): [InputStream, OutputStream] {
    if (this.#state.tag !== "connecting") throw "not-in-progress" satisfies SocketErrorCode;
    const { result } = this.#state;
    if (result === undefined) throw "would-block" satisfies SocketErrorCode;
    if (typeof result === "string") {
      this.#state = { tag: "closed" };
      throw result;
    }
    this.#state = { tag: "connected", connection: result };
    if (this.#keepAlive.isEnabled) result.setKeepAlive(true);
    return [new InputStream(result.source), new OutputStream(result.sink)];
  }

  startListen(): void {
    throw "access-denied" satisfies SocketErrorCode;
  }

  finishListen(): void {
    throw "not-in-progress" satisfies SocketErrorCode;
  }

  accept(): never {
    throw "invalid-state" satisfies SocketErrorCode;
  }

  localAddress(): IpSocketAddress {
    return toSocketAddress(this.#connection().localAddress);
  }

  remoteAddress(): IpSocketAddress {
    return toSocketAddress(this.#connection().remoteAddress);
  }

  isListening(): boolean {
    return false;
  }

  addressFamily(): IpAddressFamily {
    return this.#family;
  }

  setListenBacklogSize(value: bigint): void {
    if (value === 0n) throw "invalid-argument" satisfies SocketErrorCode;
    if (this.#state.tag === "connected") throw "invalid-state" satisfies SocketErrorCode;
  }

  keepAliveEnabled(): boolean {
    return this.#keepAlive.isEnabled;
  }

  setKeepAliveEnabled(value: boolean): void {
    this.#keepAlive.isEnabled = value;
    if (this.#state.tag === "connected") this.#state.connection.setKeepAlive(value);
  }

  keepAliveIdleTime(): bigint {
    return this.#keepAlive.idle;
  }

  setKeepAliveIdleTime(value: bigint): void {
    this.#keepAlive.idle = value;
  }

  keepAliveInterval(): bigint {
    return this.#keepAlive.interval;
  }

  setKeepAliveInterval(value: bigint): void {
    this.#keepAlive.interval = value;
  }

  keepAliveCount(): number {
    return this.#keepAlive.count;
  }

  setKeepAliveCount(value: number): void {
    this.#keepAlive.count = value;
  }

  hopLimit(): number {
    return this.#buffers.hopLimit;
  }

  setHopLimit(value: number): void {
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
    return new Pollable(
      () => this.#state.tag !== "connecting" || this.#state.result !== undefined,
      () => this.#state.tag === "connecting" ? this.#state.settled : Promise.resolve(),
    );
  }

  shutdown(type: "receive" | "send" | "both"): void {
    const connection = this.#connection();
    if (type !== "send") connection.stopReceiving();
    if (type !== "receive") connection.stopSending();
  }

  [Symbol.dispose](): void {
    const state = this.#state;
    this.#state = { tag: "closed" };
    if (state.tag === "connected") return state.connection.release();
    if (state.tag === "connecting" && state.result && typeof state.result !== "string") {
      return closeUnused(state.result);
    }
    // One that is still connecting is closed when the connection stands.
    this.#releaseSocket();
  }

  #connection(): TcpConnection {
    if (this.#state.tag !== "connected") throw "invalid-state" satisfies SocketErrorCode;
    return this.#state.connection;
  }
}

/** Lets go of a connection that never got its streams. */
function closeUnused(connection: TcpConnection): void {
  connection.source.close();
  connection.sink.close?.();
  connection.release();
}

/**
 * `wasi:sockets@0.3`: the sockets of 0.2, whose steps of one operation are one function here.
 *
 * @module
 */

import type { ComponentContext, ImportObject, OutboundPolicy } from "../component_context.ts";
import { resolveAddresses } from "../_name_lookup.ts";
import type { IpAddress, IpAddressFamily, IpSocketAddress } from "../_socket_address.ts";
import { toSocketErrorCode } from "../_socket_address.ts";
import { TcpSocket as TcpSocket02 } from "../_tcp_socket.ts";
import {
  type IncomingDatagramStream,
  type OutgoingDatagramStream,
  UdpSocket as UdpSocket02,
} from "../_udp_socket.ts";
import type { InputStream, OutputStream } from "../wasi_io.ts";
import { fromInput, intoOutput } from "./_byte_streams.ts";
import { type GuestBytes, hostBytes, type HostStream, type Result } from "./_streams.ts";

/** The variant `error-code`. */
type ErrorCode = { readonly tag: string; readonly val?: string };
type Ended = Promise<Result<undefined, ErrorCode>>;

/** Codes of 0.2 that have no case of their own in 0.3. */
const CODE_IN_03: Readonly<Record<string, ErrorCode>> = {
  "concurrency-conflict": { tag: "invalid-state" },
  "not-in-progress": { tag: "invalid-state" },
  "would-block": { tag: "invalid-state" },
  "unknown": { tag: "other" },
  "new-socket-limit": { tag: "other", val: "new-socket-limit" },
  "name-unresolvable": { tag: "other", val: "name-unresolvable" },
  "temporary-resolver-failure": { tag: "other", val: "temporary-resolver-failure" },
  "permanent-resolver-failure": { tag: "other", val: "permanent-resolver-failure" },
};

/** Codes of name lookup that are cases of its own error. */
const LOOKUP_CODES = new Set([
  "access-denied",
  "invalid-argument",
  "name-unresolvable",
  "temporary-resolver-failure",
  "permanent-resolver-failure",
]);

function codeOf(error: unknown): string {
  return typeof error === "string" ? error : toSocketErrorCode(error);
}

function toErrorCode(error: unknown): ErrorCode {
  const code = codeOf(error);
  return CODE_IN_03[code] ?? { tag: code };
}

/** Runs `action`; whatever it throws is thrown as an {@link ErrorCode}. */
function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toErrorCode(error);
  }
}

const INVALID_STATE: ErrorCode = { tag: "invalid-state" };

/** The resource `tcp-socket`. It can connect; it can neither be bound nor listen. */
function createTcpSocketClass(outbound: OutboundPolicy): unknown {
  return class TcpSocket {
    readonly #inner: TcpSocket02;
    #input: InputStream | undefined;
    #output: OutputStream | undefined;

    private constructor(family: IpAddressFamily) {
      this.#inner = attempt(() => new TcpSocket02(family, outbound));
    }

    static create(family: IpAddressFamily): TcpSocket {
      return new TcpSocket(family);
    }

    bind(address: IpSocketAddress): void {
      attempt(() => this.#inner.startBind(undefined, address));
    }

    async connect(remote: IpSocketAddress): Promise<void> {
      attempt(() => this.#inner.startConnect(undefined, remote));
      await this.#inner.subscribe().block();
      [this.#input, this.#output] = attempt(() => this.#inner.finishConnect());
    }

    listen(): never {
      return attempt(() => this.#inner.startListen()) as never;
    }

    /** @param data Sent to its end, and then the peer sees the end. */
    async send(data: GuestBytes): Promise<Result<undefined, ErrorCode>> {
      const output = this.#output;
      this.#output = undefined;
      if (!output) {
        data[Symbol.dispose]();
        return { tag: "err", val: INVALID_STATE };
      }
      const result = await intoOutput(data, output, toErrorCode);
      if (result.tag === "ok") this.#inner.shutdown("send");
      return result;
    }

    receive(): [HostStream<Uint8Array>, Ended] {
      const input = this.#input;
      this.#input = undefined;
      if (input) return fromInput(input, toErrorCode);
      return [hostBytes(null), Promise.resolve({ tag: "err", val: INVALID_STATE })];
    }

    getLocalAddress(): IpSocketAddress {
      return attempt(() => this.#inner.localAddress());
    }
    getRemoteAddress(): IpSocketAddress {
      return attempt(() => this.#inner.remoteAddress());
    }
    getIsListening(): boolean {
      return this.#inner.isListening();
    }
    getAddressFamily(): IpAddressFamily {
      return this.#inner.addressFamily();
    }
    setListenBacklogSize(value: bigint): void {
      attempt(() => this.#inner.setListenBacklogSize(value));
    }
    getKeepAliveEnabled(): boolean {
      return this.#inner.keepAliveEnabled();
    }
    setKeepAliveEnabled(value: boolean): void {
      attempt(() => this.#inner.setKeepAliveEnabled(value));
    }
    getKeepAliveIdleTime(): bigint {
      return this.#inner.keepAliveIdleTime();
    }
    setKeepAliveIdleTime(value: bigint): void {
      attempt(() => this.#inner.setKeepAliveIdleTime(value));
    }
    getKeepAliveInterval(): bigint {
      return this.#inner.keepAliveInterval();
    }
    setKeepAliveInterval(value: bigint): void {
      attempt(() => this.#inner.setKeepAliveInterval(value));
    }
    getKeepAliveCount(): number {
      return this.#inner.keepAliveCount();
    }
    setKeepAliveCount(value: number): void {
      attempt(() => this.#inner.setKeepAliveCount(value));
    }
    getHopLimit(): number {
      return this.#inner.hopLimit();
    }
    setHopLimit(value: number): void {
      attempt(() => this.#inner.setHopLimit(value));
    }
    getReceiveBufferSize(): bigint {
      return this.#inner.receiveBufferSize();
    }
    setReceiveBufferSize(value: bigint): void {
      attempt(() => this.#inner.setReceiveBufferSize(value));
    }
    getSendBufferSize(): bigint {
      return this.#inner.sendBufferSize();
    }
    setSendBufferSize(value: bigint): void {
      attempt(() => this.#inner.setSendBufferSize(value));
    }

    [Symbol.dispose](): void {
      // The streams that a guest has taken close themselves.
      this.#input?.[Symbol.dispose]();
      this.#output?.[Symbol.dispose]();
      this.#inner[Symbol.dispose]();
    }
  };
}

/** The resource `udp-socket`. */
function createUdpSocketClass(outbound: OutboundPolicy): unknown {
  return class UdpSocket {
    readonly #inner: UdpSocket02;
    #streams: [IncomingDatagramStream, OutgoingDatagramStream] | undefined;
    #isBound = false;

    private constructor(family: IpAddressFamily) {
      this.#inner = attempt(() => new UdpSocket02(family, outbound));
    }

    static create(family: IpAddressFamily): UdpSocket {
      return new UdpSocket(family);
    }

    bind(address: IpSocketAddress): void {
      attempt(() => {
        this.#inner.startBind(undefined, address);
        this.#inner.finishBind();
      });
      this.#isBound = true;
    }

    /** Like binding, it cannot wait for a policy that has to think; such sockets have to be bound. */
    connect(remote: IpSocketAddress): void {
      this.#bindAnywhere();
      this.#streams = attempt(() => this.#inner.stream(remote));
    }

    disconnect(): void {
      attempt(() => this.#inner.remoteAddress());
      this.#streams = attempt(() => this.#inner.stream(undefined));
    }

    async send(data: Uint8Array, remoteAddress: IpSocketAddress | undefined): Promise<void> {
      const datagram = { data: data.slice(), remoteAddress };
      this.#bindAnywhere();
      const [, outgoing] = this.#open();
      try {
        for (;;) {
          await outgoing.subscribe().block();
          if (outgoing.checkSend() > 0n && outgoing.send([datagram]) > 0n) return;
        }
      } catch (error) {
        throw toErrorCode(error);
      }
    }

    async receive(): Promise<[Uint8Array, IpSocketAddress]> {
      if (!this.#isBound) throw INVALID_STATE;
      const [incoming] = this.#open();
      try {
        for (;;) {
          const [datagram] = incoming.receive(1n);
          if (datagram) return [datagram.data, datagram.remoteAddress];
          await incoming.subscribe().block();
        }
      } catch (error) {
        throw toErrorCode(error);
      }
    }

    getLocalAddress(): IpSocketAddress {
      return attempt(() => this.#inner.localAddress());
    }
    getRemoteAddress(): IpSocketAddress {
      return attempt(() => this.#inner.remoteAddress());
    }
    getAddressFamily(): IpAddressFamily {
      return this.#inner.addressFamily();
    }
    getUnicastHopLimit(): number {
      return this.#inner.unicastHopLimit();
    }
    setUnicastHopLimit(value: number): void {
      attempt(() => this.#inner.setUnicastHopLimit(value));
    }
    getReceiveBufferSize(): bigint {
      return this.#inner.receiveBufferSize();
    }
    setReceiveBufferSize(value: bigint): void {
      attempt(() => this.#inner.setReceiveBufferSize(value));
    }
    getSendBufferSize(): bigint {
      return this.#inner.sendBufferSize();
    }
    setSendBufferSize(value: bigint): void {
      attempt(() => this.#inner.setSendBufferSize(value));
    }

    [Symbol.dispose](): void {
      this.#inner[Symbol.dispose]();
    }

    /** A socket that sends without having been bound gets any port. */
    #bindAnywhere(): void {
      if (this.#isBound) return;
      this.bind(
        this.#inner.addressFamily() === "ipv4"
          ? { tag: "ipv4", val: { port: 0, address: [0, 0, 0, 0] } }
          : {
            tag: "ipv6",
            val: { port: 0, flowInfo: 0, address: [0, 0, 0, 0, 0, 0, 0, 0], scopeId: 0 },
          },
      );
    }

    #open(): [IncomingDatagramStream, OutgoingDatagramStream] {
      return this.#streams ??= attempt(() => this.#inner.stream(undefined));
    }
  };
}

async function lookUp(outbound: OutboundPolicy, name: string): Promise<IpAddress[]> {
  try {
    const stream = resolveAddresses(outbound, name);
    await stream.subscribe().block();
    const addresses: IpAddress[] = [];
    for (
      let address = stream.resolveNextAddress();
      address;
      address = stream.resolveNextAddress()
    ) addresses.push(address);
    return addresses;
  } catch (error) {
    const code = codeOf(error);
    throw LOOKUP_CODES.has(code) ? { tag: code } : { tag: "other", val: code };
  }
}

/** The interfaces of `wasi:sockets@0.3` for one component. */
export function createSockets(component: ComponentContext): ImportObject {
  const { outbound } = component;
  return {
    "wasi:sockets/types@0.3": {
      TcpSocket: createTcpSocketClass(outbound),
      UdpSocket: createUdpSocketClass(outbound),
    },
    "wasi:sockets/ip-name-lookup@0.3": {
      resolveAddresses: (name: string) => lookUp(outbound, name),
    },
  };
}

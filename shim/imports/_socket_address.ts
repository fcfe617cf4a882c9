/**
 * Addresses and error codes of `wasi:sockets@0.2`.
 *
 * @module
 */

import { ipVersion } from "../../lib/node_builtins.ts";

/** The enum `network#error-code`. */
export type SocketErrorCode =
  | "unknown"
  | "access-denied"
  | "not-supported"
  | "invalid-argument"
  | "out-of-memory"
  | "timeout"
  | "concurrency-conflict"
  | "not-in-progress"
  | "would-block"
  | "invalid-state"
  | "new-socket-limit"
  | "address-not-bindable"
  | "address-in-use"
  | "remote-unreachable"
  | "connection-refused"
  | "connection-reset"
  | "connection-aborted"
  | "datagram-too-large"
  | "name-unresolvable"
  | "temporary-resolver-failure"
  | "permanent-resolver-failure";

const CODE_OF_ERRNO: Readonly<Record<string, SocketErrorCode>> = {
  EACCES: "access-denied",
  EPERM: "access-denied",
  EADDRINUSE: "address-in-use",
  EADDRNOTAVAIL: "address-not-bindable",
  EAFNOSUPPORT: "not-supported",
  ECONNABORTED: "connection-aborted",
  ECONNREFUSED: "connection-refused",
  ECONNRESET: "connection-reset",
  EPIPE: "connection-reset",
  EHOSTUNREACH: "remote-unreachable",
  ENETUNREACH: "remote-unreachable",
  ENETDOWN: "remote-unreachable",
  EINVAL: "invalid-argument",
  EMFILE: "new-socket-limit",
  ENFILE: "new-socket-limit",
  ENOBUFS: "out-of-memory",
  ENOMEM: "out-of-memory",
  EMSGSIZE: "datagram-too-large",
  ETIMEDOUT: "timeout",
  ENOTFOUND: "name-unresolvable",
  ENODATA: "name-unresolvable",
  EAI_NONAME: "name-unresolvable",
  EAI_AGAIN: "temporary-resolver-failure",
  EAI_FAIL: "permanent-resolver-failure",
};

const CODE_OF_NAME: Readonly<Record<string, SocketErrorCode>> = {
  AddrInUse: "address-in-use",
  AddrNotAvailable: "address-not-bindable",
  ConnectionAborted: "connection-aborted",
  ConnectionRefused: "connection-refused",
  ConnectionReset: "connection-reset",
  BrokenPipe: "connection-reset",
  NotCapable: "access-denied",
  PermissionDenied: "access-denied",
  TimedOut: "timeout",
};

/** The code for what a network operation threw. */
export function toSocketErrorCode(error: unknown): SocketErrorCode {
  if (!(error instanceof Error)) return "unknown";
  const errno = "code" in error && typeof error.code === "string" ? error.code : "";
  return CODE_OF_ERRNO[errno] ?? CODE_OF_NAME[error.name] ?? "unknown";
}

/** The enum `ip-address-family`. */
export type IpAddressFamily = "ipv4" | "ipv6";

/** The variant `ip-address`: four bytes, or eight groups of 16 bits. */
export interface IpAddress {
  readonly tag: IpAddressFamily;
  readonly val: readonly number[];
}

/** The variant `ip-socket-address`. */
export type IpSocketAddress =
  | { readonly tag: "ipv4"; readonly val: { port: number; address: readonly number[] } }
  | {
    readonly tag: "ipv6";
    readonly val: {
      port: number;
      flowInfo: number;
      address: readonly number[];
      scopeId: number;
    };
  };

/** The address as text, IPv6 in its shortest form, without brackets. */
export function formatIp(address: IpAddress): string {
  if (address.tag === "ipv4") return address.val.join(".");
  const groups = address.val.map((group) => group.toString(16)).join(":");
  return new URL(`http://[${groups}]/`).hostname.slice(1, -1);
}

/** The address without its port. */
export function ipOf({ tag, val }: IpSocketAddress): IpAddress {
  return { tag, val: val.address };
}

/** `scheme://ip:port`, as the allowed hosts are matched. */
export function formatUrl(scheme: "tcp" | "udp", address: IpSocketAddress): string {
  const ip = formatIp(ipOf(address));
  return `${scheme}://${address.tag === "ipv6" ? `[${ip}]` : ip}:${address.val.port}`;
}

/** The address that `text` is; undefined if it is none. A zone is dropped. */
export function parseIp(text: string): IpAddress | undefined {
  const [bare = ""] = text.split("%", 1);
  if (ipVersion(bare) === 4) return { tag: "ipv4", val: bare.split(".").map(Number) };
  if (ipVersion(bare) !== 6) return undefined;
  const shortest = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const [head = "", tail] = shortest.split("::");
  const left = parseGroups(head);
  const right = parseGroups(tail ?? "");
  const zeroes = new Array<number>(8 - left.length - right.length).fill(0);
  return { tag: "ipv6", val: [...left, ...zeroes, ...right] };
}

function parseGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
}

/** The variant for an address of the platform. @throws {TypeError} if it is not an IP address. */
export function toSocketAddress(address: Deno.Addr): IpSocketAddress {
  const { hostname, port } = address as Deno.NetAddr;
  const ip = parseIp(hostname);
  if (!ip) throw new TypeError(`Cannot use "${hostname}" as an IP address`);
  return ip.tag === "ipv4"
    ? { tag: "ipv4", val: { port, address: ip.val } }
    : { tag: "ipv6", val: { port, flowInfo: 0, address: ip.val, scopeId: 0 } };
}

/** Whether two addresses have the same IP and port. */
export function isSameAddress(a: IpSocketAddress, b: IpSocketAddress): boolean {
  return a.tag === b.tag && a.val.port === b.val.port &&
    a.val.address.every((part, i) => part === b.val.address[i]);
}

/**
 * Checks an address that is to be bound or connected to.
 * @throws {SocketErrorCode} `invalid-argument` for the wrong family, an IPv4 address in IPv6
 * clothes, and one that is not of a single host; for remote ones also without address or port.
 */
export function checkAddress(
  address: IpSocketAddress,
  options: { family: IpAddressFamily; isRemote: boolean },
): void {
  const { tag, val } = address;
  const parts = val.address;
  const isUnspecified = parts.every((part) => part === 0);
  const isMapped = tag === "ipv6" && parts.slice(0, 5).every((part) => part === 0) &&
    parts[5] === 0xffff;
  const isMulticast = tag === "ipv4"
    ? (parts[0]! & 0xf0) === 0xe0 || parts.every((part) => part === 255)
    : (parts[0]! & 0xff00) === 0xff00;
  const isIncomplete = options.isRemote && (isUnspecified || val.port === 0);
  if (tag !== options.family || isMapped || isMulticast || isIncomplete) {
    throw "invalid-argument" satisfies SocketErrorCode;
  }
}

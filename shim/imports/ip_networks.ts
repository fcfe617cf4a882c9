/**
 * The operator's blocked networks: a second check, on resolved addresses, behind the allowed hosts
 * of a component.
 *
 * @module
 */

import type { BlockList } from "node:net";
import { ipVersion, net } from "../../lib/node_builtins.ts";

/** Every range that is not globally reachable (IANA special-purpose registries). */
const PRIVATE_NETWORKS = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "::1/128",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

/** Tells whether an address is in one of the networks. */
export interface BlockedNetworks {
  /** `ip` is a literal IPv4 or IPv6 address; anything else is blocked. */
  has(ip: string): boolean;
}

/**
 * @param networks CIDRs (host bits are ignored), single addresses, and `private` for every address
 * that is not global.
 * @throws {RangeError} naming the entry that is none of these.
 */
export function createBlockedNetworks(networks: readonly string[]): BlockedNetworks {
  if (networks.length === 0) return { has: () => false };
  const list = new (net().BlockList)();
  for (const network of networks) {
    if (network === "private") PRIVATE_NETWORKS.forEach((range) => addNetwork(list, range));
    else addNetwork(list, network);
  }
  return {
    has(ip) {
      const bare = withoutZone(ip);
      if (ipVersion(bare) === 0) return true;
      return addressForms(bare).some((form) =>
        list.check(form, ipVersion(form) === 4 ? "ipv4" : "ipv6")
      );
    },
  };
}

function addNetwork(list: BlockList, network: string): void {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network.trim());
  const family = match ? ipVersion(match[1]!) : 0;
  const bits = family === 4 ? 32 : 128;
  const prefix = match?.[2] === undefined ? bits : Number(match[2]);
  if (!match || family === 0 || prefix > bits) {
    throw new RangeError(
      `block_networks: "${network}" is neither a network such as "10.0.0.0/8" nor "private"`,
    );
  }
  list.addSubnet(match[1]!, prefix, family === 4 ? "ipv4" : "ipv6");
}

function withoutZone(ip: string): string {
  return ip.replace(/^\[|\]$/g, "").split("%", 1)[0]!;
}

/**
 * The address itself and, for IPv6 that carries an IPv4 address (mapped, compatible, NAT64 or
 * 6to4), that one too: the packet ends up there.
 */
function addressForms(ip: string): string[] {
  if (ipVersion(ip) === 4) return [ip];
  const groups = expandGroups(ip);
  const embedded = embeddedIpv4(groups);
  return embedded ? [ip, embedded] : [ip];
}

/** The eight 16-bit groups of an IPv6 address. */
function expandGroups(ip: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  const text = dotted
    ? dotted[1]! +
      ((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16) + ":" +
      ((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)
    : ip;
  const [head = "", tail] = text.split("::");
  const left = parseGroups(head);
  if (tail === undefined) return left;
  const right = parseGroups(tail);
  return [...left, ...new Array(8 - left.length - right.length).fill(0), ...right];
}

function parseGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
}

function embeddedIpv4(groups: readonly number[]): string | undefined {
  const isZero = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  if (isZero(0, 5) && groups[5] === 0xffff) return dottedQuad(groups[6]!, groups[7]!);
  // `::` and `::1` are addresses of their own, not 0.0.0.0 and 0.0.0.1.
  if (isZero(0, 6) && (groups[6] !== 0 || groups[7]! > 1)) {
    return dottedQuad(groups[6]!, groups[7]!);
  }
  if (groups[0] === 0x64 && groups[1] === 0xff9b && isZero(2, 6)) {
    return dottedQuad(groups[6]!, groups[7]!);
  }
  if (groups[0] === 0x2002) return dottedQuad(groups[1]!, groups[2]!);
  return undefined;
}

function dottedQuad(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

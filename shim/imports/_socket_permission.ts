/**
 * Whether a socket may use an address.
 *
 * @module
 */

import type { OutboundPolicy } from "./component_context.ts";
import { formatIp, formatUrl, ipOf, type IpSocketAddress } from "./_socket_address.ts";

/** An answer that is there, or comes later. */
export interface Permission {
  /** Undefined while the answer is not there. */
  readonly isGranted: boolean | undefined;
  /** Resolves when it is; never rejects. */
  readonly settled: Promise<void>;
}

const SETTLED = Promise.resolve();

/** Asks the operator's block list, then the component's allowed hosts; at once if these can. */
export function askPermission(
  outbound: OutboundPolicy,
  target: { scheme: "tcp" | "udp"; address: IpSocketAddress },
): Permission {
  const { scheme, address } = target;
  if (outbound.isBlocked(formatIp(ipOf(address)))) return { isGranted: false, settled: SETTLED };
  const answer = outbound.check(formatUrl(scheme, address), scheme);
  if (typeof answer === "boolean") return { isGranted: answer, settled: SETTLED };
  const permission: { isGranted: boolean | undefined; settled: Promise<void> } = {
    isGranted: undefined,
    settled: answer.then((isGranted) => {
      permission.isGranted = isGranted;
    }, () => {
      // A policy that cannot be evaluated has told the user why; the guest gets nothing.
      permission.isGranted = false;
    }),
  };
  return permission;
}

/** Counts a socket against the limit. @throws {SocketErrorCode} `new-socket-limit`. */
export function takeSocket(outbound: OutboundPolicy): () => void {
  if (!outbound.openConnection) return () => {};
  let release = outbound.openConnection("socket");
  if (!release) throw "new-socket-limit";
  return () => {
    release?.();
    release = undefined;
  };
}

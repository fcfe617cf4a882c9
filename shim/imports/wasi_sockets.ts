/**
 * `wasi:sockets@0.2`: outbound TCP, UDP and name lookup, within the component's allowed hosts.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "./component_context.ts";
import { resolveAddresses, ResolveAddressStream } from "./_name_lookup.ts";
import type { IpAddressFamily } from "./_socket_address.ts";
import { TcpSocket } from "./_tcp_socket.ts";
import { IncomingDatagramStream, OutgoingDatagramStream, UdpSocket } from "./_udp_socket.ts";

/** The resource `network`. There is one network, whatever the handle. */
class Network {}

/** The interfaces of `wasi:sockets@0.2` for one component. */
export function createWasiSockets(component: ComponentContext): ImportObject {
  const { outbound } = component;
  return {
    "wasi:sockets/network@0.2": { Network },
    "wasi:sockets/instance-network@0.2": { instanceNetwork: () => new Network() },
    "wasi:sockets/tcp@0.2": { TcpSocket },
    "wasi:sockets/tcp-create-socket@0.2": {
      createTcpSocket: (family: IpAddressFamily) => new TcpSocket(family, outbound),
    },
    "wasi:sockets/udp@0.2": { IncomingDatagramStream, OutgoingDatagramStream, UdpSocket },
    "wasi:sockets/udp-create-socket@0.2": {
      createUdpSocket: (family: IpAddressFamily) => new UdpSocket(family, outbound),
    },
    "wasi:sockets/ip-name-lookup@0.2": {
      ResolveAddressStream,
      resolveAddresses: (_network: Network, name: string) => resolveAddresses(outbound, name),
    },
  };
}

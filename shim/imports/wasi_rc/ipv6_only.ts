/**
 * An option of sockets that the platform does not let us set.
 *
 * @module
 */

import type { IpAddressFamily, SocketErrorCode } from "../_socket_address.ts";

/**
 * The option `ipv6-only`, kept and given back; the original traps. It changes nothing: sockets of
 * either family are connected to addresses of their own family only.
 */
export class Ipv6Only {
  readonly #family: IpAddressFamily;
  #value = true;

  constructor(family: IpAddressFamily) {
    this.#family = family;
  }

  /** @throws {SocketErrorCode} `not-supported` for IPv4. */
  get(): boolean {
    this.#check();
    return this.#value;
  }

  /** @throws {SocketErrorCode} `not-supported` for IPv4. */
  set(value: boolean): void {
    this.#check();
    this.#value = value;
  }

  #check(): void {
    if (this.#family === "ipv4") throw "not-supported" satisfies SocketErrorCode;
  }
}

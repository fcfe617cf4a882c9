/**
 * The value of `--live-page`.
 *
 * @module
 */

import type { LiveAddress } from "../host/live/live_server.ts";
import { parseListenAddress } from "./listen_address.ts";

/** Where the live page is found unless something else is said. */
export const DEFAULT_LIVE_PAGE: LiveAddress = {
  hostname: "127.0.0.1",
  port: 3080,
  isFlexible: true,
};

/**
 * Parses `on`, `off`, or `HOST:PORT` of this machine alone.
 * @throws {SyntaxError} if it is anything else: the page shows requests and logs.
 */
export function parseLivePage(text: string): LiveAddress | "off" {
  if (text === "off") return "off";
  if (text === "on") return DEFAULT_LIVE_PAGE;
  const { hostname, port } = parseListenAddress(text);
  const address = hostname === "localhost" ? "127.0.0.1" : hostname;
  if (address === "::1" || /^127(?:\.\d{1,3}){3}$/.test(address)) {
    return { hostname: address, port, isFlexible: false };
  }
  throw new SyntaxError(
    'give "on", "off" or an address that only this machine reaches, such as 127.0.0.1:3080',
  );
}

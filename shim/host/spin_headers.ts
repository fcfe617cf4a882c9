/**
 * The headers that Spin adds to what a component sees.
 *
 * @module
 */

import type { RouteMatch } from "./router.ts";

/** What the added headers are made of. */
export interface SpinHeaderInput {
  /** As received, names in any case. */
  readonly received: readonly (readonly [string, string])[];
  readonly match: Pick<RouteMatch<unknown>, "pattern" | "params" | "pathInfo">;
  /** `scheme://authority/path?query`. */
  readonly fullUrl: string;
  /** `ip:port` of the client. */
  readonly clientAddress: string;
}

/**
 * The received headers with names in lower case, and Spin's own. Headers that look like Spin's are
 * dropped, so that a client cannot pretend.
 */
export function componentHeaders(input: SpinHeaderInput): [string, string][] {
  const { pattern, params, pathInfo } = input.match;
  const headers: [string, string][] = [];
  for (const [name, value] of input.received) {
    const lower = name.toLowerCase();
    if (!lower.startsWith("spin-") && !lower.startsWith("spin_")) headers.push([lower, value]);
  }
  const route = pattern.raw.startsWith("/") ? pattern.raw : `/${pattern.raw}`;
  headers.push(
    ["spin-path-info", pathInfo],
    ["spin-full-url", input.fullUrl],
    ["spin-matched-route", route],
    ["spin-base-path", "/"],
    ["spin-raw-component-route", route],
    ["spin-component-route", withoutWildcard(route)],
    ["spin-client-addr", input.clientAddress],
  );
  for (const [name, value] of params) {
    headers.push([`spin-path-match-${name.toLowerCase().replaceAll("_", "-")}`, value]);
  }
  return headers;
}

function withoutWildcard(route: string): string {
  return route.replace(/\/(\.\.\.|\*)$/, "");
}

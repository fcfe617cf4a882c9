/**
 * The report of `wrk --latency`.
 *
 * @module
 */

import type { LoadResult } from "./load.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  us: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a report.
 * @throws {SyntaxError} if the text has no request rate or no latencies.
 */
export function parseWrk(text: string): LoadResult {
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  return {
    requests: Number(find(/^\s*(\d+) requests in /m, text)),
    requestsPerSecond: Number(find(/^Requests\/sec:\s+([\d.]+)/m, text)),
    p50Ms: milliseconds(find(/^\s+50%\s+(\S+)/m, text)),
    p99Ms: milliseconds(find(/^\s+99%\s+(\S+)/m, text)),
    badStatuses: Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0),
    socketErrors: (errors?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0),
  };
}

function find(pattern: RegExp, text: string): string {
  const match = pattern.exec(text);
  if (match) return match[1]!;
  throw new SyntaxError(`The report of wrk has nothing like ${pattern}: ${text}`);
}

function milliseconds(text: string): number {
  const match = /^([\d.]+)(us|ms|s|m|h)$/.exec(text);
  if (!match) throw new SyntaxError(`Not a time of wrk: "${text}"`);
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}

/**
 * How many nodes are worked on at once, how many may fail, and when one is tried again.
 *
 * @module
 */

import type { RolloutStrategy } from "../../crds/shim.ts";

/** Milliseconds before the second try; doubles up to {@link MAX_RETRY_MS}. */
const FIRST_RETRY_MS = 30_000;
const MAX_RETRY_MS = 600_000;

/** Numbers of nodes. */
export interface RolloutLimits {
  /** Nodes that are worked on at once, at most. */
  readonly maxUpdate: number;
  /** Nodes that may have failed while further ones are begun. */
  readonly maxFailed: number;
  /** Whether one node has to succeed before others are begun. */
  readonly hasCanary: boolean;
}

/**
 * The limits of a strategy for so many nodes.
 *
 * Unknown types count as `recreate`, as they do for runtime-class-manager; which takes all nodes at
 * once. Here it is half of them, so that the other half serves whatever happens.
 */
export function rolloutLimits(
  { type, rolling }: RolloutStrategy,
  { nodes }: { nodes: number },
): RolloutLimits {
  if (type !== "rolling") {
    const half = Math.floor(nodes / 2);
    return { maxUpdate: Math.max(1, half), maxFailed: half, hasCanary: false };
  }
  return {
    maxUpdate: Math.max(1, countOf(rolling?.maxUpdate, nodes)),
    maxFailed: countOf(rolling?.maxFailed, nodes),
    hasCanary: true,
  };
}

/** A number, or a percentage of `all`, rounded down. What is neither, or below 0, counts as 0. */
function countOf(value: number | string | undefined, all: number): number {
  if (typeof value === "number") return Math.max(0, Math.floor(value));
  const [, digits, percent] = /^(\d+)(%?)$/.exec(value ?? "") ?? [];
  if (digits === undefined) return 0;
  return percent ? Math.floor(all * Math.min(Number(digits), 100) / 100) : Number(digits);
}

/** Milliseconds between the end of a try and the next one, after so many failures in a row. */
export function retryDelayMs(failures: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.max(0, failures - 1), MAX_RETRY_MS);
}

/**
 * The few statistics that a noisy machine calls for: medians and spreads, never means.
 *
 * @module
 */

/**
 * The value below which the given share of the sorted values lies, interpolated linearly.
 * @param share From 0 to 1.
 * @returns NaN if there are no values.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

/** The middle value; NaN if there are no values. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** How far the values lie apart: (greatest − least) ÷ median. NaN if there are no values. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/**
 * The median of `values[i] / references[i]`. Round by round, because what disturbs the machine in
 * one round disturbs both sides of the ratio alike.
 * @returns NaN if a side has no values.
 */
export function medianRatio(values: readonly number[], references: readonly number[]): number {
  const rounds = Math.min(values.length, references.length);
  return median(values.slice(0, rounds).map((value, round) => value / references[round]!));
}

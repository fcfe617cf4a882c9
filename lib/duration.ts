/**
 * Durations as Spin's command line writes them.
 *
 * @module
 */

const UNIT_MS: Readonly<Record<string, number>> = {
  "": 1_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  "μs": 1e-3,
  "µs": 1e-3,
  ns: 1e-6,
  m: 60_000,
};

/**
 * Milliseconds of `10s`, `1.5s`, `500ms`, `20us`, `7ns`, `2m`; a number alone counts seconds.
 * @throws {SyntaxError} if it is none of these.
 */
export function parseDuration(text: string): number {
  // A decimal number, then letters.
  const match = /^(\d+(?:\.\d+)?)([a-zμµ]*)$/.exec(text);
  const unit = match && Object.hasOwn(UNIT_MS, match[2]!) ? UNIT_MS[match[2]!] : undefined;
  const milliseconds = unit === undefined ? NaN : Number(match![1]) * unit;
  if (!Number.isFinite(milliseconds)) {
    throw new SyntaxError("give a number with a unit, such as 10s, 500ms or 2m");
  }
  return milliseconds;
}

/**
 * Values of flags that hold more than one thing. Lists and maps are split as Go's `pflag` does it.
 *
 * @module
 */

/** A name and a value. */
export type Pair = readonly [name: string, value: string];

/** Where a value comes from: a key of a Secret or a ConfigMap. */
export interface KeySource {
  readonly kind: "secret" | "configmap";
  readonly name: string;
  readonly key: string;
}

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** @throws {SyntaxError} if the text is no whole number of 32 bits. */
export function parseInt32(text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
  if (value >= INT32_MIN && value <= INT32_MAX) return value;
  throw new SyntaxError(`give a whole number from ${INT32_MIN} to ${INT32_MAX}`);
}

/**
 * `a,b` as two values; `"a,b"` in quotes is one.
 * @throws {SyntaxError} if a quote is where CSV allows none.
 */
export function parseList(text: string): string[] {
  return text === "" ? [] : splitCsv(text);
}

/**
 * `a=1,b=2` as two pairs. A comma is a part of the value if what follows it is no pair: `a=1,2`. Around
 * a pair with commas that is more than one, quotes are needed: `"a=x,b=y"`.
 *
 * @throws {SyntaxError} if there is no `=`.
 */
export function parsePairs(text: string): Pair[] {
  const count = text.split("=").length - 1;
  if (count === 0) throw new SyntaxError(`${text} must be formatted as key=value`);
  if (count === 1) return [parsePair(text.replace(/^"+|"+$/g, ""))];
  const pieces = splitCsv(text);
  return pieces.every((piece) => piece.includes("=")) ? pieces.map(parsePair) : [parsePair(text)];
}

/** @throws {SyntaxError} if there is no `=`, or no name before it. */
export function parsePair(text: string): Pair {
  const at = text.indexOf("=");
  if (at <= 0) throw new SyntaxError(`${text} must be formatted as key=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/**
 * `secret:NAME/KEY` or `configmap:NAME/KEY`.
 * @throws {SyntaxError} if it is neither.
 */
export function parseKeySource(text: string): KeySource {
  const [, kind, name, key] = /^(secret|configmap):([^/]+)\/(.+)$/.exec(text) ?? [];
  if (kind === undefined) throw new SyntaxError("give secret:NAME/KEY or configmap:NAME/KEY");
  return { kind: kind as KeySource["kind"], name: name!, key: key! };
}

/** One line of CSV. */
function splitCsv(text: string): string[] {
  const fields: string[] = [];
  let rest = text;
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(rest);
    const field = quoted ?? /^[^,"]*(?=,|$)/.exec(rest);
    if (!field) {
      throw new SyntaxError(
        'a quote has to enclose the whole item, and one within it is written twice: "a ""b"""',
      );
    }
    fields.push(quoted ? quoted[1]!.replaceAll('""', '"') : field[0]);
    if (field[0].length === rest.length) return fields;
    rest = rest.slice(field[0].length + 1);
  }
}

const GO_UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * Milliseconds of `1h30m`, `20s` or `0`, as Go writes durations; a number alone counts seconds.
 * @throws {SyntaxError} if it is none.
 */
export function parseGoDuration(text: string): number {
  const number = "\\d+(?:\\.\\d+)?";
  if (new RegExp(`^${number}$`).test(text)) return Number(text) * 1000;
  if (!new RegExp(`^(?:${number}(?:h|ms|m|s))+$`).test(text)) {
    throw new SyntaxError("give a number with a unit, such as 20s, 5m or 1h30m");
  }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
  return parts.reduce((sum, [, value, unit]) => sum + Number(value) * GO_UNITS_MS[unit!]!, 0);
}

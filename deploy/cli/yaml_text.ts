/**
 * YAML whose bytes are a contract: manifests that `scaffold` prints look the same for ever, whatever
 * a YAML library likes better.
 *
 * @module
 */

/** A value that can be written; mappings keep their order, and entries that are undefined are left out. */
export type YamlValue =
  | string
  | number
  | boolean
  | QuotedText
  | PlainText
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue | undefined };

/** Always in double quotes. */
export class QuotedText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** For JSON, the text alone. */
  toJSON(): string {
    return this.text;
  }
}

/** Never in quotes, though it may read back as a number: `cpu: 1`. */
export class PlainText extends QuotedText {}

/** Several lines as they are, where YAML has a way to write them so; else in double quotes. */
export class LinesOfText extends QuotedText {}

/** How {@link formatYaml} writes. */
export interface YamlStyle {
  /** Keys whose sequences are indented below them; others start in the column of their key. */
  readonly indentedSequences?: readonly string[];
}

/** One document in block style, with its final newline and without a separator. */
export function formatYaml(
  value: { readonly [key: string]: YamlValue | undefined },
  style: YamlStyle = {},
): string {
  return mappingLines(value, style).map((line) => `${line}\n`).join("");
}

/**
 * The text as a scalar on one line: plain if YAML 1.1 reads that as the same string, else in double
 * quotes.
 */
export function formatYamlString(text: string): string {
  return isPlain(text) ? text : JSON.stringify(text);
}

function mappingLines(
  mapping: { readonly [key: string]: YamlValue | undefined },
  style: YamlStyle,
): string[] {
  return Object.entries(mapping).flatMap(([key, value]) =>
    value === undefined ? [] : entryLines({ key, value }, style)
  );
}

function entryLines({ key, value }: { key: string; value: YamlValue }, style: YamlStyle): string[] {
  const label = `${formatYamlString(key)}:`;
  if (value instanceof LinesOfText && isBlock(value.text)) {
    const lines = value.text.slice(0, -1).split("\n");
    return [`${label} |`, ...lines.map((line) => line === "" ? "" : `  ${line}`)];
  }
  const scalar = formatScalar(value);
  if (scalar !== undefined) return [`${label} ${scalar}`];
  const lines = blockLines(value, style);
  const isIndented = !Array.isArray(value) || style.indentedSequences?.includes(key);
  return [label, ...lines.map((line) => isIndented ? `  ${line}` : line)];
}

/** A scalar, or an empty collection; undefined for what needs lines of its own. */
function formatScalar(value: YamlValue): string | undefined {
  if (typeof value === "string") return formatYamlString(value);
  if (typeof value !== "object") return String(value);
  if (value instanceof PlainText) return value.text;
  if (value instanceof QuotedText) return JSON.stringify(value.text);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : undefined;
  return Object.values(value).every((entry) => entry === undefined) ? "{}" : undefined;
}

function blockLines(value: YamlValue, style: YamlStyle): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => itemLines(item, style));
  return mappingLines(value as { readonly [key: string]: YamlValue | undefined }, style);
}

function itemLines(item: YamlValue, style: YamlStyle): string[] {
  const scalar = formatScalar(item);
  if (scalar !== undefined) return [`- ${scalar}`];
  return blockLines(item, style).map((line, index) => `${index === 0 ? "-" : " "} ${line}`);
}

/** Words that YAML 1.1 reads as null, as booleans, or as keys of its own. */
const WORDS: readonly string[] = [
  "null",
  "true",
  "false",
  "yes",
  "no",
  "on",
  "off",
  "y",
  "n",
  "~",
  "<<",
  "=",
];

/** What YAML 1.1 and 1.2 read as a number or a time. */
const NO_STRINGS: readonly RegExp[] = [
  // 0b1, 0x1f, 0o17
  /^[-+]?0(?:b[01_]+|x[0-9a-fA-F_]+|o[0-7_]+)$/,
  // 1, 0755, 1_000, 1.5, 1e3, .5
  /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]*)(?:[eE][-+]?[0-9]+)?$/,
  // 190:20:30.15, to the base of 60
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/,
  /^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/,
  // 2001-12-14, with or without a time
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:$|[Tt\s])/,
];

/** Printable lines with a newline after the last, which neither begin nor end with blanks. */
function isBlock(text: string): boolean {
  return /^[^\s][^]*[^\n]\n$/.test(text) &&
    !/(?![\n\t])[\p{Cc}\p{Cs}\u2028\u2029\ufeff]/u.test(text);
}

/** Characters with a meaning at the beginning of a scalar. */
const INDICATORS = /^[,[\]{}#&*!|>'"%@`]|^[-?:](?:\s|$)|^(?:---|\.\.\.)/;

function isPlain(text: string): boolean {
  if (text === "" || text.trim() !== text) return false;
  // Spaces apart, everything that could break a line or is not printable; JSON's escapes are YAML's.
  if (/[\p{Cc}\p{Cs}\u2028\u2029\ufeff]/u.test(text)) return false;
  if (INDICATORS.test(text) || /:\s|:$|\s#/.test(text)) return false;
  if (WORDS.includes(text.toLowerCase())) return false;
  return !NO_STRINGS.some((pattern) => pattern.test(text));
}

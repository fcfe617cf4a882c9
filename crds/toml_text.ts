/**
 * TOML whose bytes are a contract: the name of a Secret is made from them, and they have to be those
 * that SpinKube's own operator writes.
 *
 * @module
 */

/** A table of text values. */
export type TextTable = Readonly<Record<string, string>>;

/** `key = 'value'` lines, sorted by key. */
export function formatTable(table: TextTable): string {
  return Object.keys(table).sort(compareBytes).map((key) =>
    `${formatKey(key)} = ${formatString(table[key]!)}\n`
  ).join("");
}

/** A header and tables below it, sorted by name, with an empty line between them. */
export function formatTables(header: string, tables: Readonly<Record<string, TextTable>>): string {
  const below = Object.keys(tables).sort(compareBytes).map((name) =>
    `[${header}.${formatKey(name)}]\n${formatTable(tables[name]!)}`
  );
  return `[${header}]\n${below.join("\n")}`;
}

/** A bare key where that is possible, else one in quotes. */
export function formatKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : formatString(key);
}

/** A literal string, or a basic one if there is something in it that a literal one cannot have. */
export function formatString(text: string): string {
  if (!NEEDS_ESCAPES.test(text)) return `'${text}'`;
  return `"${text.replace(ESCAPED, escape)}"`;
}

// deno-lint-ignore no-control-regex
const NEEDS_ESCAPES = /['\x00-\x08\x0a-\x1f\x7f]/;
// deno-lint-ignore no-control-regex
const ESCAPED = /[\\"\x00-\x1f\x7f]/g;

const SHORT: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function escape(character: string): string {
  return SHORT[character] ??
    `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The order of the UTF-8 bytes, which is that of the code points. */
function compareBytes(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

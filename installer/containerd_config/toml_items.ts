/**
 * The lines of a TOML file with their places, for edits that leave every other byte as it is.
 *
 * This reads structure only: values are not checked. Whether a file is TOML at all is for a parser
 * to say (see `effective.ts`).
 *
 * @module
 */

/** Where something is in the text: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A key with its value. */
export interface TomlEntry extends Span {
  /** All words of the key, from the root of the document. */
  readonly path: readonly string[];
  readonly value: Span;
  /** What an inline table holds; undefined for every other value. */
  readonly entries: readonly TomlEntry[] | undefined;
}

/** One line, or several if a value takes several. `end` is behind the line's end. */
export type TomlItem =
  | Span & { readonly kind: "blank" | "other" }
  | Span & { readonly kind: "comment"; readonly text: string }
  | Span & { readonly kind: "table" | "array"; readonly path: readonly string[] }
  | Span & { readonly kind: "entry"; readonly entry: TomlEntry };

/** A key's words and where it ends. */
interface Key {
  readonly path: readonly string[];
  readonly end: number;
}

/** The text cannot be divided into lines of TOML; `offset` is where. */
export class TomlScanError extends Error {
  override readonly name = "TomlScanError";
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const BARE_KEY = /[A-Za-z0-9_-]+/y;
const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  e: "\x1b",
  '"': '"',
  "\\": "\\",
};

/**
 * Divides a document into its lines. Go templates, as K3s and RKE2 have them, may stand in it: a line
 * of nothing else becomes `other`, and within values they are taken for part of the value.
 *
 * The items follow each other without gaps: joined they are the text.
 *
 * @throws {TomlScanError} where a line is neither a key, a table nor a comment.
 */
export function scanToml(text: string): TomlItem[] {
  const masked = maskTemplates(text);
  const items: TomlItem[] = [];
  let table: readonly string[] = [];
  let at = 0;
  while (at < text.length) {
    const start = at;
    const first = skipBlanks(masked, at);
    const character = masked[first];
    if (character === undefined || character === "\n" || isCrLf(masked, first)) {
      at = lineEnd(text, first);
      items.push({ kind: isBlank(text.slice(start, at)) ? "blank" : "other", start, end: at });
    } else if (character === "#") {
      at = lineEnd(text, first);
      items.push({ kind: "comment", start, end: at, text: text.slice(first, at).trimEnd() });
    } else if (character === "[") {
      const isArray = masked[first + 1] === "[";
      const key = readKey(masked, skipBlanks(masked, first + (isArray ? 2 : 1)));
      const closed = expect(masked, {
        at: skipBlanks(masked, key.end),
        word: isArray ? "]]" : "]",
      });
      at = endOfLine(text, { masked, at: closed });
      table = key.path;
      items.push({ kind: isArray ? "array" : "table", start, end: at, path: key.path });
    } else {
      const entry = readEntry(masked, { at: first, parent: table });
      at = endOfLine(text, { masked, at: entry.end });
      items.push({ kind: "entry", start, end: at, entry });
    }
  }
  return items;
}

/** Whether a text has Go templates in it. */
export function hasTemplates(text: string): boolean {
  return maskTemplates(text) !== text;
}

/** The text with blanks in the place of Go templates on lines of their own, and letters elsewhere. */
function maskTemplates(text: string): string {
  // A comment keeps its braces: there they mean nothing to whoever reads lines.
  return text.replace(/^[ \t]*(?:\{\{(?:(?!\}\}).)*\}\}[ \t]*)+(?=\r?$)/gms, blanks)
    .replace(
      /\{\{(?:(?!\}\}).)*\}\}/gs,
      (action, offset: number) =>
        isInComment(text, offset) || !isTemplateAction(action) ? action : "x".repeat(action.length),
    );
}

/** Nested inline tables may begin or end with two braces too; templates have no `=` in them. */
function isTemplateAction(action: string): boolean {
  return !/^\{\{\s*[\w"'-]+\s*=(?!=)/.test(action);
}

function blanks(action: string): string {
  return isTemplateAction(action.trim()) ? action.replace(/[^\n\r]/g, " ") : action;
}

function isInComment(text: string, offset: number): boolean {
  return /^[ \t]*#/.test(text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset));
}

function isBlank(line: string): boolean {
  return line.trim() === "";
}

function isCrLf(text: string, at: number): boolean {
  return text[at] === "\r" && text[at + 1] === "\n";
}

function skipBlanks(text: string, at: number): number {
  while (text[at] === " " || text[at] === "\t" || (at === 0 && text[at] === "\uFEFF")) at++;
  return at;
}

/** Skips line ends and comments too, as within arrays. */
function skipLines(text: string, at: number): number {
  for (;;) {
    at = skipBlanks(text, at);
    if (text[at] === "\n") at++;
    else if (isCrLf(text, at)) at += 2;
    else if (text[at] === "#") at = lineEnd(text, at);
    else return at;
  }
}

/** Behind the end of the line. */
function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

/** Behind the end of a line on which nothing but a comment may follow. */
function endOfLine(text: string, { masked, at }: { masked: string; at: number }): number {
  const next = skipBlanks(masked, at);
  const character = masked[next];
  if (character === undefined || character === "\n" || character === "#" || isCrLf(masked, next)) {
    return lineEnd(text, next);
  }
  throw new TomlScanError(`"${character}" follows where the line should end`, next);
}

function expect(text: string, { at, word }: { at: number; word: string }): number {
  if (text.startsWith(word, at)) return at + word.length;
  throw new TomlScanError(`"${word}" is missing`, at);
}

/** A key with its dots. */
function readKey(text: string, at: number): Key {
  const path: string[] = [];
  for (;;) {
    const word = readKeyWord(text, at);
    path.push(word.text);
    const dot = skipBlanks(text, word.end);
    if (text[dot] !== ".") return { path, end: word.end };
    at = skipBlanks(text, dot + 1);
  }
}

function readKeyWord(text: string, at: number): { text: string; end: number } {
  const quote = text[at];
  if (quote === '"' || quote === "'") {
    const end = stringEnd(text, at);
    return { text: unquote(text.slice(at, end)), end };
  }
  BARE_KEY.lastIndex = at;
  const [word] = BARE_KEY.exec(text) ?? [];
  if (word === undefined) throw new TomlScanError("a key is missing", at);
  return { text: word, end: at + word.length };
}

/** The text of a string on one line, with its quotes. */
export function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("'")) return inner;
  return inner.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs,
    (_, short?: string, long?: string, letter?: string) =>
      letter === undefined
        ? String.fromCodePoint(Math.min(parseInt(short ?? long ?? "0", 16), 0x10ffff))
        : ESCAPES[letter] ?? letter,
  );
}

function readEntry(
  text: string,
  { at, parent }: { at: number; parent: readonly string[] },
): TomlEntry {
  const key = readKey(text, at);
  const equals = expect(text, { at: skipBlanks(text, key.end), word: "=" });
  const start = skipBlanks(text, equals);
  const path = [...parent, ...key.path];
  if (text[start] === "{") {
    const { entries, end } = readInlineTable(text, { at: start, path });
    return { path, start: at, end, value: { start, end }, entries };
  }
  const end = valueEnd(text, start);
  return { path, start: at, end, value: { start, end }, entries: undefined };
}

function readInlineTable(
  text: string,
  { at, path }: { at: number; path: readonly string[] },
): { entries: TomlEntry[]; end: number } {
  const entries: TomlEntry[] = [];
  at = skipLines(text, at + 1);
  while (text[at] !== "}") {
    const entry = readEntry(text, { at, parent: path });
    entries.push(entry);
    at = skipLines(text, entry.end);
    if (text[at] === ",") at = skipLines(text, at + 1);
    else if (text[at] !== "}") throw new TomlScanError('"}" is missing', at);
  }
  return { entries, end: at + 1 };
}

function valueEnd(text: string, at: number): number {
  const character = text[at];
  if (character === '"' || character === "'") return stringEnd(text, at);
  if (character === "[") return arrayEnd(text, at);
  if (character === "{") return readInlineTable(text, { at, path: [] }).end;
  const [word = ""] = /^(?:\d{4}-\d\d-\d\d \d[^\s,#\]}]*|[^\s,#\]}]+)/.exec(
    text.slice(at, at + 256),
  ) ?? [];
  if (word === "") throw new TomlScanError("a value is missing", at);
  return at + word.length;
}

function arrayEnd(text: string, at: number): number {
  at = skipLines(text, at + 1);
  while (text[at] !== "]") {
    at = skipLines(text, valueEnd(text, at));
    if (text[at] === ",") at = skipLines(text, at + 1);
    else if (text[at] !== "]") throw new TomlScanError('"]" is missing', at);
  }
  return at + 1;
}

function stringEnd(text: string, start: number): number {
  const quote = text[start]!;
  const isLong = text.startsWith(quote.repeat(3), start);
  let at = start + (isLong ? 3 : 1);
  while (at < text.length) {
    if (text[at] === "\\" && quote === '"') at += 2;
    else if (!isLong && text[at] === "\n") break;
    else if (!isLong && text[at] === quote) return at + 1;
    else if (isLong && text.startsWith(quote.repeat(3), at)) {
      at += 3;
      // Up to two quotes may stand before the three that end the string.
      while (text[at] === quote) at++;
      return at;
    } else at++;
  }
  throw new TomlScanError("a string does not end", start);
}

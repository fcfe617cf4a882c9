/**
 * Finds where a key of a TOML document stands. TOML parsers give values without positions, and a
 * message about a manifest is worth little without one.
 *
 * @module
 */

/** Steps from the root to a value: keys of tables and indexes of arrays. */
export type KeyPath = readonly (string | number)[];

/** A place in a text; line and column count from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** Where the keys of one document stand. */
export interface TomlPositions {
  /**
   * The position of the key (or array element) at `path`, or of the innermost table around it that
   * has a place of its own; line 1, column 1 if there is none.
   */
  find(path: KeyPath): TextPosition;
}

/**
 * Indexes the keys, table headers and array elements of `text`, which should be valid TOML. Of an
 * invalid text what comes before the first thing it does not understand is indexed; it never
 * throws, and takes time proportional to the length of the text.
 */
export function indexTomlPositions(text: string): TomlPositions {
  const scanner = new PositionScanner(text);
  scanner.scanDocument();
  const offsets = scanner.offsets;
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    lineStarts.push(at + 1);
  }
  return {
    find(path) {
      for (let length = path.length; length > 0; length--) {
        const offset = offsets.get(pathKey(path.slice(0, length)));
        if (offset !== undefined) return toPosition(lineStarts, offset);
      }
      return { line: 1, column: 1 };
    },
  };
}

function pathKey(path: KeyPath): string {
  return JSON.stringify(path);
}

/** The line is the last one that starts at or before `offset`. */
function toPosition(lineStarts: readonly number[], offset: number): TextPosition {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lineStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - lineStarts[low]! + 1 };
}

/** Deeper nesting of arrays and inline tables than this is not indexed. */
const MAX_DEPTH = 64;

/** Walks over a document once. A method that returns false met something it cannot understand. */
class PositionScanner {
  /** Offset of the first mention, by {@link pathKey}. */
  readonly offsets = new Map<string, number>();
  readonly #text: string;
  readonly #arrayLengths = new Map<string, number>();
  #at = 0;
  #table: KeyPath = [];

  constructor(text: string) {
    this.#text = text;
  }

  scanDocument(): void {
    for (;;) {
      this.#skipBlank();
      if (this.#at >= this.#text.length) return;
      const isUnderstood = this.#peek() === "["
        ? this.#scanHeader()
        : this.#scanPair(this.#table, 0);
      if (!isUnderstood) return;
    }
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #mark(path: KeyPath, offset: number): void {
    const key = pathKey(path);
    if (!this.offsets.has(key)) this.offsets.set(key, offset);
  }

  #skipSpaces(): void {
    while (this.#peek() === " " || this.#peek() === "\t") this.#at++;
  }

  /** Skips white space, line ends and comments. */
  #skipBlank(): void {
    for (;;) {
      const char = this.#peek();
      if (char === "#") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end;
      } else if (char !== "" && " \t\r\n\ufeff".includes(char)) {
        this.#at++;
      } else {
        return;
      }
    }
  }

  #scanHeader(): boolean {
    const start = this.#at;
    const isArray = this.#text.startsWith("[[", start);
    this.#at += isArray ? 2 : 1;
    const keys = this.#scanKeys();
    if (!keys || !this.#take(isArray ? "]]" : "]")) return false;
    this.#table = this.#resolveHeader(keys.map(({ name }) => name), isArray);
    this.#mark(this.#table, start);
    // `[a.b]` also is the first mention of `a`.
    for (let length = 1; length < this.#table.length; length++) {
      this.#mark(this.#table.slice(0, length), start);
    }
    return true;
  }

  /** A name that is an array of tables stands for its last element. */
  #resolveHeader(names: readonly string[], isArray: boolean): KeyPath {
    const path: (string | number)[] = [];
    for (const [i, name] of names.entries()) {
      path.push(name);
      const key = pathKey(path);
      if (isArray && i === names.length - 1) {
        this.#arrayLengths.set(key, (this.#arrayLengths.get(key) ?? 0) + 1);
      }
      const length = this.#arrayLengths.get(key);
      if (length !== undefined) path.push(length - 1);
    }
    return path;
  }

  #scanPair(table: KeyPath, depth: number): boolean {
    const keys = this.#scanKeys();
    if (!keys || !this.#take("=")) return false;
    let path = table;
    for (const { name, offset } of keys) {
      path = [...path, name];
      this.#mark(path, offset);
    }
    this.#skipSpaces();
    return this.#scanValue(path, depth);
  }

  /** `a . "b" . 'c'`, with the white space around it. */
  #scanKeys(): { name: string; offset: number }[] | undefined {
    const keys: { name: string; offset: number }[] = [];
    for (;;) {
      this.#skipSpaces();
      const offset = this.#at;
      const name = this.#scanKey();
      if (name === undefined) return undefined;
      keys.push({ name, offset });
      this.#skipSpaces();
      if (!this.#take(".")) return keys;
    }
  }

  #scanKey(): string | undefined {
    const quote = this.#peek();
    if (quote === '"' || quote === "'") {
      const start = this.#at;
      if (!this.#scanString()) return undefined;
      const inner = this.#text.slice(start + 1, this.#at - 1);
      return quote === "'" ? inner : unescapeBasic(inner);
    }
    const start = this.#at;
    while (/[A-Za-z0-9_-]/.test(this.#peek())) this.#at++;
    return this.#at > start ? this.#text.slice(start, this.#at) : undefined;
  }

  #scanValue(path: KeyPath, depth: number): boolean {
    const char = this.#peek();
    if (depth > MAX_DEPTH) return false;
    if (char === '"' || char === "'") return this.#scanString();
    if (char === "[") return this.#scanArray(path, depth);
    if (char === "{") return this.#scanInlineTable(path, depth);
    const start = this.#at;
    while (this.#at < this.#text.length && !",]}#\r\n".includes(this.#peek())) this.#at++;
    return this.#at > start;
  }

  #scanString(): boolean {
    const quote = this.#peek();
    const isMultiline = this.#text.startsWith(quote.repeat(3), this.#at);
    const delimiter = isMultiline ? quote.repeat(3) : quote;
    this.#at += delimiter.length;
    while (this.#at < this.#text.length) {
      if (quote === '"' && this.#peek() === "\\") this.#at += 2;
      else if (this.#take(delimiter)) {
        // Up to two quotes may stand right before the closing delimiter.
        while (isMultiline && this.#peek() === quote) this.#at++;
        return true;
      } else if (!isMultiline && this.#peek() === "\n") return false;
      else this.#at++;
    }
    return false;
  }

  #scanArray(path: KeyPath, depth: number): boolean {
    this.#at++;
    for (let index = 0;; index++) {
      this.#skipBlank();
      if (this.#take("]")) return true;
      this.#mark([...path, index], this.#at);
      if (!this.#scanValue([...path, index], depth + 1)) return false;
      this.#skipBlank();
      if (!this.#take(",") && this.#peek() !== "]") return false;
    }
  }

  /** Line ends and a trailing comma are allowed, as in TOML 1.1. */
  #scanInlineTable(path: KeyPath, depth: number): boolean {
    this.#at++;
    for (;;) {
      this.#skipBlank();
      if (this.#take("}")) return true;
      if (!this.#scanPair(path, depth + 1)) return false;
      this.#skipBlank();
      if (!this.#take(",") && this.#peek() !== "}") return false;
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  e: "\x1b",
};

function unescapeBasic(text: string): string {
  const escape = /\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))/gs;
  return text.replace(escape, (whole, short, long, byte, char) => {
    if (char !== undefined) return ESCAPES[char] ?? char;
    const code = parseInt(short ?? long ?? byte, 16);
    // A code point that does not exist is left for the parser to refuse.
    return code > 0x10ffff ? whole : String.fromCodePoint(code);
  });
}

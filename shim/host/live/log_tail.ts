/**
 * The last output of the components of one isolate, for the live page.
 *
 * @module
 */

import { type LogLine, MAX_LINES } from "./live_report.ts";

/** What is kept until somebody asks, in bytes and in pieces. */
const MAX_BYTES = 256 << 10;
const MAX_CHUNKS = 2_000;
/** Characters of a line that are shown. */
const MAX_LINE = 2_000;
/** Milliseconds after which a line without its end is shown all the same. */
const PARTIAL_MS = 300;

interface Chunk {
  readonly at: number;
  readonly component: string;
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** A line whose end has not come yet. */
interface OpenLine {
  readonly decoder: TextDecoder;
  readonly component: string;
  readonly stream: "stdout" | "stderr";
  at: number;
  text: string;
}

/**
 * Takes output at almost no cost and without growing: it becomes lines when somebody asks, and the
 * oldest is given up if nobody does.
 */
export class LogTail {
  readonly #now: () => number;
  readonly #open = new Map<string, OpenLine>();
  #chunks: Chunk[] = [];
  #bytes = 0;
  #lostBytes = 0;

  /** @param now Milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @param bytes Are not changed by anybody afterwards. */
  push(component: string, stream: "stdout" | "stderr", bytes: Uint8Array): void {
    this.#chunks.push({ at: this.#now(), component, stream, bytes });
    this.#bytes += bytes.length;
    while (this.#bytes > MAX_BYTES || this.#chunks.length > MAX_CHUNKS) {
      const lost = this.#chunks.shift()!.bytes.length;
      this.#bytes -= lost;
      this.#lostBytes += lost;
    }
  }

  /** The lines since the last time, oldest first; a line that tells how much is missing before them. */
  takeLines(): LogLine[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    const lines = chunks.flatMap((chunk) => this.#append(chunk));
    lines.push(...this.#endLateLines());
    const lost = this.#lostBytes;
    this.#lostBytes = 0;
    const shown = lines.slice(-MAX_LINES + 1);
    if (lost === 0) return shown;
    const at = shown[0]?.at ?? this.#now();
    return [
      { at, component: "", stream: "host", text: `${lost} bytes of output are left out` },
      ...shown,
    ];
  }

  #append({ at, component, stream, bytes }: Chunk): LogLine[] {
    const key = `${stream} ${component}`;
    let open = this.#open.get(key);
    if (!open) {
      open = { decoder: new TextDecoder(), component, stream, at, text: "" };
      this.#open.set(key, open);
    }
    if (open.text === "") open.at = at;
    const texts = (open.text + open.decoder.decode(bytes, { stream: true })).split("\n");
    const last = texts.pop()!;
    const lines = texts.map((text, index) =>
      lineOf(open, { at: index === 0 ? open.at : at, text })
    );
    if (texts.length > 0) open.at = at;
    open.text = last;
    if (last.length <= MAX_LINE) return lines;
    open.text = "";
    return [...lines, lineOf(open, { at: open.at, text: last })];
  }

  #endLateLines(): LogLine[] {
    const isLate = (open: OpenLine) => open.text !== "" && this.#now() - open.at >= PARTIAL_MS;
    return [...this.#open.values()].filter(isLate).map((open) => {
      const { at, text } = open;
      open.text = "";
      return lineOf(open, { at, text });
    });
  }
}

function lineOf(
  { component, stream }: OpenLine,
  { at, text }: { at: number; text: string },
): LogLine {
  return {
    at,
    component,
    stream,
    text: shorten(withoutColours(text.replace(/\r$/, "")), MAX_LINE),
  };
}

/** At most `length` characters of a text; what is cut off is marked. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}

function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex -- the escape sequences of terminals begin with one
  return text.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, "");
}

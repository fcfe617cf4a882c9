/**
 * The Redis protocol (RESP2 and RESP3): commands to bytes, bytes to replies.
 *
 * Written here because what a guest sees has to be exact: the clients on npm either round integers
 * beyond 2^53, or do not tell a status from a string, and none bounds the size of a reply.
 *
 * @module
 */

/** One reply, or an element of one. */
export type RespValue =
  | { readonly kind: "nil" }
  | { readonly kind: "status"; readonly text: string }
  /** Also RESP3's booleans, as 0 and 1. */
  | { readonly kind: "integer"; readonly value: bigint }
  /** Bulk and verbatim strings; also RESP3's doubles and big numbers, as the server wrote them. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Arrays and sets. */
  | { readonly kind: "list"; readonly items: readonly RespValue[] }
  /** Keys and values in turn. */
  | { readonly kind: "map"; readonly items: readonly RespValue[] }
  | { readonly kind: "error"; readonly code: string; readonly message: string };

/** An argument of a command. */
export type RespArgument = string | bigint | Uint8Array;

const CR = 13;
const LF = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of one command, its name first. Arguments are copied. */
export function encodeCommand(command: readonly RespArgument[]): Uint8Array {
  const parts: Uint8Array[] = [encoder.encode(`*${command.length}\r\n`)];
  for (const argument of command) {
    const bytes = argument instanceof Uint8Array ? argument : encoder.encode(String(argument));
    parts.push(encoder.encode(`$${bytes.length}\r\n`), bytes, encoder.encode("\r\n"));
  }
  return concat(parts);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** The server does not speak RESP; nothing that follows can be understood. */
export class RespError extends Error {
  override readonly name = "RespError";
}

/** A reply is larger than the host will hold. */
export class ReplyTooLargeError extends Error {
  override readonly name = "ReplyTooLargeError";

  constructor(maxBytes: number) {
    super(`query result exceeds limit of ${maxBytes} bytes`);
  }
}

/** Options of {@link RespDecoder}. */
export interface RespDecoderOptions {
  /** Most bytes one reply may hold, each element counted with {@link ELEMENT_BYTES}. */
  readonly maxReplyBytes: number;
  /** Gets each reply, in order. RESP3's pushes and attributes answer nothing and are left out. */
  readonly onReply: (reply: RespValue) => void;
}

/** What an element of a reply costs beside its bytes. */
const ELEMENT_BYTES = 16;

/** Most levels of arrays in arrays. Redis itself refuses to nest this deep. */
const MAX_DEPTH = 128;

/** Longest line: a status, an error, a number or a length. */
const MAX_LINE_BYTES = 64 * 1024;

type AggregateKind = "list" | "map" | "push" | "attribute";

interface Aggregate {
  readonly kind: AggregateKind;
  readonly items: RespValue[];
  /** Elements still to come. */
  missing: number;
}

interface Bulk {
  readonly type: string;
  /** With the line end behind the bytes. */
  readonly bytes: Uint8Array;
  filled: number;
}

/** Reads replies from chunks of bytes, however they are cut. */
export class RespDecoder {
  readonly #options: RespDecoderOptions;
  /** The beginning of a line whose end has not arrived. */
  #line: Uint8Array = new Uint8Array(0);
  #bulk: Bulk | undefined;
  readonly #open: Aggregate[] = [];
  #replyBytes = 0;

  constructor(options: RespDecoderOptions) {
    this.#options = options;
  }

  /**
   * Takes the next bytes; they may be reused afterwards. After an error the decoder is of no use.
   * @throws {RespError} if the bytes are not RESP.
   * @throws {ReplyTooLargeError} if a reply is too large, before it has been read.
   */
  write(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      offset = this.#bulk ? this.#fillBulk(chunk, offset) : this.#readLine(chunk, offset);
    }
  }

  #fillBulk(chunk: Uint8Array, offset: number): number {
    const bulk = this.#bulk!;
    const part = chunk.subarray(offset, offset + bulk.bytes.length - bulk.filled);
    bulk.bytes.set(part, bulk.filled);
    bulk.filled += part.length;
    if (bulk.filled === bulk.bytes.length) {
      this.#bulk = undefined;
      this.#endBulk(bulk);
    }
    return offset + part.length;
  }

  #endBulk({ type, bytes }: Bulk): void {
    const end = bytes.length - 2;
    if (bytes[end] !== CR || bytes[end + 1] !== LF) throw new RespError("A string has no end");
    const content = bytes.subarray(0, end);
    if (type === "!") this.#emit(toError(decoder.decode(content)));
    // A verbatim string begins with its format: `txt:`.
    else this.#emit({ kind: "bytes", bytes: type === "=" ? content.subarray(4) : content });
  }

  #readLine(chunk: Uint8Array, offset: number): number {
    const end = chunk.indexOf(LF, offset);
    const part = chunk.subarray(offset, end < 0 ? chunk.length : end + 1);
    const line = this.#line.length === 0 ? part : concat([this.#line, part]);
    if (line.length > MAX_LINE_BYTES) throw new RespError("A line is too long");
    if (end < 0) {
      this.#line = line.slice();
      return chunk.length;
    }
    this.#line = new Uint8Array(0);
    if (line.length < 3 || line.at(-2) !== CR) throw new RespError("A line has no end");
    this.#takeLine(String.fromCharCode(line[0]!), decoder.decode(line.subarray(1, -2)));
    return end + 1;
  }

  #takeLine(type: string, text: string): void {
    switch (type) {
      case "+":
        return this.#emit({ kind: "status", text });
      case "-":
        return this.#emit(toError(text));
      case ":":
        return this.#emit({ kind: "integer", value: parseInteger(text) });
      case "#":
        return this.#emit({ kind: "integer", value: text === "t" ? 1n : 0n });
      case "_":
        return this.#emit({ kind: "nil" });
      case ",":
      case "(":
        return this.#emit({ kind: "bytes", bytes: encoder.encode(text) });
      case "$":
      case "=":
      case "!":
        return this.#startBulk(type, parseLength(text));
      case "*":
      case "~":
        return this.#startAggregate("list", parseLength(text));
      case ">":
        return this.#startAggregate("push", parseLength(text));
      case "%":
        return this.#startAggregate("map", 2 * parseLength(text));
      case "|":
        return this.#startAggregate("attribute", 2 * parseLength(text));
      default:
        throw new RespError(`Unknown type ${JSON.stringify(type)} of a reply`);
    }
  }

  #startBulk(type: string, length: number): void {
    if (length < 0) return this.#emit({ kind: "nil" });
    this.#count(length);
    this.#bulk = { type, bytes: new Uint8Array(length + 2), filled: 0 };
  }

  #startAggregate(kind: AggregateKind, length: number): void {
    if (length < 0) return this.#emit({ kind: "nil" });
    if (this.#open.length >= MAX_DEPTH) throw new RespError("A reply is nested too deeply");
    this.#count(length * ELEMENT_BYTES);
    this.#open.push({ kind, items: [], missing: length });
    this.#closeAggregates();
  }

  #count(bytes: number): void {
    this.#replyBytes += bytes;
    const { maxReplyBytes } = this.#options;
    if (this.#replyBytes > maxReplyBytes) throw new ReplyTooLargeError(maxReplyBytes);
  }

  #emit(value: RespValue): void {
    const aggregate = this.#open.at(-1);
    if (!aggregate) {
      this.#replyBytes = 0;
      return this.#options.onReply(value);
    }
    aggregate.items.push(value);
    aggregate.missing--;
    this.#closeAggregates();
  }

  /** Ends the innermost aggregate if it is complete; emitting it may end the one around it. */
  #closeAggregates(): void {
    const aggregate = this.#open.at(-1);
    if (!aggregate || aggregate.missing > 0) return;
    this.#open.pop();
    const { kind, items } = aggregate;
    // An attribute stands before the value it is about, and counts for nothing.
    if (kind === "list" || kind === "map") this.#emit({ kind, items });
  }
}

/** `WRONGTYPE Operation against …`: the first word is the code. */
function toError(text: string): RespValue {
  const space = text.indexOf(" ");
  return space < 0
    ? { kind: "error", code: text, message: "" }
    : { kind: "error", code: text.slice(0, space), message: text.slice(space + 1) };
}

function parseInteger(text: string): bigint {
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new RespError("A number is malformed");
  return BigInt(text.replace("+", ""));
}

/** -1 stands for nothing in RESP2. */
function parseLength(text: string): number {
  if (!/^(?:\d{1,10}|-1)$/.test(text)) throw new RespError("A length is malformed");
  return Number(text);
}

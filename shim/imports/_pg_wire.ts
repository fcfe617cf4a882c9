/**
 * What a PostgreSQL server sends. `pg-protocol`, which writes our messages, decodes every value as
 * text, which spoils binary ones; hence this reader.
 *
 * @module
 */

/** One message: its type, a letter, and its content. */
export interface PgMessage {
  readonly type: string;
  /** May be kept: nothing writes to it. */
  readonly body: Uint8Array;
}

/** A message is larger than any may be. */
export class PgMessageTooLong extends Error {
  override readonly name = "PgMessageTooLong";
  /** Its type. */
  readonly type: string;

  constructor(length: number, type: string) {
    super(`message of ${length} bytes`);
    this.type = type;
  }
}

/** Bytes of type and length. */
const HEADER_BYTES = 5;

/** Cuts a stream of bytes into messages. */
export class PgMessageReader {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  /** @param maxBytes Most bytes of one message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Adds what was received and yields the messages that are complete.
   * @throws {PgMessageTooLong} if a message is too long; the stream is then of no use any more.
   * @throws {RangeError} if it is no message at all.
   */
  *read(chunk: Uint8Array): Generator<PgMessage, void> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= HEADER_BYTES) {
      // A long message arrives in many chunks: they are joined when it is complete, not before.
      if (this.#chunks[0]!.length < HEADER_BYTES) this.#join();
      const head = this.#chunks[0]!;
      const length = viewOf(head).getUint32(1);
      if (length < 4) throw new RangeError(`message of ${length} bytes`);
      if (length > this.#maxBytes) {
        throw new PgMessageTooLong(length, String.fromCharCode(head[0]!));
      }
      if (this.#size < 1 + length) return;
      if (head.length < 1 + length) this.#join();
      const message = this.#chunks[0]!;
      const rest = message.subarray(1 + length);
      this.#chunks = [rest, ...this.#chunks.slice(1)];
      this.#size -= 1 + length;
      yield {
        type: String.fromCharCode(message[0]!),
        body: message.subarray(HEADER_BYTES, 1 + length),
      };
    }
  }

  #join(): void {
    const joined = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
  }
}

/** A view of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A column of a result. */
export interface PgField {
  readonly name: string;
  /** The type's number in `pg_type`. */
  readonly oid: number;
}

/** A value in the server's binary form, or null. */
export type PgWireValue = Uint8Array | null;

const UTF8 = new TextDecoder();

function readText(body: Uint8Array, at: number): { text: string; end: number } {
  const end = body.indexOf(0, at);
  if (end < 0) throw new RangeError("unterminated text");
  return { text: UTF8.decode(body.subarray(at, end)), end: end + 1 };
}

/** Reads `RowDescription`. */
export function readFields(body: Uint8Array): PgField[] {
  const view = viewOf(body);
  let at = 2;
  return Array.from({ length: view.getUint16(0) }, () => {
    const { text, end } = readText(body, at);
    // Table, column, type, its size and modifier, and the format.
    at = end + 18;
    return { name: text, oid: view.getUint32(end + 6) };
  });
}

/** Reads `ParameterDescription`: the types of a statement's parameters. */
export function readParameterTypes(body: Uint8Array): number[] {
  const view = viewOf(body);
  return Array.from({ length: view.getUint16(0) }, (_, index) => view.getUint32(2 + 4 * index));
}

/** Reads `DataRow`. The values are views of `body`. */
export function readRow(body: Uint8Array): PgWireValue[] {
  const view = viewOf(body);
  let at = 2;
  return Array.from({ length: view.getUint16(0) }, () => {
    const length = view.getInt32(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return body.subarray(at - length, at);
  });
}

/** Reads the number of rows from `CommandComplete`; 0 for commands that have none. */
export function readAffectedRows(body: Uint8Array): bigint {
  const count = readText(body, 0).text.split(" ").at(-1)!;
  return /^\d+$/.test(count) ? BigInt(count) : 0n;
}

/** Reads `ErrorResponse`: texts by the letter of their field. */
export function readErrorFields(body: Uint8Array): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const { text, end } = readText(body, at + 1);
    fields.set(String.fromCharCode(body[at]!), text);
    at = end;
  }
  return fields;
}

/** What the server wants to know at the login. */
export type PgAuthentication =
  | { readonly kind: "ok" | "password" }
  | { readonly kind: "md5"; readonly salt: Uint8Array }
  | { readonly kind: "sasl"; readonly mechanisms: string[] }
  | { readonly kind: "sasl-continue" | "sasl-final"; readonly data: string }
  | { readonly kind: "unknown"; readonly code: number };

/** Reads an authentication request. */
export function readAuthentication(body: Uint8Array): PgAuthentication {
  const code = viewOf(body).getUint32(0);
  const rest = body.subarray(4);
  switch (code) {
    case 0:
      return { kind: "ok" };
    case 3:
      return { kind: "password" };
    case 5:
      return { kind: "md5", salt: rest };
    case 10:
      return { kind: "sasl", mechanisms: UTF8.decode(rest).split("\0").filter(Boolean) };
    case 11:
      return { kind: "sasl-continue", data: UTF8.decode(rest) };
    case 12:
      return { kind: "sasl-final", data: UTF8.decode(rest) };
    default:
      return { kind: "unknown", code };
  }
}

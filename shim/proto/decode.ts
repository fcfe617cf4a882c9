/**
 * Reads messages from protobuf's binary form, with proto3's rules as Go's library has them: unknown
 * fields are kept, the last of several single values counts, messages that come in parts are merged,
 * text has to be UTF-8.
 *
 * @module
 */

import {
  type MessageOf,
  type MessageType,
  type NamedField,
  type ScalarType,
  UNKNOWN_FIELDS,
} from "./schema.ts";

/** The bytes are no message of the type. The message says of which type, where, and why. */
export class DecodeError extends SyntaxError {
  override readonly name = "DecodeError";
}

/** How a value is laid out; part of every field's tag. */
export const WIRE_TYPE = {
  varint: 0,
  fixed64: 1,
  lengthDelimited: 2,
  startGroup: 3,
  endGroup: 4,
  fixed32: 5,
} as const;

/** Groups exist in unknown fields only; Go's library stops at 10000, and nobody sends any. */
const MAX_GROUP_DEPTH = 100;

/** Byte order marks are kept: they are part of the text. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const NO_BYTES: Uint8Array = new Uint8Array(0);

type Draft = Record<string | symbol, unknown>;

/** The value that a field has when nothing was sent. */
export function defaultOf(type: ScalarType, names: NamedField["names"]): unknown {
  switch (type) {
    case "string":
      return "";
    case "bytes":
      return NO_BYTES;
    case "bool":
      return false;
    case "int64":
    case "uint64":
    case "fixed64":
    case "sfixed64":
      return 0n;
    case "enum":
      return enumName(0, names);
    default:
      return 0;
  }
}

function enumName(value: number, names: NamedField["names"] = {}): string | number {
  for (const name in names) if (names[name] === value) return name;
  return value;
}

/**
 * Reads a message of `type`.
 * @param input The message, and nothing else. `bytes` fields of the result are views of it.
 * @throws {DecodeError} if the bytes are no such message.
 */
export function decodeMessage<M extends MessageType>(type: M, input: Uint8Array): MessageOf<M> {
  const reader = new Reader(type.name, input);
  return readMessage(type, reader, emptyDraft(type)) as MessageOf<M>;
}

function emptyDraft(type: MessageType): Draft {
  const draft: Draft = {};
  for (const name in type.fields) {
    const field = type.fields[name]!;
    if (field.shape === "repeated") draft[name] = [];
    else if (field.shape === "map") draft[name] = new Map();
    else if (field.shape === "single" && typeof field.type === "string") {
      draft[name] = defaultOf(field.type, field.names);
    }
  }
  return draft;
}

function readMessage(type: MessageType, reader: Reader, draft: Draft): Draft {
  while (!reader.isAtEnd) {
    const start = reader.position;
    const { number, wireType } = reader.tag();
    const field = type.byNumber.get(number);
    if (field && readField(field, wireType, reader, draft)) continue;
    reader.skip(number, wireType);
    keepUnknown(draft, reader.since(start));
  }
  return draft;
}

function keepUnknown(draft: Draft, raw: Uint8Array): void {
  const before = draft[UNKNOWN_FIELDS] as Uint8Array | undefined ?? NO_BYTES;
  const all = new Uint8Array(before.length + raw.length);
  all.set(before);
  all.set(raw, before.length);
  draft[UNKNOWN_FIELDS] = all;
}

/** @returns False if the wire type is not the field's: it counts as unknown then. */
function readField(field: NamedField, wireType: number, reader: Reader, draft: Draft): boolean {
  const { name, type, shape } = field;
  if (shape === "repeated" && isPacked(field, wireType)) {
    const inner = reader.message();
    const list = draft[name] as unknown[];
    while (!inner.isAtEnd) list.push(readScalar(field, inner));
    return true;
  }
  if (wireType !== (shape === "map" ? WIRE_TYPE.lengthDelimited : wireTypeOf(type))) return false;
  if (shape === "map") readEntry(field, reader.message(), draft[name] as Map<string, unknown>);
  else if (shape === "repeated") (draft[name] as unknown[]).push(readValue(field, reader));
  else draft[name] = readValue(field, reader, draft[name] as Draft | undefined);
  return true;
}

/** What a value of `type` is laid out as. */
export function wireTypeOf(type: ScalarType | MessageType): number {
  if (typeof type !== "string" || type === "string" || type === "bytes") {
    return WIRE_TYPE.lengthDelimited;
  }
  if (type === "fixed32") return WIRE_TYPE.fixed32;
  const isEightBytes = type === "double" || type === "fixed64" || type === "sfixed64";
  return isEightBytes ? WIRE_TYPE.fixed64 : WIRE_TYPE.varint;
}

function isPacked(field: NamedField, wireType: number): boolean {
  return wireType === WIRE_TYPE.lengthDelimited && wireTypeOf(field.type) !== wireType;
}

function readValue(field: NamedField, reader: Reader, before?: Draft): unknown {
  const { type } = field;
  if (typeof type === "string") return readScalar(field, reader);
  return readMessage(type, reader.message(), before ?? emptyDraft(type));
}

function readEntry(field: NamedField, reader: Reader, entries: Map<string, unknown>): void {
  let key = "";
  let value: unknown = typeof field.type === "string"
    ? defaultOf(field.type, field.names)
    : emptyDraft(field.type);
  while (!reader.isAtEnd) {
    const { number, wireType } = reader.tag();
    if (number === 1 && wireType === WIRE_TYPE.lengthDelimited) key = reader.text();
    else if (number === 2 && wireType === wireTypeOf(field.type)) {
      value = readValue(field, reader, value as Draft);
    } else reader.skip(number, wireType);
  }
  entries.set(key, value);
}

function readScalar(field: NamedField, reader: Reader): unknown {
  switch (field.type) {
    case "string":
      return reader.text();
    case "bytes":
      return reader.bytes();
    case "bool":
      return reader.varint() !== 0 || reader.high !== 0;
    case "uint32":
      return reader.varint();
    case "int32":
      return reader.varint() | 0;
    case "enum":
      return enumName(reader.varint() | 0, field.names);
    case "int64":
      return BigInt.asIntN(64, reader.bigVarint());
    case "uint64":
      return reader.bigVarint();
    case "sint32":
      return reader.zigzag();
    case "fixed32":
      return reader.fixed32();
    case "fixed64":
      return reader.fixed64();
    case "sfixed64":
      return BigInt.asIntN(64, reader.fixed64());
    default:
      return reader.double();
  }
}

/** A position in the bytes of one message. */
class Reader {
  position: number;
  /** Upper 32 bits of the last {@link varint}. */
  high = 0;
  readonly #type: string;
  readonly #input: Uint8Array;
  readonly #end: number;

  constructor(type: string, input: Uint8Array, position = 0, end = input.length) {
    this.#type = type;
    this.#input = input;
    this.position = position;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.position >= this.#end;
  }

  /** The raw bytes from `start` to here. */
  since(start: number): Uint8Array {
    return this.#input.subarray(start, this.position);
  }

  tag(): { number: number; wireType: number } {
    const tag = this.varint();
    const number = tag >>> 3;
    if (this.high !== 0 || number === 0) this.#fail("a field's number is out of range");
    return { number, wireType: tag & 7 };
  }

  /** Lower 32 bits of a varint, unsigned; the others are in {@link high}. */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= this.#end) this.#fail("a number is cut off");
      const byte = this.#input[this.position++]!;
      // 64 bits need one bit of the tenth byte.
      if (shift === 63 && byte > 1) break;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.high = high >>> 0;
        return low >>> 0;
      }
    }
    return this.#fail("a number has more than 64 bits");
  }

  bigVarint(): bigint {
    const low = this.varint();
    return this.high === 0 ? BigInt(low) : (BigInt(this.high) << 32n) | BigInt(low);
  }

  zigzag(): number {
    const bits = this.varint();
    return bits >>> 1 ^ -(bits & 1);
  }

  fixed32(): number {
    const bytes = this.#take(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  fixed64(): bigint {
    const bytes = this.#take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  }

  double(): number {
    const bytes = this.#take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }

  bytes(): Uint8Array {
    const length = this.varint();
    return this.#take(this.high === 0 ? length : Infinity);
  }

  text(): string {
    const bytes = this.bytes();
    try {
      return UTF8.decode(bytes);
    } catch {
      // The only reason for which this decoder throws.
      return this.#fail("a text is not UTF-8");
    }
  }

  /** A reader of the message that begins here; this one goes on behind it. */
  message(): Reader {
    const { length } = this.bytes();
    return new Reader(this.#type, this.#input, this.position - length, this.position);
  }

  skip(number: number, wireType: number, depth = 0): void {
    switch (wireType) {
      case WIRE_TYPE.varint:
        this.varint();
        return;
      case WIRE_TYPE.fixed64:
        this.#take(8);
        return;
      case WIRE_TYPE.lengthDelimited:
        this.bytes();
        return;
      case WIRE_TYPE.startGroup:
        this.#skipGroup(number, depth + 1);
        return;
      case WIRE_TYPE.fixed32:
        this.#take(4);
        return;
      default:
        this.#fail(`field ${number} has the impossible wire type ${wireType}`);
    }
  }

  #skipGroup(number: number, depth: number): void {
    if (depth > MAX_GROUP_DEPTH) this.#fail("groups are nested too deeply");
    for (;;) {
      const tag = this.tag();
      if (tag.wireType !== WIRE_TYPE.endGroup) this.skip(tag.number, tag.wireType, depth);
      else if (tag.number === number) return;
      else this.#fail(`group ${number} ends as group ${tag.number}`);
    }
  }

  #take(length: number): Uint8Array {
    const start = this.position;
    if (length > this.#end - start) this.#fail("a field is longer than its message");
    this.position = start + length;
    return this.#input.subarray(start, this.position);
  }

  #fail(why: string): never {
    throw new DecodeError(`Cannot decode ${this.#type}: ${why}, at byte ${this.position}`);
  }
}

/**
 * Writes messages in protobuf's binary form, byte for byte as Go's library does: fields by rising
 * number, defaults left out, numbers of lists packed, unknown fields last.
 *
 * @module
 */

import { defaultOf, WIRE_TYPE, wireTypeOf } from "./decode.ts";
import {
  type MessageInit,
  type MessageType,
  type NamedField,
  type ScalarType,
  UNKNOWN_FIELDS,
} from "./schema.ts";

const UTF8 = new TextEncoder();

const FIRST_SIZE = 256;

type Values = Readonly<Record<string | symbol, unknown>>;

/**
 * The bytes of a message of `type`.
 * @throws {TypeError} if a value has the wrong type.
 * @throws {RangeError} if a number does not fit its field.
 */
export function encodeMessage<M extends MessageType>(type: M, value: MessageInit<M>): Uint8Array {
  const writer = new Writer();
  writeMessage(type, writer, value as Values);
  return writer.finish();
}

function writeMessage(type: MessageType, writer: Writer, values: Values): void {
  const unknown = values[UNKNOWN_FIELDS] as Uint8Array | undefined;
  if (unknown) writer.raw(unknown);
  for (const field of type.descending) {
    const value = values[field.name];
    if (value === undefined) continue;
    try {
      writeField(field, writer, value);
    } catch (error) {
      if (!(error instanceof WrongValue)) throw error;
      const text = `Cannot encode ${type.name}.${field.name}: ${error.why}`;
      throw error.isRange ? new RangeError(text) : new TypeError(text);
    }
  }
}

function writeField(field: NamedField, writer: Writer, value: unknown): void {
  switch (field.shape) {
    case "single":
      if (typeof field.type === "string" && isDefault(field, value)) return;
      return writeTagged(field, field.number, writer, value);
    case "optional":
      return writeTagged(field, field.number, writer, value);
    case "repeated":
      return writeList(field, writer, value);
    case "map":
      return writeMap(field, writer, value);
  }
}

function isDefault(field: NamedField, value: unknown): boolean {
  switch (field.type) {
    case "bytes":
      return value instanceof Uint8Array && value.length === 0;
    case "double":
      // Minus zero is a value of its own.
      return Object.is(value, 0);
    case "enum":
    case "int64":
    case "uint64":
    case "fixed64":
    case "sfixed64":
      // These have a second form, the plain number.
      if (value === 0) return true;
  }
  return value === defaultOf(field.type as ScalarType, field.names);
}

function writeTagged(field: NamedField, number: number, writer: Writer, value: unknown): void {
  writeValue(field, writer, value);
  writer.tag(number, wireTypeOf(field.type));
}

function writeList(field: NamedField, writer: Writer, value: unknown): void {
  if (!Array.isArray(value)) throw new WrongValue("it is no list");
  if (value.length === 0) return;
  const isPacked = wireTypeOf(field.type) !== WIRE_TYPE.lengthDelimited;
  const end = writer.length;
  for (let index = value.length - 1; index >= 0; index--) {
    if (isPacked) writeValue(field, writer, value[index]);
    else writeTagged(field, field.number, writer, value[index]);
  }
  if (!isPacked) return;
  writer.varint(writer.length - end);
  writer.tag(field.number, WIRE_TYPE.lengthDelimited);
}

function writeMap(field: NamedField, writer: Writer, value: unknown): void {
  if (!(value instanceof Map)) throw new WrongValue("it is no map");
  for (const [key, item] of [...value].reverse()) {
    const end = writer.length;
    // Entries have both parts, even empty ones.
    writeTagged(field, 2, writer, item);
    writer.text(key);
    writer.tag(1, WIRE_TYPE.lengthDelimited);
    writer.varint(writer.length - end);
    writer.tag(field.number, WIRE_TYPE.lengthDelimited);
  }
}

function writeValue(field: NamedField, writer: Writer, value: unknown): void {
  const { type, names } = field;
  if (typeof type !== "string") {
    if (typeof value !== "object" || value === null) throw new WrongValue("it is no message");
    const end = writer.length;
    writeMessage(type, writer, value as Values);
    writer.varint(writer.length - end);
    return;
  }
  switch (type) {
    case "string":
      return writer.text(value);
    case "bytes":
      return writer.bytes(value);
    case "bool":
      if (typeof value !== "boolean") throw new WrongValue(`${String(value)} is no boolean`);
      return writer.varint(value ? 1 : 0);
    case "double":
      return writer.double(value);
    case "enum":
      return writer.integer(numberOf(value, names), "int32");
    case "sint32":
      return writer.zigzag(value);
    case "fixed32":
    case "fixed64":
    case "sfixed64":
      return writer.fixed(value, type);
    default:
      return writer.integer(value, type);
  }
}

function numberOf(value: unknown, names: NamedField["names"] = {}): unknown {
  if (typeof value !== "string") return value;
  if (!Object.hasOwn(names, value)) throw new WrongValue(`"${value}" is none of its names`);
  return names[value];
}

const LIMITS = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

/** What is wrong with a value; the caller knows which field it belongs to. */
class WrongValue extends Error {
  override readonly name = "WrongValue";
  readonly why: string;
  readonly isRange: boolean;

  constructor(why: string, isRange = false) {
    super(why);
    this.why = why;
    this.isRange = isRange;
  }
}

/**
 * Writes from the end to the beginning: the length that precedes a message is known by then, and
 * nothing has to be measured first or moved later.
 */
class Writer {
  #buffer = new Uint8Array(FIRST_SIZE);
  #start = FIRST_SIZE;

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  finish(): Uint8Array {
    return this.#buffer.slice(this.#start);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  tag(number: number, wireType: number): void {
    this.varint((number << 3 | wireType) >>> 0);
  }

  /** An unsigned number below 2^32, and `high` × 2^32. */
  varint(low: number, high = 0): void {
    let size = 1;
    while (size < 10 && !isBelow(low, high, size * 7)) size++;
    let at = this.#reserve(size);
    for (const last = at + size - 1; at < last; at++) {
      this.#buffer[at] = low & 0x7f | 0x80;
      low = (low >>> 7 | high << 25) >>> 0;
      high >>>= 7;
    }
    this.#buffer[at] = low;
  }

  text(value: unknown): void {
    if (typeof value !== "string") throw new WrongValue(`${String(value)} is no text`);
    this.bytes(UTF8.encode(value));
  }

  bytes(value: unknown): void {
    if (!(value instanceof Uint8Array)) throw new WrongValue(`${String(value)} is no Uint8Array`);
    this.raw(value);
    this.varint(value.length);
  }

  double(value: unknown): void {
    if (typeof value !== "number") throw new WrongValue(`${String(value)} is no number`);
    const at = this.#reserve(8);
    new DataView(this.#buffer.buffer).setFloat64(at, value, true);
  }

  integer(value: unknown, type: keyof typeof LIMITS): void {
    const number = checkInteger(value, type);
    if (typeof number === "number" && number >= 0 && number <= 0xffffffff) {
      return this.varint(number);
    }
    // Negative numbers have all 64 bits, those of 32 bits too.
    const bits = BigInt.asUintN(64, BigInt(number));
    this.varint(Number(bits & 0xffffffffn), Number(bits >> 32n));
  }

  zigzag(value: unknown): void {
    const number = Number(checkInteger(value, "sint32"));
    this.varint((number << 1 ^ number >> 31) >>> 0);
  }

  fixed(value: unknown, type: "fixed32" | "fixed64" | "sfixed64"): void {
    const number = checkInteger(value, type);
    const at = this.#reserve(type === "fixed32" ? 4 : 8);
    const view = new DataView(this.#buffer.buffer);
    if (type === "fixed32") view.setUint32(at, Number(number), true);
    else view.setBigUint64(at, BigInt.asUintN(64, BigInt(number)), true);
  }

  /** Makes room for `size` bytes before what is there; @returns where they begin. */
  #reserve(size: number): number {
    if (size > this.#start) this.#grow(size);
    return this.#start -= size;
  }

  #grow(size: number): void {
    const length = this.length;
    const buffer = new Uint8Array(Math.max(this.#buffer.length * 2, length + size));
    buffer.set(this.#buffer.subarray(this.#start), buffer.length - length);
    this.#start = buffer.length - length;
    this.#buffer = buffer;
  }
}

function checkInteger(value: unknown, type: keyof typeof LIMITS): bigint | number {
  if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
    const isRange = typeof value === "number";
    throw new WrongValue(`${String(value)} is no exact integer`, isRange);
  }
  const [min, max] = LIMITS[type];
  const number = value as bigint | number;
  if (number < min || number > max) throw new WrongValue(`${number} is no ${type}`, true);
  return number;
}

/** Whether the number has at most `bits` bits; below 64. */
function isBelow(low: number, high: number, bits: number): boolean {
  return bits <= 31 ? high === 0 && low < 2 ** bits : high < 2 ** (bits - 32);
}

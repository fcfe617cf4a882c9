/**
 * Protobuf messages as data: what a `.proto` file says, as constants that the codec reads and types
 * are inferred from.
 *
 * ```ts
 * export const MOUNT = message("containerd.types.Mount", {
 *   type: string(1),
 *   source: string(2),
 *   target: string(3),
 *   options: repeated(string(4)),
 * });
 * export type Mount = MessageOf<typeof MOUNT>;
 * ```
 *
 * Only what containerd's messages and OpenTelemetry's use is here: no groups, and no `oneof`: the
 * fields of one are optional ones, of which one is given.
 *
 * @module
 */

/** Types of single values. An `enum` is an `int32` whose numbers have names. */
export type ScalarType =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "sint32"
  | "fixed32"
  | "fixed64"
  | "sfixed64"
  | "double"
  | "enum";

/** How often a field occurs: `optional` is a single value that knows whether it was given. */
export type Shape = "single" | "optional" | "repeated" | "map";

/** Names of an enum's numbers. Zero is the default. */
export type EnumTable = Readonly<Record<string, number>>;

declare const VALUE: unique symbol;

/**
 * One field. `Out` is what decoding gives, `In` what encoding takes; `IsGiven` tells whether a
 * decoded message always has it.
 */
export interface Field<Out = unknown, In = unknown, IsGiven extends boolean = boolean> {
  readonly number: number;
  /** A scalar type, or the message's type. */
  readonly type: ScalarType | MessageType;
  readonly shape: Shape;
  /** Names of an enum's numbers. */
  readonly names?: EnumTable;
  /** Exists for the compiler only. */
  readonly [VALUE]?: readonly [decoded: Out, encoded: In, isGiven: IsGiven];
}

/** Fields by name, in camel case. */
export type Fields = Readonly<Record<string, Field>>;

/** A field, and its name. */
export interface NamedField extends Field {
  readonly name: string;
}

/** A kind of message. */
export interface MessageType<F extends Fields = Fields> {
  /** Full name: `containerd.types.Mount`. It is the type URL of an `Any` too. */
  readonly name: string;
  readonly fields: F;
  readonly byNumber: ReadonlyMap<number, NamedField>;
  /** By falling number: the encoder writes from the end. */
  readonly descending: readonly NamedField[];
}

/**
 * Where a decoded message keeps the fields its type does not know, as they were on the wire.
 * Encoding the message (or a copy made by spreading it) writes them again, after the known ones, so
 * that a message that is passed on loses nothing.
 */
export const UNKNOWN_FIELDS: unique symbol = Symbol("unknown fields");

type OutOf<T> = T extends Field<infer Out, infer _In, infer _IsGiven> ? Out : never;
type InOf<T> = T extends Field<infer _Out, infer In, infer _IsGiven> ? In : never;

type GivenNames<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<infer _Out, infer _In, true> ? K : never;
}[keyof F];

/**
 * A decoded message. Single values are always there, with zero, `""`, `false` or no bytes as the
 * default; lists and maps are, too, empty if nothing was sent; messages and optional values are
 * absent if they were not sent.
 */
export type MessageOf<M extends MessageType> =
  & { readonly [K in GivenNames<M["fields"]>]: OutOf<M["fields"][K]> }
  & {
    readonly [K in Exclude<keyof M["fields"], GivenNames<M["fields"]>>]?: OutOf<M["fields"][K]>;
  }
  & { readonly [UNKNOWN_FIELDS]?: Uint8Array };

/** A message to encode: what is left out has its default, and is not sent. */
export type MessageInit<M extends MessageType> =
  & { readonly [K in keyof M["fields"]]?: InOf<M["fields"][K]> | undefined }
  & { readonly [UNKNOWN_FIELDS]?: Uint8Array };

type Single<Out, In = Out> = Field<Out, In, true>;

function scalar<Out, In = Out>(number: number, type: ScalarType): Single<Out, In> {
  return { number, type, shape: "single" };
}

/** UTF-8 text. */
export function string(number: number): Single<string> {
  return scalar(number, "string");
}

/** Raw bytes. Decoded ones are views of the input. */
export function bytes(number: number): Single<Uint8Array> {
  return scalar(number, "bytes");
}

/** True or false. */
export function bool(number: number): Single<boolean> {
  return scalar(number, "bool");
}

/** Signed, 32 bits. */
export function int32(number: number): Single<number> {
  return scalar(number, "int32");
}

/** Unsigned, 32 bits. */
export function uint32(number: number): Single<number> {
  return scalar(number, "uint32");
}

/** Signed, 64 bits. Numbers are taken if they are exact. */
export function int64(number: number): Single<bigint, bigint | number> {
  return scalar(number, "int64");
}

/** Unsigned, 64 bits. Numbers are taken if they are exact. */
export function uint64(number: number): Single<bigint, bigint | number> {
  return scalar(number, "uint64");
}

/** Signed, 32 bits; short if it is near zero, whatever its sign. */
export function sint32(number: number): Single<number> {
  return scalar(number, "sint32");
}

/** Unsigned, always four bytes. */
export function fixed32(number: number): Single<number> {
  return scalar(number, "fixed32");
}

/** Unsigned, always eight bytes. */
export function fixed64(number: number): Single<bigint, bigint | number> {
  return scalar(number, "fixed64");
}

/** Signed, always eight bytes. */
export function sfixed64(number: number): Single<bigint, bigint | number> {
  return scalar(number, "sfixed64");
}

/** IEEE 754, 64 bits. */
export function double(number: number): Single<number> {
  return scalar(number, "double");
}

/** An open enum: a number that `names` does not have stays a number. */
export function enumeration<const T extends EnumTable>(
  number: number,
  names: T,
): Single<(keyof T & string) | number> {
  return { number, type: "enum", shape: "single", names };
}

/** A message inside of a message. */
export function nested<M extends MessageType>(
  number: number,
  type: M,
): Field<MessageOf<M>, MessageInit<M>, false> {
  return { number, type, shape: "single" };
}

/** A single value whose absence differs from its default. */
export function optional<Out, In>(field: Field<Out, In, true>): Field<Out, In, false> {
  return { ...(field as Field), shape: "optional" } as Field<Out, In, false>;
}

/** A list. Numbers are packed when they are sent, and taken either way. */
export function repeated<Out, In>(
  field: Field<Out, In>,
): Field<readonly Out[], readonly In[], true> {
  return { ...(field as Field), shape: "repeated" } as Field<readonly Out[], readonly In[], true>;
}

/** `map<string, V>`, for the number and values of `field`. The order is that of the sender. */
export function map<Out, In>(
  field: Field<Out, In>,
): Field<ReadonlyMap<string, Out>, ReadonlyMap<string, In>, true> {
  return { ...(field as Field), shape: "map" } as Field<
    ReadonlyMap<string, Out>,
    ReadonlyMap<string, In>,
    true
  >;
}

/**
 * Defines a kind of message.
 * @throws {RangeError} if two fields have the same number.
 */
export function message<const F extends Fields>(name: string, fields: F): MessageType<F> {
  const named = Object.entries(fields).map(([name, field]): NamedField => ({ ...field, name }));
  const byNumber = new Map(named.map((field) => [field.number, field]));
  if (byNumber.size < named.length) throw new RangeError(`Two fields of ${name} share a number`);
  return { name, fields, byNumber, descending: named.sort((a, b) => b.number - a.number) };
}

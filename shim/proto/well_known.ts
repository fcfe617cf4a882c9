/**
 * Messages of `google.protobuf` that containerd uses, and what is usually done with them.
 *
 * @module
 */

import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import {
  bytes,
  int32,
  int64,
  message,
  type MessageInit,
  type MessageOf,
  type MessageType,
  string,
} from "./schema.ts";

/** A message of any type, or JSON, with the name of its type. */
export const ANY = message("google.protobuf.Any", { typeUrl: string(1), value: bytes(2) });
/** See {@link ANY}. */
export type Any = MessageOf<typeof ANY>;

/** A moment: seconds since 1970 and the nanoseconds after them, which are never negative. */
export const TIMESTAMP = message("google.protobuf.Timestamp", {
  seconds: int64(1),
  nanos: int32(2),
});
/** See {@link TIMESTAMP}. */
export type Timestamp = MessageOf<typeof TIMESTAMP>;

/** Nothing. */
export const EMPTY = message("google.protobuf.Empty", {});
/** See {@link EMPTY}. */
export type Empty = MessageOf<typeof EMPTY>;

/** Go's zero time, year 1: what shims of containerd's own send while a process has not exited. */
export const GO_ZERO_TIME: Timestamp = { seconds: -62135596800n, nanos: 0 };

/**
 * The moment `epochMs` milliseconds after 1970; fractions of a millisecond count.
 * @throws {RangeError} if it is no finite number.
 */
export function timestampOf(epochMs: number): Timestamp {
  if (!Number.isFinite(epochMs)) throw new RangeError(`${epochMs} is no time`);
  const seconds = Math.floor(epochMs / 1000);
  // Rounding must not give a whole second.
  const nanos = Math.min(999_999_999, Math.round((epochMs - seconds * 1000) * 1e6));
  return { seconds: BigInt(seconds), nanos };
}

/** Milliseconds since 1970. */
export function epochMsOf({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + nanos / 1e6;
}

const GOOGLE_PREFIX = "type.googleapis.com/";

/** The type's name: Go's `Any` has this prefix before it, containerd's has not. */
export function typeNameOf({ typeUrl }: { readonly typeUrl: string }): string {
  return typeUrl.startsWith(GOOGLE_PREFIX) ? typeUrl.slice(GOOGLE_PREFIX.length) : typeUrl;
}

/** Wraps a message, with the bare type name that containerd wants. */
export function packAny<M extends MessageType>(type: M, value: MessageInit<M>): Any {
  return { typeUrl: type.name, value: encodeMessage(type, value) };
}

/**
 * The message in `any` if it is one of `type`, else undefined.
 * @throws {DecodeError} if it says so, but its bytes are something else.
 */
export function unpackAny<M extends MessageType>(type: M, any: Any): MessageOf<M> | undefined {
  return typeNameOf(any) === type.name ? decodeMessage(type, any.value) : undefined;
}

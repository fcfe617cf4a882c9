/**
 * What server and client know of a method.
 *
 * @module
 */

import type { MessageInit, MessageOf, MessageType } from "../proto/schema.ts";
import type { KeyValue } from "../proto/ttrpc.ts";

/** The messages of a method with one request and one response. */
export interface MethodType<
  Req extends MessageType = MessageType,
  Res extends MessageType = MessageType,
> {
  readonly request: Req;
  readonly response: Res;
}

/** Request of a method as its handler gets it. */
export type RequestOf<M extends MethodType> = MessageOf<M["request"]>;
/** Request of a method as a client gives it. */
export type RequestInitOf<M extends MethodType> = MessageInit<M["request"]>;
/** Response of a method as a client gets it. */
export type ResponseOf<M extends MethodType> = MessageOf<M["response"]>;
/** Response of a method as its handler gives it. */
export type ResponseInitOf<M extends MethodType> = MessageInit<M["response"]>;

/** Values that go with a call, by lower-case key. */
export type Metadata = ReadonlyMap<string, readonly string[]>;

/** The key under which containerd sends the namespace of a call. */
export const NAMESPACE_KEY = "containerd-namespace-ttrpc";

/** Reads the metadata of a request. Keys are compared in lower case, as Go's library does. */
export function readMetadata(pairs: readonly KeyValue[]): Metadata {
  const metadata = new Map<string, string[]>();
  for (const { key, value } of pairs) {
    const name = key.toLowerCase();
    const values = metadata.get(name);
    if (values) values.push(value);
    else metadata.set(name, [value]);
  }
  return metadata;
}

/** The metadata of a request, in the order of `metadata`. */
export function writeMetadata(metadata: Metadata): KeyValue[] {
  return [...metadata].flatMap(([key, values]) =>
    values.map((value) => ({ key: key.toLowerCase(), value }))
  );
}

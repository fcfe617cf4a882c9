/**
 * Messages of the ttrpc protocol itself.
 *
 * @module
 */

import {
  bytes,
  int32,
  int64,
  message,
  type MessageOf,
  nested,
  repeated,
  string,
} from "./schema.ts";
import { ANY } from "./well_known.ts";

/** One value of the metadata. Keys are lower-case, and may occur more than once. */
export const KEY_VALUE = message("ttrpc.KeyValue", { key: string(1), value: string(2) });
/** See {@link KEY_VALUE}. */
export type KeyValue = MessageOf<typeof KEY_VALUE>;

/** A call. */
export const REQUEST = message("ttrpc.Request", {
  service: string(1),
  method: string(2),
  payload: bytes(3),
  /** What is left of the caller's time; 0: no limit. */
  timeoutNano: int64(4),
  metadata: repeated(nested(5, KEY_VALUE)),
});
/** See {@link REQUEST}. */
export type Request = MessageOf<typeof REQUEST>;

/** How a call ended. Codes are those of gRPC. */
export const STATUS = message("google.rpc.Status", {
  code: int32(1),
  message: string(2),
  details: repeated(nested(3, ANY)),
});
/** See {@link STATUS}. */
export type Status = MessageOf<typeof STATUS>;

/** An answer: without a status, or with code 0, `payload` is the result. */
export const RESPONSE = message("ttrpc.Response", {
  status: nested(1, STATUS),
  payload: bytes(2),
});
/** See {@link RESPONSE}. */
export type Response = MessageOf<typeof RESPONSE>;

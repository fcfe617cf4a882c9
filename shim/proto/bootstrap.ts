/**
 * Messages with which containerd 2.3 and later starts a shim.
 *
 * @module
 */

import {
  enumeration,
  int32,
  map,
  message,
  type MessageOf,
  nested,
  optional,
  repeated,
  string,
} from "./schema.ts";
import { ANY } from "./well_known.ts";

const PACKAGE = "containerd.runtime.bootstrap.v1";

/** Levels of log lines; the numbers are those of Go's `slog`. */
export const LOG_LEVEL = {
  info: 0,
  trace: -8,
  debug: -4,
  warn: 4,
  error: 8,
  fatal: 10,
  panic: 12,
} as const;

/** Settings that this message has no field for. Runtime options are one of these. */
export const EXTENSION = message(`${PACKAGE}.Extension`, { value: nested(1, ANY) });
/** See {@link EXTENSION}. */
export type Extension = MessageOf<typeof EXTENSION>;

/** What `start` reads from its stdin. Addresses are paths, without a scheme. */
export const BOOTSTRAP_PARAMS = message(`${PACKAGE}.BootstrapParams`, {
  instanceId: string(1),
  namespace: string(2),
  logLevel: enumeration(3, LOG_LEVEL),
  containerdVersion: string(4),
  containerdTtrpcAddress: string(5),
  containerdGrpcAddress: string(6),
  containerdBinary: string(7),
  extensions: repeated(nested(8, EXTENSION)),
  /** The directory that sockets belong in. */
  socketDir: optional(string(9)),
});
/** See {@link BOOTSTRAP_PARAMS}. */
export type BootstrapParams = MessageOf<typeof BOOTSTRAP_PARAMS>;

/** What `start` may write to its stdout instead of a bare address. */
export const BOOTSTRAP_RESULT = message(`${PACKAGE}.BootstrapResult`, {
  version: int32(1),
  address: string(2),
  protocol: string(3),
  capabilities: repeated(int32(4)),
  metadata: map(string(5)),
});
/** See {@link BOOTSTRAP_RESULT}. */
export type BootstrapResult = MessageOf<typeof BOOTSTRAP_RESULT>;

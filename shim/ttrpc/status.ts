/**
 * How calls end: gRPC's codes, and the error that carries one.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { MessageInit } from "../proto/schema.ts";
import type { STATUS } from "../proto/ttrpc.ts";

/** gRPC's codes. containerd's clients look at the code only; people read the message. */
export const STATUS_CODES = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Name of a code. */
export type StatusCode = keyof typeof STATUS_CODES;

/**
 * A call failed with a code that means something to the caller. Handlers throw it, and clients do;
 * the message is sent as it is, without a name or a stack before or after it.
 */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: StatusCode;

  constructor(code: StatusCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The status that tells a caller of anything that was thrown. An abort is `CANCELLED`, a time-out
 * `DEADLINE_EXCEEDED`; what has no code is `UNKNOWN`, however familiar its class may look: a file
 * that is missing somewhere must not tell containerd that the container is.
 */
export function statusOf(error: unknown): MessageInit<typeof STATUS> {
  return { code: STATUS_CODES[codeOf(error)], message: errorText(error) };
}

function codeOf(error: unknown): StatusCode {
  if (error instanceof StatusError) return error.code;
  if (error instanceof DOMException && error.name === "AbortError") return "CANCELLED";
  if (error instanceof DOMException && error.name === "TimeoutError") return "DEADLINE_EXCEEDED";
  return "UNKNOWN";
}

/** The error that a status other than `OK` stands for. Codes that do not exist are `UNKNOWN`. */
export function errorOfStatus({ code, message }: {
  readonly code: number;
  readonly message: string;
}): StatusError {
  const found = Object.entries(STATUS_CODES).find(([, number]) => number === code);
  return new StatusError(found ? found[0] as StatusCode : "UNKNOWN", message);
}

/**
 * What the Kubernetes API answers when it does not do what it was asked for.
 *
 * @module
 */

import { readText } from "./_read_body.ts";
import type { StatusBody } from "./types.ts";

/** An answer of the API server that is no success. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The HTTP status. */
  readonly code: number;
  /** `NotFound`, `Conflict`, …; empty if the answer was no `metav1.Status`. */
  readonly reason: string;
  readonly details: StatusBody["details"];
  /** Milliseconds after which the server wants to be asked again, if it says so. */
  readonly retryAfterMs: number | undefined;

  constructor(status: StatusBody & { code: number }, options: { retryAfterMs?: number } = {}) {
    super(status.message ?? `The API server answered ${status.code}`);
    this.code = status.code;
    this.reason = status.reason ?? "";
    this.details = status.details;
    const seconds = status.details?.retryAfterSeconds;
    this.retryAfterMs = options.retryAfterMs ?? (seconds === undefined ? undefined : seconds * 1e3);
  }
}

/** There is no connection to the API server, or it broke. The cause is what the network said. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** The object is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** Somebody else has changed the object since it was read, or owns a field of it. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409 && error.reason !== "AlreadyExists";
}

/** An object of this name is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof ApiError && error.reason === "AlreadyExists";
}

/** The version a list or watch was to go on from is too old; list anew. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError &&
    (error.code === 410 || error.reason === "Expired" || error.reason === "Gone");
}

/** The object itself is refused; trying again does not help before it changes. */
export function isInvalid(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 422 || error.code === 400);
}

/** Reads an answer that is no success. The body is consumed. @throws The signal's reason. */
export async function readApiError(response: Response, signal: AbortSignal): Promise<ApiError> {
  const retryAfter = Number(response.headers.get("retry-after"));
  const options = retryAfter > 0 ? { retryAfterMs: retryAfter * 1e3 } : {};
  const text = response.body ? await readText(response.body, signal) : "";
  return new ApiError({ ...parseStatus(text), code: response.status }, options);
}

function parseStatus(text: string): StatusBody {
  try {
    const body = JSON.parse(text);
    if (body?.kind === "Status") return body;
  } catch {
    // A proxy's page, or plain text: shown as it is.
  }
  const message = text.trim().slice(0, 500);
  return message === "" ? { kind: "Status" } : { kind: "Status", message };
}

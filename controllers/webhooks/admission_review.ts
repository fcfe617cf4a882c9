/**
 * The messages between the API server and its webhooks: `AdmissionReview` of `admission.k8s.io/v1`.
 *
 * @module
 */

import type { KubeObject, StatusBody } from "../../lib/kube/types.ts";
import type { PatchOperation } from "./default_spin_app.ts";

const API_VERSION = "admission.k8s.io/v1";
const KIND = "AdmissionReview";

/** Bytes that a review may have, as controller-runtime has it. */
export const MAX_REVIEW_BYTES = 7 * 1024 * 1024;

/** What the API server asks about. */
export interface AdmissionRequest {
  readonly uid: string;
  /** `CREATE`, `UPDATE`, `DELETE` or `CONNECT`. */
  readonly operation: string;
  /** Empty if the object has none yet. */
  readonly name: string;
  /** Empty for objects of the whole cluster. */
  readonly namespace: string;
  readonly object: KubeObject | undefined;
  /** The object before the change. */
  readonly oldObject: KubeObject | undefined;
}

/** What a webhook makes of a request. */
export interface AdmissionAnswer {
  /** Why it is refused; undefined: it is allowed. */
  readonly refusal?: StatusBody;
  /** Changes of the object. */
  readonly patch?: readonly PatchOperation[];
  /** Shown to the user, each at most 256 characters. */
  readonly warnings?: readonly string[];
}

/** An HTTP request, read. */
export interface WebhookCall {
  readonly path: string;
  readonly contentType: string;
  /** Undefined: more than {@link MAX_REVIEW_BYTES}. */
  readonly body: Uint8Array | undefined;
}

/** A review that cannot be read. */
export class ReviewError extends Error {
  override readonly name = "ReviewError";
  /** The code of the answer's status. */
  readonly code: number;

  constructor(message: string, code = 400) {
    super(message);
    this.code = code;
  }
}

/**
 * Reads a review. Texts are those of controller-runtime where they do not quote Go's JSON decoder.
 * @throws {ReviewError} if it is none.
 */
export function readReview({ contentType, body }: WebhookCall): AdmissionRequest {
  if (!body) {
    throw new ReviewError(
      `request entity is too large; limit is ${MAX_REVIEW_BYTES} bytes`,
      413,
    );
  }
  if (body.length === 0) throw new ReviewError("request body is empty");
  if (contentType.split(";", 1)[0]!.trim().toLowerCase() !== "application/json") {
    throw new ReviewError(`contentType=${contentType}, expected application/json`);
  }
  const review = parse(body);
  if (!isRecord(review) || review.apiVersion !== API_VERSION || review.kind !== KIND) {
    throw new ReviewError(`couldn't decode the request: expected ${KIND} of ${API_VERSION}`);
  }
  const { request } = review;
  if (!isRecord(request) || typeof request.uid !== "string") {
    throw new ReviewError("couldn't decode the request: it has no request with a uid");
  }
  return {
    uid: request.uid,
    operation: text(request.operation),
    name: text(request.name),
    namespace: text(request.namespace),
    object: readObject(request.object, "object"),
    oldObject: readObject(request.oldObject, "oldObject"),
  };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new ReviewError(
      `couldn't decode the request: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function readObject(value: unknown, field: string): KubeObject | undefined {
  if (value === undefined || value === null) return undefined;
  if (isRecord(value) && isRecord(value.metadata)) return value as unknown as KubeObject;
  throw new ReviewError(`couldn't decode the request: request.${field} is no object`);
}

/** The body of the answer to a request. @param uid Empty if the request could not be read. */
export function formatReview(
  uid: string,
  { refusal, patch = [], warnings = [] }: AdmissionAnswer,
): string {
  const response = {
    uid,
    allowed: refusal === undefined,
    status: refusal ?? { code: 200 },
    ...(patch.length === 0 ? {} : {
      patch: new TextEncoder().encode(JSON.stringify(patch)).toBase64(),
      patchType: "JSONPatch",
    }),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map(shorten) }),
  };
  return JSON.stringify({ kind: KIND, apiVersion: API_VERSION, response });
}

/** A refusal that is about the request, not about the object. */
export function failure(code: number, message: string): StatusBody {
  return { kind: "Status", status: "Failure", message, code };
}

/** The API server cuts longer ones at some byte. */
function shorten(warning: string): string {
  return warning.length <= 256 ? warning : `${warning.slice(0, 255)}…`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

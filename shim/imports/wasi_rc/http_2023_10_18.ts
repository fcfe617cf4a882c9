/**
 * `wasi:http@0.2.0-rc-2023-10-18`: the messages of 0.2 as they were first, with errors that are text,
 * fields whose functions have none, and messages that are complete when they are made.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import { OutgoingBody as OutgoingBody02 } from "../http_body.ts";
import type { HttpErrorCode } from "../http_error_code.ts";
import { type FieldEntry, Fields as Fields02, type HeaderError } from "../http_fields.ts";
import type { Method, Scheme } from "../_http_parts.ts";
import { createOutboundHttp } from "../outbound_http.ts";
import {
  OutgoingRequest as OutgoingRequest02,
  OutgoingResponse as OutgoingResponse02,
  type RequestTimeouts,
  ResponseOutparam as ResponseOutparam02,
  type Result,
  startRequest,
} from "../wasi_http.ts";
import { errorCodeText } from "./error_text.ts";
import { createIncoming } from "./incoming.ts";
import { GivenOutputStream } from "./io.ts";
import { FIRST } from "./snapshots.ts";

/** The variant `error`. */
export interface HttpError {
  readonly tag: "invalid-url" | "timeout-error" | "protocol-error" | "unexpected-error";
  readonly val: string;
}

/** The original does not tell errors apart either. */
function toHttpError(code: HttpErrorCode): HttpError {
  return { tag: "unexpected-error", val: errorCodeText(code) };
}

/** What a guest's own error is in 0.2. */
function toErrorCode({ tag, val }: HttpError): HttpErrorCode {
  const kind = tag === "timeout-error" ? "timeout" : tag.replace("-", " ");
  return { tag: "internal-error", val: `${kind}: ${val}` };
}

/** Runs `action`, whose errors the guest cannot be told: it traps. */
function orTrap<T>(action: () => T, describe: (error: unknown) => string): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof Error ? error : new Error(describe(error));
  }
}

function describeHeaderError(error: unknown): string {
  return `Cannot change fields: ${(error as HeaderError).tag}`;
}

/** The resource `fields`. What would be a header error in 0.2 traps. */
export class Fields {
  #inner: Fields02;

  constructor(entries: FieldEntry[] = []) {
    this.#inner = orTrap(() => Fields02.fromList(entries), describeHeaderError);
  }

  /** The fields of a message of the host's. */
  static of(inner: Fields02): Fields {
    const fields = new Fields();
    fields.#inner = inner;
    return fields;
  }

  /** The fields as 0.2 has them. */
  get inner(): Fields02 {
    return this.#inner;
  }

  get(name: string): Uint8Array[] {
    return this.#inner.get(name);
  }

  set(name: string, values: Uint8Array[]): void {
    orTrap(() => this.#inner.set(name, values), describeHeaderError);
  }

  delete(name: string): void {
    orTrap(() => this.#inner.delete(name), describeHeaderError);
  }

  append(name: string, value: Uint8Array): void {
    orTrap(() => this.#inner.append(name, value), describeHeaderError);
  }

  entries(): FieldEntry[] {
    return this.#inner.entries();
  }

  clone(): Fields {
    return Fields.of(this.#inner.clone());
  }
}

const incoming = createIncoming({
  fields: (inner) => Fields.of(inner),
  noTrailers: () => new Fields(),
  error: toHttpError,
});

/** The resource `incoming-request`. */
export const IncomingRequest = incoming.IncomingRequest;

/** The resource `outgoing-body`. */
class OutgoingBody {
  readonly #inner: OutgoingBody02;

  constructor(inner: OutgoingBody02) {
    this.#inner = inner;
  }

  write(): GivenOutputStream {
    return GivenOutputStream.replacing(this.#inner.write());
  }

  /** Another length than the one that was declared traps. Trailers are dropped. */
  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    orTrap(
      () => OutgoingBody02.finish(body.#inner, trailers?.inner),
      (error) => `Cannot finish the body: ${errorCodeText(error as HttpErrorCode)}`,
    );
  }

  [Symbol.dispose](): void {
    this.#inner[Symbol.dispose]();
  }
}

/** The resource `outgoing-request`. Without an authority it is a request to the app itself. */
class OutgoingRequest {
  /** The request as 0.2 has it. */
  readonly inner: OutgoingRequest02;

  constructor(
    method: Method,
    pathWithQuery: string | undefined,
    scheme: Scheme | undefined,
    authority: string | undefined,
    headers: Fields,
  ) {
    const request = new OutgoingRequest02(headers.inner.clone());
    orTrap(() => request.setMethod(method), () => "invalid method supplied");
    orTrap(
      () => request.setPathWithQuery(pathWithQuery),
      () => "invalid path-with-query supplied",
    );
    orTrap(() => request.setScheme(scheme), () => "invalid scheme supplied");
    orTrap(() => request.setAuthority(authority), () => "invalid authority supplied");
    this.inner = request;
  }

  write(): OutgoingBody {
    return new OutgoingBody(this.inner.body());
  }
}

/** The resource `outgoing-response`. */
class OutgoingResponse {
  /** The response as 0.2 has it. */
  readonly inner: OutgoingResponse02;

  constructor(status: number, headers: Fields) {
    this.inner = new OutgoingResponse02(headers.inner.clone());
    orTrap(() => this.inner.setStatusCode(status), () => "invalid status code supplied");
  }

  write(): OutgoingBody {
    return new OutgoingBody(this.inner.body());
  }
}

/** The resource `response-outparam`. */
export class ResponseOutparam {
  readonly #inner: ResponseOutparam02;

  /** @param onSet Called once, with what the guest answers. */
  constructor(onSet: (result: Result<OutgoingResponse02, HttpErrorCode>) => void) {
    this.#inner = new ResponseOutparam02(onSet);
  }

  static set(param: ResponseOutparam, result: Result<OutgoingResponse, HttpError>): void {
    ResponseOutparam02.set(
      param.#inner,
      result.tag === "ok"
        ? { tag: "ok", val: result.val.inner }
        : { tag: "err", val: toErrorCode(result.val) },
    );
  }
}

/** The interfaces of `wasi:http@0.2.0-rc-2023-10-18` for one component. */
export function createHttp(component: ComponentContext): ImportObject {
  const outbound = createOutboundHttp(component);

  /** @param timeouts The record `request-options`. */
  function handle(
    request: OutgoingRequest,
    timeouts: RequestTimeouts | undefined,
  ): InstanceType<typeof incoming.FutureIncomingResponse> {
    return new incoming.FutureIncomingResponse(
      startRequest(outbound, { request: request.inner, timeouts: timeouts ?? {} }),
    );
  }

  return {
    [`wasi:http/types@${FIRST}`]: {
      ...incoming,
      Fields,
      OutgoingBody,
      OutgoingRequest,
      OutgoingResponse,
      ResponseOutparam,
    },
    [`wasi:http/outgoing-handler@${FIRST}`]: { handle },
  };
}

/**
 * `wasi:http/types@0.3`: requests, responses and their options.
 *
 * @module
 */

import type { ComponentContext } from "../component_context.ts";
import type { FieldEntry } from "../http_fields.ts";
import { Fields as Fields02, FORBIDDEN_FIELDS, latin1Bytes } from "../http_fields.ts";
import {
  isValidAuthority,
  isValidMethod,
  isValidPath,
  isValidScheme,
  type Method,
  type Scheme,
  toMethod,
} from "../_http_parts.ts";
import type { OutboundHttpResponse } from "../outbound_http.ts";
import type { RequestHead } from "../wasi_http.ts";
import type { GuestBytes, GuestFuture } from "./_streams.ts";
import { Fields } from "./http_fields.ts";
import {
  type ConsumedBody,
  consumeHostBody,
  GuestBody,
  type MessageBody,
  type TrailersResult,
  type TransmissionResult,
} from "./http_message.ts";

/** The resource `request-options`. Durations in nanoseconds. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;
  #isImmutable = false;

  getConnectTimeout(): bigint | undefined {
    return this.#connect;
  }
  setConnectTimeout(duration: bigint | undefined): void {
    this.#checkMutable();
    this.#connect = duration;
  }
  getFirstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }
  setFirstByteTimeout(duration: bigint | undefined): void {
    this.#checkMutable();
    this.#firstByte = duration;
  }
  getBetweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }
  setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#checkMutable();
    this.#betweenBytes = duration;
  }

  clone(): RequestOptions {
    const copy = new RequestOptions();
    copy.#connect = this.#connect;
    copy.#firstByte = this.#firstByte;
    copy.#betweenBytes = this.#betweenBytes;
    return copy;
  }

  /** A handle on the same values that cannot change them. */
  immutableCopy(): RequestOptions {
    const copy = this.clone();
    copy.#isImmutable = true;
    return copy;
  }

  #checkMutable(): void {
    if (this.#isImmutable) throw { tag: "immutable" };
  }
}

/** What a request says beside its body. */
interface RequestParts {
  method: Method;
  scheme: Scheme | undefined;
  authority: string | undefined;
  pathWithQuery: string | undefined;
  readonly headers: () => Fields;
  readonly options: RequestOptions | undefined;
  readonly body: MessageBody;
}

/** The resource `request`. */
export class Request {
  readonly #parts: RequestParts;
  #headers: Fields | undefined;
  #isConsumed = false;

  /** Only the host makes requests in this way; guests use {@link new}. */
  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  static new(
    headers: Fields,
    contents: GuestBytes | undefined,
    trailers: GuestFuture<TrailersResult>,
    options: RequestOptions | undefined,
  ): [Request, Promise<TransmissionResult>] {
    const body = new GuestBody(contents, trailers);
    headers.inner.freeze();
    const request = new Request({
      method: { tag: "get" },
      scheme: undefined,
      authority: undefined,
      pathWithQuery: undefined,
      headers: () => headers,
      options,
      body,
    });
    return [request, body.transmitted];
  }

  /** A request of the server's. */
  static fromHead(head: RequestHead): Request {
    return new Request({
      method: toMethod(head.method),
      scheme: { tag: head.scheme === "https" ? "HTTPS" : "HTTP" },
      authority: head.authority,
      pathWithQuery: head.pathWithQuery,
      headers: () =>
        incomingFields(head.headers().map(([name, value]) => [name, latin1Bytes(value)])),
      options: undefined,
      body: { kind: "host", open: () => head.body() },
    });
  }

  getMethod(): Method {
    return this.#parts.method;
  }

  setMethod(method: Method): void {
    if (!isValidMethod(method)) throw undefined;
    this.#parts.method = method;
  }

  getPathWithQuery(): string | undefined {
    return this.#parts.pathWithQuery;
  }

  setPathWithQuery(path: string | undefined): void {
    if (!isValidPath(path)) throw undefined;
    this.#parts.pathWithQuery = path;
  }

  getScheme(): Scheme | undefined {
    return this.#parts.scheme;
  }

  setScheme(scheme: Scheme | undefined): void {
    if (!isValidScheme(scheme)) throw undefined;
    this.#parts.scheme = scheme;
  }

  getAuthority(): string | undefined {
    return this.#parts.authority;
  }

  setAuthority(authority: string | undefined): void {
    if (!isValidAuthority(authority)) throw undefined;
    this.#parts.authority = authority;
  }

  getOptions(): RequestOptions | undefined {
    return this.#parts.options?.immutableCopy();
  }

  getHeaders(): Fields {
    return this.#ownHeaders().immutableView();
  }

  /** @param outcome What the guest makes of the body; nobody on the other side can be told. */
  static consumeBody(request: Request, outcome: GuestFuture<TransmissionResult>): ConsumedBody {
    observe(outcome);
    request.#isConsumed = true;
    return consume(request.#parts.body);
  }

  /** For the host: the request as it is to be sent. Its body is the caller's from now on. */
  take(): RequestParts & { readonly fields: Fields } {
    this.#isConsumed = true;
    return { ...this.#parts, fields: this.#ownHeaders() };
  }

  [Symbol.dispose](): void {
    if (!this.#isConsumed) drop(this.#parts.body);
  }

  #ownHeaders(): Fields {
    return this.#headers ??= this.#parts.headers();
  }
}

/** What a response says. */
interface ResponseParts {
  status: number;
  readonly headers: Fields;
  readonly body: MessageBody;
}

/** The resource `response`. */
export class Response {
  readonly #parts: ResponseParts;
  #isConsumed = false;

  /** Only the host makes responses in this way; guests use {@link new}. */
  constructor(parts: ResponseParts) {
    this.#parts = parts;
  }

  static new(
    headers: Fields,
    contents: GuestBytes | undefined,
    trailers: GuestFuture<TrailersResult>,
  ): [Response, Promise<TransmissionResult>] {
    const body = new GuestBody(contents, trailers);
    headers.inner.freeze();
    return [new Response({ status: 200, headers, body }), body.transmitted];
  }

  /** The answer to a request of the guest's. */
  static fromOutbound(response: OutboundHttpResponse): Response {
    return new Response({
      status: response.status,
      headers: incomingFields(response.headers),
      body: { kind: "host", open: () => response.body },
    });
  }

  getStatusCode(): number {
    return this.#parts.status;
  }

  setStatusCode(status: number): void {
    if (status < 100 || status > 999) throw undefined;
    this.#parts.status = status;
  }

  getHeaders(): Fields {
    return this.#parts.headers.immutableView();
  }

  /** @param outcome What the guest makes of the body; nobody on the other side can be told. */
  static consumeBody(response: Response, outcome: GuestFuture<TransmissionResult>): ConsumedBody {
    observe(outcome);
    response.#isConsumed = true;
    return consume(response.#parts.body);
  }

  /** For the host: the response as it is to be sent. Its body is the caller's from now on. */
  take(): ResponseParts {
    this.#isConsumed = true;
    return this.#parts;
  }

  [Symbol.dispose](): void {
    if (!this.#isConsumed) drop(this.#parts.body);
  }
}

/**
 * Fields that the host received. Unlike guests of 0.2, those of 0.3 see `host`; what belongs to the
 * connection stays hidden.
 */
function incomingFields(entries: FieldEntry[]): Fields {
  const visible = entries.filter(([name]) => name === "host" || !FORBIDDEN_FIELDS.has(name));
  return new Fields(new Fields02(visible, true));
}

function consume(body: MessageBody): ConsumedBody {
  return body.kind === "guest" ? body.consume() : consumeHostBody(body);
}

function drop(body: MessageBody): void {
  if (body.kind === "guest") return body.drop();
  // The connection must not wait for a body that nobody will read; how it takes that is its own.
  body.open()?.cancel().catch(() => {});
}

/** A guest that writes a future waits until somebody has read it. */
function observe(future: GuestFuture<unknown>): void {
  future.then(() => {}, () => {});
}

/** The functions and classes of `wasi:http/types@0.3`. They are the same for every component. */
export function createHttpTypes(_component?: ComponentContext): Record<string, unknown> {
  return { Fields, Request, RequestOptions, Response };
}

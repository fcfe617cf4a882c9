/**
 * `wasi:http@0.2`: the resources of requests and responses, incoming and outgoing.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "./component_context.ts";
import { BodyBuffer, OutgoingBody } from "./http_body.ts";
import type { HttpErrorCode } from "./http_error_code.ts";
import { type FieldEntry, Fields, FORBIDDEN_FIELDS, latin1Bytes } from "./http_fields.ts";
import { toHttpErrorCode } from "./http_error_code.ts";
import {
  isValidAuthority,
  isValidMethod,
  isValidPath,
  isValidScheme,
  type Method,
  methodName,
  nanosToMs,
  type Scheme,
  schemeName,
  toMethod,
} from "./_http_parts.ts";
import {
  createOutboundHttp,
  type OutboundHttp,
  type OutboundHttpResponse,
} from "./outbound_http.ts";
import {
  bytesSource,
  InputStream,
  IoError,
  operationFailed,
  Pollable,
  readableSource,
  readyPollable,
} from "./wasi_io.ts";

/** A `result` where it is a value: in the bindings only a function's own result is thrown. */
export type Result<T, E> = { tag: "ok"; val: T } | { tag: "err"; val: E };

/** The resource `future-trailers`. Neither side of the platform's HTTP gives trailers. */
export class FutureTrailers {
  #isTaken = false;

  subscribe(): Pollable {
    return readyPollable();
  }

  get(): Result<Result<undefined, HttpErrorCode>, undefined> {
    if (this.#isTaken) return { tag: "err", val: undefined };
    this.#isTaken = true;
    return { tag: "ok", val: { tag: "ok", val: undefined } };
  }
}

/** The resource `incoming-body`. */
export class IncomingBody {
  readonly #body: ReadableStream<Uint8Array> | null | undefined;
  #isTaken = false;

  constructor(body?: ReadableStream<Uint8Array> | null) {
    this.#body = body;
  }

  stream(): InputStream {
    if (this.#isTaken) throw undefined;
    this.#isTaken = true;
    return new InputStream(
      this.#body
        ? readableSource(this.#body, (error) => {
          const code = toHttpErrorCode(error);
          return operationFailed(`ErrorCode::${code.tag}`, code);
        })
        : bytesSource(new Uint8Array(0)),
    );
  }

  static finish(body: IncomingBody): FutureTrailers {
    body[Symbol.dispose]();
    return new FutureTrailers();
  }

  [Symbol.dispose](): void {
    // A stream that was taken closes its source itself. One that was not must let go of the peer,
    // whose reaction does not matter any more.
    if (!this.#isTaken) this.#body?.cancel().catch(() => {});
  }
}

/** What the server knows of a request, as a component is to see it. */
export interface RequestHead {
  readonly method: string;
  /** Path and query as received. */
  readonly pathWithQuery: string;
  readonly authority: string;
  /** Default: `http`. Guests of WASI 0.2 see that always. */
  readonly scheme?: "http" | "https";
  /**
   * Names in lower case, values as strings of code points below 256, repeated ones apart. Made when
   * the guest asks.
   */
  headers(): [string, string][];
  /** The body; asked for once, if the guest wants it. */
  body(): ReadableStream<Uint8Array> | null;
}

/** The resource `incoming-request`. */
export class IncomingRequest {
  readonly #head: RequestHead;
  #isConsumed = false;

  constructor(head: RequestHead) {
    this.#head = head;
  }

  method(): Method {
    return toMethod(this.#head.method);
  }

  pathWithQuery(): string {
    return this.#head.pathWithQuery;
  }

  /** Always HTTP, as Spin tells 0.2 guests, TLS or not. */
  scheme(): Scheme {
    return { tag: "HTTP" };
  }

  authority(): string {
    return this.#head.authority;
  }

  headers(): Fields {
    const entries: FieldEntry[] = [];
    for (const [name, value] of this.#head.headers()) {
      if (!FORBIDDEN_FIELDS.has(name)) entries.push([name, latin1Bytes(value)]);
    }
    return new Fields(entries, true);
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw undefined;
    this.#isConsumed = true;
    return new IncomingBody(this.#head.body());
  }
}

/** The resource `outgoing-response`. */
export class OutgoingResponse {
  readonly fields: Fields;
  status = 200;
  #body: OutgoingBody | undefined;

  constructor(headers: Fields) {
    this.fields = headers;
    headers.freeze();
  }

  /** The body, if the guest asked for it. */
  get buffer(): BodyBuffer | undefined {
    return this.#body?.buffer;
  }

  statusCode(): number {
    return this.status;
  }

  setStatusCode(status: number): void {
    if (status < 100 || status > 999) throw undefined;
    this.status = status;
  }

  headers(): Fields {
    return this.fields.immutableView();
  }

  body(): OutgoingBody {
    if (this.#body) throw undefined;
    return this.#body = new OutgoingBody(this.fields, "HTTP-response-body-size");
  }
}

/** The resource `response-outparam`. */
export class ResponseOutparam {
  #onSet: ((result: Result<OutgoingResponse, HttpErrorCode>) => void) | undefined;

  /** @param onSet Called once, with what the guest answers. */
  constructor(onSet: (result: Result<OutgoingResponse, HttpErrorCode>) => void) {
    this.#onSet = onSet;
  }

  static set(param: ResponseOutparam, result: Result<OutgoingResponse, HttpErrorCode>): void {
    const onSet = param.#onSet;
    param.#onSet = undefined;
    onSet?.(result);
  }
}

/** The resource `request-options`. Durations in nanoseconds. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;

  connectTimeout(): bigint | undefined {
    return this.#connect;
  }
  setConnectTimeout(duration: bigint | undefined): void {
    this.#connect = duration;
  }
  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }
  setFirstByteTimeout(duration: bigint | undefined): void {
    this.#firstByte = duration;
  }
  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }
  setBetweenBytesTimeout(duration: bigint | undefined): void {
    this.#betweenBytes = duration;
  }
}

/** The resource `outgoing-request`. */
export class OutgoingRequest {
  readonly #headers: Fields;
  #method: Method = { tag: "get" };
  #path: string | undefined;
  #scheme: Scheme | undefined;
  #authority: string | undefined;
  #body: OutgoingBody | undefined;

  constructor(headers: Fields) {
    this.#headers = headers;
    headers.freeze();
  }

  get buffer(): BodyBuffer | undefined {
    return this.#body?.buffer;
  }

  body(): OutgoingBody {
    if (this.#body) throw undefined;
    return this.#body = new OutgoingBody(this.#headers, "HTTP-request-body-size");
  }

  method(): Method {
    return this.#method;
  }

  setMethod(method: Method): void {
    if (!isValidMethod(method)) throw undefined;
    this.#method = method;
  }

  pathWithQuery(): string | undefined {
    return this.#path;
  }

  setPathWithQuery(path: string | undefined): void {
    if (!isValidPath(path)) throw undefined;
    this.#path = path;
  }

  scheme(): Scheme | undefined {
    return this.#scheme;
  }

  setScheme(scheme: Scheme | undefined): void {
    if (!isValidScheme(scheme)) throw undefined;
    this.#scheme = scheme;
  }

  authority(): string | undefined {
    return this.#authority;
  }

  setAuthority(authority: string | undefined): void {
    if (!isValidAuthority(authority)) throw undefined;
    this.#authority = authority;
  }

  headers(): Fields {
    return this.#headers.immutableView();
  }
}

/** The resource `incoming-response`. */
export class IncomingResponse {
  readonly #response: OutboundHttpResponse;
  #isConsumed = false;

  constructor(response: OutboundHttpResponse) {
    this.#response = response;
  }

  status(): number {
    return this.#response.status;
  }

  headers(): Fields {
    return new Fields(
      this.#response.headers.filter(([name]) => !FORBIDDEN_FIELDS.has(name)),
      true,
    );
  }

  consume(): IncomingBody {
    if (this.#isConsumed) throw undefined;
    this.#isConsumed = true;
    return new IncomingBody(this.#response.body);
  }

  [Symbol.dispose](): void {
    // The connection must not wait for a body that nobody will read; how it takes that is its own.
    if (!this.#isConsumed) this.#response.body?.cancel().catch(() => {});
  }
}

/** The resource `future-incoming-response`. */
export class FutureIncomingResponse {
  readonly #settled: Promise<void>;
  readonly #abort: AbortController;
  #result: Result<IncomingResponse, HttpErrorCode> | undefined;
  #isTaken = false;

  constructor(response: Promise<OutboundHttpResponse>, abort: AbortController) {
    this.#abort = abort;
    this.#settled = response.then((value) => {
      this.#result = { tag: "ok", val: new IncomingResponse(value) };
    }, (error) => {
      this.#result = { tag: "err", val: toHttpErrorCode(error) };
    });
  }

  subscribe(): Pollable {
    return new Pollable(() => this.#result !== undefined, () => this.#settled);
  }

  get(): Result<Result<IncomingResponse, HttpErrorCode>, undefined> | undefined {
    if (!this.#result) return undefined;
    if (this.#isTaken) return { tag: "err", val: undefined };
    this.#isTaken = true;
    return { tag: "ok", val: this.#result };
  }

  [Symbol.dispose](): void {
    if (this.#isTaken) return;
    if (this.#result?.tag === "ok") this.#result.val[Symbol.dispose]();
    else this.#abort.abort();
  }
}

/** How long the parts of a request may take, in milliseconds; without: as long as usual. */
export interface RequestTimeouts {
  readonly connectTimeoutMs?: number | undefined;
  readonly firstByteTimeoutMs?: number | undefined;
  readonly betweenBytesTimeoutMs?: number | undefined;
}

/** Sends a guest's request. Whatever is wrong with it, the future tells. */
export function startRequest(
  outbound: OutboundHttp,
  { request, timeouts }: { request: OutgoingRequest; timeouts: RequestTimeouts },
): FutureIncomingResponse {
  const abort = new AbortController();
  const { connectTimeoutMs, firstByteTimeoutMs, betweenBytesTimeoutMs } = timeouts;
  const response = outbound.send({
    method: methodName(request.method()),
    scheme: schemeName(request.scheme()),
    authority: request.authority(),
    pathWithQuery: request.pathWithQuery() ?? "/",
    headers: request.headers().entries(),
    body: request.buffer?.stream(),
    signal: abort.signal,
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(firstByteTimeoutMs === undefined ? {} : { firstByteTimeoutMs }),
    ...(betweenBytesTimeoutMs === undefined ? {} : { betweenBytesTimeoutMs }),
  });
  return new FutureIncomingResponse(response, abort);
}

/** The timeouts that a guest has set. */
export function toTimeouts(options: RequestOptions | undefined): RequestTimeouts {
  return {
    connectTimeoutMs: nanosToMs(options?.connectTimeout()),
    firstByteTimeoutMs: nanosToMs(options?.firstByteTimeout()),
    betweenBytesTimeoutMs: nanosToMs(options?.betweenBytesTimeout()),
  };
}

/** The function `http-error-code`. */
export function httpErrorCode(error: IoError): HttpErrorCode | undefined {
  const { cause } = error;
  return typeof cause === "object" && cause !== null && "tag" in cause
    ? cause as HttpErrorCode
    : undefined;
}

/** The interfaces of `wasi:http@0.2` for one component. */
export function createWasiHttp(component: ComponentContext): ImportObject {
  const outbound = createOutboundHttp(component);

  function handle(
    request: OutgoingRequest,
    options: RequestOptions | undefined,
  ): FutureIncomingResponse {
    return startRequest(outbound, { request, timeouts: toTimeouts(options) });
  }

  return {
    "wasi:http/types@0.2": {
      Fields,
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      OutgoingRequest,
      OutgoingResponse,
      RequestOptions,
      ResponseOutparam,
      httpErrorCode,
    },
    "wasi:http/outgoing-handler@0.2": { handle },
  };
}

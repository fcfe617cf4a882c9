/**
 * What arrives, in the forms of the snapshots: requests, responses, their bodies and trailers.
 *
 * @module
 */

import type { HttpErrorCode } from "../http_error_code.ts";
import type { Fields as Fields02 } from "../http_fields.ts";
import type { Method, Scheme } from "../_http_parts.ts";
import {
  FutureIncomingResponse as FutureIncomingResponse02,
  FutureTrailers as FutureTrailers02,
  IncomingBody as IncomingBody02,
  IncomingRequest as IncomingRequest02,
  IncomingResponse as IncomingResponse02,
  type RequestHead,
  type Result,
} from "../wasi_http.ts";
import type { InputStream, Pollable } from "../wasi_io.ts";

/** In what a snapshot differs from 0.2. */
export interface IncomingForms<F, T, E> {
  /** Its fields for those of a message. */
  fields(inner: Fields02): F;
  /** What it has for the trailers of a message without any. */
  noTrailers(): T;
  /** Its error for one of 0.2. */
  error(code: HttpErrorCode): E;
}

/** The classes of a snapshot. They wrap those of 0.2. */
export function createIncoming<F, T, E>(forms: IncomingForms<F, T, E>) {
  /** The resource `future-trailers`. */
  class FutureTrailers {
    readonly #inner: FutureTrailers02;

    constructor(inner: FutureTrailers02) {
      this.#inner = inner;
    }

    subscribe(): Pollable {
      return this.#inner.subscribe();
    }

    /** There is no error for a second time: the guest traps. */
    get(): Result<T, E> {
      const taken = this.#inner.get();
      if (taken.tag === "err") throw new Error("trailers have already been retrieved");
      const trailers = taken.val;
      return trailers.tag === "ok"
        ? { tag: "ok", val: forms.noTrailers() }
        : { tag: "err", val: forms.error(trailers.val) };
    }
  }

  /** The resource `incoming-body`. */
  class IncomingBody {
    readonly #inner: IncomingBody02;

    constructor(inner: IncomingBody02) {
      this.#inner = inner;
    }

    stream(): InputStream {
      return this.#inner.stream();
    }

    static finish(body: IncomingBody): FutureTrailers {
      return new FutureTrailers(IncomingBody02.finish(body.#inner));
    }

    [Symbol.dispose](): void {
      this.#inner[Symbol.dispose]();
    }
  }

  /** The resource `incoming-request`. */
  class IncomingRequest {
    readonly #inner: IncomingRequest02;

    constructor(head: RequestHead) {
      this.#inner = new IncomingRequest02(head);
    }

    method(): Method {
      return this.#inner.method();
    }

    pathWithQuery(): string {
      return this.#inner.pathWithQuery();
    }

    scheme(): Scheme {
      return this.#inner.scheme();
    }

    authority(): string {
      return this.#inner.authority();
    }

    headers(): F {
      return forms.fields(this.#inner.headers());
    }

    consume(): IncomingBody {
      return new IncomingBody(this.#inner.consume());
    }
  }

  /** The resource `incoming-response`. */
  class IncomingResponse {
    readonly #inner: IncomingResponse02;

    constructor(inner: IncomingResponse02) {
      this.#inner = inner;
    }

    status(): number {
      return this.#inner.status();
    }

    headers(): F {
      return forms.fields(this.#inner.headers());
    }

    consume(): IncomingBody {
      return new IncomingBody(this.#inner.consume());
    }

    [Symbol.dispose](): void {
      this.#inner[Symbol.dispose]();
    }
  }

  /** The resource `future-incoming-response`. */
  class FutureIncomingResponse {
    readonly #inner: FutureIncomingResponse02;

    constructor(inner: FutureIncomingResponse02) {
      this.#inner = inner;
    }

    subscribe(): Pollable {
      return this.#inner.subscribe();
    }

    get(): Result<Result<IncomingResponse, E>, undefined> | undefined {
      const taken = this.#inner.get();
      if (taken?.tag !== "ok") return taken;
      const response = taken.val;
      return {
        tag: "ok",
        val: response.tag === "ok"
          ? { tag: "ok", val: new IncomingResponse(response.val) }
          : { tag: "err", val: forms.error(response.val) },
      };
    }

    [Symbol.dispose](): void {
      this.#inner[Symbol.dispose]();
    }
  }

  return {
    FutureIncomingResponse,
    FutureTrailers,
    IncomingBody,
    IncomingRequest,
    IncomingResponse,
  };
}

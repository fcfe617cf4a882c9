/**
 * The body of an HTTP message of WASI 0.3: a stream, and futures for what comes before and after.
 *
 * @module
 */

import type { BodyBuffer } from "../http_body.ts";
import { declaredLength } from "../http_body.ts";
import { type HttpErrorCode, toHttpErrorCode } from "../http_error_code.ts";
import {
  chunksOf,
  type GuestBytes,
  type GuestFuture,
  hostBytes,
  type HostStream,
  hostStream,
  OK,
  type Result,
} from "./_streams.ts";
import type { Fields } from "./http_fields.ts";

/** What the future of trailers gives. */
export type TrailersResult = Result<Fields | undefined, HttpErrorCode>;
/** What the future of a transmission gives. */
export type TransmissionResult = Result<undefined, HttpErrorCode>;

/** A body as `consume-body` gives it to a guest. */
export type ConsumedBody = [HostStream<Uint8Array>, Promise<TrailersResult>];

const NO_TRAILERS: TrailersResult = { tag: "ok", val: undefined };

/** A body that the guest takes from the host. */
export interface HostBody {
  readonly kind: "host";
  /** Asked for once, if the guest wants it. */
  readonly open: () => ReadableStream<Uint8Array> | null | undefined;
}

/** A body that the guest makes. */
export class GuestBody {
  readonly kind = "guest";
  /** What the guest learns of the transmission: the second value of `new`. */
  readonly transmitted: Promise<TransmissionResult>;
  readonly #contents: GuestBytes | undefined;
  readonly #trailers: GuestFuture<TrailersResult>;
  #settle!: (result: TransmissionResult) => void;
  #isTaken = false;

  constructor(contents: GuestBytes | undefined, trailers: GuestFuture<TrailersResult>) {
    this.#contents = contents;
    this.#trailers = trailers;
    this.transmitted = new Promise((resolve) => this.#settle = resolve);
  }

  /** Whether there is a body at all. */
  get hasContents(): boolean {
    return this.#contents !== undefined;
  }

  /**
   * Writes the body into `buffer`, as fast as that is read, and then ends it; or fails it if the
   * guest says so, or does not write what its `content-length` says. Trailers are dropped: neither
   * server nor client can send them.
   * @param options.lengthError The error for a body of another length than declared.
   */
  async writeTo(
    buffer: BodyBuffer,
    options: {
      headers: Fields;
      lengthError: "HTTP-request-body-size" | "HTTP-response-body-size";
    },
  ): Promise<void> {
    this.#isTaken = true;
    const result = await this.#write(buffer, options).catch((error) => {
      // The buffer throws when nobody reads it any more.
      return { tag: "err", val: closedCode(error) } as const;
    });
    if (result.tag === "ok") buffer.end();
    else buffer.fail();
    this.#settle(result);
  }

  async #write(
    buffer: BodyBuffer,
    options: { headers: Fields; lengthError: HttpErrorCode["tag"] },
  ): Promise<TransmissionResult> {
    const contents = this.#contents;
    if (contents) {
      for await (const chunk of chunksOf(contents)) {
        buffer.push(chunk);
        while (buffer.capacity() === 0) await buffer.wait();
      }
    }
    const declared = options.headers.has("content-length")
      ? declaredLength(options.headers)
      : undefined;
    const written = buffer.writtenBytes;
    const isWrong = declared !== undefined && declared !== written;
    const trailers = await this.#trailers;
    if (trailers.tag === "err") return trailers;
    if (!isWrong) return OK;
    return {
      tag: "err",
      val: { tag: options.lengthError, val: BigInt(written) } as HttpErrorCode,
    };
  }

  /** The body will not be taken: the guest that writes it learns that nobody reads. */
  drop(code: HttpErrorCode = { tag: "connection-terminated" }): void {
    this.#contents?.[Symbol.dispose]();
    if (this.#isTaken) return;
    this.#isTaken = true;
    // Its writer waits until it is read.
    this.#trailers.then(() => {}, () => {});
    this.#settle({ tag: "err", val: code });
  }

  /** Gives the body back to a guest. */
  consume(): ConsumedBody {
    this.#isTaken = true;
    const contents = this.#contents;
    const trailers = Promise.resolve(this.#trailers);
    this.#settle(OK);
    if (!contents) return [hostBytes(null), trailers];
    const chunks = chunksOf(contents);
    const stream = hostStream(
      async () => await chunks.next() as IteratorResult<Uint8Array, undefined>,
      () => contents[Symbol.dispose](),
    );
    return [stream, trailers];
  }
}

/** The body of a request or response. */
export type MessageBody = HostBody | GuestBody;

/** What `consume-body` gives for a body of the host. */
export function consumeHostBody(body: HostBody): ConsumedBody {
  const { promise, resolve } = Promise.withResolvers<TrailersResult>();
  const stream = hostBytes(body.open(), (error) => {
    resolve(error === undefined ? NO_TRAILERS : { tag: "err", val: toHttpErrorCode(error) });
  });
  return [stream, promise];
}

function closedCode(error: unknown): HttpErrorCode {
  const isClosed = typeof error === "object" && error !== null && "tag" in error &&
    error.tag === "closed";
  return isClosed ? { tag: "connection-terminated" } : toHttpErrorCode(error);
}

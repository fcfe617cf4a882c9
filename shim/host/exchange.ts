/**
 * One request and its response, while a guest works on it: decides when and in which form the
 * response leaves.
 *
 * @module
 */

import type { BodyBuffer, BodyListener } from "../imports/http_body.ts";
import type { HttpErrorCode } from "../imports/http_error_code.ts";
import { type FieldEntry, latin1Text } from "../imports/http_fields.ts";

/** The guest answered with an error, or with something that cannot be sent. */
export class UnusableResponse extends Error {
  override readonly name = "UnusableResponse";

  /** @param options.cause The error code, if it answered with one. */
  constructor(component: string, answer: string, options?: ErrorOptions) {
    super(`component "${component}" answered with ${answer}`, options);
  }
}

/** A response as the guest made it. */
export interface GuestAnswer {
  readonly status: number;
  readonly fields: { entries(): FieldEntry[] };
  /** The body; undefined if it has none. */
  readonly buffer: BodyBuffer | undefined;
}

/** Statuses that have no body. */
const BODILESS = new Set([101, 204, 205, 304]);

/** A guest's answer on its way. */
export class Exchange implements BodyListener {
  /** The response, or the reason why there is none. */
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;
  #answer: GuestAnswer | undefined;
  #isSettled = false;
  readonly #component: string;
  readonly #isHead: boolean;
  readonly #onSlow: (exchange: Exchange) => void;
  readonly #onCancel: () => void;
  readonly #onWhole: ((bytes: number) => void) | undefined;

  /**
   * @param options.isHead Whether the request's method is HEAD: the body is taken, but not sent.
   * @param options.onCancel Called when the client gives up in the middle of the response.
   * @param options.onSlow Called when the guest has set a response whose body is not finished; should call
   * {@link startStreaming} if that is still so when the guest waits for something.
   * @param options.onWhole Called with the length of a body that is sent in one piece.
   */
  constructor(options: {
    component: string;
    isHead: boolean;
    onSlow: (exchange: Exchange) => void;
    onCancel: () => void;
    onWhole?: ((bytes: number) => void) | undefined;
  }) {
    this.#component = options.component;
    this.#isHead = options.isHead;
    this.#onSlow = options.onSlow;
    this.#onCancel = options.onCancel;
    this.#onWhole = options.onWhole;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether a response has been handed over, or the failure to make one. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether the guest has set its response. */
  get hasAnswer(): boolean {
    return this.#answer !== undefined;
  }

  /** What the guest passes to `response-outparam.set`. */
  set(result: { tag: "ok"; val: GuestAnswer } | { tag: "err"; val: HttpErrorCode }): void {
    if (this.#isSettled) return;
    if (result.tag === "err") {
      const { tag, val } = result.val as { tag: string; val?: unknown };
      const detail = val === undefined ? "" : ` (${describe(val)})`;
      const answered = `the error ${tag}${detail}`;
      return this.fail(
        new UnusableResponse(this.#component, answered, { cause: result.val }),
      );
    }
    const answer = result.val;
    if (answer.status < 200 || answer.status > 599) {
      return this.fail(
        new UnusableResponse(this.#component, `status ${answer.status}, which cannot be sent`),
      );
    }
    this.#answer = answer;
    const { buffer } = answer;
    if (!buffer) return this.#send(null);
    if (buffer.isEnded) return this.#send(buffer.bytes());
    if (buffer.isFailed) return this.#send(buffer.stream(this.#onCancel));
    buffer.listener = this;
    this.#onSlow(this);
  }

  onEnd(): void {
    const { buffer } = this;
    if (buffer) this.#send(buffer.isEnded ? buffer.bytes() : buffer.stream(this.#onCancel));
  }

  onOverflow(): void {
    this.startStreaming();
  }

  /** Sends what there is of the response; the rest follows as it is written. */
  startStreaming(): void {
    const { buffer } = this;
    if (buffer) this.#send(buffer.stream(this.#onCancel));
  }

  /**
   * The guest will not go on. Without a response the exchange fails; a body that is not finished
   * breaks off, so that the client notices.
   */
  fail(error: unknown): void {
    if (this.#answer) this.#answer.buffer?.fail();
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#reject(error);
  }

  get buffer(): BodyBuffer | undefined {
    return this.#answer?.buffer;
  }

  #send(body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null): void {
    if (this.#isSettled) return;
    const answer = this.#answer!;
    const headers: [string, string][] = answer.fields.entries()
      .map(([name, value]) => [name, latin1Text(value)]);
    const isBodiless = BODILESS.has(answer.status);
    let sent = isBodiless ? null : body;
    if ((this.#isHead || isBodiless) && body instanceof ReadableStream) {
      drain(body);
      // For HEAD the server sends no body, but tells its length: none, since it is not known.
      if (!isBodiless) sent = new ReadableStream();
    }
    this.#isSettled = true;
    if (!(sent instanceof ReadableStream)) this.#onWhole?.(sent?.length ?? 0);
    try {
      this.#resolve(new Response(sent, { status: answer.status, headers }));
    } catch (error) {
      // The platform is stricter than the checks on fields and status.
      this.#reject(new UnusableResponse(this.#component, `what cannot be sent: ${error}`));
    }
  }
}

/** Takes what a guest writes where nothing may be sent, so that it is not blocked. */
function drain(body: ReadableStream<Uint8Array>): void {
  // Its failure has nobody left to tell.
  body.pipeTo(new WritableStream()).catch(() => {});
}

function describe(value: unknown): string {
  return typeof value === "object"
    ? JSON.stringify(value, (_, item) => typeof item === "bigint" ? Number(item) : item)
    : String(value);
}

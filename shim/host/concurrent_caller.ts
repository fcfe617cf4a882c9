/**
 * Calls the HTTP handler of a component of WASI 0.3, in an instance that it shares with others.
 *
 * @module
 */

import {
  choose,
  type ConcurrentCall,
  type ConcurrentInstances,
} from "../engine/concurrent_instances.ts";
import { RequestCancelled, RequestTimedOut } from "../engine/preemption.ts";
import { BodyBuffer } from "../imports/http_body.ts";
import type { HttpErrorCode } from "../imports/http_error_code.ts";
import { Request, type Response as GuestResponse } from "../imports/wasi03/http_types.ts";
import type { MessageBody } from "../imports/wasi03/http_message.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import { Exchange } from "./exchange.ts";
import type { CallObserver } from "./guest_caller.ts";
import { guestFailure } from "./guest_failure.ts";
import type { HttpGuest } from "./http_guest.ts";
import type { SlowRequest, SlowRequests } from "./slow_requests.ts";

/**
 * How often a response that has not ended is left alone. The calls of an instance take turns, so that
 * even a short body takes its time; and one that ends in time is sent whole, which costs much less.
 */
const PATIENCE = 6;

type Handle = (request: Request) => Promise<GuestResponse>;

/** What the calls of one component share. */
interface CallerOptions {
  readonly component: string;
  readonly instances: ConcurrentInstances;
  /** The export's name. */
  readonly handler: string;
  readonly slow: SlowRequests;
  readonly observer: CallObserver;
}

/** Calls the handler of one component. */
export class ConcurrentCaller implements HttpGuest {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /**
   * Handles one request.
   * @param clientGone The signal of the client's leaving; asked for only if the request takes long.
   * @throws {GuestFailure} by rejection, if the guest gives no answer.
   * @throws {InstanceLimitReached} by rejection, if no instance is to be had.
   */
  call(head: RequestHead, clientGone: () => AbortSignal): Promise<Response> {
    return new Call(this.#options, clientGone).run(head);
  }
}

/** One request in an instance. */
class Call implements SlowRequest {
  readonly #options: CallerOptions;
  readonly #clientGone: () => AbortSignal;
  #exchange!: Exchange;
  #ongoing: ConcurrentCall<GuestResponse> | undefined;
  #body: MessageBody | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;
  /** How often the response has been found without its end. */
  #rounds = 0;
  #isListed = false;
  #isClientWatched = false;

  constructor(options: CallerOptions, clientGone: () => AbortSignal) {
    this.#options = options;
    this.#clientGone = clientGone;
  }

  async run(head: RequestHead): Promise<Response> {
    const { component, instances, handler } = this.#options;
    this.#exchange = new Exchange({
      component,
      isHead: head.method === "HEAD",
      onSlow: () => this.#list(),
      onCancel: () => this.#stop(new RequestCancelled()),
    });
    this.#list();
    const ongoing = await instances.call((exports) => {
      const handle = exports[handler]!.handle as unknown as Handle;
      return handle(Request.fromHead(head));
    }, { until: this.#over.promise }).catch((error) => {
      this.#finish();
      throw error;
    });
    this.#ongoing = ongoing;
    // The client may have left in the meantime.
    if (this.#isOver) ongoing.abandon(new RequestCancelled());
    ongoing.ended.addEventListener("abort", this.#onEnded, { once: true });
    this.#startTimer();
    ongoing.result.then((response) => this.#answer(response), (error) => this.#refuse(error));
    return await this.#exchange.response;
  }

  /** Watches the client, and sends what there is of the response. */
  onSlow(): void {
    this.#isListed = false;
    if (this.#isOver) return;
    if (this.#exchange.hasAnswer && ++this.#rounds < PATIENCE) this.#list();
    else this.#exchange.startStreaming();
    if (this.#isClientWatched) return;
    this.#isClientWatched = true;
    const signal = this.#clientGone();
    const onGone = (): void => this.#stop(new RequestCancelled());
    if (signal.aborted) onGone();
    else signal.addEventListener("abort", onGone, { once: true });
  }

  #list(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    this.#options.slow.watch(this);
  }

  #startTimer(): void {
    const range = this.#options.instances.limits.callTimeoutMs;
    if (!range) return;
    const timeoutMs = choose(range);
    this.#timer = setTimeout(() => this.#stop(new RequestTimedOut(timeoutMs)), timeoutMs);
  }

  readonly #onEnded = (): void => {
    // Before the response the rejected result tells it, and after it nobody has to be told.
    if (this.#exchange.hasAnswer) this.#fail(this.#ongoing!.ended.reason);
  };

  /** Nobody waits for the response any more, or it has taken too long. */
  #stop(reason: Error): void {
    if (this.#isOver) return;
    const wasAnswered = this.#exchange.hasAnswer;
    this.#ongoing?.abandon(reason);
    if (this.#body?.kind === "guest") this.#body.drop();
    if (!wasAnswered || reason instanceof RequestTimedOut) this.#fail(reason);
    else this.#finish();
  }

  #answer(response: GuestResponse): void {
    const { status, headers, body } = response.take();
    if (this.#isOver) {
      if (body.kind === "guest") body.drop();
      return;
    }
    this.#body = body;
    const hasBody = body.kind === "host" || body.hasContents;
    const buffer = new BodyBuffer();
    this.#exchange.set({
      tag: "ok",
      val: { status, fields: headers.inner, buffer: hasBody ? buffer : undefined },
    });
    const written = body.kind === "host"
      ? copy(body.open(), buffer)
      : body.writeTo(buffer, { headers, lengthError: "HTTP-response-body-size" });
    void written.then(() => this.#finish());
  }

  /** The guest answered with an error, or failed. */
  #refuse(error: unknown): void {
    if (this.#isOver) return;
    if (!(error instanceof Error && Object.hasOwn(error, "payload"))) return this.#fail(error);
    this.#exchange.set({
      tag: "err",
      val: (error as Error & { payload: HttpErrorCode }).payload,
    });
    this.#finish();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    const { component, observer } = this.#options;
    const wasAnswered = this.#exchange.hasAnswer;
    const failure = guestFailure(component, error ?? new Error("unknown failure"));
    this.#exchange.fail(failure);
    this.#finish();
    if (wasAnswered && !(error instanceof RequestCancelled)) observer.onLateFailure(failure);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over.resolve();
    clearTimeout(this.#timer);
    this.#ongoing?.ended.removeEventListener("abort", this.#onEnded);
  }
}

/** Writes what the host itself received into the response. Does not reject. */
async function copy(
  body: ReadableStream<Uint8Array> | null | undefined,
  buffer: BodyBuffer,
): Promise<void> {
  try {
    for await (const chunk of body ?? []) {
      buffer.push(chunk);
      while (buffer.capacity() === 0) await buffer.wait();
    }
    buffer.end();
  } catch {
    // The upstream broke off, and so does the response; or the client did, and has got its answer.
    buffer.fail();
  }
}

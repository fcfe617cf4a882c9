/**
 * Calls one component's HTTP handler: an instance for each request, from checkout to return.
 *
 * @module
 */

import type { ComponentExports, ComponentInstance } from "../engine/component.ts";
import type { InstancePool } from "../engine/instance_pool.ts";
import { RequestCancelled } from "../engine/preemption.ts";
import type { HttpErrorCode } from "../imports/http_error_code.ts";
import {
  IncomingRequest,
  type RequestHead,
  ResponseOutparam,
  type Result,
} from "../imports/wasi_http.ts";
import { Exchange, type GuestAnswer } from "./exchange.ts";
import { type GuestFailure, guestFailure } from "./guest_failure.ts";
import type { SlowRequest, SlowRequests } from "./slow_requests.ts";

type Handle = (request: object, outparam: object) => Promise<void>;

/** The resources that a handler is called with, in its version of `wasi:http/types`. */
export interface HandlerTypes {
  readonly IncomingRequest: new (head: RequestHead) => object;
  /** `onSet` is called once, with what the guest answers. */
  readonly ResponseOutparam: new (
    onSet: (result: Result<GuestAnswer, HttpErrorCode>) => void,
  ) => object;
}

const TYPES_02: HandlerTypes = { IncomingRequest, ResponseOutparam };

/** What becomes of calls, for the log and the metrics. */
export interface CallObserver {
  /** The guest failed after its response had begun, or although it had been sent. */
  onLateFailure(error: GuestFailure): void;
  /** A response is sent whose body is whole. Absent: nobody wants to know. */
  readonly onWhole?: ((head: RequestHead, bytes: number) => void) | undefined;
}

/** Calls the handler of one component. */
export class GuestCaller {
  readonly component: string;
  readonly #pool: InstancePool;
  readonly #handler: string;
  readonly #slow: SlowRequests;
  readonly #observer: CallObserver;
  readonly #types: HandlerTypes;

  /** @param options.types Default: those of WASI 0.2. */
  constructor(options: {
    component: string;
    pool: InstancePool;
    handler: string;
    slow: SlowRequests;
    observer: CallObserver;
    types?: HandlerTypes;
  }) {
    this.component = options.component;
    this.#pool = options.pool;
    this.#handler = options.handler;
    this.#slow = options.slow;
    this.#observer = options.observer;
    this.#types = options.types ?? TYPES_02;
  }

  /**
   * Handles one request.
   * @param clientGone The signal of the client's leaving; asked for only if the request takes long.
   * @throws {GuestFailure} by rejection, if the guest gives no answer.
   * @throws {InstanceLimitReached} by rejection, if no instance is to be had.
   */
  call(head: RequestHead, clientGone: () => AbortSignal): Promise<Response> {
    const instance = this.#pool.acquire();
    return instance instanceof Promise
      ? instance.then((ready) => this.#run(ready, { head, clientGone }))
      : this.#run(instance, { head, clientGone });
  }

  #run(
    instance: ComponentInstance,
    { head, clientGone }: { head: RequestHead; clientGone: () => AbortSignal },
  ): Promise<Response> {
    const call = new GuestCall({
      component: this.component,
      pool: this.#pool,
      slow: this.#slow,
      observer: this.#observer,
      types: this.#types,
      instance,
      clientGone,
      isHead: head.method === "HEAD",
    });
    return call.run(handlerOf(instance.exports, this.#handler), head);
  }
}

/** What a {@link GuestCall} holds on to until it is over. */
interface OngoingCall {
  readonly component: string;
  readonly pool: InstancePool;
  readonly slow: SlowRequests;
  readonly observer: CallObserver;
  readonly types: HandlerTypes;
  readonly instance: ComponentInstance;
  readonly clientGone: () => AbortSignal;
  readonly isHead: boolean;
}

/** One request in one instance. */
class GuestCall implements SlowRequest {
  /** Let go of at the end: {@link SlowRequests} may keep this object a little longer. */
  #ongoing: OngoingCall | undefined;
  #exchange: Exchange | undefined;
  #isListed = false;
  #isClientWatched = false;

  constructor(ongoing: OngoingCall) {
    this.#ongoing = ongoing;
  }

  run(handle: Handle, head: RequestHead): Promise<Response> {
    const { component, isHead, instance, types, observer: { onWhole } } = this.#ongoing!;
    const exchange = new Exchange({
      component,
      isHead,
      onSlow: () => this.#list(),
      onCancel: () => this.#cancel(),
      onWhole: onWhole && ((bytes) => onWhole(head, bytes)),
    });
    this.#exchange = exchange;
    this.#list();
    instance.preemption.begin();
    const outparam = new types.ResponseOutparam((result) => exchange.set(result));
    handle(new types.IncomingRequest(head), outparam).then(
      () => this.#finish(undefined),
      (error) => this.#finish(error ?? new Error("unknown failure")),
    );
    return exchange.response;
  }

  /** Watches the client, and sends what there is of the response. */
  onSlow(): void {
    this.#isListed = false;
    if (!this.#ongoing) return;
    this.#exchange!.startStreaming();
    if (this.#isClientWatched) return;
    this.#isClientWatched = true;
    const signal = this.#ongoing.clientGone();
    if (signal.aborted) this.#cancel();
    else signal.addEventListener("abort", () => this.#cancel(), { once: true });
  }

  #list(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    this.#ongoing?.slow.watch(this);
  }

  #cancel(): void {
    // Once the call is over, the instance may be another request's.
    if (!this.#ongoing) return;
    this.#ongoing.instance.preemption.cancel();
    this.#finish(new RequestCancelled());
  }

  #finish(error: unknown): void {
    const ongoing = this.#ongoing;
    const exchange = this.#exchange;
    if (!ongoing || !exchange) return;
    this.#ongoing = undefined;
    this.#exchange = undefined;
    const { component, pool, instance, observer } = ongoing;
    const wasAnswered = exchange.isSettled || exchange.hasAnswer;
    pool.release(instance, error === undefined);
    if (error === undefined && wasAnswered) {
      exchange.fail(undefined); // breaks off a body that was left open
      return;
    }
    const failure = guestFailure(
      component,
      error,
      "failed to produce a response prior to returning",
    );
    exchange.fail(failure);
    if (wasAnswered && !(error instanceof RequestCancelled)) observer.onLateFailure(failure);
  }
}

function handlerOf(exports: ComponentExports, name: string): Handle {
  return exports[name]!.handle as unknown as Handle;
}

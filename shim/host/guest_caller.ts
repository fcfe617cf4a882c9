/**
 * Calls one component's HTTP handler: an instance for each request, from checkout to return.
 *
 * @module
 */

import type { ComponentExports, ComponentInstance } from "../engine/component.ts";
import type { InstancePool } from "../engine/instance_pool.ts";
import { CpuLimitExceeded, RequestCancelled } from "../engine/preemption.ts";
import { GuestExit } from "../imports/wasi_cli.ts";
import { IncomingRequest, type RequestHead, ResponseOutparam } from "../imports/wasi_http.ts";
import { TerminalError } from "../../lib/errors.ts";
import { Exchange } from "./exchange.ts";
import type { SlowRequest, SlowRequests } from "./slow_requests.ts";

/** The component ended without an answer, or in the middle of it. */
export class GuestFailure extends Error {
  override readonly name = "GuestFailure";

  constructor(component: string, reason: string, options?: ErrorOptions) {
    super(`component "${component}" ${reason}`, options);
  }
}

type Handle = (request: IncomingRequest, outparam: ResponseOutparam) => Promise<void>;

/**
 * The name of a component's HTTP handler export.
 * @throws {TerminalError} if it has none, or more than one.
 */
export function findHandler(exports: readonly string[], component: string): string {
  const handlers = exports.filter((name) =>
    /^wasi:http\/(incoming-handler|handler)@/.test(name) || name === "fermyon:spin/inbound-http"
  );
  const usable = handlers.filter((name) => /^wasi:http\/incoming-handler@0\.2\.\d+$/.test(name));
  if (handlers.length > 1) {
    throw new TerminalError(
      "SeveralHandlers",
      `Component "${component}": component exports multiple different handlers but it's expected ` +
        `to export only one (${handlers.join(", ")})`,
    );
  }
  if (usable.length === 1) return usable[0]!;
  throw new TerminalError(
    "NoHandler",
    `Component "${component}": Expected component to export one of ` +
      `wasi:http/incoming-handler@0.2.x; it exports ${
        exports.length > 0 ? exports.join(", ") : "nothing"
      }`,
  );
}

/** What becomes of calls, for the log and the metrics. */
export interface CallObserver {
  /** The guest failed after its response had begun, or although it had been sent. */
  onLateFailure(error: GuestFailure): void;
}

/** Calls the handler of one component. */
export class GuestCaller {
  readonly component: string;
  readonly #pool: InstancePool;
  readonly #handler: string;
  readonly #slow: SlowRequests;
  readonly #observer: CallObserver;

  constructor(options: {
    component: string;
    pool: InstancePool;
    handler: string;
    slow: SlowRequests;
    observer: CallObserver;
  }) {
    this.component = options.component;
    this.#pool = options.pool;
    this.#handler = options.handler;
    this.#slow = options.slow;
    this.#observer = options.observer;
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
    const { component, isHead, instance } = this.#ongoing!;
    const exchange = new Exchange({
      component,
      isHead,
      onSlow: () => this.#list(),
      onCancel: () => this.#cancel(),
    });
    this.#exchange = exchange;
    this.#list();
    instance.preemption.begin();
    const outparam = new ResponseOutparam((result) => exchange.set(result));
    handle(new IncomingRequest(head), outparam).then(
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
    const failure = new GuestFailure(component, describeFailure(error), { cause: error });
    exchange.fail(failure);
    if (wasAnswered && !(error instanceof RequestCancelled)) observer.onLateFailure(failure);
  }
}

function handlerOf(exports: ComponentExports, name: string): Handle {
  return exports[name]!.handle as unknown as Handle;
}

function describeFailure(error: unknown): string {
  if (error === undefined) return "failed to produce a response prior to returning";
  if (error instanceof GuestExit) return `exited with code ${error.code} before it was done`;
  if (error instanceof CpuLimitExceeded || error instanceof RequestCancelled) {
    return `was stopped: ${error.message}`;
  }
  if (error instanceof RangeError && /call stack/.test(error.message)) {
    return "trapped: call stack exhausted";
  }
  if (error instanceof WebAssembly.RuntimeError) return `trapped: ${error.message}`;
  return `failed: ${error instanceof Error ? error.message : String(error)}`;
}

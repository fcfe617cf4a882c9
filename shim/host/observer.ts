/**
 * Who is told of requests and messages: telemetry, and the metrics of the host. Without any, nothing
 * of it is loaded or asked.
 *
 * @module
 */

import type { HttpRoute } from "./http_triggers.ts";
import type { RequestAddress } from "./request_view.ts";
import type { RouteMatch } from "./router.ts";

/** A request that came from outside. */
export interface ObservedRequest {
  readonly method: string;
  readonly address: RequestAddress;
  /** Undefined if no route matches. */
  readonly match: RouteMatch<HttpRoute> | undefined;
  readonly header: (name: string) => string | null;
  readonly client: Deno.Addr;
}

/** A message that a trigger hands to a component. */
export interface ObservedMessage {
  /** The trigger's type: `redis`. */
  readonly trigger: string;
  readonly component: string;
  /** The channel or topic, if the trigger has some. */
  readonly source?: string | undefined;
}

/** Observes one isolate. What it does itself never fails. */
export interface Observer {
  /** Has a request answered. */
  request(request: ObservedRequest, answer: () => Promise<Response>): Promise<Response>;
  /** Has a message handled. */
  message<T>(message: ObservedMessage, handle: () => Promise<T>): Promise<T>;
}

/** All of them in one, the first outermost; undefined if there are none. */
export function combineObservers(observers: readonly Observer[]): Observer | undefined {
  return observers.reduceRight<Observer | undefined>(
    (inner, outer) =>
      inner === undefined ? outer : {
        request: (request, answer) => outer.request(request, () => inner.request(request, answer)),
        message: (message, handle) => outer.message(message, () => inner.message(message, handle)),
      },
    undefined,
  );
}

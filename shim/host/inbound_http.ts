/**
 * HTTP handlers of Spin's first interface, `fermyon:spin/inbound-http`: a whole request, a whole
 * response. Follows spin:crates/trigger-http/src/spin.rs.
 *
 * @module
 */

import type { RequestHead } from "../imports/wasi_http.ts";
import { UnusableResponse } from "./exchange.ts";
import type { Guest } from "./guest.ts";
import { GuestFailure } from "./guest_failure.ts";
import type { HttpGuest } from "./http_guest.ts";
import type { SlowRequests } from "./slow_requests.ts";
import { bodyTooLong, headerText, readRequestBody, sendWhole } from "./whole_message.ts";

/** The methods of the interface's enum. */
const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "HEAD",
  "OPTIONS",
]);

/** The record `request`. */
interface InboundRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly params: readonly never[];
  readonly body: Uint8Array;
}

/** The record `response`. */
interface InboundResponse {
  readonly status: number;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
}

/** Calls `handle-request` of one component. */
export class InboundHttpGuest implements HttpGuest {
  readonly #guest: Guest;
  readonly #handler: string;
  readonly #slow: SlowRequests;

  constructor(guest: Guest, options: { handler: string; slow: SlowRequests }) {
    this.#guest = guest;
    this.#handler = options.handler;
    this.#slow = options.slow;
  }

  async call(head: RequestHead, clientGone: () => AbortSignal): Promise<Response> {
    if (!METHODS.has(head.method)) return new Response(null, { status: 405 });
    const body = await readRequestBody(head.body());
    if (!body) return bodyTooLong();
    const response = await this.#invoke(this.#request(head, body), clientGone);
    if (response.status < 100 || response.status > 600) {
      throw new UnusableResponse(this.#guest.id, `the malformed status ${response.status}`);
    }
    return await sendWhole(
      { status: response.status, headers: response.headers ?? [], body: response.body },
      { component: this.#guest.id, isHead: head.method === "HEAD" },
    );
  }

  #request(head: RequestHead, body: Uint8Array): InboundRequest {
    return {
      method: head.method.toLowerCase(),
      uri: head.pathWithQuery,
      headers: head.headers().map(([name, value]) => {
        const text = headerText(value);
        if (text !== undefined) return [name, text] as const;
        throw new GuestFailure(this.#guest.id, `was not called: the header "${name}" is not UTF-8`);
      }),
      // Without effect in all versions that knew it: the query is part of the URI.
      params: [],
      body,
    };
  }

  async #invoke(
    request: InboundRequest,
    clientGone: () => AbortSignal,
  ): Promise<InboundResponse> {
    let isDone = false;
    const gone = new AbortController();
    this.#slow.watch({
      onSlow() {
        if (isDone) return;
        const signal = clientGone();
        if (signal.aborted) gone.abort();
        else signal.addEventListener("abort", () => gone.abort(), { once: true });
      },
    });
    try {
      return await this.#guest.invoke(async (exports) => {
        const { handleRequest } = exports[this.#handler]! as unknown as {
          handleRequest(request: InboundRequest): Promise<InboundResponse>;
        };
        return await handleRequest(request);
      }, { signal: gone.signal });
    } finally {
      isDone = true;
    }
  }
}

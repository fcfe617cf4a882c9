/**
 * HTTPS to a server whose certificate nobody checks, for `insecure-skip-tls-verify`: Deno's own fetch
 * always checks.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Agent } from "node:https";
import { https } from "../node_builtins.ts";

/** What of fetch the Kubernetes transport uses. */
export interface UnverifiedInit {
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** Connections to servers that are not verified. Whoever makes it closes it. */
export class UnverifiedFetch {
  readonly #agent: Agent;

  /** @param certificate What this side shows. */
  constructor(certificate?: { cert: string; key: string }) {
    const { Agent } = https();
    this.#agent = new Agent({ keepAlive: true, rejectUnauthorized: false, ...certificate });
  }

  /** Like fetch, without redirects. @throws {TypeError} if there is no connection. */
  fetch(url: string, init: UnverifiedInit): Promise<Response> {
    const { method, headers, body, signal } = init;
    return new Promise((resolve, reject) => {
      const sent = https().request(url, { method, headers: headers.flat(), agent: this.#agent });
      const abort = (): void => void sent.destroy(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
      sent.on("error", (error) => {
        reject(signal.aborted ? signal.reason : new TypeError(error.message, { cause: error }));
      });
      sent.on("response", (response) => {
        const { statusCode: status = 0, headersDistinct } = response;
        const isEmpty = status === 204 || status === 304;
        if (isEmpty) response.resume();
        resolve(
          new Response(isEmpty ? null : byteStream(response), {
            status,
            headers: Object.entries(headersDistinct)
              .flatMap(([name, values = []]) =>
                values.map((value): [string, string] => [name, value])
              ),
          }),
        );
      });
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A body as that of fetch: it can be read into memory of the reader's. */
function byteStream(message: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks: AsyncIterator<Uint8Array> = message[Symbol.asyncIterator]();
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const { done, value } = await chunks.next();
      // A copy: the stream takes the memory of what it gets.
      if (!done) return controller.enqueue(new Uint8Array(value));
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel() {
      message.destroy();
    },
  });
}

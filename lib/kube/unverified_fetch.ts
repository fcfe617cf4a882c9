/**
 * HTTPS to a server whose certificate nobody checks, for `insecure-skip-tls-verify`: Deno's own fetch
 * always checks.
 *
 * @module
 */

import { Agent, request } from "node:https";
import { Readable } from "node:stream";

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
    this.#agent = new Agent({ keepAlive: true, rejectUnauthorized: false, ...certificate });
  }

  /** Like fetch, without redirects. @throws {TypeError} if there is no connection. */
  fetch(url: string, init: UnverifiedInit): Promise<Response> {
    const { method, headers, body, signal } = init;
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers: headers.flat(), agent: this.#agent });
      const abort = (): void => void sent.destroy(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
      sent.on("error", (error) => {
        reject(signal.aborted ? signal.reason : new TypeError(error.message, { cause: error }));
      });
      sent.on("response", (response) => {
        const { statusCode: status = 0, headersDistinct } = response;
        const isEmpty = status === 204 || status === 304;
        const answer = Readable.toWeb(response) as ReadableStream<Uint8Array<ArrayBuffer>>;
        resolve(
          new Response(isEmpty ? null : answer, {
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

/**
 * Serves webhooks by HTTPS, with a certificate that can be replaced while it serves.
 *
 * Node's server does it without another listener: with `Deno.serve`, a new certificate needs a
 * second listener at the port, and connections that the first one has not accepted yet are reset
 * when it goes (6 of 100 calls while it changed 20 times a second; none here).
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { CertificatePair } from "../../lib/certificates.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { MAX_REVIEW_BYTES } from "./admission_review.ts";
import { answerWebhook, isWebhook, type WebhookContext } from "./webhooks.ts";

/** Counts calls; what `ManagerMetrics` has. */
export interface WebhookObserver {
  /** A call has been answered with this HTTP status. */
  webhookAnswered(path: string, answer: { code: number; seconds: number }): void;
  /** Calls that are being answered: 1 more, or 1 less. */
  webhookInFlight(path: string, change: 1 | -1): void;
}

/** What {@link WebhookServer.start} needs. */
export interface WebhookServerInit {
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly certificate: CertificatePair;
  readonly context: WebhookContext;
  readonly observer?: WebhookObserver;
}

/**
 * Milliseconds that a connection may be idle: longer than the API server keeps one (90 s), so that
 * it is never closed just when it sends a request.
 */
const IDLE_MS = 180_000;
/** Milliseconds that a request may take to arrive. */
const REQUEST_MS = 30_000;
/** Milliseconds that calls in hand get when the server stops. */
const STOP_MS = 10_000;

/** A server with webhooks. HTTP/1.1. Whoever started it stops it. */
export class WebhookServer {
  readonly port: number;
  readonly #server: Server;
  readonly #init: WebhookServerInit;
  #isStopping = false;

  private constructor(server: Server, init: WebhookServerInit) {
    this.#server = server;
    this.#init = init;
    this.port = (server.address() as AddressInfo).port;
    server.on("request", (message, response) => void this.#serve(message, response));
  }

  /** Starts one. @throws {TerminalError} if the address cannot be listened on. */
  static async start(init: WebhookServerInit): Promise<WebhookServer> {
    const { createServer } = await import("node:https");
    const server = createServer({
      ...init.certificate,
      minVersion: "TLSv1.2",
      keepAliveTimeout: IDLE_MS,
      noDelay: true,
      requestTimeout: REQUEST_MS,
    });
    await listen(server, init);
    return new WebhookServer(server, init);
  }

  /** Shows another certificate to connections that come from now on; others go on as they are. */
  useCertificate(certificate: CertificatePair): void {
    this.#server.setSecureContext({ ...certificate, minVersion: "TLSv1.2" });
  }

  /** Takes no more connections, and resolves when the calls in hand are answered. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), STOP_MS);
    await closed;
    clearTimeout(timer);
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (message.url ?? "/").split("?", 1)[0]!;
    if (!isWebhook(path)) {
      message.resume();
      this.#answer(response, { status: 404, type: "text/plain; charset=utf-8", body: NOT_FOUND });
      return;
    }
    const { context, observer } = this.#init;
    const startedAt = performance.now();
    observer?.webhookInFlight(path, 1);
    try {
      const body = await readBody(message);
      const contentType = message.headers["content-type"] ?? "";
      const review = await answerWebhook({ path, contentType, body }, context);
      // What is left of a body that is too large is not waited for.
      if (!body) response.shouldKeepAlive = false;
      this.#answer(response, { status: 200, type: "application/json", body: review });
      const seconds = (performance.now() - startedAt) / 1e3;
      observer?.webhookAnswered(path, { code: 200, seconds });
    } catch (error) {
      // The connection broke before the request was there: there is nobody to answer.
      context.onTrouble(path, error);
      response.destroy();
    } finally {
      observer?.webhookInFlight(path, -1);
    }
  }

  #answer(
    response: ServerResponse,
    { status, type, body }: { status: number; type: string; body: string },
  ): void {
    if (this.#isStopping) response.shouldKeepAlive = false;
    response.writeHead(status, {
      "content-type": type,
      "content-length": new TextEncoder().encode(body).length,
    });
    response.end(body);
  }
}

function listen(server: Server, { hostname, port }: WebhookServerInit): Promise<void> {
  return new Promise((resolve, reject) => {
    function fail(error: Error): void {
      const message = `Cannot listen for webhooks on ${hostname} port ${port}: ${errorText(error)}`;
      reject(new TerminalError("CannotListen", message, { cause: error }));
    }
    server.once("error", fail);
    server.listen(port, hostname, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

const NOT_FOUND = "404 page not found\n";

/** Undefined: it is too large. */
function readBody(message: IncomingMessage): Promise<Uint8Array | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  const chunks: Uint8Array[] = [];
  let length = 0;
  message.on("data", (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > MAX_REVIEW_BYTES) {
      message.pause();
      resolve(undefined);
      return;
    }
    chunks.push(chunk);
  });
  message.on("end", () => resolve(concat(chunks, length)));
  message.on("error", reject);
  message.on("close", () => reject(new Error("the connection was closed within a request")));
  return promise;
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

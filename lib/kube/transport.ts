/**
 * Requests to the API server, over one pool of connections.
 *
 * @module
 */

import { readText } from "./_read_body.ts";
import { followSignal, type OwnSignal, retry } from "./retry.ts";
import { UnverifiedFetch } from "./unverified_fetch.ts";
import { fetchErrorText } from "../fetch_error.ts";
import { ApiError, ConnectionError, readApiError } from "./api_error.ts";
import { type Identity, IdentitySource, readPem } from "./credentials.ts";
import type { ClusterConfig } from "./kubeconfig.ts";

/** One request. */
export interface KubeRequest {
  readonly method: string;
  /** `/apis/apps/v1/deployments`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds until the answer's head has to be there. Default: 30 s; 0: no limit. */
  readonly timeoutMs?: number;
  /** Whether it may be sent again although the first may have had an effect. Default: GET only. */
  readonly isRepeatable?: boolean;
}

/** Milliseconds a request may take to be answered. */
const TIMEOUT_MS = 30_000;
/** Milliseconds after which certificate files are looked at again. */
const RELOAD_MS = 60_000;
/** Milliseconds that a connection is kept for the next request. */
const POOL_IDLE_MS = 60_000;

/** What became of requests, for metrics. */
export interface TransportObserver {
  /** @param code The HTTP status, or 0 if there was no answer. */
  onAnswer(method: string, code: number): void;
}

/** Sends requests to one API server. The owner closes it. */
export class KubeTransport {
  readonly #cluster: ClusterConfig;
  readonly #identities: IdentitySource;
  readonly #userAgent: string;
  readonly #observer: TransportObserver | undefined;
  readonly #headers: readonly (readonly [name: string, value: string])[];
  #client: Deno.HttpClient | UnverifiedFetch | undefined;
  /** What the client was made of; another one is made when it changes. */
  #clientKey = "";
  #checkedAt = -Infinity;

  constructor(
    cluster: ClusterConfig,
    options: {
      userAgent: string;
      observer?: TransportObserver;
      /** Sent with every request; names may come several times: `Impersonate-Group`. */
      headers?: readonly (readonly [name: string, value: string])[];
    },
  ) {
    this.#cluster = cluster;
    this.#identities = new IdentitySource(cluster);
    this.#userAgent = options.userAgent;
    this.#observer = options.observer;
    this.#headers = options.headers ?? [];
  }

  /** The server and where it is configured, for messages. */
  get cluster(): ClusterConfig {
    return this.#cluster;
  }

  /**
   * Sends a request until it is answered. 429, 5xx with `Retry-After`, and for repeatable requests
   * all failures of the connection are tried again a few times.
   * @returns A successful answer; the caller reads or cancels its body.
   * @throws {ApiError} for any other answer.
   * @throws {ConnectionError} if there is no connection.
   */
  async send(request: KubeRequest): Promise<Response> {
    return await tryOften(request, async () => {
      // The signal is the body's too: it goes on following that of the request.
      const deadline = new Deadline(request);
      try {
        const response = await this.#sendOnce(request, deadline.signal);
        deadline.stop();
        return response;
      } catch (error) {
        deadline[Symbol.dispose]();
        throw error;
      }
    });
  }

  /**
   * Sends a request and reads the answer, whose body has to be complete in the same time again, as
   * JSON. See {@link send}.
   */
  async json<T>(request: KubeRequest): Promise<T> {
    return await tryOften(request, async () => {
      using deadline = new Deadline(request);
      const { signal } = deadline;
      const { body } = await this.#sendOnce(request, signal);
      deadline.start();
      return JSON.parse(await connected(request, () => readText(body!, signal))) as T;
    });
  }

  /**
   * Opens a WebSocket, for what a GET with an upgrade is: `portforward`. The caller closes it, and
   * listens to its events from the start. The server's certificate is checked in any case.
   */
  async webSocket(
    path: string,
    { query, protocols }: { query?: KubeRequest["query"]; protocols: readonly string[] },
  ): Promise<WebSocket> {
    const identity = await this.#identities.get();
    const url = `${this.#cluster.server}${path}${formatQuery(query)}`.replace(/^http/, "ws");
    return new WebSocket(url, {
      protocols: [...protocols],
      headers: this.#commonHeaders(identity),
      client: this.#createClient(identity),
    });
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #sendOnce(request: KubeRequest, signal: AbortSignal): Promise<Response> {
    const identity = await this.#identities.get();
    const response = await this.#fetch(request, { identity, signal });
    this.#observer?.onAnswer(request.method, response.status);
    if (response.ok) return response;
    // A token that was replaced on disk, or that a plugin can renew.
    if (response.status === 401) this.#identities.refresh();
    throw await connected(request, () => readApiError(response, signal));
  }

  async #fetch(
    request: KubeRequest,
    { identity, signal }: { identity: Identity; signal: AbortSignal },
  ): Promise<Response> {
    const headers = this.#commonHeaders(identity);
    headers.push(["accept", request.accept ?? "application/json"]);
    if (request.body !== undefined) {
      headers.push(["content-type", request.contentType ?? "application/json"]);
    }
    try {
      const url = `${this.#cluster.server}${request.path}${formatQuery(request.query)}`;
      const init = {
        method: request.method,
        headers,
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal,
      };
      const client = this.#clientFor(identity);
      return await connected(
        request,
        () =>
          client instanceof UnverifiedFetch
            ? client.fetch(url, init)
            : fetch(url, { ...init, client, redirect: "manual" }),
      );
    } catch (error) {
      this.#observer?.onAnswer(request.method, 0);
      throw error;
    }
  }

  #commonHeaders({ authorization }: Identity): [string, string][] {
    return [
      ["user-agent", this.#userAgent],
      ...this.#headers.map(([name, value]): [string, string] => [name, value]),
      ...(authorization === undefined
        ? []
        : [["authorization", authorization] as [string, string]]),
    ];
  }

  /** One client with its pool, until a certificate changes. */
  #clientFor(identity: Identity): Deno.HttpClient | UnverifiedFetch {
    const now = performance.now();
    const { certificate } = identity;
    if (this.#client && now - this.#checkedAt < RELOAD_MS && !certificate) return this.#client;
    this.#checkedAt = now;
    const { ca } = this.#cluster;
    const key = JSON.stringify([ca && readPem(ca, "certificate authority"), certificate]);
    if (this.#client && key === this.#clientKey) return this.#client;
    // Requests on the way end on the old client, which is dropped with the last of them.
    this.#clientKey = key;
    return this.#client = this.#cluster.isInsecure
      ? new UnverifiedFetch(certificate)
      : this.#createClient(identity);
  }

  #createClient({ certificate }: Identity): Deno.HttpClient {
    const { ca, proxyUrl } = this.#cluster;
    const caText = ca && readPem(ca, "certificate authority");
    return Deno.createHttpClient({
      ...(caText === undefined ? {} : { caCerts: [caText] }),
      ...(certificate ? { cert: certificate.cert, key: certificate.key } : {}),
      ...(proxyUrl === undefined ? {} : { proxy: { url: proxyUrl } }),
      // Over HTTP/2, Deno sends head and body apart and leaves Nagle's algorithm on: a body of more than
      // a kilobyte waits 40 ms for the acknowledgement of its head. WebSockets need HTTP/1.1 anyway.
      http2: false,
      // Shorter than the 90 s after which an API server closes a connection that nobody uses.
      poolIdleTimeout: POOL_IDLE_MS,
    } as Deno.CreateHttpClientOptions);
  }
}

/** Tells failures of the connection, for which Deno throws what defects throw too, from those. */
async function connected<T>({ method, path }: KubeRequest, talk: () => Promise<T>): Promise<T> {
  try {
    return await talk();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ConnectionError(`${method} ${path}: ${fetchErrorText(error)}`, { cause: error });
  }
}

/** Aborts when the caller's signal does, or when an answer takes too long. */
class Deadline implements Disposable {
  readonly #own: OwnSignal;
  readonly #timeoutMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts at once. */
  constructor({ signal, timeoutMs = TIMEOUT_MS }: KubeRequest) {
    this.#own = followSignal(signal);
    this.#timeoutMs = timeoutMs;
    this.start();
  }

  get signal(): AbortSignal {
    return this.#own.signal;
  }

  /** Gives the whole time again. */
  start(): void {
    this.stop();
    const ms = this.#timeoutMs;
    if (ms === 0) return;
    const reason = (): DOMException =>
      new DOMException(`no answer within ${ms} ms`, "TimeoutError");
    this.#timer = setTimeout(() => this.#own.abort(reason()), ms);
  }

  /** Lets it take as long as it takes, unless the caller's signal fires. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.stop();
    this.#own[Symbol.dispose]();
  }
}

async function tryOften<T>(request: KubeRequest, work: () => Promise<T>): Promise<T> {
  const isRepeatable = request.isRepeatable ?? request.method === "GET";
  return await retry(work, {
    signal: request.signal,
    delayOf: (error) => retryDelay(error, isRepeatable),
  });
}

function formatQuery(query: KubeRequest["query"]): string {
  if (query === undefined) return "";
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? "" : `?${parameters}`;
}

/** Milliseconds to wait before another try; undefined: none. */
function retryDelay(error: unknown, isRepeatable: boolean): number | undefined {
  if (error instanceof ApiError) {
    // Refused before it had any effect.
    if (error.code === 429) return error.retryAfterMs ?? 1_000;
    if (error.code >= 500 && (isRepeatable || error.retryAfterMs !== undefined)) {
      return error.retryAfterMs ?? 0;
    }
    return undefined;
  }
  return isRepeatable && error instanceof ConnectionError ? 0 : undefined;
}

/**
 * The HTTP/1.1 client behind outbound HTTP.
 *
 * It is Node's, not `fetch`: bodies arrive as they were sent (`fetch` decompresses), repeated
 * headers stay apart, the path is sent as the guest wrote it, no header is added that the guest did
 * not set, and every address is checked at the moment it is connected to.
 *
 * @module
 */

import { lookup } from "node:dns";
import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import type { LookupFunction, Socket } from "node:net";
import type { ClientTls } from "./component_context.ts";
import type { HttpErrorCode } from "./http_error_code.ts";
import { toHttpErrorCode } from "./http_error_code.ts";
import { latin1Bytes, latin1Text } from "./http_fields.ts";
import { openRequestBody, type RequestBody } from "./_request_body.ts";

/** Milliseconds an idle connection is kept for the next request. */
const IDLE_MS = 90_000;
/** Bytes of a response's header section; more is `HTTP-response-header-section-size`. */
const MAX_HEADER_BYTES = 128 * 1024;

/** Methods that may be sent again without harm (RFC 9110, 9.2.2). */
const IDEMPOTENT_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** One request, already checked against every policy but that of addresses. */
export interface ClientOptions {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Name or address, without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The value of the `Host` header. */
  readonly host: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, Uint8Array])[];
  readonly body: ReadableStream<Uint8Array> | undefined;
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly betweenBytesTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whom to trust and what to show, with HTTPS; undefined: as usual. */
  readonly tls: ClientTls | undefined;
  /** The app's own listener: neither its address nor its certificate is questioned. */
  readonly isOwnListener: boolean;
  /** Called, perhaps more than once, when the exchange needs no connection any more. */
  readonly onClose: () => void;
}

/** What came back. The receiver reads or cancels the body. */
export interface ClientResponse {
  readonly status: number;
  readonly headers: [string, Uint8Array][];
  readonly body: ReadableStream<Uint8Array> | undefined;
}

/** Sends requests and keeps connections. The owner closes it. */
export class HttpClient {
  readonly #isBlocked: (ip: string) => boolean;
  readonly #keepsConnections: boolean;
  readonly #agents: { readonly http: http.Agent; readonly https: https.Agent };
  /** Connections that trust others are not those of everybody. */
  readonly #tlsAgents = new Map<ClientTls, https.Agent>();

  constructor(options: { isBlocked: (ip: string) => boolean; keepsConnections: boolean }) {
    this.#isBlocked = options.isBlocked;
    this.#keepsConnections = options.keepsConnections;
    const settings = { keepAlive: options.keepsConnections, timeout: IDLE_MS };
    this.#agents = { http: new http.Agent(settings), https: new https.Agent(settings) };
  }

  /** @throws {HttpErrorCode} by rejection. */
  async send(options: ClientOptions): Promise<ClientResponse> {
    let body: RequestBody | undefined;
    try {
      body = await openRequestBody(options.body, options);
      return await this.#exchange(options, body);
    } catch (error) {
      body?.close();
      options.onClose();
      throw toHttpErrorCode(error);
    }
  }

  /** Closes the connections that wait for a next request. */
  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
    for (const agent of this.#tlsAgents.values()) agent.destroy();
  }

  #agentFor({ scheme, tls }: ClientOptions): http.Agent {
    if (scheme === "http" || !tls) return this.#agents[scheme];
    const known = this.#tlsAgents.get(tls);
    if (known) return known;
    const agent = new https.Agent({
      keepAlive: this.#keepsConnections,
      timeout: IDLE_MS,
      ca: [...tls.roots],
      ...(tls.identity ? { cert: tls.identity.certificate, key: tls.identity.privateKey } : {}),
    });
    this.#tlsAgents.set(tls, agent);
    return agent;
  }

  #exchange(options: ClientOptions, body: RequestBody): Promise<ClientResponse> {
    const request = this.#open(options, body);
    const result = Promise.withResolvers<ClientResponse>();
    const deadline = new Deadline((code) => request.destroy(codeError(code)));
    deadline.start(options.connectTimeoutMs, "connection-timeout");
    request.on("socket", (socket: Socket) => {
      onConnected(request, { socket, scheme: options.scheme }, () => {
        deadline.start(options.firstByteTimeoutMs, "connection-read-timeout");
      });
      // Deno sends a request again when a kept connection turns out to be closed. What must not be
      // done twice is done at most once: such a request fails instead.
      if (!IDEMPOTENT_METHODS.has(options.method)) request.reusedSocket = false;
    });
    const onAbort = () => request.destroy(codeError("connection-terminated"));
    let isAnswered = false;
    function finish(): void {
      deadline.stop();
      options.signal?.removeEventListener("abort", onAbort);
      body.close();
      options.onClose();
      // An error finds out where it was made, which takes its time: none is made in vain.
      if (!isAnswered) result.reject(codeError("HTTP-protocol-error"));
    }
    options.signal?.addEventListener("abort", onAbort, { once: true });
    request.on("error", result.reject);
    request.on("response", (response: IncomingMessage) => {
      deadline.stop();
      isAnswered = true;
      // A request whose response is given up does not always close itself.
      response.on("close", finish);
      result.resolve(toClientResponse(response, options));
    });
    request.on("upgrade", (_response: IncomingMessage, socket: Socket) => {
      socket.destroy();
      result.reject(codeError("HTTP-upgrade-failed"));
    });
    request.on("close", finish);
    if (options.signal?.aborted) onAbort();
    else void body.sendTo(request);
    return result.promise;
  }

  #open(options: ClientOptions, body: RequestBody): ClientRequest {
    const { scheme, hostname, isOwnListener } = options;
    if (!isOwnListener && isLiteralAddress(hostname) && this.#isBlocked(hostname)) {
      throw codeError("destination-IP-prohibited");
    }
    const headers = ["Host", options.host];
    for (const [name, value] of options.headers) headers.push(name, latin1Text(value));
    for (const [name, value] of body.framing) headers.push(name, value);
    if (!this.#keepsConnections) headers.push("connection", "close");
    const client = scheme === "https" ? https : http;
    return client.request({
      agent: this.#agentFor(options),
      method: options.method,
      hostname,
      port: options.port,
      path: options.path,
      headers,
      setDefaultHeaders: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      lookup: isOwnListener ? lookup as LookupFunction : checkedLookup(this.#isBlocked),
      ...(scheme === "https" && !isLiteralAddress(hostname) ? { servername: hostname } : {}),
      ...(isOwnListener ? { rejectUnauthorized: false } : {}),
    });
  }
}

/** An error that {@link toHttpErrorCode} turns into `tag`. */
function codeError(tag: HttpErrorCode["tag"]): Error {
  return new Error(tag, { cause: { tag } });
}

/** Whether a host needs no lookup. */
function isLiteralAddress(hostname: string): boolean {
  return hostname.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

/** A lookup that gives only addresses which are not blocked: what is checked is what is used. */
function checkedLookup(isBlocked: (ip: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, "", 0);
      const allowed = addresses.filter(({ address }) => !isBlocked(address));
      const [first] = allowed;
      if (!first) callback(codeError("destination-IP-prohibited"), "", 0);
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function onConnected(
  request: ClientRequest,
  connection: { socket: Socket; scheme: "http" | "https" },
  action: () => void,
): void {
  const { socket, scheme } = connection;
  if (request.reusedSocket) action();
  else if (scheme === "https") socket.once("secureConnect", action);
  else if (socket.connecting) socket.once("connect", action);
  else action();
}

/** At most one running timer. */
class Deadline {
  readonly #expire: (code: HttpErrorCode["tag"]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(expire: (code: HttpErrorCode["tag"]) => void) {
    this.#expire = expire;
  }

  start(timeoutMs: number, code: HttpErrorCode["tag"]): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expire(code), timeoutMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function toClientResponse(response: IncomingMessage, options: ClientOptions): ClientResponse {
  const raw = response.rawHeaders;
  const headers: [string, Uint8Array][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    headers.push([raw[i]!.toLowerCase(), latin1Bytes(raw[i + 1]!)]);
  }
  const status = response.statusCode ?? 0;
  const isEmpty = options.method === "HEAD" || status === 204 || status === 304 ||
    response.headers["content-length"] === "0";
  if (isEmpty) {
    // Read to its end, so that the connection can be used again. Nothing can be lost any more.
    response.on("error", () => {}).resume();
    return { status, headers, body: undefined };
  }
  return { status, headers, body: responseBody(response, options.betweenBytesTimeoutMs) };
}

/** The body, read on demand. It fails with a {@link HttpErrorCode}. */
function responseBody(response: IncomingMessage, timeoutMs: number): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const deadline = new Deadline((code) => response.destroy(codeError(code)));
      deadline.start(timeoutMs, "connection-read-timeout");
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(toHttpErrorCode(error));
      } finally {
        deadline.stop();
      }
    },
    cancel() {
      response.destroy();
    },
  }, { highWaterMark: 0 });
}

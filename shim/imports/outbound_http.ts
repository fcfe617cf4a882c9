/**
 * HTTP requests that a component makes: to the world, to its own app, or to another component of it.
 *
 * @module
 */

import type { ComponentContext, InternalRequest } from "./component_context.ts";
import type { HttpClient } from "./_http_client.ts";
import type { HttpErrorCode } from "./http_error_code.ts";
import { toHttpErrorCode } from "./http_error_code.ts";
import { FORBIDDEN_FIELDS, latin1Bytes, latin1Text } from "./http_fields.ts";

/** A request as a guest makes it. */
export interface OutboundHttpRequest {
  /** Any token; it is sent in upper case. */
  readonly method: string;
  /** `http`, `https`, or something else, which only service chaining accepts. */
  readonly scheme: string;
  /** `host[:port]`; undefined for a request to the app itself. */
  readonly authority: string | undefined;
  readonly pathWithQuery: string;
  readonly headers: readonly (readonly [string, Uint8Array])[];
  /** Cancelled when the receiver, or the request, is gone. */
  readonly body: ReadableStream<Uint8Array> | undefined;
  /** Milliseconds until the connection stands, TLS included; default 600,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds from there to the response's headers; default 600,000. */
  readonly firstByteTimeoutMs?: number;
  /** Milliseconds between two chunks of the response's body; default 600,000. */
  readonly betweenBytesTimeoutMs?: number;
  /** Ends the request if there is no response yet. */
  readonly signal?: AbortSignal;
}

/** A response. The receiver reads its body to the end, or cancels it. */
export interface OutboundHttpResponse {
  readonly status: number;
  /** Names in lower case, in the order received, repeated ones apart; bodies are as they were sent. */
  readonly headers: [string, Uint8Array][];
  readonly body: ReadableStream<Uint8Array> | undefined;
}

/** Outbound HTTP of one component. */
export interface OutboundHttp {
  /** Redirects are not followed. @throws {HttpErrorCode} by rejection. */
  send(request: OutboundHttpRequest): Promise<OutboundHttpResponse>;
  /** Closes the connections kept for later requests. */
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 600_000;
/** The longest delay a timer takes; a longer one would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** The host name that stands for the app itself. */
const SELF_HOST = "self.alt";
const CHAINING_SUFFIX = ".spin.internal";

/** Where a request goes. */
interface Target {
  /** Without user information; as the guest wrote it. */
  readonly authority: string;
  /** In lower case, without brackets. */
  readonly hostname: string;
  /** Undefined for the scheme's default. */
  readonly port: number | undefined;
}

/** Outbound HTTP for one component; connections are shared by all its instances. */
export function createOutboundHttp(component: ComponentContext): OutboundHttp {
  const { outbound, telemetry } = component;
  // The client and Node's HTTP are loaded by the first request.
  let client: Promise<HttpClient> | undefined;
  async function createClient(): Promise<HttpClient> {
    const { HttpClient } = await import("./_http_client.ts");
    return new HttpClient({
      isBlocked: (ip) => outbound.isBlocked(ip),
      keepsConnections: outbound.keepsConnections ?? true,
    });
  }
  const send = (request: OutboundHttpRequest): Promise<OutboundHttpResponse> =>
    route(component, { client: () => client ??= createClient(), request });
  return {
    async send(request) {
      try {
        return await (telemetry?.traceRequest?.(request, send) ?? send(request));
      } catch (error) {
        // The guest that still writes must not wait for a reader. Who holds the stream by now has
        // cancelled it.
        if (request.body && !request.body.locked) request.body.cancel().catch(() => {});
        throw toHttpErrorCode(error);
      }
    },
    async close() {
      (await client)?.close();
    },
  };
}

async function route(
  component: ComponentContext,
  options: { client: () => Promise<HttpClient>; request: OutboundHttpRequest },
): Promise<OutboundHttpResponse> {
  const { client, request } = options;
  const { outbound, internal } = component;
  if (request.method === "CONNECT") throw code("HTTP-request-method-invalid");
  const path = toPath(request.pathWithQuery);
  const target = request.authority === undefined ? undefined : parseAuthority(request.authority);
  if (!target || isSelf(target, request.scheme)) {
    if (!await outbound.checkSelf()) throw code("HTTP-request-denied");
    const own = new URL(internal.selfUrl());
    return await connect(outbound, {
      client,
      request,
      path,
      scheme: own.protocol === "https:" ? "https" : "http",
      target: parseAuthority(own.host),
      isOwnListener: true,
    });
  }
  if (!await outbound.check(`${request.scheme}://${checkedAuthority(target)}`, "https")) {
    throw code("HTTP-request-denied");
  }
  if (target.hostname.endsWith(CHAINING_SUFFIX)) {
    return await chain(component, { request, path, target });
  }
  const { scheme } = request;
  if (scheme !== "http" && scheme !== "https") throw code("HTTP-protocol-error");
  const isServicePort = scheme === "http" && (target.port ?? 80) === 80;
  const service = isServicePort ? outbound.serviceFor?.(target.hostname) : undefined;
  return await connect(outbound, {
    client,
    request,
    path,
    scheme,
    target: service ? { ...service, authority: target.authority } : target,
    // Neither is an address that the guest has chosen.
    isOwnListener: service !== undefined,
  });
}

function code(tag: HttpErrorCode["tag"]): HttpErrorCode {
  return { tag } as HttpErrorCode;
}

function isSelf(target: Target, scheme: string): boolean {
  return target.hostname === SELF_HOST && (scheme === "http" || scheme === "https");
}

/** @throws {HttpErrorCode} `HTTP-request-URI-invalid`. */
function toPath(pathWithQuery: string): string {
  const path = pathWithQuery === "" || pathWithQuery.startsWith("?")
    ? `/${pathWithQuery}`
    : pathWithQuery;
  if (!path.startsWith("/") && path !== "*") throw code("HTTP-request-URI-invalid");
  return path;
}

/** @throws {HttpErrorCode} `HTTP-request-URI-invalid`. */
function parseAuthority(text: string): Target {
  const authority = text.slice(text.lastIndexOf("@") + 1);
  // A scheme without a default port keeps every port visible; `http` normalises the host.
  const url = URL.parse(`http://${authority}/`);
  const isPlain = /^(?:\[[^\]/?#\\]*\]|[^:/?#\\\s]+)(?::(\d*))?$/.exec(authority);
  if (!url || !isPlain || url.hostname === "") throw code("HTTP-request-URI-invalid");
  const port = isPlain[1] ? Number(isPlain[1]) : undefined;
  return { authority, hostname: url.hostname.replace(/^\[|\]$/g, ""), port };
}

/** The host as it will be connected to, so that nothing is read in two ways. */
function checkedAuthority({ hostname, port }: Target): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return port === undefined ? host : `${host}:${port}`;
}

async function connect(
  outbound: ComponentContext["outbound"],
  options: {
    client: () => Promise<HttpClient>;
    request: OutboundHttpRequest;
    path: string;
    scheme: "http" | "https";
    target: Target;
    isOwnListener: boolean;
  },
): Promise<OutboundHttpResponse> {
  const { client, request, path, scheme, target, isOwnListener } = options;
  const loaded = await client();
  const onClose = takeConnection(outbound);
  return await loaded.send({
    method: request.method,
    scheme,
    hostname: target.hostname,
    port: target.port ?? (scheme === "https" ? 443 : 80),
    host: target.authority,
    // Beyond ASCII a path is sent as its UTF-8 bytes; the client takes one code point per byte.
    path: latin1Text(new TextEncoder().encode(path)),
    headers: request.headers.filter(([name]) => !FORBIDDEN_FIELDS.has(name.toLowerCase())),
    body: request.body,
    connectTimeoutMs: timeout(request.connectTimeoutMs),
    firstByteTimeoutMs: timeout(request.firstByteTimeoutMs),
    betweenBytesTimeoutMs: timeout(request.betweenBytesTimeoutMs),
    signal: request.signal,
    tls: isOwnListener ? undefined : outbound.tlsFor?.(target.hostname),
    isOwnListener,
    onClose,
  });
}

function timeout(milliseconds = DEFAULT_TIMEOUT_MS): number {
  return Math.min(milliseconds, MAX_TIMEOUT_MS);
}

/** @throws {HttpErrorCode} `connection-limit-reached`. */
function takeConnection(outbound: ComponentContext["outbound"]): () => void {
  if (!outbound.openConnection) return () => {};
  let release = outbound.openConnection("http");
  if (!release) throw code("connection-limit-reached");
  return () => {
    release?.();
    release = undefined;
  };
}

/** Delivers a request to another component, without a socket. */
async function chain(
  component: ComponentContext,
  options: { request: OutboundHttpRequest; path: string; target: Target },
): Promise<OutboundHttpResponse> {
  const { request, path, target } = options;
  // The name as the guest wrote it: component ids are told apart by case.
  const [host = ""] = target.authority.split(":");
  const deliver = component.internal.component(host.slice(0, -CHAINING_SUFFIX.length));
  if (!deliver) throw code("HTTP-request-denied");
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new Error("timeout", { cause: code("connection-read-timeout") })),
    timeout(request.firstByteTimeoutMs),
  );
  const onAbort = () => abort.abort(new Error("gone", { cause: code("connection-terminated") }));
  request.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const { authority } = target;
    const delivery = deliver(chainedRequest(request, { authority, path, abort }));
    const response = await Promise.race([delivery, rejected(abort.signal)]).catch((error) => {
      // A response that comes too late has no reader; the delivery's own failure is told below.
      delivery.then((late) => late.body?.cancel()).catch(() => {});
      throw error;
    });
    return {
      status: response.status,
      headers: [...response.headers].map(([name, value]) => [name, latin1Bytes(value)]),
      body: response.body ?? undefined,
    };
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener("abort", onAbort);
  }
}

/** Rejects when `signal` fires, with its reason. */
function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function chainedRequest(
  request: OutboundHttpRequest,
  options: { authority: string; path: string; abort: AbortController },
): InternalRequest {
  return {
    method: request.method,
    authority: options.authority,
    pathWithQuery: options.path,
    headers: request.headers.map(([name, value]): [string, string] => [name, latin1Text(value)]),
    body: request.body,
    signal: options.abort.signal,
  };
}

/**
 * `fermyon:spin/http` (v1): a whole request, a whole response, redirects followed.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "./component_context.ts";
import { type HttpErrorCode, toHttpErrorCode } from "./http_error_code.ts";
import {
  createOutboundHttp,
  type OutboundHttp,
  type OutboundHttpResponse,
} from "./outbound_http.ts";
import { readBody } from "./_read_body.ts";

/** The enum `http-error`. */
type HttpError =
  | "destination-not-allowed"
  | "invalid-url"
  | "request-error"
  | "runtime-error"
  | "too-many-requests";

/** The record `request`; the bytes are a view of guest memory. */
interface GuestRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Without effect, as in the original: the query is part of `uri`. */
  readonly params: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
}

/** The record `response`. */
interface GuestResponse {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: Uint8Array;
}

/** One request of the chain that redirects make. */
interface Hop {
  readonly method: string;
  /** Of the app itself: `http://self.alt`, which is only the base of relative redirects. */
  readonly url: URL;
  /** Undefined for a request to the app itself. */
  readonly authority: string | undefined;
  readonly pathWithQuery: string;
  readonly headers: readonly (readonly [string, Uint8Array])[];
  readonly body: Uint8Array | undefined;
}

/** As many as the original follows. */
const MAX_REDIRECTS = 10;

const SELF_ORIGIN = "http://self.alt";

/** Headers that describe a body, gone when a redirect drops it. */
const BODY_HEADERS: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-length",
  "content-type",
  "transfer-encoding",
]);

/** Headers that are meant for one server and not given to another. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "cookie2",
  "proxy-authorization",
  "www-authenticate",
]);

/**
 * The v1 HTTP interface of one component. Unlike in the original, each redirect is checked against
 * the allowed hosts, and a response may hold 128 MiB.
 */
export function createSpinHttp(component: ComponentContext): ImportObject {
  const http = createOutboundHttp(component);

  async function sendRequest(request: GuestRequest): Promise<GuestResponse> {
    // Copied before the first wait, after which the guest's memory may have changed.
    const body = request.body?.slice();
    const first = await firstHop(component, { request, body });
    try {
      return await toGuestResponse(await follow(component, { http, first }));
    } catch (error) {
      throw toHttpError(toHttpErrorCode(error));
    }
  }

  return { "fermyon:spin/http": { sendRequest } };
}

function toHttpError({ tag }: HttpErrorCode): HttpError {
  switch (tag) {
    case "HTTP-request-denied":
      return "destination-not-allowed";
    case "HTTP-request-URI-invalid":
      return "invalid-url";
    case "connection-limit-reached":
      return "too-many-requests";
    default:
      return "runtime-error";
  }
}

/** @throws {HttpError} */
async function firstHop(
  component: ComponentContext,
  { request, body }: { request: GuestRequest; body: Uint8Array | undefined },
): Promise<Hop> {
  const { uri } = request;
  const encoder = new TextEncoder();
  const message = {
    method: request.method.toUpperCase(),
    headers: request.headers.map(([name, value]) => [name, encoder.encode(value)] as const),
    body,
  };
  if (uri.startsWith("/")) {
    const [pathWithQuery = ""] = uri.split("#", 1);
    const url = URL.parse(SELF_ORIGIN + pathWithQuery);
    if (!url) throw "invalid-url" satisfies HttpError;
    return { ...message, url, authority: undefined, pathWithQuery };
  }
  const url = URL.parse(uri);
  if (url?.hostname) return { ...message, ...target(url) };
  // Whether it would have been allowed comes first, as in the original.
  const isAllowed = await component.outbound.check(uri, "https");
  throw (isAllowed ? "invalid-url" : "destination-not-allowed") satisfies HttpError;
}

function target(url: URL): Pick<Hop, "url" | "authority" | "pathWithQuery"> {
  return { url, authority: url.host, pathWithQuery: url.pathname + url.search };
}

/** Sends requests until there is a response that is no redirect. Every one is checked. */
async function follow(
  component: ComponentContext,
  { http, first }: { http: OutboundHttp; first: Hop },
): Promise<OutboundHttpResponse> {
  let hop = first;
  for (let count = 0;; count++) {
    const response = await http.send({
      method: hop.method,
      scheme: hop.url.protocol.slice(0, -1),
      authority: hop.authority,
      pathWithQuery: hop.pathWithQuery,
      headers: hop.headers,
      body: hop.body && ReadableStream.from([hop.body]),
    });
    const next = nextHop(component, { hop, response });
    if (!next) return response;
    // Nobody reads it; how it ends is of no interest.
    response.body?.cancel().catch(() => {});
    if (count === MAX_REDIRECTS) throw new Error("too many redirects");
    hop = next;
  }
}

/** The request that a redirect asks for; undefined if the response is none, or says nothing usable. */
function nextHop(
  component: ComponentContext,
  { hop, response }: { hop: Hop; response: OutboundHttpResponse },
): Hop | undefined {
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined;
  const location = response.headers.find(([name]) => name === "location");
  const url = location && URL.parse(new TextDecoder().decode(location[1]), hop.url);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  const to = stayAtSelf(component, { hop, url }) ?? target(url);
  const isSameServer = url.host === hop.url.host && url.protocol === hop.url.protocol ||
    to.authority === undefined;
  const headers = hop.headers.filter(([name]) =>
    isSameServer || !CREDENTIAL_HEADERS.has(name.toLowerCase())
  );
  if (response.status >= 307) return { ...hop, ...to, headers };
  return {
    ...to,
    method: hop.method === "HEAD" ? "HEAD" : "GET",
    headers: headers.filter(([name]) => !BODY_HEADERS.has(name.toLowerCase())),
    body: undefined,
  };
}

/** The app redirects to itself by a path, or by the address it was called at. */
function stayAtSelf(
  component: ComponentContext,
  { hop, url }: { hop: Hop; url: URL },
): Pick<Hop, "url" | "authority" | "pathWithQuery"> | undefined {
  const isFromSelf = hop.authority === undefined || hop.url.hostname === "self.alt";
  if (!isFromSelf) return undefined;
  const isToSelf = url.origin === SELF_ORIGIN ||
    url.origin === new URL(component.internal.selfUrl()).origin;
  if (!isToSelf) return undefined;
  const pathWithQuery = url.pathname + url.search;
  return { url: new URL(SELF_ORIGIN + pathWithQuery), authority: undefined, pathWithQuery };
}

async function toGuestResponse(response: OutboundHttpResponse): Promise<GuestResponse> {
  return {
    status: response.status,
    headers: response.headers.flatMap(([name, value]) => {
      const text = decodeText(value);
      return text === undefined ? [] : [[name, text]];
    }),
    body: await readBody(response.body),
  };
}

/** Undefined for bytes that are no text: the record has no room for them. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Told above.
    return undefined;
  }
}

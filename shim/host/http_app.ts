/**
 * The HTTP trigger: well-known paths, routes, static responses and components, as one Hono app.
 * Matches spin:crates/trigger-http.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { InstanceLimitReached } from "../engine/instance_budget.ts";
import { RequestCancelled, RequestTimedOut } from "../engine/preemption.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import { errorText } from "../../lib/errors.ts";
import type { HttpRoute, StaticResponse } from "./http_triggers.ts";
import type { Observer } from "./observer.ts";
import { parseAddress, type RequestAddress, serverRequest } from "./request_view.ts";
import type { RouteMatch, Router } from "./router.ts";
import { componentHeaders } from "./spin_headers.ts";

/** What the server tells about a connection. */
export interface ConnectionInfo {
  readonly remoteAddr: Deno.Addr;
}

/** Calls a component by its id. */
export type CallComponent = (
  component: string,
  head: RequestHead,
  clientGone: () => AbortSignal,
) => Promise<Response>;

/** Options of {@link createHttpApp}. */
export interface HttpAppOptions {
  readonly router: Router<HttpRoute>;
  readonly call: CallComponent;
  /** The app's `name`, `version` and image digest, for `/.well-known/spin/info`. */
  readonly info: Record<string, string>;
  /** Tells of a failed request, as one line. */
  readonly report: (line: string) => void;
  /** Is told of every request that reaches the routes. */
  readonly observer?: Observer | undefined;
  /** Show the cause of a failed request in the response; for the developer's own screen only. */
  readonly explainErrors: boolean;
}

type Bindings = { Bindings: ConnectionInfo & { headResponse?: Response } };

/** Hosts of service chaining, which nobody outside may claim to have asked for. */
const INTERNAL_HOST = /\.spin\.internal\.?(?::\d*)?$/i;

/** A request with an authority or a path that cannot be served. */
function badRequest(): Response {
  return new Response("Bad Request: the authority is missing, invalid or contradictory\n", {
    status: 400,
    headers: { connection: "close", "content-type": "text/plain" },
  });
}

/** The app as `(Request, ConnectionInfo) => Response`: `app.fetch`. */
export function createHttpApp(options: HttpAppOptions): Hono<Bindings> {
  // The raw path decides, encoded as it came, so that `%2e` is not mistaken for a dot.
  const app = new Hono<Bindings>({ getPath: (request) => rawPath(request.url) });
  app.all("/.well-known/spin/health", () => new Response(new TextEncoder().encode("OK")));
  app.all("/.well-known/spin/info", () => infoResponse(options.info));
  app.all("/.well-known/spin/*", () => new Response(null, { status: 404 }));
  app.all("*", (context) => {
    const response = handle(context, options);
    return context.req.raw.method === "HEAD" ? keepHead(context, response) : response;
  });
  return app;
}

/**
 * Answers a HEAD request by the app. Hono would leave nothing but the headers, and the server then
 * tell a length of 0: the response is taken before Hono has it.
 */
export async function answerHead(
  app: Hono<Bindings>,
  request: Request,
  { remoteAddr }: ConnectionInfo,
): Promise<Response> {
  const env: Bindings["Bindings"] = { remoteAddr };
  const response = await app.fetch(request, env);
  return env.headResponse ?? response;
}

function rawPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  return query < 0 ? url.slice(start) : url.slice(start, query);
}

async function keepHead(
  context: Context<Bindings>,
  response: Response | Promise<Response>,
): Promise<Response> {
  return context.env.headResponse = await response;
}

function infoResponse(info: Record<string, string>): Response {
  return new Response(JSON.stringify(info, null, 2), {
    headers: { "content-type": "application/json" },
  });
}

function handle(
  context: Context<Bindings>,
  options: HttpAppOptions,
): Response | Promise<Response> {
  const request = context.req.raw;
  const received = serverRequest(request);
  const address = parseAddress(request.url, received.header("host"));
  if (!address || INTERNAL_HOST.test(address.authority)) return badRequest();
  const match = options.router.match(address.path);
  const { observer } = options;
  if (!observer) return answer(context, { options, received, address, match });
  const { method } = received;
  const client = context.env.remoteAddr;
  return observer.request(
    { method, address, match, header: (name) => received.header(name), client },
    async () => await answer(context, { options, received, address, match }),
  );
}

function answer(
  context: Context<Bindings>,
  { options, received, address, match }: {
    options: HttpAppOptions;
    received: ReturnType<typeof serverRequest>;
    address: RequestAddress;
    match: RouteMatch<HttpRoute> | undefined;
  },
): Response | Promise<Response> {
  const request = context.req.raw;
  if (!match) return new Response(null, { status: 404 });
  if (match.target.staticResponse) return staticResponse(match.target.staticResponse);
  const head: RequestHead = {
    method: received.method,
    pathWithQuery: address.pathWithQuery,
    authority: address.authority,
    scheme: address.scheme,
    headers: () =>
      componentHeaders({
        received: received.headerList,
        match,
        fullUrl: `${address.scheme}://${address.authority}${address.pathWithQuery}`,
        clientAddress: addressText(context.env.remoteAddr),
      }),
    body: () => request.body,
  };
  return options.call(match.target.component, head, () => request.signal)
    .catch((error) => failed(error, { options, match, address, method: received.method }));
}

function staticResponse({ status, headers, body }: StaticResponse): Response {
  return new Response(body === undefined ? null : new TextEncoder().encode(body), {
    status,
    headers: { ...headers },
  });
}

function addressText(address: Deno.Addr): string {
  if (!("hostname" in address)) return "127.0.0.1:0";
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${host}:${address.port}`;
}

function failed(
  error: unknown,
  failure: {
    options: HttpAppOptions;
    match: RouteMatch<HttpRoute>;
    address: RequestAddress;
    method: string;
  },
): Response {
  const { options, address, method } = failure;
  // A client that left is no failure of the app, and there may be thousands of them.
  if (!(error instanceof Error && error.cause instanceof RequestCancelled)) {
    options.report(`Error processing request: ${method} ${address.path}: ${errorText(error)}`);
  }
  const isBusy = error instanceof InstanceLimitReached;
  const isLate = error instanceof Error && error.cause instanceof RequestTimedOut;
  const body = options.explainErrors ? `${errorText(error)}\n` : null;
  return new Response(body, {
    status: isBusy ? 503 : isLate ? 504 : 500,
    headers: isBusy ? { "retry-after": "1" } : {},
  });
}

/**
 * The server of the live page: an address of its own, so that it takes no path away from the app and
 * is another origin than the app's pages.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { errorText, TerminalError } from "../../../lib/errors.ts";
import { type EventStream, openEventStream } from "./event_stream.ts";
import { isLoopback, refusal } from "./live_guard.ts";
import { LiveHub } from "./live_hub.ts";
import { livePage } from "./page.ts";

/** Pages that may be open at once. */
const MAX_STREAMS = 16;
/** Ports that are tried, if another one will do. */
const PORTS_TO_TRY = 10;
/** Milliseconds that {@link LiveServer.stop} waits. */
const STOP_MS = 500;

/** Where the live page is to be. */
export interface LiveAddress {
  /** An IP address of the loopback interface. */
  readonly hostname: string;
  readonly port: number;
  /** Whether one of the next ports will do if this one is taken. */
  readonly isFlexible: boolean;
}

/** A running server. Whoever started it stops it. */
export interface LiveServer {
  /** What it shows. */
  readonly hub: LiveHub;
  /** `http://127.0.0.1:3080/`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves the live page.
 * @throws {TerminalError} if it cannot listen, or other machines could reach it.
 */
export function startLiveServer(address: LiveAddress): LiveServer {
  const hub = new LiveHub();
  const streams = new Set<EventStream>();
  const app = createLiveApp(hub, streams);
  const server = listen(address, (request) => app.fetch(request));
  const { hostname, port } = server.addr;
  return {
    hub,
    url: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/`,
    async stop() {
      for (const stream of streams) stream.close();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, STOP_MS));
      await Promise.race([server.shutdown(), late]);
      clearTimeout(timer);
    },
  };
}

function listen(
  { hostname, port, isFlexible }: LiveAddress,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  if (!isLoopback(hostname)) {
    throw new TerminalError(
      "NotLoopback",
      `The live page shows requests and logs, so that it is served on this machine only, not on ` +
        `${hostname}. Give an address such as --live-page=127.0.0.1:3080`,
    );
  }
  const last = isFlexible && port !== 0 ? Math.min(port + PORTS_TO_TRY - 1, 65_535) : port;
  for (let candidate = port;; candidate++) {
    try {
      return Deno.serve({ hostname, port: candidate, onListen() {} }, handler);
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse && candidate < last) continue;
      throw new TerminalError(
        "CannotListen",
        `Cannot serve the live page on ${hostname}:${port}${last > port ? ` to ${last}` : ""}: ${
          errorText(error)
        }. Choose another address with ` +
          "--live-page=ADDRESS, or leave it out with --live-page=off",
        { cause: error },
      );
    }
  }
}

/** `/` for people, `/events` for the page, `/state` for programs; anything else is not there. */
export function createLiveApp(hub: LiveHub, streams: Set<EventStream>): Hono {
  const app = new Hono();
  app.use("*", async (context, next) => {
    const reason = refusal((name) => context.req.raw.headers.get(name));
    if (reason !== undefined) context.res = context.text(`${reason}\n`, 403);
    else await next();
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
    context.header("cross-origin-resource-policy", "same-origin");
    context.header("referrer-policy", "no-referrer");
  });
  app.get("/", (context) => page(context));
  app.get("/state", async (context) => {
    await hub.collect();
    const requests = hub.requests.since(0);
    const lines = hub.lines.since(0);
    return context.json({ ...hub.state(), requests, lines });
  });
  app.get("/events", (context) => events(context, { hub, streams }));
  app.notFound((context) => context.text("Not found. The live page is at /\n", 404));
  return app;
}

function page(context: Context): Response {
  const nonce = crypto.randomUUID();
  context.header("content-security-policy", contentSecurityPolicy(nonce));
  return context.html(livePage(nonce)) as Response;
}

/** Only what the page itself brings, and nothing that could make markup of texts. */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

function events(
  context: Context,
  { hub, streams }: { hub: LiveHub; streams: Set<EventStream> },
): Response {
  if (streams.size >= MAX_STREAMS) {
    context.header("retry-after", "10");
    return context.text(`${MAX_STREAMS} pages are open, which is the most\n`, 503);
  }
  const stream = openEventStream(hub, { onEnd: () => streams.delete(stream) });
  streams.add(stream);
  return context.body(stream.body, 200, { "content-type": "text/event-stream; charset=utf-8" });
}

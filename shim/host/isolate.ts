/**
 * One isolate that serves an app: its components and its HTTP app. The main isolate has one, and so
 * has every worker; they share the port and the compiled modules, nothing else.
 *
 * @module
 */

import type { LockedApp } from "../loader/locked_app.ts";
import type { CallObserver } from "./guest_caller.ts";
import { type Guests, type IsolateEdge, type IsolateInit, loadGuests } from "./guests.ts";
import { answerHead, createHttpApp } from "./http_app.ts";
import type { HostTelemetry } from "./host_telemetry.ts";
import { createHttpGuest, type HttpGuest } from "./http_guest.ts";
import type { Handler } from "./http_listener.ts";
import { componentExecutors, type HttpRoute, httpRoutes } from "./http_triggers.ts";
import { createInternalRequests } from "./internal_requests.ts";
import type { LiveRecorder } from "./live/live_recorder.ts";
import type { LiveSource } from "./live/live_report.ts";
import type { HostMetrics } from "./metrics/host_metrics.ts";
import type { Snapshot } from "./metrics/samples.ts";
import { combineObservers } from "./observer.ts";
import { Router } from "./router.ts";
import { SlowRequests } from "./slow_requests.ts";

/** Milliseconds that the last telemetry may take to be sent. */
const FLUSH_MS = 2_000;

/** A serving isolate. The owner closes it, after the last request. */
export interface Isolate {
  /** Answers HTTP requests. */
  readonly handler: Handler;
  /** For the other triggers. */
  readonly guests: Guests;
  /** Its numbers; absent if no metrics are served. */
  readonly snapshot?: () => Snapshot;
  /** What the live page is told; absent if there is none. */
  readonly live?: LiveSource;
  close(): Promise<void>;
}

/**
 * Loads an app into the current isolate.
 * @throws {TerminalError} if a component cannot be linked or has no handler for its trigger.
 */
export async function createIsolate(
  init: IsolateInit,
  outerEdge: IsolateEdge,
): Promise<Isolate> {
  const live = await createLiveRecorder(init);
  const edge = live ? withRecordedReports(outerEdge, live) : outerEdge;
  const routes = httpRoutes(init.app);
  const callers = new Map<string, HttpGuest>();
  const internal = createInternalRequests({
    caller: (id) => callers.get(id),
    selfUrl: () => init.selfUrl,
  });
  const middleware = init.components.some((component) => component.middleware)
    ? await import("./middleware.ts")
    : undefined;
  middleware?.checkMiddleware(init.components);
  const telemetry = await createTelemetry(init, edge);
  const metrics = await createMetrics(init);
  const observer = combineObservers(
    [telemetry, metrics, live].filter((item) => item !== undefined),
  );
  let links: ReadonlyMap<string, HttpGuest> | undefined;
  const guests = await loadGuests(init, {
    internal,
    next: (id) => links!.get(id)!,
    telemetry,
    observer,
    onOutput: live?.output,
    ...edge,
  });
  const slow = new SlowRequests();
  const calls: CallObserver = {
    onLateFailure: (error) =>
      edge.report([`Warning: Component error after response started: ${error.message}`]),
    onWhole: live?.whole,
  };
  try {
    for (const [component, wagi] of componentExecutors(routes)) {
      const caller = wagi
        ? await createWagiGuest(component, { guests, slow, argv: wagi.argv, init })
        : createHttpGuest(guests.guest(component), { slow, observer: calls });
      callers.set(component, caller);
    }
    links = middleware?.chainMiddleware(init.components, {
      callers,
      create: (id) => createHttpGuest(guests.guest(id), { slow, observer: calls }),
    });
    for (const [id, caller] of telemetry ? callers : []) {
      const isWagi = routes.some(({ component, wagi }) => component === id && wagi);
      callers.set(id, telemetry!.traceGuest(id, caller, isWagi ? "wagi" : "wasm"));
    }
    for (const [id, caller] of live ? callers : []) {
      callers.set(id, live!.watchGuest(caller, guests.all.find((guest) => guest.id === id)));
    }
  } catch (error) {
    await guests.close();
    await telemetry?.close(0);
    throw error;
  }
  const app = createHttpApp({
    router: publicRouter(routes),
    call: (id, head, clientGone) => callers.get(id)!.call(head, clientGone),
    observer,
    info: appInfo(init.app),
    report: (line) => edge.report([line]),
    explainErrors: init.options.explainErrors,
  });
  return {
    handler: (request, info) =>
      request.method === "HEAD" ? answerHead(app, request, info) : app.fetch(request, info),
    guests,
    ...(metrics ? { snapshot: () => metrics.snapshot(guests, init) } : {}),
    ...(live ? { live: { take: () => live.take(guests) } } : {}),
    async close() {
      await guests.close();
      await telemetry?.close(FLUSH_MS);
    },
  };
}

/** Loaded only if metrics are served. */
async function createMetrics({ options }: IsolateInit): Promise<HostMetrics | undefined> {
  if (!options.metrics) return undefined;
  const { HostMetrics } = await import("./metrics/host_metrics.ts");
  return new HostMetrics();
}

/** Loaded only if there is a live page. */
async function createLiveRecorder({ options }: IsolateInit): Promise<LiveRecorder | undefined> {
  if (!options.livePage) return undefined;
  const { LiveRecorder } = await import("./live/live_recorder.ts");
  return new LiveRecorder();
}

/** What the user is told is seen on the page, too. */
function withRecordedReports(edge: IsolateEdge, live: LiveRecorder): IsolateEdge {
  return {
    ...edge,
    report(lines) {
      live.report(lines);
      edge.report(lines);
    },
  };
}

/** Loaded only if there is something to record. */
async function createTelemetry(
  { app, options }: IsolateInit,
  { report }: IsolateEdge,
): Promise<HostTelemetry | undefined> {
  if (!options.telemetry) return undefined;
  const { HostTelemetry } = await import("./host_telemetry.ts");
  return new HostTelemetry(options.telemetry, { appId: String(app.metadata.name), report });
}

/** Loaded only for apps that have such programs. */
async function createWagiGuest(
  component: string,
  options: { guests: Guests; slow: SlowRequests; argv: string | undefined; init: IsolateInit },
): Promise<HttpGuest> {
  const { WagiGuest } = await import("./wagi/wagi_guest.ts");
  return new WagiGuest({
    component,
    command: options.guests.command(component),
    argv: options.argv,
    slow: options.slow,
    cpuLimitMs: options.init.options.cpuLimitMs,
  });
}

function publicRouter(routes: readonly HttpRoute[]): Router<HttpRoute> {
  return new Router(
    routes.flatMap((target) => target.route === undefined ? [] : [{ route: target.route, target }]),
  );
}

function appInfo(app: LockedApp): Record<string, string> {
  const info: Record<string, string> = {};
  for (const key of ["name", "version", "oci_image_digest"]) {
    const value = app.metadata[key];
    if (typeof value === "string" && value !== "") info[key] = value;
  }
  return info;
}

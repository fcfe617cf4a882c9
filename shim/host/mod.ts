/**
 * The host: serves a locked app until it is told to stop.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { announce } from "./announce.ts";
import { checkApp } from "./app_context.ts";
import { isolateCount, memoryLimit, readTextFile } from "./cpu_limit.ts";
import type { IsolateInit } from "./guests.ts";
import type { ElasticWorkers } from "./elastic_workers.ts";
import type { HostOptions } from "./host_options.ts";
import { checkPort, findPort, HttpListener, type ListenOptions } from "./http_listener.ts";
import { httpRoutes } from "./http_triggers.ts";
import { createIsolate, type Isolate } from "./isolate.ts";
import type { LiveServer } from "./live/live_server.ts";
import type { MetricsServer } from "./metrics/metrics_server.ts";
import { prepareComponents, TemporaryDirectory } from "./prepare_components.ts";
import { writeReport } from "./report.ts";
import type { RunningTrigger } from "./trigger.ts";
import type { WorkerInit } from "./worker_main.ts";
import type { Workers } from "./workers.ts";
import { Router } from "./router.ts";

export type { HostOptions } from "./host_options.ts";

/** The part of the memory limit that guests may use; the rest is for the host itself. */
const GUEST_SHARE = 0.7;

/**
 * Serves `app` until `signal` fires; then takes no more requests and messages, lets those in work end
 * within `options.graceMs`, and returns. An app of commands alone ends with them.
 *
 * @returns The exit code: 0 after the signal, else that of the commands.
 * @throws {TerminalError} if the app cannot be served, or when going on is useless.
 */
export async function runHost(
  app: LockedApp,
  options: HostOptions,
  signal: AbortSignal,
): Promise<number> {
  await checkTriggers(app);
  checkApp(app, { options, environment: readEnvironment });
  await using temporary = new TemporaryDirectory();
  const components = await prepareComponents(app, { options, temporary });
  const hasHttp = app.triggers.some(({ trigger_type: type }) => type === "http");
  const port = hasHttp ? choosePort(options) : 0;
  const workerCount = !hasHttp
    ? 1
    : options.workers ?? isolateCount(navigator.hardwareConcurrency, readTextFile);
  const baseUrl = formatBaseUrl(options, port);
  const isolateInit: IsolateInit = {
    app,
    options,
    components,
    selfUrl: baseUrl,
    maxInstanceBytes: guestBytes() / workerCount,
  };
  const isolate = await createIsolate(isolateInit, {
    environment: readEnvironment,
    report: writeReport,
  });
  try {
    if (signal.aborted) return 0;
    const server = { isolateInit, isolate, port, workerCount, baseUrl };
    return await serve(server, { signal, hasHttp });
  } finally {
    await isolate.close();
  }
}

interface Server {
  readonly isolateInit: IsolateInit;
  readonly isolate: Isolate;
  readonly port: number;
  readonly workerCount: number;
  readonly baseUrl: string;
}

async function serve(
  server: Server,
  { signal, hasHttp }: { signal: AbortSignal; hasHttp: boolean },
): Promise<number> {
  const { options, app } = server.isolateInit;
  const http = hasHttp ? await serveHttp(server) : undefined;
  const running: RunningTrigger[] = [];
  let metrics: MetricsServer | undefined;
  let live: LiveServer | undefined;
  try {
    metrics = await serveMetrics(server, () => http?.workers());
    live = await serveLivePage(server, () => http?.workers());
    if (app.triggers.some(({ trigger_type: type }) => type !== "http")) {
      running.push(...await startOthers(server));
    }
    if (options.servingName !== undefined) takeName(options.servingName);
    return await firstEnd(running, { signal, hasHttp });
  } finally {
    await Promise.all([http?.stop(), ...running.map((trigger) => trigger.stop(options.graceMs))]);
    await Promise.all([metrics?.stop(), live?.stop()]);
  }
}

function takeName(name: string): void {
  try {
    Deno.writeTextFileSync("/proc/self/comm", name);
  } catch {
    // Whoever waits for it does not wait for ever; that is no reason not to serve.
  }
}

/** The code for it is loaded if it is asked for. */
async function serveLivePage(
  { isolate: { live }, isolateInit: { app, options }, baseUrl }: Server,
  workers: () => Workers | undefined,
): Promise<LiveServer | undefined> {
  if (!options.livePage || !live) return undefined;
  const { startLiveServer } = await import("./live/live_server.ts");
  const server = startLiveServer(options.livePage);
  server.hub.addSources(() => [live, ...workers()?.liveSources() ?? []]);
  const { summarizeApp } = await import("./live/app_summary.ts");
  server.hub.setApp(summarizeApp(app, { baseUrl }));
  writeReport([`Live page: ${server.url}`]);
  return server;
}

/** The code for it is loaded if an address is given. */
async function serveMetrics(
  { isolate, isolateInit: { options } }: Server,
  workers: () => Workers | undefined,
): Promise<MetricsServer | undefined> {
  const { snapshot } = isolate;
  if (!options.metrics || !snapshot) return undefined;
  const { startMetricsServer } = await import("./metrics/metrics_server.ts");
  const server = startMetricsServer(
    options.metrics,
    async () => {
      const others = await workers()?.snapshots();
      return { live: [snapshot(), ...others?.live ?? []], gone: others?.gone ?? [] };
    },
  );
  writeReport([`Metrics: http://${server.address}/metrics`]);
  return server;
}

async function serveHttp(
  server: Server,
): Promise<{ readonly workers: () => Workers | undefined; stop(): Promise<void> }> {
  const { isolate, isolateInit, workerCount } = server;
  const { options, app } = isolateInit;
  const listen: ListenOptions = {
    hostname: options.listen.hostname,
    port: server.port,
    isShared: workerCount > 1,
    ...(options.tls ? { tls: options.tls } : {}),
    ...(options.lingerMs ? { lingerMs: options.lingerMs } : {}),
  };
  const report = (line: string): void => writeReport([line]);
  const start = (): Promise<Workers> =>
    startWorkers({ isolate: isolateInit, listen }, { count: workerCount - 1, report });
  const elastic = workerCount > 1 && options.startsWorkersWhenBusy
    ? await createElastic(isolate, { start, report })
    : undefined;
  const handler = elastic?.handler ?? isolate.handler;
  if (listen.isShared) checkPort(listen);
  const listener = new HttpListener(listen, { handler, report });
  // With one CPU there are none, and the code for them is not loaded.
  const fixed = workerCount > 1 && !elastic ? await start() : undefined;
  reportDuplicates(app);
  announce(app, { baseUrl: server.baseUrl, format: options.announce });
  return {
    workers: () => elastic?.workers ?? fixed,
    async stop() {
      const { graceMs } = options;
      await Promise.all([listener, elastic, fixed].map((part) => part?.stop(graceMs)));
    },
  };
}

/** A port that is given is checked when everything else is ready. */
function choosePort({ listen, findFreePort }: HostOptions): number {
  return listen.port === 0 || findFreePort ? findPort({ ...listen, findFreePort }) : listen.port;
}

async function createElastic(
  { handler }: Isolate,
  edge: { start: () => Promise<Workers>; report: (line: string) => void },
): Promise<ElasticWorkers<Workers>> {
  const { ElasticWorkers, mainThreadTimeMs } = await import("./elastic_workers.ts");
  const threadTimeMs = (): number => mainThreadTimeMs(Deno.readTextFileSync, Deno.pid);
  return new ElasticWorkers({ ...edge, handler, threadTimeMs });
}

/** Starts every trigger but HTTP; the code for them is loaded for apps that have some. */
export async function startOthers(
  { isolate, isolateInit }: Pick<Server, "isolate" | "isolateInit">,
): Promise<RunningTrigger[]> {
  const { app, options } = isolateInit;
  const { startTriggers } = await import("./triggers/triggers.ts");
  return await startTriggers(app, {
    guests: isolate.guests,
    options,
    environment: readEnvironment,
    render: isolate.guests.render,
    report: writeReport,
    announce: (lines) => {
      if (options.announce === "plain") console.log(["", ...lines].join("\n"));
    },
  });
}

/** The exit code, when the signal fires, or when everything that ends by itself has ended. */
async function firstEnd(
  running: readonly RunningTrigger[],
  { signal, hasHttp }: { signal: AbortSignal; hasHttp: boolean },
): Promise<number> {
  const stopped = new Promise<number>((resolve) => {
    if (signal.aborted) resolve(0);
    else signal.addEventListener("abort", () => resolve(0), { once: true });
  });
  const all = Promise.all(running.map(({ ended }) => ended));
  // Beside an HTTP server, commands may end without it; failures end everything.
  const over = all.then((codes) =>
    hasHttp || codes.length === 0
      ? new Promise<number>(() => {})
      : codes.find((code) => code !== 0) ?? 0
  );
  return await Promise.race([stopped, over]);
}

async function startWorkers(
  init: WorkerInit,
  { count, report }: { count: number; report: (line: string) => void },
): Promise<Workers> {
  const { Workers } = await import("./workers.ts");
  const workers = new Workers(init, { report });
  workers.start(count);
  return workers;
}

/** @throws {TerminalError} if the app has no trigger, or one that is not known. */
export async function checkTriggers(app: LockedApp): Promise<void> {
  if (app.triggers.length === 0) throw new TerminalError("NoTriggers", "No triggers in app");
  if (app.triggers.some(({ trigger_type: type }) => type !== "http")) {
    const { checkTriggerTypes } = await import("./triggers/triggers.ts");
    checkTriggerTypes(app);
  }
}

function reportDuplicates(app: LockedApp): void {
  const router = new Router(
    httpRoutes(app).flatMap((route) =>
      route.route === undefined ? [] : [{ route: route.route, target: route }]
    ),
  );
  if (router.duplicates.length === 0) return;
  writeReport([
    "The following component routes are duplicates and will never be used:",
    ...router.duplicates.map(({ target, route, winner }) =>
      `  ${target.component || target.triggerId}: ${route} (duplicate of ${
        winner.component || winner.triggerId
      })`
    ),
  ]);
}

function readEnvironment(name: string): string | undefined {
  return Deno.env.get(name);
}

/** The bytes that the instances of this process may use. */
export function guestBytes(): number {
  const limit = Math.min(memoryLimit(readTextFile) ?? Infinity, Deno.systemMemoryInfo().total);
  return Math.floor(limit * GUEST_SHARE);
}

/** Where the app is reached, without a slash at the end. */
export function formatBaseUrl(options: Pick<HostOptions, "listen" | "tls">, port: number): string {
  const { hostname } = options.listen;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${options.tls ? "https" : "http"}://${host}:${port}`;
}

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
import type { HostOptions } from "./host_options.ts";
import { findPort, HttpListener, type ListenOptions } from "./http_listener.ts";
import { httpRoutes } from "./http_triggers.ts";
import { createIsolate, type Isolate } from "./isolate.ts";
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
  const port = hasHttp ? findPort({ ...options.listen, findFreePort: options.findFreePort }) : 0;
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
  try {
    metrics = await serveMetrics(server, http?.workers);
    if (app.triggers.some(({ trigger_type: type }) => type !== "http")) {
      running.push(...await startOthers(server));
    }
    return await firstEnd(running, { signal, hasHttp });
  } finally {
    await Promise.all([http?.stop(), ...running.map((trigger) => trigger.stop(options.graceMs))]);
    await metrics?.stop();
  }
}

/** The code for it is loaded if an address is given. */
async function serveMetrics(
  { isolate, isolateInit: { options } }: Server,
  workers: Workers | undefined,
): Promise<MetricsServer | undefined> {
  const { snapshot } = isolate;
  if (!options.metrics || !snapshot) return undefined;
  const { startMetricsServer } = await import("./metrics/metrics_server.ts");
  const server = startMetricsServer(
    options.metrics,
    async () => {
      const others = await workers?.snapshots();
      return { live: [snapshot(), ...others?.live ?? []], gone: others?.gone ?? [] };
    },
  );
  writeReport([`Metrics: http://${server.address}/metrics`]);
  return server;
}

async function serveHttp(
  server: Server,
): Promise<{ readonly workers: Workers | undefined; stop(): Promise<void> }> {
  const { options, app } = server.isolateInit;
  const listen: ListenOptions = {
    hostname: options.listen.hostname,
    port: server.port,
    isShared: server.workerCount > 1,
    ...(options.tls ? { tls: options.tls } : {}),
  };
  const report = (line: string): void => writeReport([line]);
  const listener = new HttpListener(listen, { handler: server.isolate.handler, report });
  const workers = await startWorkers({ isolate: server.isolateInit, listen }, {
    count: server.workerCount - 1,
    report,
  });
  reportDuplicates(app);
  announce(app, { baseUrl: server.baseUrl, format: options.announce });
  return {
    workers,
    async stop() {
      await Promise.all([listener.stop(options.graceMs), workers?.stop(options.graceMs)]);
    },
  };
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

/** With one CPU there are none, and the code for them is not loaded. */
async function startWorkers(
  init: WorkerInit,
  { count, report }: { count: number; report: (line: string) => void },
): Promise<Workers | undefined> {
  if (count === 0) return undefined;
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

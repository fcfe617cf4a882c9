/**
 * The host: serves a locked app until it is told to stop.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { announce } from "./announce.ts";
import { checkApp } from "./app_context.ts";
import { cpuLimit, memoryLimit, readTextFile } from "./cpu_limit.ts";
import type { IsolateInit } from "./guests.ts";
import type { HostOptions } from "./host_options.ts";
import { findPort, HttpListener, type ListenOptions } from "./http_listener.ts";
import { httpRoutes } from "./http_triggers.ts";
import { createIsolate } from "./isolate.ts";
import { prepareComponents, TemporaryDirectory } from "./prepare_components.ts";
import { writeReport } from "./report.ts";
import type { WorkerInit } from "./worker_main.ts";
import type { Workers } from "./workers.ts";
import { Router } from "./router.ts";

export type { HostOptions } from "./host_options.ts";

/** The part of the memory limit that guests may use; the rest is for the host itself. */
const GUEST_SHARE = 0.7;

/**
 * Serves `app` until `signal` fires; then stops accepting, lets the requests in flight end within
 * `options.graceMs`, and returns.
 *
 * @throws {TerminalError} if the app cannot be served; nothing is served then.
 */
export async function runHost(
  app: LockedApp,
  options: HostOptions,
  signal: AbortSignal,
): Promise<void> {
  checkTriggers(app);
  checkApp(app, { options, environment: readEnvironment });
  await using temporary = new TemporaryDirectory();
  const components = await prepareComponents(app, { options, temporary });
  const port = findPort({ ...options.listen, findFreePort: options.findFreePort });
  const workerCount = options.workers ?? cpuLimit(navigator.hardwareConcurrency, readTextFile);
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
    if (signal.aborted) return;
    await serve({ isolateInit, handler: isolate.handler, port, workerCount, baseUrl }, signal);
  } finally {
    await isolate.close();
  }
}

async function serve(
  server: {
    isolateInit: IsolateInit;
    handler: Awaited<ReturnType<typeof createIsolate>>["handler"];
    port: number;
    workerCount: number;
    baseUrl: string;
  },
  signal: AbortSignal,
): Promise<void> {
  const { options, app } = server.isolateInit;
  const listen: ListenOptions = {
    hostname: options.listen.hostname,
    port: server.port,
    isShared: server.workerCount > 1,
    ...(options.tls ? { tls: options.tls } : {}),
  };
  const report = (line: string): void => writeReport([line]);
  const listener = new HttpListener(listen, { handler: server.handler, report });
  const workers = await startWorkers({ isolate: server.isolateInit, listen }, {
    count: server.workerCount - 1,
    report,
  });
  reportDuplicates(app);
  announce(app, { baseUrl: server.baseUrl, format: options.announce });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.all([listener.stop(options.graceMs), workers?.stop(options.graceMs)]);
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

function checkTriggers(app: LockedApp): void {
  if (app.triggers.length === 0) throw new TerminalError("NoTriggers", "No triggers in app");
  const others = new Set(
    app.triggers.map((trigger) => trigger.trigger_type).filter((type) => type !== "http"),
  );
  if (others.size > 0) {
    throw new TerminalError(
      "UnknownTrigger",
      `The app has triggers of type ${[...others].map((type) => `'${type}'`).join(", ")}; this ` +
        "version serves 'http' only. Select the HTTP components with --component-id.",
    );
  }
  const withMiddleware = app.components.filter((component) =>
    component.host_requirements?.middleware === "required"
  );
  if (withMiddleware.length > 0) {
    throw new TerminalError(
      "UnmetRequirement",
      "This application requires the following features that are not available in this version of " +
        `the 'http' trigger: middleware (of ${
          withMiddleware.map(({ id }) => `"${id}"`).join(", ")
        })`,
    );
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

function guestBytes(): number {
  const limit = Math.min(memoryLimit(readTextFile) ?? Infinity, Deno.systemMemoryInfo().total);
  return Math.floor(limit * GUEST_SHARE);
}

function formatBaseUrl(options: HostOptions, port: number): string {
  const { hostname } = options.listen;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${options.tls ? "https" : "http"}://${host}:${port}`;
}

/**
 * A host whose app can be replaced while it serves: the port and the connections stay.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { componentFile, usedComponents } from "../engine/component_files.ts";
import { WarmPreparer } from "../engine/warm_preparer.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { announce } from "./announce.ts";
import { checkApp } from "./app_context.ts";
import { errorPage, plainError } from "./error_page.ts";
import type { IsolateInit } from "./guests.ts";
import type { HostOptions } from "./host_options.ts";
import { findPort, type Handler, HttpListener } from "./http_listener.ts";
import { createIsolate, type Isolate } from "./isolate.ts";
import { summarizeApp } from "./live/app_summary.ts";
import type { LiveHub } from "./live/live_hub.ts";
import { checkTriggers, formatBaseUrl, guestBytes, startOthers } from "./mod.ts";
import { prepareComponents, TemporaryDirectory } from "./prepare_components.ts";
import { writeReport } from "./report.ts";
import type { RunningTrigger } from "./trigger.ts";

/** An app that serves, or that serves its last requests. */
interface Generation {
  readonly isolate: Isolate;
  readonly triggers: readonly RunningTrigger[];
  /** Requests that have been begun and are not at their end. */
  readonly requests: Set<Promise<unknown>>;
  readonly onEnd: () => Promise<void>;
}

/** What {@link ReloadingHost.load} is given beside the app. */
export interface LoadGeneration {
  readonly options: HostOptions;
  /** Called when the last request of this app has ended and its stores are closed. */
  readonly onEnd: () => Promise<void>;
}

/**
 * Serves one app after the other in this isolate alone. Whoever opens it stops it.
 *
 * It listens from the start: before the first app is there, and after something went wrong, browsers
 * get a page that says so. Other clients get the app that worked last.
 */
export class ReloadingHost {
  readonly #port: number;
  readonly #baseUrl: string;
  readonly #listener: HttpListener;
  readonly #temporary = new TemporaryDirectory();
  readonly #preparer = new WarmPreparer();
  readonly #graceMs: number;
  readonly #ending = new Set<Promise<void>>();
  readonly #live: LiveHub | undefined;
  /** Those that serve, and those that still end. */
  readonly #isolates = new Set<Isolate>();
  #current: Generation | undefined;
  #problem: string | undefined = "The app is not built yet.";

  /**
   * @param options.live What the live page shows, if there is one.
   * @throws {TerminalError} if it cannot listen.
   */
  constructor(
    options: Pick<HostOptions, "listen" | "findFreePort" | "tls" | "graceMs"> & {
      live?: LiveHub | undefined;
    },
  ) {
    const { listen, findFreePort, tls, graceMs } = options;
    this.#live = options.live;
    this.#live?.addSources(() =>
      [...this.#isolates].flatMap((isolate) => isolate.live ? [isolate.live] : [])
    );
    this.#port = findPort({ ...listen, findFreePort });
    this.#baseUrl = formatBaseUrl(options, this.#port);
    this.#graceMs = graceMs;
    this.#listener = new HttpListener(
      { hostname: listen.hostname, port: this.#port, isShared: false, ...(tls ? { tls } : {}) },
      {
        handler: (request, info) => this.#answer(request, info),
        report: (line) => writeReport([line]),
      },
    );
  }

  /** Whether an app serves. */
  get isServing(): boolean {
    return this.#current !== undefined;
  }

  /**
   * Puts `app` in the place of the one before, which serves the requests it has begun. The first app
   * is announced.
   *
   * @throws {TerminalError} if the app cannot be served; then nothing has changed.
   */
  async load(app: LockedApp, { options, onEnd }: LoadGeneration): Promise<void> {
    const environment = (name: string) => Deno.env.get(name);
    const start = performance.now();
    await checkTriggers(app);
    checkApp(app, { options, environment });
    const isolateInit: IsolateInit = {
      app,
      options,
      components: await prepareComponents(app, {
        options,
        temporary: this.#temporary,
        run: (args) => this.#preparer.run(args),
      }),
      selfUrl: this.#baseUrl,
      maxInstanceBytes: guestBytes(),
    };
    const isolate = await createIsolate(isolateInit, { environment, report: writeReport });
    const triggers = await this.#startTriggers({ isolate, isolateInit });
    const old = this.#current;
    this.#current = { isolate, triggers, requests: new Set(), onEnd };
    this.#problem = undefined;
    this.#isolates.add(isolate);
    const summary = this.#live && summarizeApp(app, { baseUrl: this.#baseUrl });
    if (summary) this.#live?.setApp(summary, { loadMs: performance.now() - start });
    if (old) return this.#end(old);
    announce(app, { baseUrl: this.#baseUrl, format: options.announce });
    const [component] = usedComponents(app);
    if (component) this.#preparer.warm(componentFile(component));
  }

  /** Tells browsers what is wrong, until an app is loaded. */
  explain(problem: string): void {
    this.#problem = problem;
    this.#live?.setProblem(problem);
  }

  /** Tells the live page what goes on. */
  begin(phase: "building" | "loading"): void {
    this.#live?.setPhase(phase);
  }

  /** Takes no more requests, and lets those in work end. */
  async stop(): Promise<void> {
    this.#preparer[Symbol.dispose]();
    await this.#listener.stop(this.#graceMs);
    if (this.#current) this.#end(this.#current);
    await Promise.all(this.#ending);
    await this.#temporary[Symbol.asyncDispose]();
  }

  /** For a moment those of the app before run as well: between them no message is lost. */
  async #startTriggers(
    { isolate, isolateInit }: { isolate: Isolate; isolateInit: IsolateInit },
  ): Promise<RunningTrigger[]> {
    const hasOthers = isolateInit.app.triggers.some(({ trigger_type: type }) => type !== "http");
    if (!hasOthers) return [];
    try {
      const triggers = await startOthers({ isolate, isolateInit });
      for (const { ended } of triggers) {
        ended.catch((error) => {
          writeReport([`Error: ${errorText(error)}`]);
          this.explain(errorText(error));
        });
      }
      return triggers;
    } catch (error) {
      await isolate.close();
      throw error;
    }
  }

  #answer(request: Request, info: Parameters<Handler>[1]): Response | Promise<Response> {
    const problem = this.#problem;
    if (problem !== undefined && isPageWanted(request)) return errorPage(problem);
    const current = this.#current;
    if (!current) return plainError(problem ?? "");
    const { requests, isolate } = current;
    // Settles when the response has been sent to its end, or given up.
    const { completed } = info as Partial<Deno.ServeHandlerInfo>;
    const done: Promise<unknown> = Promise.resolve(completed).catch(() => {
      // The client left; all the same the request is over.
    }).finally(() => requests.delete(done));
    requests.add(done);
    return isolate.handler(request, info);
  }

  #end(generation: Generation): void {
    const ending = this.#drain(generation)
      .catch((error) => writeReport([`Cannot end the app before: ${errorText(error)}`]))
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #drain({ isolate, triggers, requests, onEnd }: Generation): Promise<void> {
    await Promise.all(triggers.map((trigger) => trigger.stop(this.#graceMs)));
    const { promise: cut, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#graceMs);
    await Promise.race([Promise.all(requests), cut]);
    clearTimeout(timer);
    await this.#live?.collect();
    this.#isolates.delete(isolate);
    await isolate.close();
    await onEnd();
  }
}

/** Whether a person looks at the answer. */
function isPageWanted(request: Request): boolean {
  return (request.headers.get("accept") ?? "").includes("text/html");
}

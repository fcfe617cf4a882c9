/**
 * One isolate that serves an app: its interfaces, instances and HTTP app. The main isolate has one,
 * and so has every worker; they share the port and the compiled modules, nothing else.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { ArtifactManifest } from "../engine/artifact.ts";
import { type CompiledModules, type EngineShared, loadComponent } from "../engine/component.ts";
import { compileCoroutineHelper } from "../engine/coroutine.ts";
import { MemoryCollector } from "../engine/garbage.ts";
import { InstanceBudget } from "../engine/instance_budget.ts";
import { InstancePool, type PoolShared } from "../engine/instance_pool.ts";
import { linkImports } from "../engine/link.ts";
import { compileInterruptHelper, TurnQueue } from "../engine/preemption.ts";
import { calledWhileStarting, watchCalls } from "../engine/start_constants.ts";
import { openCopyOnWrite } from "../engine/reset_copy_on_write.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { type AppContext, createAppContext } from "./app_context.ts";
import { type CallObserver, findHandler, GuestCaller } from "./guest_caller.ts";
import type { HostOptions } from "./host_options.ts";
import { answerHead, createHttpApp } from "./http_app.ts";
import type { Handler } from "./http_listener.ts";
import { type HttpRoute, httpRoutes } from "./http_triggers.ts";
import { createInternalRequests } from "./internal_requests.ts";
import { Router } from "./router.ts";
import { SlowRequests } from "./slow_requests.ts";

/** A component as an isolate gets it. Can be posted to a worker. */
export interface IsolateComponent {
  readonly id: string;
  /** The prepared directory. */
  readonly directory: string;
  readonly manifest: ArtifactManifest;
  readonly modules: CompiledModules;
}

/** What an isolate is made from. Can be posted to a worker. */
export interface IsolateInit {
  readonly app: LockedApp;
  readonly options: HostOptions;
  readonly components: readonly IsolateComponent[];
  /** `http://127.0.0.1:3000`, as the app itself reaches it. */
  readonly selfUrl: string;
  /** This isolate's share of the instances' memory, in bytes. */
  readonly maxInstanceBytes: number;
}

/** A serving isolate. The owner closes it, after the last request. */
export interface Isolate {
  readonly handler: Handler;
  /** How the instances of each component are made fresh. */
  readonly strategies: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** Live instances of one isolate; V8 gives out near 32,000 in a process. */
const MAX_INSTANCES = 4_000;
/** Milliseconds a request waits for an instance before it gets 503. */
const MAX_WAIT_MS = 10_000;

/** What the edge provides. */
export interface IsolateEdge {
  readonly environment: (name: string) => string | undefined;
  /** Writes lines for the user, to stderr. */
  readonly report: (lines: string[]) => void;
}

/**
 * Loads an app into the current isolate.
 * @throws {TerminalError} if a component cannot be linked or has no handler.
 */
export async function createIsolate(init: IsolateInit, edge: IsolateEdge): Promise<Isolate> {
  const routes = httpRoutes(init.app);
  const callers = new Map<string, GuestCaller>();
  const internal = createInternalRequests({
    caller: (id) => callers.get(id),
    selfUrl: () => init.selfUrl,
  });
  const context = createAppContext(init.app, init.options, { internal, ...edge });
  const engine: EngineShared = {
    helper: compileInterruptHelper(),
    coroutine: compileCoroutineHelper(),
    turns: new TurnQueue(),
    cpuLimitMs: init.options.cpuLimitMs,
  };
  const copyOnWrite = openCopyOnWrite();
  const shared: PoolShared = {
    budget: new InstanceBudget({
      maxInstances: MAX_INSTANCES,
      maxBytes: init.maxInstanceBytes,
      maxWaitMs: MAX_WAIT_MS,
    }),
    collector: new MemoryCollector(),
    copyOnWrite,
  };
  const slow = new SlowRequests();
  const pools = new Map<string, InstancePool>();
  const observer: CallObserver = {
    onLateFailure: (error) =>
      edge.report([`Warning: Component error after response started: ${error.message}`]),
  };
  async function close(): Promise<void> {
    for (const pool of pools.values()) pool.close();
    copyOnWrite?.close();
    await context.close();
  }
  try {
    for (const component of init.components) {
      const { id } = component;
      const handler = findHandler(component.manifest.exports, id);
      const pool = await createPool(component, { context, engine, shared, init });
      pools.set(id, pool);
      callers.set(id, new GuestCaller({ component: id, pool, handler, slow, observer }));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const app = createHttpApp({
    router: publicRouter(routes),
    call: (id, head, clientGone) => callers.get(id)!.call(head, clientGone),
    info: appInfo(init.app),
    report: (line) => edge.report([line]),
    explainErrors: init.options.explainErrors,
  });
  return {
    handler: (request, info) =>
      request.method === "HEAD" ? answerHead(app, request, info) : app.fetch(request, info),
    strategies: new Map([...pools].map(([id, pool]) => [id, pool.strategy])),
    close,
  };
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

async function createPool(
  component: IsolateComponent,
  options: {
    context: AppContext;
    engine: EngineShared;
    shared: PoolShared;
    init: IsolateInit;
  },
): Promise<InstancePool> {
  const { id, manifest } = component;
  const offered = await options.context.componentImports(id, manifest.imports);
  const imports = linkImports(manifest, { component: id, offered });
  const loaded = await loadComponent({ ...component, imports, shared: options.engine });
  try {
    let notResettable: string | undefined;
    if (manifest.startReadsEnvironment && options.context.component(id).environment.length > 0) {
      const watched = watchCalls(imports, (name) => notResettable ??= calledWhileStarting(name));
      await (await loadComponent({ ...component, imports: watched, shared: options.engine }))
        .instantiate();
    }
    return InstancePool.create(loaded, {
      first: await loaded.instantiate(),
      notResettable,
      strategy: options.init.options.instances,
      shared: options.shared,
    });
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    throw new TerminalError(
      "CannotInstantiate",
      `Cannot start component "${id}": ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
}

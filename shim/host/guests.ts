/**
 * The components of an app in one isolate: their interfaces, compiled code and instances.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { ArtifactManifest } from "../engine/artifact.ts";
import { type CompiledModules, type EngineShared, loadComponent } from "../engine/component.ts";
import { compileCoroutineHelper } from "../engine/coroutine.ts";
import type { ConcurrentInstances } from "../engine/concurrent_instances.ts";
import { MemoryCollector } from "../engine/garbage.ts";
import { InstanceBudget } from "../engine/instance_budget.ts";
import { InstancePool, type PoolShared } from "../engine/instance_pool.ts";
import { type LinkedImports, linkImports } from "../engine/link.ts";
import { compileInterruptHelper, TurnQueue } from "../engine/preemption.ts";
import { openCopyOnWrite } from "../engine/reset_copy_on_write.ts";
import { calledWhileStarting, watchCalls } from "../engine/start_constants.ts";
import type { ImportObject, InternalRequests } from "../imports/component_context.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import type { Middleware } from "../loader/middleware.ts";
import { type AppContext, createAppContext } from "./app_context.ts";
import type { Command } from "./command.ts";
import type { OutputListener } from "./component_logs.ts";
import { Guest } from "./guest.ts";
import { DEFAULT_REUSE, type HostOptions } from "./host_options.ts";
import type { HostTelemetry } from "./host_telemetry.ts";
import type { HttpGuest } from "./http_guest.ts";
import type { Observer } from "./observer.ts";

/** A component as an isolate gets it. Can be posted to a worker. */
export interface IsolateComponent {
  readonly id: string;
  /** The prepared directory. */
  readonly directory: string;
  readonly manifest: ArtifactManifest;
  readonly modules: CompiledModules;
  /** Set if it stands before another component. */
  readonly middleware?: Middleware;
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

/** What the edge provides. */
export interface IsolateEdge {
  readonly environment: (name: string) => string | undefined;
  /** Writes lines for the user, to stderr. */
  readonly report: (lines: string[]) => void;
}

/** Live instances of one isolate; V8 gives out near 32,000 in a process. */
const MAX_INSTANCES = 4_000;
/** Milliseconds a request waits for an instance before it gets 503. */
const MAX_WAIT_MS = 10_000;
/** The export of commands; which of them can be run is known to `command.ts`, loaded for them. */
const RUN = /^wasi:cli\/run@/;

/** What comes after a middleware, by the id in {@link Middleware}. Asked when there is a request. */
export type NextHttpGuest = (id: string) => HttpGuest;

/** What the isolate provides. */
export interface GuestsEdge {
  readonly internal: InternalRequests;
  readonly next: NextHttpGuest;
  /** Absent if nothing is recorded. */
  readonly telemetry?: HostTelemetry | undefined;
  readonly observer?: Observer | undefined;
  /** Gets what components write, beside the logs. */
  readonly onOutput?: OutputListener | undefined;
}

/** The components of an app in one isolate. The owner closes it, after the last call. */
export interface Guests {
  /** The component called `id`. @throws {TerminalError} if the isolate was not given it. */
  guest(id: string): Guest;
  /** All of them that are called, not run, in the app's order. */
  readonly all: readonly Guest[];
  /** Bytes that the live instances are charged with. */
  readonly instanceBytes: number;
  /**
   * The component called `id`, to be run as a program.
   * @throws {TerminalError} if it does not export `wasi:cli/run`.
   */
  command(id: string): Command;
  /** Renders a template over the app's variables. @throws {Error} by rejection. */
  render(template: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * Loads the components of an app into the current isolate.
 * @throws {TerminalError} if a component cannot be linked or started.
 */
export async function loadGuests(
  init: IsolateInit,
  edge: IsolateEdge & GuestsEdge,
): Promise<Guests> {
  const context = createAppContext(init.app, init.options, edge);
  const contexts = edge.telemetry?.tracer;
  const engine: EngineShared = {
    helper: compileInterruptHelper(),
    coroutine: compileCoroutineHelper({ hasContexts: contexts !== undefined }),
    turns: new TurnQueue(),
    cpuLimitMs: init.options.cpuLimitMs,
    contexts,
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
  const guests = new Map<string, Guest>();
  const commands = new Map<string, Command>();
  async function close(): Promise<void> {
    for (const guest of guests.values()) guest.close();
    copyOnWrite?.close();
    await context.close();
  }
  try {
    for (const component of init.components) {
      const { id, manifest } = component;
      if (manifest.exports.some((name) => RUN.test(name))) {
        const { commandExport, createCommand, isOnlyCommand } = await import("./command.ts");
        if (commandExport(manifest) !== undefined) {
          const offered = await context.componentImports(id, manifest.imports);
          const own = { context: context.component(id), offered, engine, shared };
          commands.set(id, await createCommand(component, own));
        }
        if (isOnlyCommand(manifest)) continue;
      }
      const pool = await createPool(component, { context, engine, shared, init, next: edge.next });
      guests.set(id, new Guest({ id, exports: manifest.exports, pool, observer: edge.observer }));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    guest(id) {
      const guest = guests.get(id);
      if (guest) return guest;
      throw commands.has(id)
        ? new TerminalError(
          "NoHandler",
          `Component "${id}": Expected component to export one of ` +
            "wasi:http/incoming-handler@0.2.x, wasi:http/handler@0.3.x, " +
            "fermyon:spin/inbound-http; it is a command (it exports wasi:cli/run), which the HTTP " +
            'trigger runs with executor = { type = "wagi" } only',
        )
        : new TerminalError("UnknownComponent", `The app has no component "${id}"`);
    },
    command(id) {
      const command = commands.get(id);
      if (command) return command;
      const component = init.components.find((candidate) => candidate.id === id);
      if (!component) {
        throw new TerminalError("UnknownComponent", `The app has no component "${id}"`);
      }
      const { exports } = component.manifest;
      throw new TerminalError(
        "NoCommand",
        `Component "${id}": Expected component to export wasi:cli/run@0.2.x; it exports ${
          exports.length > 0 ? exports.join(", ") : "nothing"
        }`,
      );
    },
    render: (template) => context.render(template),
    all: [...guests.values()],
    get instanceBytes() {
      return shared.budget.bytes;
    },
    close,
  };
}

async function createPool(
  component: IsolateComponent,
  options: {
    context: AppContext;
    engine: EngineShared;
    shared: PoolShared;
    init: IsolateInit;
    next: NextHttpGuest;
  },
): Promise<InstancePool | ConcurrentInstances> {
  const { id, manifest } = component;
  const offered = await offerImports(component, options);
  const imports = linkImports(manifest, { component: id, offered });
  if (manifest.bindings === "async") {
    return await createConcurrent(component, { imports, ...options });
  }
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
    throw cannotStart(id, error);
  }
}

async function offerImports(
  { id, manifest, middleware }: IsolateComponent,
  options: { context: AppContext; next: NextHttpGuest },
): Promise<ImportObject> {
  if (!middleware) return await options.context.componentImports(id, manifest.imports);
  const { offerToMiddleware } = await import("./middleware.ts");
  return await offerToMiddleware(middleware, manifest.imports, options);
}

/** Loaded only for components of WASI 0.3. */
async function createConcurrent(
  component: IsolateComponent,
  options: {
    imports: LinkedImports;
    engine: EngineShared;
    shared: PoolShared;
    init: IsolateInit;
  },
): Promise<ConcurrentInstances> {
  const { loadSharedComponent } = await import("../engine/shared_component.ts");
  const { ConcurrentInstances } = await import("../engine/concurrent_instances.ts");
  const { imports, engine, shared, init } = options;
  const loaded = await loadSharedComponent({ ...component, imports, shared: engine });
  try {
    return await ConcurrentInstances.create(loaded, {
      limits: init.options.reuse ?? DEFAULT_REUSE,
      budget: shared.budget,
      collector: shared.collector,
    });
  } catch (error) {
    throw cannotStart(component.id, error);
  }
}

function cannotStart(id: string, error: unknown): TerminalError {
  if (error instanceof TerminalError) return error;
  return new TerminalError(
    "CannotInstantiate",
    `Cannot start component "${id}": ${error instanceof Error ? error.message : error}`,
    { cause: error },
  );
}

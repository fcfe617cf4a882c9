/**
 * A prepared component, loaded and linked: compiled modules that make instances.
 *
 * @module
 */

import type { ArtifactManifest } from "./artifact.ts";
import { CaptureTable } from "./capture_table.ts";
import { type CallContexts, suspendable } from "./coroutine.ts";
import { readBindings } from "./evaluate_bindings.ts";
import { GuestWaits } from "./guest_waits.ts";
import type { LinkedImports } from "./link.ts";
import { StartRecorder } from "./start_constants.ts";
import { Preemption, type TurnQueue } from "./preemption.ts";
import { limitMemory, PAGE_BYTES } from "./wasm/memory_limit.ts";
import { GLOBAL_EXPORT, MEMORY_EXPORT } from "./wasm/rewrite.ts";
import { TerminalError } from "../../lib/errors.ts";

/** Compiled core modules by file name. Can be posted to workers, which then need not compile. */
export type CompiledModules = Map<string, WebAssembly.Module>;

/** Compiles a prepared component's modules. */
export function compileModules(
  files: ReadonlyMap<string, Uint8Array>,
  options: { manifest: ArtifactManifest; component: string; maxMemoryBytes?: number },
): CompiledModules {
  const modules: CompiledModules = new Map();
  for (const { file } of options.manifest.modules) {
    const bytes = files.get(file)!;
    modules.set(file, new WebAssembly.Module(limited(bytes, options) as BufferSource));
  }
  return modules;
}

function limited(
  bytes: Uint8Array,
  options: { component: string; maxMemoryBytes?: number },
): Uint8Array {
  if (options.maxMemoryBytes === undefined) return bytes;
  try {
    return limitMemory(bytes, Math.floor(options.maxMemoryBytes / PAGE_BYTES));
  } catch (error) {
    throw new TerminalError(
      "MemoryLimitTooLow",
      `Component "${options.component}" does not fit into --max-instance-memory. ${
        (error as Error).message
      }`,
      { cause: error },
    );
  }
}

/** The functions a component exports, as the bindings present them, by interface name. */
export type ComponentExports = Record<string, Record<string, (...args: never[]) => unknown>>;

/** The state of an instance's handle tables. */
type SavedHandles = { readonly [member: string]: unknown };

/** What adapted bindings add to the exports; see `bindings.ts`. */
interface HandleTables {
  $save(): SavedHandles;
  $restore(saved: SavedHandles, renew: (resource: unknown) => unknown): void;
  $clear(): unknown[];
}

/** A component's bindings, as imported. */
export interface Bindings {
  instantiate(
    getCoreModule: (name: string) => WebAssembly.Module,
    imports: Record<string, unknown>,
    instantiateCore: (
      module: WebAssembly.Module,
      imports: WebAssembly.Imports,
    ) => WebAssembly.Instance,
  ): Promise<ComponentExports & HandleTables>;
}

/** One instance of a component: everything that has state. Used by one request at a time. */
export interface ComponentInstance {
  readonly exports: ComponentExports;
  readonly preemption: Preemption;
  readonly memories: readonly WebAssembly.Memory[];
  /** All mutable globals, in a fixed order. */
  readonly globals: readonly WebAssembly.Global[];
  /**
   * Empties the handle tables and disposes what the guest left in them: streams are cancelled,
   * timers stopped, connections closed.
   * @returns false if something could not be let go of; the instance must then not be used again.
   */
  disposeResources(): boolean;
  /** After {@link disposeResources}: puts the handle tables back as they were after the start. */
  restoreResources(): void;
  /** Ends the guest wherever it waits, so that its stack and memory can be collected. */
  abandon(): void;
}

/** A component that can be instantiated. */
export interface LoadedComponent {
  readonly id: string;
  readonly manifest: ArtifactManifest;
  /** Makes an instance, for the `own` imports and limit if they are given. */
  instantiate(own?: OwnInstance): Promise<ComponentInstance>;
}

/** What one instance has for itself. */
export interface OwnInstance {
  /** Linked as those of the component are. */
  readonly imports: LinkedImports;
  /** Milliseconds of CPU time that it may use; 0: no limit. */
  readonly cpuLimitMs: number;
}

/** Everything an isolate's components share. */
export interface EngineShared {
  /** See `preemption.ts`. */
  readonly helper: WebAssembly.Module;
  /** See `coroutine.ts`. */
  readonly coroutine: WebAssembly.Module;
  readonly turns: TurnQueue;
  readonly cpuLimitMs: number;
  /** Has what a guest has the host do run in the asynchronous context of the call. Default: it need not. */
  readonly contexts?: CallContexts | undefined;
}

/**
 * Loads a component's bindings.
 * @param options.directory The prepared directory, which its bindings are read from.
 */
export async function loadComponent(options: {
  id: string;
  directory: string;
  manifest: ArtifactManifest;
  modules: CompiledModules;
  imports: LinkedImports;
  shared: EngineShared;
}): Promise<LoadedComponent> {
  const { id, manifest, modules, imports, shared } = options;
  const bindings: Bindings = manifest.bindings === "core"
    ? (await import("./core_module/instantiate.ts")).createCoreModuleBindings()
    : await readBindings<Bindings>(options.directory);
  return {
    id,
    manifest,
    instantiate: (own) =>
      instantiate(bindings, {
        modules,
        imports: own?.imports ?? imports,
        shared: own ? { ...shared, cpuLimitMs: own.cpuLimitMs } : shared,
      }),
  };
}

async function instantiate(
  bindings: Bindings,
  options: { modules: CompiledModules; imports: LinkedImports; shared: EngineShared },
): Promise<ComponentInstance> {
  const preemption = new Preemption(options.shared);
  const waits = new GuestWaits();
  const { coroutine, contexts } = options.shared;
  const recorder = new StartRecorder(options.imports);
  const memories: WebAssembly.Memory[] = [];
  const globals: WebAssembly.Global[] = [];
  const host = {
    CaptureTable,
    guard: preemption.guard.bind(preemption),
    suspendable: (fn: unknown) => suspendable(fn, { helper: coroutine, waits, contexts }),
    suspending: waits.suspending.bind(waits),
  };
  const exports = await bindings.instantiate(
    (name) => options.modules.get(name)!,
    { ...recorder.imports, $host: host },
    (module, imports) => {
      const instance = new WebAssembly.Instance(module, imports);
      for (const [name, value] of Object.entries(instance.exports)) {
        if (name.startsWith(MEMORY_EXPORT)) memories.push(value as WebAssembly.Memory);
        else if (name.startsWith(GLOBAL_EXPORT)) globals.push(value as WebAssembly.Global);
      }
      preemption.attach(instance.exports);
      return instance;
    },
  );
  recorder.finish();
  const saved = exports.$save();
  return {
    exports,
    preemption,
    memories,
    globals,
    disposeResources: () => disposeAll(exports.$clear()),
    restoreResources: () => exports.$restore(saved, (resource) => recorder.renew(resource)),
    abandon: () => waits.abandon(),
  };
}

function disposeAll(resources: unknown[]): boolean {
  let isClean = true;
  for (const resource of resources) {
    try {
      (resource as Partial<Disposable>)[Symbol.dispose]?.();
    } catch {
      // There is nobody left to tell: the guest has returned. The others are still let go of.
      isClean = false;
    }
  }
  return isClean;
}

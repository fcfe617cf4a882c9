/**
 * Prepares and compiles the components of an app, before anything is served.
 *
 * @module
 */

import { compileModules } from "../engine/component.ts";
import { componentFile, dependencyFiles, usedComponents } from "../engine/component_files.ts";
import type { RunPrepare } from "../engine/prepare_process.ts";
import { openPrepared, prepare } from "../engine/preparer.ts";
import type { PreparedComponent } from "../engine/prepared_store.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import { type Middleware, middlewareId, middlewareOf } from "../loader/middleware.ts";
import type { IsolateComponent } from "./guests.ts";
import type { HostOptions } from "./host_options.ts";
import { writeReport } from "./report.ts";

/** What is needed to prepare components. */
export interface PrepareParts {
  readonly options: HostOptions;
  readonly temporary: TemporaryDirectory;
  /** Default: in a process for each component. */
  readonly run?: RunPrepare;
}

/** Only components that a trigger uses are prepared. */
export async function prepareComponents(
  app: LockedApp,
  parts: PrepareParts,
): Promise<IsolateComponent[]> {
  const compiled = new Map<string, CompiledComponent>();
  for (const component of usedComponents(app)) {
    const { id } = component;
    compiled.set(id, compile(await findPrepared(component, parts), { id, ...parts.options }));
  }
  return app.components.flatMap((component) => {
    const { id, source } = component;
    const own = compiled.get(id);
    if (!own) return [];
    const chain = middlewareOf(component)
      .map((middleware) => ({ ...middleware, compiled: compiled.get(middleware.component.id)! }));
    return withMiddleware({ id, source }, { compiled: own, chain });
  });
}

/** A component that is loaded, and the middleware that it was composed with before. */
export interface CompiledComponent
  extends Pick<IsolateComponent, "directory" | "manifest" | "modules"> {
  /** The outermost first. */
  readonly before: readonly CompiledComponent[];
}

/**
 * A component and its middleware, the outermost first: what the manifest names, and what each of these
 * and the component itself were composed with before they were loaded. The latter has all permissions
 * that are left to it; what it was denied is part of its imports.
 * @param options.chain What the manifest names.
 */
export function withMiddleware(
  component: LockedComponent,
  { compiled, chain }: {
    compiled: CompiledComponent;
    chain: readonly (Middleware & { readonly compiled: CompiledComponent })[];
  },
): IsolateComponent[] {
  const links = [
    ...chain.flatMap((middleware) => {
      const { component, inherit, compiled } = middleware;
      return [...linksBefore(component, { compiled, inherit, count: 0 }), middleware];
    }),
    ...linksBefore(component, { compiled, inherit: "All", count: chain.length }),
  ];
  const owner = component.id;
  return [
    isolateComponent(owner, compiled),
    ...links.map(({ component, inherit, compiled }, index) => {
      const next = links[index + 1]?.component.id ?? owner;
      return isolateComponent(component.id, compiled, { component, owner, inherit, next });
    }),
  ];
}

/** @param options.count How many there are before. */
function linksBefore(
  { id, source }: LockedComponent,
  options: { compiled: CompiledComponent; inherit: Middleware["inherit"]; count: number },
): (Pick<Middleware, "component" | "inherit"> & { readonly compiled: CompiledComponent })[] {
  return options.compiled.before.map((compiled, index) => ({
    component: { id: middlewareId(id, options.count + index), source },
    inherit: options.inherit,
    compiled,
  }));
}

function isolateComponent(
  id: string,
  { before: _, ...compiled }: CompiledComponent,
  middleware?: Middleware,
): IsolateComponent {
  return { id, ...compiled, ...(middleware ? { middleware } : {}) };
}

function compile(
  { directory, manifest, files, middleware = [] }: PreparedComponent,
  options: { id: string } & Pick<HostOptions, "maxInstanceMemory">,
): CompiledComponent {
  const { id: component, maxInstanceMemory } = options;
  const limit = maxInstanceMemory === undefined ? {} : { maxMemoryBytes: maxInstanceMemory };
  const modules = compileModules(files, { manifest, component, ...limit });
  return { directory, manifest, modules, before: middleware.map((item) => compile(item, options)) };
}

async function findPrepared(
  component: LockedComponent,
  { options, temporary, run }: PrepareParts,
): Promise<PreparedComponent> {
  const report = (line: string): void => writeReport([line]);
  const directory = options.prepared?.[component.id];
  if (directory !== undefined) {
    return await openPrepared(directory, { component: component.id, report });
  }
  return await prepare(componentFile(component), {
    component: component.id,
    dependencies: dependencyFiles(component),
    cacheDir: options.cacheDir,
    fallbackDir: () => temporary.path(),
    report,
    run,
  });
}

/** A temporary directory that is made on first use and removed at the end. */
export class TemporaryDirectory {
  #path: Promise<string> | undefined;

  path(): Promise<string> {
    return this.#path ??= Deno.makeTempDir({ prefix: "spinkube-" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#path) await Deno.remove(await this.#path, { recursive: true });
  }
}

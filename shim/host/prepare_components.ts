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
import { middlewareOf } from "../loader/middleware.ts";
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
  const { options } = parts;
  const prepared: IsolateComponent[] = [];
  const middleware = new Map(
    app.components.flatMap(middlewareOf).map((item) => [item.component.id, item]),
  );
  for (const component of usedComponents(app)) {
    const { directory, manifest, files } = await findPrepared(component, parts);
    const modules = compileModules(files, {
      manifest,
      component: component.id,
      ...(options.maxInstanceMemory === undefined
        ? {}
        : { maxMemoryBytes: options.maxInstanceMemory }),
    });
    const before = middleware.get(component.id);
    prepared.push({
      id: component.id,
      directory,
      manifest,
      modules,
      ...(before ? { middleware: before } : {}),
    });
  }
  return prepared;
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

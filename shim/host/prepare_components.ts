/**
 * Prepares and compiles the components of an app, before anything is served.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { fromFileUrl } from "../../lib/file_url.ts";
import { compileModules } from "../engine/component.ts";
import type { DependencyFile } from "../engine/prepare_main.ts";
import { openPrepared, prepare } from "../engine/preparer.ts";
import type { PreparedComponent } from "../engine/prepared_store.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import type { IsolateComponent } from "./guests.ts";
import type { HostOptions } from "./host_options.ts";
import { writeReport } from "./report.ts";

/** Only components that a trigger uses are prepared. */
export async function prepareComponents(
  app: LockedApp,
  { options, temporary }: { options: HostOptions; temporary: TemporaryDirectory },
): Promise<IsolateComponent[]> {
  const used = new Set(app.triggers.map(({ trigger_config: { component } }) => component));
  const prepared: IsolateComponent[] = [];
  for (const component of app.components) {
    if (!used.has(component.id)) continue;
    const { directory, manifest, files } = await findPrepared(component, { options, temporary });
    const modules = compileModules(files, {
      manifest,
      component: component.id,
      ...(options.maxInstanceMemory === undefined
        ? {}
        : { maxMemoryBytes: options.maxInstanceMemory }),
    });
    prepared.push({ id: component.id, directory, manifest, modules });
  }
  return prepared;
}

async function findPrepared(
  component: LockedComponent,
  { options, temporary }: { options: HostOptions; temporary: TemporaryDirectory },
): Promise<PreparedComponent> {
  const report = (line: string): void => writeReport([line]);
  const directory = options.prepared?.[component.id];
  if (directory !== undefined) {
    return await openPrepared(directory, { component: component.id, report });
  }
  const path = sourcePath(component.source, `Component "${component.id}"`);
  return await prepare(path, {
    component: component.id,
    dependencies: dependencyFiles(component),
    cacheDir: options.cacheDir,
    fallbackDir: () => temporary.path(),
    report,
  });
}

function dependencyFiles({ id, dependencies }: LockedComponent): DependencyFile[] {
  return Object.entries(dependencies ?? {}).map((
    [name, { source, export: exported, inherit }],
  ) => ({
    name,
    path: sourcePath(source, `Dependency "${name}" of component "${id}"`),
    export: exported ?? null,
    inherit: typeof inherit === "object" ? inherit.Some : inherit ?? [],
  }));
}

/** @param owner For messages: `Component "hello"`. */
function sourcePath({ source }: LockedComponent["source"], owner: string): string {
  if (source?.startsWith("file:")) return fromFileUrl(source);
  throw new TerminalError(
    "NoSource",
    `${owner} has no file as its source; load the app again`,
  );
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

/**
 * Prepares and compiles the components of an app, before anything is served.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { fromFileUrl } from "../../lib/file_url.ts";
import { compileModules } from "../engine/component.ts";
import { prepare } from "../engine/preparer.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import type { IsolateComponent } from "./guests.ts";
import type { HostOptions } from "./host_options.ts";
import { httpRoutes } from "./http_triggers.ts";
import { writeReport } from "./report.ts";

/** Only components that a trigger uses are prepared. */
export async function prepareComponents(
  app: LockedApp,
  { options, temporary }: { options: HostOptions; temporary: TemporaryDirectory },
): Promise<IsolateComponent[]> {
  const used = new Set(httpRoutes(app).map((route) => route.component));
  const prepared: IsolateComponent[] = [];
  for (const component of app.components) {
    if (!used.has(component.id)) continue;
    const { directory, manifest, files } = await prepare(sourcePath(component), {
      component: component.id,
      cacheDir: options.cacheDir,
      fallbackDir: () => temporary.path(),
      report: (line) => writeReport([line]),
    });
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

function sourcePath(component: LockedComponent): string {
  const { source } = component.source;
  if (source?.startsWith("file:")) return fromFileUrl(source);
  throw new TerminalError(
    "NoSource",
    `Component "${component.id}" has no file as its source; load the app again`,
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

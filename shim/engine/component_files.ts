/**
 * The files that a component of a loaded app is made from.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { fromFileUrl } from "../../lib/file_url.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import { middlewareOf } from "../loader/middleware.ts";
import type { DependencyFile } from "./prepare_main.ts";

/**
 * The components that a trigger uses, each followed by its middleware, the outermost first; the others
 * are never run, and need not be prepared.
 */
export function usedComponents(app: LockedApp): LockedComponent[] {
  const used = new Set(app.triggers.map(({ trigger_config: { component } }) => component));
  return app.components.filter(({ id }) => used.has(id)).flatMap((component) => [
    component,
    ...middlewareOf(component).map((middleware) => middleware.component),
  ]);
}

/**
 * Path of the component's own Wasm.
 * @throws {TerminalError} if its source is no file.
 */
export function componentFile({ id, source }: LockedComponent): string {
  return sourcePath(source, `Component "${id}"`);
}

/**
 * What the component is composed with before it runs.
 * @throws {TerminalError} if a source is no file.
 */
export function dependencyFiles({ id, dependencies }: LockedComponent): DependencyFile[] {
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

/**
 * HTTP middleware of a locked app: components that stand before another one and hand requests on to
 * it.
 *
 * @module
 */

import type { LockedComponent, LockedDependency } from "./locked_app.ts";

/** One middleware of a component. */
export interface Middleware {
  /** A component of its own: it has an id and a source, and nothing else. */
  readonly component: LockedComponent;
  /** The component whose permissions it may share. */
  readonly owner: string;
  /** What it shares of them. */
  readonly inherit: "All" | readonly string[];
  /** The id of the middleware after it, or of the owner. */
  readonly next: string;
}

/** The middleware of `owner`, the outermost first. */
export function middlewareOf(owner: LockedComponent): Middleware[] {
  const dependencies = owner.trigger_dependencies?.middleware ?? [];
  return dependencies.map((dependency, index) => ({
    component: { id: middlewareId(owner.id, index), source: dependency.source },
    owner: owner.id,
    inherit: inheritedSets(dependency),
    next: index + 1 < dependencies.length ? middlewareId(owner.id, index + 1) : owner.id,
  }));
}

/**
 * What the middleware before the component `owner` is called, counted from the outermost. No id of the
 * manifest: those have neither spaces nor brackets.
 * @param index From 0 on.
 */
export function middlewareId(owner: string, index: number): string {
  return `${owner} (middleware ${index + 1})`;
}

function inheritedSets({ inherit }: LockedDependency): Middleware["inherit"] {
  return typeof inherit === "object" ? inherit.Some : inherit ?? [];
}

/**
 * The order in which components are built.
 *
 * @module
 */

import { normalize } from "../../lib/path.ts";
import type { ManifestSource } from "./manifest.ts";

/** What has to be known of a component. */
interface BuiltComponent {
  readonly source: ManifestSource | undefined;
  readonly dependencies: readonly { readonly source: ManifestSource }[];
}

/**
 * The ids of components in the order of the manifest, but those whose Wasm is a dependency of others
 * come before these. Of a circle, whichever comes first is built after the others.
 */
export function buildOrder(components: ReadonlyMap<string, BuiltComponent>): string[] {
  const builders = new Map<string, string>();
  for (const [id, { source }] of components) {
    const path = pathOf(source);
    if (path !== undefined && !builders.has(path)) builders.set(path, id);
  }
  const ordered = new Set<string>();
  const visited = new Set<string>();
  function visit(id: string): void {
    if (visited.has(id)) return;
    visited.add(id);
    for (const { source } of components.get(id)!.dependencies) {
      const builder = builders.get(pathOf(source) ?? "");
      if (builder !== undefined) visit(builder);
    }
    ordered.add(id);
  }
  for (const id of components.keys()) visit(id);
  return [...ordered];
}

function pathOf(source: ManifestSource | undefined): string | undefined {
  return source?.kind === "path" ? normalize(source.path) : undefined;
}

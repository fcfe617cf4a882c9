/**
 * Connects a component's imports with the host's interfaces.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { ImportObject } from "../imports/component_context.ts";
import type { ArtifactManifest } from "./artifact.ts";

/**
 * The key under which the host offers an interface: all of WASI 0.2 is one version, since each
 * 0.2.x only adds to the one before, and so is all of 0.3 with the release candidate that has the
 * same shapes; everything else is matched by its whole name.
 */
export function interfaceKey(name: string): string {
  const match = /^(wasi:[^@]+)@(0\.2\.\d+|0\.3\.(?:\d+|0-rc-2026-03-15))$/.exec(name);
  return match ? `${match[1]}@${match[2]!.slice(0, 3)}` : name;
}

/** An interface's name without its version. */
function baseName(name: string): string {
  return name.split("@", 1)[0]!;
}

/**
 * The imports that bindings have to name with their version: a component may import several versions
 * of an interface, which have nothing in common but the name.
 */
export function ambiguousImports(imports: readonly string[]): string[] {
  const keys = new Map<string, Set<string>>();
  for (const name of imports) {
    const base = baseName(name);
    keys.set(base, (keys.get(base) ?? new Set()).add(interfaceKey(name)));
  }
  return imports.filter((name) => keys.get(baseName(name))!.size > 1);
}

/**
 * What the bindings are given: version-less interface, or the whole name if that is ambiguous → its
 * functions and classes.
 */
export type LinkedImports = Record<string, Record<string, unknown>>;

/**
 * Picks what a component imports from what the host offers.
 * @param options.component The component's id, for messages.
 * @throws {TerminalError} naming every interface and function that the host does not offer.
 */
export function linkImports(
  manifest: ArtifactManifest,
  options: { component: string; offered: ImportObject },
): LinkedImports {
  const linked: LinkedImports = {};
  const missing: string[] = [];
  const ambiguous = ambiguousImports(manifest.imports);
  for (const name of manifest.imports) {
    const key = ambiguous.includes(name) ? name : baseName(name);
    const wanted = manifest.functions[key];
    // An interface of types only, or one that nothing is taken from.
    if (!wanted) continue;
    const offered = options.offered[interfaceKey(name)];
    if (!offered) {
      missing.push(`${name}${nearestVersion(name, options.offered)}`);
      continue;
    }
    const absent = wanted.filter((item) => !(item in offered));
    missing.push(...absent.map((item) => `${name}#${item}`));
    linked[key] = offered;
  }
  if (missing.length === 0) return linked;
  throw new TerminalError(
    "UnknownImport",
    `Component "${options.component}" imports what this host does not offer:\n` +
      missing.map((name) => `  ${name}\n`).join("") +
      "Build it against interfaces that Spin offers, or against another version of its SDK.",
  );
}

function nearestVersion(name: string, offered: ImportObject): string {
  const versions = Object.keys(offered).filter((key) => baseName(key) === baseName(name));
  return versions.length === 0 ? "" : ` (offered: ${versions.join(", ")})`;
}

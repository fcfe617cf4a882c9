/**
 * What has to be watched while an app is developed.
 *
 * @module
 */

import { dirname, join, relative, resolve, SEPARATOR } from "../../lib/path.ts";
import type { AppSource } from "./app_source.ts";
import { readNormalManifest } from "./load_app.ts";
import type { NormalComponent, NormalManifest } from "./normalize.ts";

/** Which files an app is made from. Paths are absolute. */
export interface WatchPlan {
  readonly manifest: string;
  /** Component → how it is built, as text that changes when that does; those with a command only. */
  readonly builds: ReadonlyMap<string, string>;
  /** Components with a build command and nothing to watch. */
  readonly unwatched: readonly string[];
  /** Directories to watch with all that is below them. */
  readonly trees: readonly string[];
  /** Directories to watch themselves. */
  readonly directories: readonly string[];
  /** The components that are built from this file. */
  buildsFor(path: string): string[];
  /** Whether the app contains this file: as the Wasm of a component, or as a static file. */
  isContent(path: string): boolean;
}

/** Reads what to watch. @throws {ManifestError} if the manifest is malformed. */
export async function readWatchPlan(
  source: AppSource,
  options: { cwd: string; profile?: string },
): Promise<WatchPlan> {
  const appDir = dirname(source.path);
  const manifest = await readNormalManifest(source, options);
  const components = [...manifest.components];
  const inputs = new Map<string, Pattern[]>();
  for (const [id, { build }] of components) {
    if (!build) continue;
    const workdir = resolve(appDir, build.workdir ?? "");
    inputs.set(id, await Promise.all(build.watch.map((text) => compile(text, workdir))));
  }
  const wasm = sourcePaths(manifest).map((path) => resolve(appDir, path));
  const files = await Promise.all(
    components.flatMap(([, component]) => fileTexts(component)).map((text) =>
      compile(text, appDir)
    ),
  );
  const patterns = [...[...inputs.values()].flat(), ...files];
  return {
    manifest: source.path,
    builds: new Map(
      components.flatMap(([id, { build }]) => build ? [[id, JSON.stringify(build)]] : []),
    ),
    unwatched: [...inputs].filter(([, list]) => list.length === 0).map(([id]) => id),
    trees: unique(patterns.flatMap(({ tree }) => tree === undefined ? [] : [tree])),
    directories: unique([source.path, ...wasm, ...patterns.map(({ base }) => base)].map(dirname)),
    buildsFor: (path) =>
      [...inputs].filter(([, list]) => list.some(({ matches }) => matches(path))).map(([id]) => id),
    isContent: (path) => wasm.includes(path) || files.some(({ matches }) => matches(path)),
  };
}

/** A pattern of paths. */
interface Pattern {
  /** The directory or file that everything it matches is, or is below. */
  readonly base: string;
  /** The directory to watch with all below; undefined if the pattern is one file. */
  readonly tree: string | undefined;
  readonly matches: (path: string) => boolean;
}

/** What matters in Rust's glob, which Spin uses; a leading dot is matched like any character. */
const GLOB_OPTIONS = { dot: true, nobrace: true, noextglob: true, nonegate: true };

async function compile(text: string, directory: string): Promise<Pattern> {
  const segments = text.split("/");
  const first = segments.findIndex((segment) => /[*?[]/.test(segment));
  const base = resolve(directory, ...segments.slice(0, first < 0 ? undefined : first));
  if (first < 0) {
    // A directory stands for all that is in it.
    const isTree = await isDirectory(base);
    const matches = (path: string) => path === base || path.startsWith(`${base}${SEPARATOR}`);
    return { base, tree: isTree ? base : undefined, matches };
  }
  const { default: picomatch } = await import("picomatch");
  const isMatch = picomatch(segments.slice(first).join("/"), GLOB_OPTIONS);
  return {
    base,
    tree: base,
    matches(path) {
      if (!path.startsWith(`${base}${SEPARATOR}`)) return false;
      const way = relative(base, path);
      return isMatch(SEPARATOR === "/" ? way : way.replaceAll(SEPARATOR, "/"));
    },
  };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The Wasm files of components and of what they depend on. */
function sourcePaths({ components, triggers }: NormalManifest): string[] {
  const sources = [
    ...[...components.values()].flatMap(({ source, dependencies }) => [
      ...(source ? [source] : []),
      ...dependencies.map((dependency) => dependency.source),
    ]),
    ...triggers.flatMap(({ dependencies }) =>
      dependencies.flatMap(([, list]) => list.map(({ source }) => source))
    ),
  ];
  return sources.flatMap((source) => source.kind === "path" ? [source.path] : []);
}

function fileTexts({ files }: NormalComponent): string[] {
  return files.map((file) => file.kind === "pattern" ? file.pattern : join(file.source));
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}

/**
 * Loads an app from the file system.
 *
 * @module
 */

import { toFileUrl } from "../../lib/file_url.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { dirname, isAbsolute, join, relative, resolve } from "../../lib/path.ts";
import type { AppOutline } from "./app_outline.ts";
import type { AppSource } from "./app_source.ts";
import { bareWasmManifest } from "./bare_wasm.ts";
import { buildOrder } from "./build_order.ts";
import { checkManifest } from "./check_manifest.ts";
import { findSources, type SourceRequest } from "./component_source.ts";
import {
  copyFiles,
  directMounts,
  type FilePlan,
  isWithin,
  type LockedFiles,
  planFiles,
} from "./files.ts";
import { lockManifest } from "./lock.ts";
import type { LockedApp } from "./locked_app.ts";
import { ManifestReport } from "./manifest_report.ts";
import { type NormalComponent, normalizeManifest, type NormalManifest } from "./normalize.ts";
import { type ParsedManifest, parseManifest } from "./parse_manifest.ts";
import { checkSelection, isTriggerSelected } from "./select_components.ts";

/** Options of {@link loadApp}. */
export interface LoadOptions {
  /** Copies of files go to `<workingDir>/assets/<component>`; the caller removes them. */
  readonly workingDir: string;
  /** Downloads are kept here. */
  readonly cacheDir: string;
  /** Messages name the manifest relative to this. */
  readonly cwd: string;
  readonly profile?: string;
  /**
   * Mount the directories themselves instead of copies; `where-possible`: of the components that have
   * nothing but whole directories. Default: false.
   */
  readonly directMounts?: boolean | "where-possible";
  /**
   * The app is in the root file system of an image, which is here: its absolute paths begin here, and
   * no path and no link leads out. Default: it is on this machine.
   */
  readonly rootDir?: string;
  /** Gets sources that are URLs. Default: the global `fetch`. */
  readonly fetch?: (url: string, init: { signal: AbortSignal }) => Promise<Response>;
  /** Added to the environment of every component, over what the manifest says. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Load only these components and their triggers. Default: all. */
  readonly componentIds?: readonly string[];
}

/** A loaded app. */
export interface LoadedApp {
  readonly app: LockedApp;
  /** Directory of the manifest; undefined for a bare Wasm file. */
  readonly appDir: string | undefined;
  /** What the user should know, one line each, with the place in the manifest. */
  readonly warnings: readonly string[];
}

/**
 * Loads the app: reads and checks the manifest, finds the Wasm and copies the files.
 *
 * @throws {ManifestError} with every problem of the manifest and of what it refers to.
 * @throws {TerminalError} if the manifest cannot be read, a file cannot be copied, or the profile or
 * a selected component does not exist.
 */
export async function loadApp(source: AppSource, options: LoadOptions): Promise<LoadedApp> {
  const { manifest: parsed, report } = await readSource(source, options.cwd);
  const { profile } = options;
  const whole = normalizeManifest(parsed, { profile, report });
  checkManifest(whole, report);
  const manifest = selectFromManifest(whole, { ids: options.componentIds ?? [], report });
  const appDir = dirname(source.path);
  const sources = await findSources(sourceRequests(manifest), { ...options, appDir, report });
  const mounts = await planMounts(manifest, { ...options, appDir, report });
  report.throwIfAny();
  const isManifest = source.kind === "manifest";
  const app = lockManifest(manifest, {
    sources,
    files: await placeFiles(mounts, { ...options, appDir }),
    origin: isManifest ? toFileUrl(source.path).href : undefined,
  });
  return {
    app: withEnvironment(app, options.environment ?? {}),
    appDir: isManifest ? appDir : undefined,
    warnings: report.warnings,
  };
}

/** What builds one component. */
export interface BuildCommands {
  readonly componentId: string;
  /** For a shell, to be run one after the other. */
  readonly commands: string[];
  /** Absolute path where to run them; undefined: the directory of the manifest. */
  readonly workdir: string | undefined;
}

/**
 * The build commands of the app, in the order of {@link buildOrder}. Sources and files need not exist; a
 * bare Wasm file has none.
 *
 * @throws {ManifestError} if the manifest is malformed.
 * @throws {TerminalError} as {@link loadApp} does.
 */
export async function readBuildCommands(
  source: AppSource,
  options: Pick<LoadOptions, "cwd" | "profile" | "componentIds">,
): Promise<BuildCommands[]> {
  const { manifest, report } = await readSource(source, options.cwd);
  const normal = normalizeManifest(manifest, { profile: options.profile, report });
  report.throwIfAny();
  const selected = selectFromManifest(normal, { ids: options.componentIds ?? [], report });
  return buildOrder(selected.components).flatMap((componentId) => {
    const { build } = selected.components.get(componentId)!;
    if (!build) return [];
    const { command, workdir } = build;
    return [{
      componentId,
      commands: typeof command === "string" ? [command] : [...command],
      workdir: workdir === undefined ? undefined : resolve(dirname(source.path), workdir),
    }];
  });
}

/**
 * The outline of the app. Sources and files need not exist.
 *
 * @throws {ManifestError} if the manifest is malformed.
 * @throws {TerminalError} as {@link loadApp} does.
 */
export async function readAppOutline(
  source: AppSource,
  options: Pick<LoadOptions, "cwd" | "profile">,
): Promise<AppOutline> {
  const { manifest, report } = await readSource(source, options.cwd);
  const { application, variables, components } = normalizeManifest(manifest, {
    profile: options.profile,
    report,
  });
  report.throwIfAny();
  return {
    name: application.name,
    variables: variables.map(({ name, isSecret, isRequired }) => ({ name, isRequired, isSecret })),
    components: [...components].map(([id, { allowedOutboundHosts }]) => ({
      id,
      allowedOutboundHosts: allowedOutboundHosts.map(({ text }) => text),
    })),
  };
}

/**
 * The manifest of the app in one form. Sources and files need not exist.
 *
 * @throws {ManifestError} if the manifest is malformed.
 * @throws {TerminalError} as {@link loadApp} does.
 */
export async function readNormalManifest(
  source: AppSource,
  options: Pick<LoadOptions, "cwd" | "profile">,
): Promise<NormalManifest> {
  const { manifest, report } = await readSource(source, options.cwd);
  const normal = normalizeManifest(manifest, { profile: options.profile, report });
  report.throwIfAny();
  return normal;
}

async function readSource(source: AppSource, cwd: string): Promise<ParsedManifest> {
  const file = displayPath(source.path, cwd);
  if (source.kind === "wasm") {
    // There is no line to point at: problems are of the file as a whole.
    const positions = { find: () => ({ line: 0, column: 0 }) };
    const report = new ManifestReport({ file, root: {}, positions });
    return { manifest: bareWasmManifest(source.path), report };
  }
  try {
    return parseManifest(await Deno.readTextFile(source.path), file);
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    throw new TerminalError(
      "CannotReadManifest",
      `Failed to read Spin app manifest from ${JSON.stringify(file)}: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** Relative to `cwd` where that is the shorter way to say it. */
function displayPath(path: string, cwd: string): string {
  const way = relative(cwd, path);
  return isAbsolute(way) || way.length > path.length ? path : way;
}

/** Keeps the selected components and their triggers; everything without a selection. */
function selectFromManifest(
  manifest: NormalManifest,
  { ids, report }: { ids: readonly string[]; report: ManifestReport },
): NormalManifest {
  if (ids.length === 0) return manifest;
  // A broken manifest is the better explanation of a component that cannot be found.
  report.throwIfAny();
  checkSelection(
    [...manifest.components].map(([id, component]) => ({
      id,
      allowedOutboundHosts: component.allowedOutboundHosts.map(({ text }) => text),
    })),
    ids,
  );
  return {
    ...manifest,
    components: new Map([...manifest.components].filter(([id]) => ids.includes(id))),
    triggers: manifest.triggers.filter(({ component, components }) => {
      const others = components.flatMap(([, list]) => list.map(({ id }) => id));
      return isTriggerSelected({ main: component?.id, others }, ids);
    }),
  };
}

function sourceRequests(manifest: NormalManifest): SourceRequest[] {
  const requests: SourceRequest[] = [];
  for (const [id, component] of manifest.components) {
    const owner = `component ${JSON.stringify(id)}`;
    const { source, path, build } = component;
    if (source) {
      const hasBuild = build !== undefined;
      requests.push({ source, path: [...path, "source"], owner, hasBuild });
    }
    for (const dependency of component.dependencies) {
      requests.push({
        source: dependency.source,
        path: dependency.path,
        owner: `${owner}, dependency ${JSON.stringify(dependency.name)}`,
        hasBuild: false,
      });
    }
  }
  for (const trigger of manifest.triggers) {
    const owner = `${trigger.type} trigger ${JSON.stringify(trigger.id)}`;
    for (const { source, path, name } of trigger.dependencies.flatMap(([, list]) => list)) {
      requests.push({ source, path, owner: `${owner}, ${name}`, hasBuild: false });
    }
  }
  return requests;
}

interface MountOptions extends LoadOptions {
  readonly appDir: string;
}

/** What each component that has files will see: the directories themselves, or a plan of copies. */
type Mounts = Map<string, { direct: LockedFiles } | { plan: FilePlan }>;

async function planMounts(
  manifest: NormalManifest,
  options: MountOptions & { report: ManifestReport },
): Promise<Mounts> {
  const { appDir, report, rootDir } = options;
  const mounts: Mounts = new Map();
  for (const [id, { files, excludeFiles, path }] of manifest.components) {
    if (files.length === 0) continue;
    const owner = `component ${JSON.stringify(id)}`;
    const problem = (index: number, message: string) =>
      report.add([...path, "files", index], `${owner}: ${message}`);
    if (options.directMounts === "where-possible" && excludeFiles.length === 0) {
      const direct = await wholeDirectories(files, { appDir, ...withRoot(rootDir) });
      if (direct) {
        mounts.set(id, { direct });
        continue;
      }
    }
    if (options.directMounts !== true) {
      const targetDir = assetsDir(options.workingDir, id);
      const planOptions = { appDir, targetDir, excludeFiles, problem, ...withRoot(rootDir) };
      mounts.set(id, { plan: await planFiles(files, planOptions) });
      continue;
    }
    if (excludeFiles.length > 0) {
      report.add(
        [...path, "exclude_files"],
        `${owner}: Cannot load a component with \`exclude_files\` using --direct-mounts`,
      );
    }
    const direct = await directMounts(files, { appDir, problem, ...withRoot(rootDir) });
    mounts.set(id, { direct });
  }
  return mounts;
}

/** The mounts as they are, if each of them is a directory. */
async function wholeDirectories(
  files: NormalComponent["files"],
  options: { appDir: string; rootDir?: string },
): Promise<LockedFiles | undefined> {
  let isPossible = true;
  const direct = await directMounts(files, { ...options, problem: () => isPossible = false });
  return isPossible ? direct : undefined;
}

function withRoot(rootDir: string | undefined): { rootDir?: string } {
  return rootDir === undefined ? {} : { rootDir };
}

async function placeFiles(
  mounts: Mounts,
  { workingDir, appDir }: MountOptions,
): Promise<Map<string, LockedFiles>> {
  const placed = new Map<string, LockedFiles>();
  for (const [id, mount] of mounts) {
    const targetDir = assetsDir(workingDir, id);
    // A working directory within the app may hold files of the user.
    const isOwned = !isWithin(targetDir, appDir);
    placed.set(
      id,
      "direct" in mount ? mount.direct : await copyFiles(mount.plan, { targetDir, isOwned }),
    );
  }
  return placed;
}

function assetsDir(workingDir: string, componentId: string): string {
  return join(workingDir, "assets", componentId);
}

/** The app with variables added to the environment of every component; they win over its own. */
export function withEnvironment(
  app: LockedApp,
  environment: Readonly<Record<string, string>>,
): LockedApp {
  if (Object.keys(environment).length === 0) return app;
  const components = app.components.map((component) => {
    const env = Object.entries({ ...component.env, ...environment });
    return { ...component, env: Object.fromEntries(env.sort(([a], [b]) => a < b ? -1 : 1)) };
  });
  return { ...app, components };
}

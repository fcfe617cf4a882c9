/**
 * From a loaded app to what the store keeps of it.
 *
 * @module
 */

import { POD_PATHS, STORED_APP, type StoredApp } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import { fromFileUrl, toFileUrl } from "../../lib/file_url.ts";
import { componentFile, dependencyFiles, usedComponents } from "../engine/component_files.ts";
import { prepare } from "../engine/preparer.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import type { Workspace } from "./app_store.ts";

/** What {@link storeContent} needs. */
export interface StoreContentOptions {
  readonly workspace: Workspace;
  /** Root of the store; prepared components are kept there, and shared by apps. */
  readonly root: string;
  /** The root file system of the container, on this machine. */
  readonly rootfs: string;
  /** Tells about something that is odd, or costs time. */
  readonly report: (line: string) => void;
}

/** Components that are prepared at once; each takes a core, and some 200 MB for a moment. */
const MAX_CONCURRENCY = 4;

/**
 * Prepares every component that a trigger uses and links it into the app. Mounts become what the
 * container sees: files in the app below {@link POD_PATHS.app}, those of the image where they are.
 *
 * @throws {TerminalError} naming all components that cannot run.
 */
export async function storeContent(
  app: LockedApp,
  options: StoreContentOptions,
): Promise<StoredApp> {
  const entries = await prepareAll(usedComponents(app), options);
  // Components may be the same.
  for (const directory of new Set(entries.values())) {
    const target = `${options.workspace.app}/${STORED_APP.prepared}/${nameOf(directory)}`;
    await linkFiles(directory, target);
  }
  const prepared = [...entries].map(([id, directory]) => [id, nameOf(directory)]);
  const components = app.components.map((component) => toPod(component, options));
  return { format: 1, lockedApp: { ...app, components }, prepared: Object.fromEntries(prepared) };
}

/** @returns The directories of the prepared components, by id. */
async function prepareAll(
  components: readonly LockedComponent[],
  options: StoreContentOptions,
): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  const failures = new Map<LockedComponent, TerminalError>();
  const queue = components.values();
  async function work(): Promise<void> {
    for (const component of queue) {
      try {
        entries.set(component.id, await prepareOne(component, options));
      } catch (error) {
        if (!(error instanceof TerminalError)) throw error;
        failures.set(component, error);
      }
    }
  }
  const workers = Math.min(MAX_CONCURRENCY, navigator.hardwareConcurrency);
  await Promise.all(Array.from({ length: workers }, work));
  const inOrder = components.flatMap((component) => failures.get(component) ?? []);
  const [first] = inOrder;
  if (!first) return entries;
  const messages = new Set(inOrder.map(({ message }) => message));
  throw new TerminalError(first.reason, [...messages].join("\n"), { cause: first.cause });
}

async function prepareOne(
  component: LockedComponent,
  options: StoreContentOptions,
): Promise<string> {
  const { directory } = await prepare(componentFile(component), {
    component: component.id,
    dependencies: dependencyFiles(component),
    cacheDir: options.root,
    displayPath: displayPath(component, options),
    // The store is root's own: what cannot be written there can be written nowhere.
    fallbackDir: () => Promise.resolve(options.workspace.scratch),
    report: options.report,
  });
  return directory;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Links a directory's files; those of composed middleware are in directories of their own. */
async function linkFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const link = isDirectory ? linkFiles : linkFile;
    await link(`${from}/${name}`, `${to}/${name}`);
  }
}

/** What file systems say that give a file no other name, or no more of them. */
const NO_LINK: readonly unknown[] = ["EMLINK", "EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP"];

/** Makes `to` another name of the file, or a copy of it where that is not possible. */
export async function linkFile(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (!NO_LINK.includes((error as { code?: unknown }).code)) throw error;
    await Deno.copyFile(from, to);
  }
}

/** How messages call a component's source: its digest or its path in the image. */
function displayPath(
  component: LockedComponent,
  { rootfs }: Pick<StoreContentOptions, "rootfs">,
): string {
  const path = componentFile(component);
  return component.source.digest ??
    (path.startsWith(`${rootfs}/`) ? path.slice(rootfs.length) : path);
}

/**
 * Sources are prepared, and their files not needed any more; dependencies are composed with what has
 * them. Middleware is a component of its own, and is told by what depends on it.
 */
function toPod(
  component: LockedComponent,
  options: Pick<StoreContentOptions, "workspace" | "rootfs">,
): LockedComponent {
  const { source, files, dependencies: _composed, trigger_dependencies: others, ...rest } =
    component;
  return {
    ...rest,
    source: withoutFile(source),
    ...(files ? { files: files.map((mount) => toPodMount(mount, options)) } : {}),
    ...(others
      ? {
        trigger_dependencies: Object.fromEntries(
          Object.entries(others).map(([role, dependencies]) => [
            role,
            dependencies.map((item) => ({ ...item, source: withoutFile(item.source) })),
          ]),
        ),
      }
      : {}),
  };
}

function withoutFile({ content_type, digest }: LockedComponent["source"]) {
  return { content_type, ...(digest === undefined ? {} : { digest }) };
}

type Mount = NonNullable<LockedComponent["files"]>[number];

function toPodMount(
  { source, ...mount }: Mount,
  options: Pick<StoreContentOptions, "workspace" | "rootfs">,
): Mount {
  return source === undefined ? mount : { ...mount, source: podUrl(source, options) };
}

function podUrl(
  url: string,
  { workspace, rootfs }: Pick<StoreContentOptions, "workspace" | "rootfs">,
): string {
  const path = fromFileUrl(url);
  if (path === workspace.app || path.startsWith(`${workspace.app}/`)) {
    return toFileUrl(`${POD_PATHS.app}${path.slice(workspace.app.length)}`).href;
  }
  if (path === rootfs) return toFileUrl("/").href;
  if (path.startsWith(`${rootfs}/`)) return toFileUrl(path.slice(rootfs.length)).href;
  throw new Error(`A component's files are in "${path}", which no container sees`);
}

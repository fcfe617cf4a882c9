/**
 * Removes from the store what nobody needs any more.
 *
 * @module
 */

import { STORED_APP, type StoredApp } from "../../crds/contract.ts";
import { engineVersion } from "../engine/engine_version.ts";
import { CONTAINERD_METHODS } from "../proto/containerd_api.ts";
import { listDirectory, measureTree, removeTree } from "./_files.ts";
import { listNotes, type Note, removeNote } from "./app_notes.ts";
import type { AppStore } from "./app_store.ts";
import { type ContainerdClient, isNotFound } from "./containerd_client.ts";
import { imageDigestOf } from "./find_app.ts";

/** Options of {@link collectGarbage}. */
export interface GarbageOptions {
  readonly store: AppStore;
  /** Of any namespace. */
  readonly client: ContainerdClient;
  /** Milliseconds for which something has to be unused before it goes. */
  readonly unusedForMs: number;
  /** Bytes that the store may have. Default: any number. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds since 1970. Default: now. */
  readonly now?: number;
}

/** What has been removed. */
export interface Collected {
  /** Keys of apps. */
  readonly apps: readonly string[];
  /** Names of prepared components, and of downloads. */
  readonly entries: readonly string[];
  /** How many notes of containers that do not exist any more. */
  readonly notes: number;
}

/**
 * Removes, while nobody writes to the store: notes of containers that containerd does not know any
 * more; apps without a note, unused for `unusedForMs`, whose image is gone or which another version of
 * the program prepared; prepared components of no app, and downloads, of that age. If the store still
 * has more than `maxBytes`, apps without a note go too, the longest unused first.
 *
 * @throws {Error} if containerd cannot be asked; then nothing has been removed.
 */
export async function collectGarbage(options: GarbageOptions): Promise<Collected> {
  const { store, unusedForMs, now = Date.now(), maxBytes } = options;
  using _lock = await store.lockAlone();
  const notes = await listNotes(store.root);
  const stale = await findStale(notes, options.client);
  const images = await listImageDigests(options.client);
  for (const { path } of stale) removeNote(path);
  // Whatever was being made has been given up.
  for (const name of ["tmp", "locks"]) {
    for (const { path } of await listDirectory(`${store.root}/${name}`)) await removeTree(path);
  }
  const used = new Set(notes.filter((note) => !stale.includes(note)).map(({ key }) => key));
  const unused = (await listDirectory(`${store.root}/apps`)).filter(({ name }) => !used.has(name));
  const isOld = (modified: number): boolean => now - modified >= unusedForMs;
  const apps: string[] = [];
  const kept: { key: string; modified: number }[] = [];
  for (const { name: key, modified } of unused) {
    const isNeeded = images.has(imageDigestOf(key) ?? "") && await isCurrent(store.appDir(key));
    if (isNeeded || !isOld(modified)) kept.push({ key, modified });
    else if (await store.remove(key)) apps.push(key);
  }
  const entries = await removeEntries(store.root, isOld);
  if (maxBytes !== undefined) {
    for (const { key } of kept.sort((a, b) => a.modified - b.modified)) {
      if ((await measureTree(store.root)).bytes <= maxBytes) break;
      if (await store.remove(key)) apps.push(key);
      entries.push(...await removeEntries(store.root, () => true));
    }
  }
  return { apps, entries, notes: stale.length };
}

async function findStale(notes: readonly Note[], client: ContainerdClient): Promise<Note[]> {
  const stale: Note[] = [];
  for (const note of notes) {
    using own = client.withNamespace(note.namespace);
    try {
      await own.call(CONTAINERD_METHODS.getContainer, { id: note.container });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      stale.push(note);
    }
  }
  return stale;
}

/** What the images of all namespaces point to. */
async function listImageDigests(client: ContainerdClient): Promise<Set<string>> {
  const digests = new Set<string>();
  const { namespaces } = await client.call(CONTAINERD_METHODS.listNamespaces, {});
  for (const { name } of namespaces) {
    using own = client.withNamespace(name);
    const { images } = await own.call(CONTAINERD_METHODS.listImages, {});
    for (const { target } of images) if (target) digests.add(target.digest);
  }
  return digests;
}

/** Whether the app was prepared by this version of the engine: another's is never looked for. */
async function isCurrent(directory: string): Promise<boolean> {
  try {
    const text = await Deno.readTextFile(`${directory}/${STORED_APP.app}`);
    const { prepared }: StoredApp = JSON.parse(text);
    return Object.values(prepared).every((entry) => entry.endsWith(`-${engineVersion()}`));
  } catch (error) {
    const isDamaged = error instanceof SyntaxError || error instanceof TypeError ||
      error instanceof Deno.errors.NotFound;
    if (isDamaged) return false;
    throw error;
  }
}

/** Prepared components that no app has links to, and downloads. @returns Their names. */
async function removeEntries(
  root: string,
  isOld: (modified: number) => boolean,
): Promise<string[]> {
  const removed: string[] = [];
  for (const kind of ["prepared", "wasm"]) {
    for (const { name, path, modified } of await listDirectory(`${root}/${kind}`)) {
      if (!isOld(modified) || (await measureTree(path)).isShared) continue;
      await removeTree(path);
      removed.push(name);
    }
  }
  return removed;
}

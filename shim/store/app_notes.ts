/**
 * Notes of which containers use which apps of the store: a file a container, with the app's key.
 *
 * @module
 */

import { removeIfThereSync } from "../../lib/remove_if_there.ts";
import { listDirectory } from "./_files.ts";

/** A container, as containerd names it. */
export interface ContainerName {
  readonly namespace: string;
  readonly container: string;
}

/** A note that is there. */
export interface Note extends ContainerName {
  /** Key of the app. */
  readonly key: string;
  readonly path: string;
}

/** The file that notes what a container uses, in the store at `root`. */
export function notePath(root: string, { namespace, container }: ContainerName): string {
  return `${root}/refs/${namespace}/${container}`;
}

/** Writes a note, wholly or not at all. Its directory is made. */
export function writeNote(path: string, key: string): void {
  const end = path.lastIndexOf("/");
  const directory = path.slice(0, end);
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // No container's name begins with a dot.
  const temporary = `${directory}/.${path.slice(end + 1)}`;
  Deno.writeTextFileSync(temporary, key, { mode: 0o600 });
  Deno.renameSync(temporary, path);
}

/** Removes a note; fine if there is none. */
export function removeNote(path: string): void {
  removeIfThereSync(path);
}

/** All notes of the store at `root`. */
export async function listNotes(root: string): Promise<Note[]> {
  const notes: Note[] = [];
  for (const { name: namespace, path: directory } of await listDirectory(`${root}/refs`)) {
    for (const { name: container, path } of await listDirectory(directory)) {
      // One that is just being written; its app is there, and has just been touched.
      if (container.startsWith(".")) continue;
      const key = await readNote(path);
      if (key !== undefined) notes.push({ namespace, container, key, path });
    }
  }
  return notes;
}

/** @returns Undefined if it has just been removed. */
async function readNote(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

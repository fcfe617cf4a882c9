/**
 * Files of the store.
 *
 * @module
 */

/** Whether there is anything at the path. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a tree; fine if there is none. Read-only directories do not keep even others than root. */
export async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    await makeWritable(path);
    await Deno.remove(path, { recursive: true });
  }
}

async function makeWritable(path: string): Promise<void> {
  if (!(await Deno.lstat(path)).isDirectory) return;
  await Deno.chmod(path, 0o755);
  for await (const { name } of Deno.readDir(path)) await makeWritable(`${path}/${name}`);
}

/** An entry of a directory. */
export interface ListedFile {
  readonly name: string;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** What is in a directory, by name; nothing if there is no such directory. */
export async function listDirectory(directory: string): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  try {
    for await (const { name } of Deno.readDir(directory)) {
      const path = `${directory}/${name}`;
      const { mtime } = await Deno.lstat(path);
      files.push({ name, path, modified: mtime?.getTime() ?? 0 });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** How much a tree takes. */
export interface TreeSize {
  /** Every file once, whatever the number of its names. */
  readonly bytes: number;
  /** Whether a file has a name outside of the tree, too. */
  readonly isShared: boolean;
}

/** Measures a tree. */
export async function measureTree(path: string): Promise<TreeSize> {
  const seen = new Map<number, { bytes: number; names: number; links: number }>();
  await visit(path, seen);
  const files = [...seen.values()];
  return {
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    isShared: files.some(({ names, links }) => links > names),
  };
}

async function visit(
  path: string,
  seen: Map<number, { bytes: number; names: number; links: number }>,
): Promise<void> {
  const { isDirectory, size, ino, nlink } = await Deno.lstat(path);
  if (isDirectory) {
    for await (const { name } of Deno.readDir(path)) await visit(`${path}/${name}`, seen);
    return;
  }
  const file = seen.get(ino ?? 0) ?? { bytes: size, names: 0, links: nlink ?? 1 };
  file.names++;
  seen.set(ino ?? 0, file);
}

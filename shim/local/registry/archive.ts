/**
 * Directories as archives, in which equal content gives equal bytes.
 *
 * @module
 */

import { join } from "../../../lib/path.ts";

/** An archive does not tell when its files were written, nor by whom. */
const NOBODY = { mtime: new Date(0), uid: 0, gid: 0 } as const;

/**
 * Packs the directories and regular files below `directory` into a compressed archive, in the order
 * of names; names begin with `./`.
 */
export async function archiveDirectory(directory: string, target: string): Promise<void> {
  const { createTarPacker } = await import("modern-tar");
  const { readable, controller } = createTarPacker();
  const file = await Deno.open(target, { write: true, create: true, truncate: true });
  const written = readable.pipeThrough(new CompressionStream("gzip")).pipeTo(file.writable);
  async function addAll(prefix: string): Promise<void> {
    const entries = await Array.fromAsync(Deno.readDir(join(directory, prefix)));
    for (const { name, isDirectory, isFile } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
      const path = `${prefix}${name}`;
      if (isDirectory) await addDirectory(`${path}/`);
      else if (isFile) await addFile(path);
    }
  }
  async function addDirectory(path: string): Promise<void> {
    const header = {
      ...NOBODY,
      name: `./${path}`,
      size: 0,
      type: "directory",
      mode: 0o755,
    } as const;
    await controller.add(header).close();
    await addAll(path);
  }
  async function addFile(path: string): Promise<void> {
    const source = await Deno.open(join(directory, path));
    const { size } = await source.stat();
    const header = { ...NOBODY, name: `./${path}`, size, type: "file", mode: 0o644 } as const;
    await source.readable.pipeTo(controller.add(header));
  }
  async function pack(): Promise<void> {
    try {
      await addDirectory("");
      controller.finalize();
    } catch (error) {
      controller.error(error);
      throw error;
    }
  }
  await Promise.all([pack(), written]);
}

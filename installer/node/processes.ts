/**
 * The processes of a node, from its `/proc`.
 *
 * @module
 */

import type { HostFiles } from "./host_files.ts";

/** Ids of all processes. */
async function listProcesses(files: HostFiles): Promise<number[]> {
  return (await files.list("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
}

/**
 * Ids of the node's own processes of a name, as the kernel has it: at most 15 letters. Those of
 * containers do not count: a node may have whole nodes in its containers.
 */
export async function findProcesses(files: HostFiles, name: string): Promise<number[]> {
  const found: number[] = [];
  const proc = await files.resolve("/proc");
  const own = await readLink(`${proc}/1/ns/mnt`);
  for (const pid of await listProcesses(files)) {
    if ((await readText(`${proc}/${pid}/comm`))?.trim() !== name) continue;
    if (await readLink(`${proc}/${pid}/ns/mnt`) === own) found.push(pid);
  }
  return found;
}

/** The program that a process runs, as a path on the node; undefined if that cannot be told. */
export async function readProgram(files: HostFiles, pid: number): Promise<string | undefined> {
  return await readLink(`${await files.resolve("/proc")}/${pid}/exe`);
}

/** The words of a process' command line; empty if it has ended. */
export async function readCommand(files: HostFiles, pid: number): Promise<string[]> {
  const text = await readText(`${await files.resolve("/proc")}/${pid}/cmdline`) ?? "";
  return text === "" ? [] : text.replace(/\0$/, "").split("\0");
}

/** Whether a process runs a program below a path, names it on its command line, or has it mounted. */
export async function isUsedByAnyone(files: HostFiles, path: string): Promise<boolean> {
  const proc = await files.resolve("/proc");
  const namespaces = new Set<string | undefined>();
  for (const pid of await listProcesses(files)) {
    if ((await readLink(`${proc}/${pid}/exe`))?.startsWith(path)) return true;
    if ((await readText(`${proc}/${pid}/cmdline`))?.includes(path)) return true;
    // The mounts are those of all processes of the namespace.
    const namespace = await readLink(`${proc}/${pid}/ns/mnt`);
    if (namespaces.has(namespace)) continue;
    namespaces.add(namespace);
    if ((await readText(`${proc}/${pid}/mountinfo`))?.includes(` ${path}`)) return true;
  }
  return false;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await Deno.readLink(path);
  } catch {
    // It ended meanwhile, or is a process of the kernel.
    return undefined;
  }
}

/**
 * What a node has left on the machine, and how it is removed.
 *
 * @module
 */

import { removeIfThere } from "../../lib/remove_if_there.ts";
import { socketPath } from "../../shim/task/server_place.ts";
import type { ContainerdNode } from "./containerd_node.ts";
import { run } from "./run.ts";
import { waitUntil } from "./wait.ts";

const CGROUPS = "/sys/fs/cgroup";
const RUNC_ROOT = "/run/containerd/runc";
const SOCKETS = "/run/containerd/s";
/** What containerd 1.x and 2.x call the directory of running tasks, and of what they keep. */
const TASKS = "io.containerd.runtime.v2.task";

/**
 * Waits until nothing of a node's pods and containers is left: no process of shim or container, no
 * mount, cgroup, bundle, socket, state of runc, or reference in the store.
 * @throws {Error} that names what is left.
 */
export async function assertNothingLeft(node: ContainerdNode): Promise<void> {
  let left: string[] = [];
  await waitUntil(async () => (left = await listLeftovers(node)).length === 0, {
    what: "everything to be gone",
    timeoutMs: 15_000,
    explain: () => left.join("\n"),
  });
}

/** What is left, one line each. */
export async function listLeftovers(node: ContainerdNode): Promise<string[]> {
  const sockets = await Promise.all([...node.cri.made].map((id) => shimSocket(node, id)));
  return [
    ...shimProcesses(node).map((pid) => `process ${pid}: ${commandOf(pid)}`),
    ...mountsOf(node).map((path) => `mount ${path}`),
    ...cgroupsOf(node).map((path) => `cgroup ${path}`),
    ...["state", "root"].flatMap((part) => list(`${node.directory}/${part}/${TASKS}`))
      .flatMap((namespace) => list(namespace)).map((path) => `bundle ${path}`),
    ...list(`${RUNC_ROOT}/${node.name}`).map((path) => `runc ${path}`),
    ...list(`${RUNC_ROOT}/k8s.io`)
      .filter((path) => node.cri.made.has(path.split("/").at(-1)!)).map((path) => `runc ${path}`),
    ...sockets.filter(exists).map((path) => `socket ${path}`),
    ...list(SOCKETS).filter((path) => isConsoleOf(node, path)).map((path) => `socket ${path}`),
    ...list(`${node.storeDir}/refs`).flatMap(list).map((path) => `reference ${path}`),
  ];
}

/** The socket of the shim that serves a pod, or a container outside of pods. */
export async function shimSocket(
  node: ContainerdNode,
  id: string,
  namespace = "k8s.io",
): Promise<string> {
  return await socketPath(
    { grpcAddress: node.socket, socketDir: SOCKETS },
    { namespace, group: id },
  );
}

/** Pids of the node's shims, and of what they run on the node: they inherit containerd's address. */
export function shimProcesses(node: ContainerdNode): number[] {
  const mark = `TTRPC_ADDRESS=${node.socket}.ttrpc`;
  return pids().filter((pid) => {
    // `ctr` and the like do not have it; a process that ends meanwhile has none.
    const environment = readIfThere(`/proc/${pid}/environ`)?.split("\0") ?? [];
    return environment.includes(mark);
  });
}

/** Pids of the node's servers, and of starts that may become one. */
export function serverPids(node: ContainerdNode): number[] {
  return shimProcesses(node).filter((pid) => wordsOf(pid).includes("-stay"));
}

function wordsOf(pid: number): string[] {
  return readIfThere(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
}

/** The pid of the server of a pod's shim. */
export function shimPid(node: ContainerdNode, id: string): number {
  const found = serverPids(node).find((pid) => wordsOf(pid).includes(id));
  if (found === undefined) throw new Error(`No shim serves "${id}"`);
  return found;
}

function pids(): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter(Number.isInteger);
}

function commandOf(pid: number): string {
  return (readIfThere(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ").slice(0, 300);
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // It has ended, or it is the kernel's.
    return undefined;
  }
}

/** Mount points below the node's directory, the deepest first. */
export function mountsOf(node: ContainerdNode): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${node.directory}/`)).sort().reverse();
}

/** Cgroups of containers, in every hierarchy. */
export function cgroupsOf(node: ContainerdNode): string[] {
  return [CGROUPS, ...list(CGROUPS)].flatMap((hierarchy) => list(`${hierarchy}/${node.name}`))
    .filter((path) => exists(`${path}/cgroup.procs`));
}

function isConsoleOf(node: ContainerdNode, path: string): boolean {
  const start = path.split("/").at(-1)!.split("-", 1)[0]!;
  return start.length === 12 && [...node.cri.made].some((id) => id.startsWith(start));
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** Full paths of a directory's entries; none if it is not there. */
function list(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => `${directory}/${name}`);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Removes all of a node, also after a failed test. */
export async function removeNode(node: ContainerdNode): Promise<void> {
  await node.cri.removeAll().catch(() => {
    // What could not be removed the ordinary way is killed below.
  });
  await node.end();
  for (const pid of [...shimProcesses(node), ...taskProcesses(node)]) kill(pid);
  await waitUntil(() => taskProcesses(node).length === 0, { what: "containers to be gone" });
  for (const path of mountsOf(node)) await run("umount", ["-l", path]);
  await run("ip", ["link", "delete", node.name]);
  for (const path of list("/var/lib/cni/results")) {
    if (path.includes(`/${node.name}-net-`)) await Deno.remove(path);
  }
  for (const path of [...cgroupsOf(node), ...cgroupRoots(node)]) await removeCgroup(path);
  await removeIfThere(`${RUNC_ROOT}/${node.name}`, { recursive: true });
  await removeIfThere(node.directory, { recursive: true });
}

function cgroupRoots(node: ContainerdNode): string[] {
  return [CGROUPS, ...list(CGROUPS)].map((hierarchy) => `${hierarchy}/${node.name}`).filter(exists);
}

/** Pids of what the node's containers run. */
export function taskProcesses(node: ContainerdNode): number[] {
  return cgroupsOf(node).flatMap((path) =>
    (readIfThere(`${path}/cgroup.procs`) ?? "").split("\n").filter(Boolean).map(Number)
  );
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function removeCgroup(path: string): Promise<void> {
  // The kernel needs a moment after the last process has ended.
  await waitUntil(async () => {
    try {
      await Deno.remove(path);
      return true;
    } catch (error) {
      return error instanceof Deno.errors.NotFound;
    }
  }, { what: `cgroup ${path} to be removable`, timeoutMs: 5_000 });
}

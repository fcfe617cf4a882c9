/**
 * The cgroup of a container: its processes, its numbers, and whether its memory was used up.
 *
 * @module
 */

import { sleep } from "../../lib/timer.ts";
import { dirname } from "../../lib/path.ts";
import { StatusError } from "../ttrpc/status.ts";
import { readV1Metrics } from "./cgroup_v1.ts";
import { readV2Metrics } from "./cgroup_v2.ts";
import type { Any } from "../proto/well_known.ts";
import type { Libc } from "./libc.ts";
import { type OomWatch, watchOom } from "./oom_watch.ts";

/** The cgroup of one container. */
export interface ContainerCgroup {
  /** Pids of all processes in it and below; none if it is gone. */
  pids(): number[];
  /**
   * Its numbers, as the message that containerd reads for this version of cgroups.
   * @throws {StatusError} `NOT_FOUND` if the cgroup is gone.
   */
  stats(): Any;
  /** Whether the kernel has killed a process for want of memory since this was last asked. */
  wasOutOfMemory(): boolean;
  /**
   * The same after the last process has ended, when the cgroup may be gone.
   * @param isSuspicious The process was killed, and nobody here did it: it is worth waiting for what
   * the kernel has still to tell.
   */
  endedOutOfMemory(isSuspicious: boolean): Promise<boolean>;
  /** Forgets it. */
  close(): void;
}

/** Milliseconds until the kernel has told of the removal of a cgroup. */
const REMOVAL_MS = 200;

/** Where a process's cgroup is, for each controller. */
export interface CgroupPaths {
  readonly version: 1 | 2;
  /** Controller → directory; version 2 has one directory, under the empty name. */
  readonly directories: ReadonlyMap<string, string>;
}

const ROOT = "/sys/fs/cgroup";

/** The cgroup that a process is in. The caller closes it. */
export function openCgroup(libc: Libc, pid: number): ContainerCgroup {
  const paths = cgroupPaths(Deno.readTextFileSync(`/proc/${pid}/cgroup`), ROOT);
  const { version, directories } = paths;
  return createCgroup(
    paths,
    version === 1 ? watchOom(libc, directories.get("memory")!) : undefined,
  );
}

/** Reads `/proc/<pid>/cgroup`. Where version 1 has no memory controller, version 2 is what counts. */
export function cgroupPaths(text: string, root: string): CgroupPaths {
  const directories = new Map<string, string>();
  let unified = root;
  for (const line of text.trim().split("\n")) {
    const [, controllers = "", ...path] = line.split(":");
    const relative = path.join(":").replace(/\/$/, "");
    if (controllers === "") unified = `${root}${relative}`;
    for (const controller of controllers.split(",").filter((name) => name !== "")) {
      const mount = controller.startsWith("name=") ? controller.slice(5) : controller;
      directories.set(controller, `${root}/${mount}${relative}`);
    }
  }
  if (directories.has("memory")) return { version: 1, directories };
  return { version: 2, directories: new Map([["", unified]]) };
}

/** A cgroup by its directories. @param watch Its events, if there are such; closed with it. */
export function createCgroup(
  { version, directories }: CgroupPaths,
  watch?: OomWatch,
): ContainerCgroup {
  const processes = version === 1
    ? directories.get("pids") ?? directories.get("memory")!
    : directories.get("")!;
  const memory = version === 1 ? directories.get("memory")! : processes;
  let kills = readKills(memory, version) ?? 0;
  // What happens below a cgroup of version 2 is counted in it, too.
  const outer = version === 2 ? dirname(memory) : undefined;
  let outerKills = outer === undefined ? undefined : readKills(outer, version);
  function wasOutOfMemory(): boolean {
    const now = readKills(memory, version) ?? kills;
    if (outer !== undefined) outerKills = readKills(outer, version);
    const hasGrown = now > kills;
    kills = now;
    return hasGrown;
  }
  return {
    pids: () => listPids(processes),
    stats() {
      if (!exists(memory)) throw new StatusError("NOT_FOUND", `cgroup ${memory}: not found`);
      return version === 1 ? readV1Metrics(directories) : readV2Metrics(memory);
    },
    wasOutOfMemory,
    async endedOutOfMemory(isSuspicious) {
      if (readKills(memory, version) !== undefined) return wasOutOfMemory();
      if (outer !== undefined) {
        const now = readKills(outer, version) ?? 0;
        return isSuspicious && outerKills !== undefined && now > outerKills;
      }
      // One event is that of the removal.
      if (isSuspicious && watch && watch.count() < 2) {
        await sleep(REMOVAL_MS);
      }
      return (watch?.count() ?? 0) > 1;
    },
    close: () => watch?.close(),
  };
}

/** How many processes the kernel has killed; undefined if it does not say. */
function readKills(memory: string, version: 1 | 2): number | undefined {
  const file = version === 1 ? "memory.oom_control" : "memory.events";
  const value = readPairs(`${memory}/${file}`).get("oom_kill");
  return value === undefined ? undefined : Number(value);
}

function listPids(directory: string): number[] {
  const pids = (readIfThere(`${directory}/cgroup.procs`) ?? "").split("\n")
    .filter((line) => line !== "").map(Number);
  for (const entry of listDirectories(directory)) pids.push(...listPids(`${directory}/${entry}`));
  return pids;
}

function listDirectories(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory).map(({ name }) => name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** A file of a cgroup; undefined if the kernel does not have it, or the cgroup is gone. */
export function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** A cgroup that is being removed answers with ENODEV, and some files of it with EOPNOTSUPP. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof Error && /os error (?:19|95)\b/.test(error.message));
}

/** A file of lines `key value`. Empty if it is not there. */
export function readPairs(path: string): Map<string, bigint> {
  const pairs = new Map<string, bigint>();
  for (const line of (readIfThere(path) ?? "").split("\n")) {
    const [key, value] = line.split(" ");
    if (key && value !== undefined && /^\d+$/.test(value)) pairs.set(key, BigInt(value));
  }
  return pairs;
}

/** A file of one number; `max` is the largest there is. Zero if it is not there. */
export function readNumber(path: string): bigint {
  const text = readIfThere(path)?.trim() ?? "";
  if (text === "max") return 2n ** 64n - 1n;
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}

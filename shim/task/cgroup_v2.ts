/**
 * Metrics of a cgroup of version 2.
 *
 * @module
 */

import { CGROUP_V2_METRICS } from "../proto/cgroup_v2_metrics.ts";
import type { MessageInit } from "../proto/schema.ts";
import { type Any, packAny } from "../proto/well_known.ts";
import { readIfThere, readNumber, readPairs } from "./cgroup.ts";

type Metrics = MessageInit<typeof CGROUP_V2_METRICS>;

/** @param directory The cgroup's. */
export function readV2Metrics(directory: string): Any {
  const metrics: Metrics = {
    pids: {
      current: readNumber(`${directory}/pids.current`),
      limit: readNumber(`${directory}/pids.max`),
    },
    cpu: camelCase(readPairs(`${directory}/cpu.stat`), CPU_KEYS),
    memory: {
      ...camelCase(readPairs(`${directory}/memory.stat`), MEMORY_KEYS),
      usage: readNumber(`${directory}/memory.current`),
      usageLimit: readNumber(`${directory}/memory.max`),
      maxUsage: readNumber(`${directory}/memory.peak`),
      swapUsage: readNumber(`${directory}/memory.swap.current`),
      swapLimit: readNumber(`${directory}/memory.swap.max`),
      swapMaxUsage: readNumber(`${directory}/memory.swap.peak`),
    },
    memoryEvents: camelCase(readPairs(`${directory}/memory.events`), EVENT_KEYS),
    io: { usage: readIo(`${directory}/io.stat`) },
  };
  return packAny(CGROUP_V2_METRICS, metrics);
}

const CPU_KEYS = [
  ...["usage_usec", "user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec"],
  ...["nr_bursts", "burst_usec"],
];

const MEMORY_KEYS = [
  ...["anon", "file", "kernel_stack", "slab", "sock", "shmem", "file_mapped", "file_dirty"],
  ...["file_writeback", "anon_thp", "inactive_anon", "active_anon", "inactive_file", "active_file"],
  ...["unevictable", "slab_reclaimable", "slab_unreclaimable", "pgfault", "pgmajfault"],
  ...["workingset_refault", "workingset_activate", "workingset_nodereclaim", "pgrefill", "pgscan"],
  ...["pgsteal", "pgactivate", "pgdeactivate", "pglazyfree", "pglazyfreed", "thp_fault_alloc"],
  "thp_collapse_alloc",
];

const EVENT_KEYS = ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"];

/** The pairs of these keys, under the names of the message's fields. */
function camelCase(
  pairs: ReadonlyMap<string, bigint>,
  keys: readonly string[],
): Record<string, bigint> {
  const fields: Record<string, bigint> = {};
  for (const key of keys) {
    const value = pairs.get(key);
    if (value === undefined) continue;
    fields[key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] = value;
  }
  return fields;
}

/** Lines of `8:0 rbytes=1 wbytes=2 rios=3 wios=4`. */
function readIo(path: string) {
  return (readIfThere(path) ?? "").split("\n").flatMap((line) => {
    const [device = "", ...pairs] = line.split(" ");
    const match = /^(\d+):(\d+)$/.exec(device);
    if (!match) return [];
    const values = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
    const value = (name: string): bigint => BigInt(values.get(name) ?? 0);
    return [{
      major: BigInt(match[1]!),
      minor: BigInt(match[2]!),
      rbytes: value("rbytes"),
      wbytes: value("wbytes"),
      rios: value("rios"),
      wios: value("wios"),
    }];
  });
}

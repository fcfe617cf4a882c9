/**
 * Metrics of a cgroup of version 1.
 *
 * @module
 */

import { CGROUP_V1_METRICS } from "../proto/cgroup_v1_metrics.ts";
import type { MessageInit } from "../proto/schema.ts";
import { type Any, packAny } from "../proto/well_known.ts";
import { readIfThere, readNumber, readPairs } from "./cgroup.ts";

type Metrics = MessageInit<typeof CGROUP_V1_METRICS>;

/** Nanoseconds of a tick of `cpuacct.stat`. */
const TICK_NS = 10_000_000n;

/** @param directories Controller → directory. */
export function readV1Metrics(directories: ReadonlyMap<string, string>): Any {
  const at = (controller: string, file: string): string =>
    `${directories.get(controller) ?? "/nonexistent"}/${file}`;
  const metrics: Metrics = {
    pids: {
      current: readNumber(at("pids", "pids.current")),
      limit: limitOf(readNumber(at("pids", "pids.max"))),
    },
    cpu: readCpu(at),
    memory: readMemory(at),
    blkio: {
      ioServiceBytesRecursive: readBlkio(at("blkio", "blkio.throttle.io_service_bytes_recursive")),
      ioServicedRecursive: readBlkio(at("blkio", "blkio.throttle.io_serviced_recursive")),
    },
    memoryOomControl: readOomControl(at),
  };
  return packAny(CGROUP_V1_METRICS, metrics);
}

type At = (controller: string, file: string) => string;

function readCpu(at: At): NonNullable<Metrics["cpu"]> {
  const stat = readPairs(at("cpuacct", "cpuacct.stat"));
  const throttling = readPairs(at("cpu", "cpu.stat"));
  const perCpu = (readIfThere(at("cpuacct", "cpuacct.usage_percpu")) ?? "").trim().split(" ")
    .filter((text) => text !== "").map(BigInt);
  return {
    usage: {
      total: readNumber(at("cpuacct", "cpuacct.usage")),
      kernel: (stat.get("system") ?? 0n) * TICK_NS,
      user: (stat.get("user") ?? 0n) * TICK_NS,
      perCpu,
    },
    throttling: {
      periods: throttling.get("nr_periods") ?? 0n,
      throttledPeriods: throttling.get("nr_throttled") ?? 0n,
      throttledTime: throttling.get("throttled_time") ?? 0n,
    },
  };
}

/** Field → key in `memory.stat`; those of the hierarchy have `total_` before them. */
const MEMORY_KEYS = {
  cache: "cache",
  rss: "rss",
  rssHuge: "rss_huge",
  mappedFile: "mapped_file",
  dirty: "dirty",
  writeback: "writeback",
  pgPgIn: "pgpgin",
  pgPgOut: "pgpgout",
  pgFault: "pgfault",
  pgMajFault: "pgmajfault",
  inactiveAnon: "inactive_anon",
  activeAnon: "active_anon",
  inactiveFile: "inactive_file",
  activeFile: "active_file",
  unevictable: "unevictable",
} as const;

function readMemory(at: At): NonNullable<Metrics["memory"]> {
  const stat = readPairs(at("memory", "memory.stat"));
  const memory: Record<string, unknown> = {
    hierarchicalMemoryLimit: stat.get("hierarchical_memory_limit") ?? 0n,
    hierarchicalSwapLimit: stat.get("hierarchical_memsw_limit") ?? 0n,
  };
  for (const [field, key] of Object.entries(MEMORY_KEYS)) {
    memory[field] = stat.get(key) ?? 0n;
    memory[`total${field[0]!.toUpperCase()}${field.slice(1)}`] = stat.get(`total_${key}`) ?? 0n;
  }
  for (
    const [field, prefix] of [
      ["usage", "memory"],
      ["swap", "memory.memsw"],
      ["kernel", "memory.kmem"],
      ["kernelTcp", "memory.kmem.tcp"],
    ] as const
  ) {
    if (readIfThere(at("memory", `${prefix}.usage_in_bytes`)) === undefined) continue;
    memory[field] = {
      limit: readNumber(at("memory", `${prefix}.limit_in_bytes`)),
      usage: readNumber(at("memory", `${prefix}.usage_in_bytes`)),
      max: readNumber(at("memory", `${prefix}.max_usage_in_bytes`)),
      failcnt: readNumber(at("memory", `${prefix}.failcnt`)),
    };
  }
  return memory as NonNullable<Metrics["memory"]>;
}

/** Lines of `8:0 Read 4096`; the sum at the end has no device. */
function readBlkio(path: string) {
  return (readIfThere(path) ?? "").split("\n").flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    if (!match) return [];
    const [, major, minor, op, value] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
    ];
    return [{ op, device: "", major: BigInt(major), minor: BigInt(minor), value: BigInt(value) }];
  });
}

function readOomControl(at: At): NonNullable<Metrics["memoryOomControl"]> {
  const pairs = readPairs(at("memory", "memory.oom_control"));
  return {
    oomKillDisable: pairs.get("oom_kill_disable") ?? 0n,
    underOom: pairs.get("under_oom") ?? 0n,
    oomKill: pairs.get("oom_kill") ?? 0n,
  };
}

/** No limit is 0 here, unlike for memory. */
function limitOf(limit: bigint): bigint {
  return limit === 2n ** 64n - 1n ? 0n : limit;
}

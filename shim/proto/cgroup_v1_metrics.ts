/**
 * Metrics of a container under cgroup version 1. Numbers are bytes, nanoseconds or counts, as the
 * kernel's files have them.
 *
 * @module
 */

import { message, type MessageOf, nested, repeated, string, uint32, uint64 } from "./schema.ts";

const PACKAGE = "io.containerd.cgroups.v1";

const HUGETLB_STAT = message(`${PACKAGE}.HugetlbStat`, {
  usage: uint64(1),
  max: uint64(2),
  failcnt: uint64(3),
  pagesize: string(4),
});

const PIDS_STAT = message(`${PACKAGE}.PidsStat`, { current: uint64(1), limit: uint64(2) });

const CPU_STAT = message(`${PACKAGE}.CPUStat`, {
  usage: nested(
    1,
    message(`${PACKAGE}.CPUUsage`, {
      total: uint64(1),
      kernel: uint64(2),
      user: uint64(3),
      perCpu: repeated(uint64(4)),
    }),
  ),
  throttling: nested(
    2,
    message(`${PACKAGE}.Throttle`, {
      periods: uint64(1),
      throttledPeriods: uint64(2),
      throttledTime: uint64(3),
    }),
  ),
});

const MEMORY_ENTRY = message(`${PACKAGE}.MemoryEntry`, {
  limit: uint64(1),
  usage: uint64(2),
  max: uint64(3),
  failcnt: uint64(4),
});

const MEMORY_STAT = message(`${PACKAGE}.MemoryStat`, {
  cache: uint64(1),
  rss: uint64(2),
  rssHuge: uint64(3),
  mappedFile: uint64(4),
  dirty: uint64(5),
  writeback: uint64(6),
  pgPgIn: uint64(7),
  pgPgOut: uint64(8),
  pgFault: uint64(9),
  pgMajFault: uint64(10),
  inactiveAnon: uint64(11),
  activeAnon: uint64(12),
  inactiveFile: uint64(13),
  activeFile: uint64(14),
  unevictable: uint64(15),
  hierarchicalMemoryLimit: uint64(16),
  hierarchicalSwapLimit: uint64(17),
  totalCache: uint64(18),
  totalRss: uint64(19),
  totalRssHuge: uint64(20),
  totalMappedFile: uint64(21),
  totalDirty: uint64(22),
  totalWriteback: uint64(23),
  totalPgPgIn: uint64(24),
  totalPgPgOut: uint64(25),
  totalPgFault: uint64(26),
  totalPgMajFault: uint64(27),
  totalInactiveAnon: uint64(28),
  totalActiveAnon: uint64(29),
  totalInactiveFile: uint64(30),
  totalActiveFile: uint64(31),
  totalUnevictable: uint64(32),
  usage: nested(33, MEMORY_ENTRY),
  swap: nested(34, MEMORY_ENTRY),
  kernel: nested(35, MEMORY_ENTRY),
  kernelTcp: nested(36, MEMORY_ENTRY),
});

const BLKIO_ENTRY = message(`${PACKAGE}.BlkIOEntry`, {
  op: string(1),
  device: string(2),
  major: uint64(3),
  minor: uint64(4),
  value: uint64(5),
});

const BLKIO_STAT = message(`${PACKAGE}.BlkIOStat`, {
  ioServiceBytesRecursive: repeated(nested(1, BLKIO_ENTRY)),
  ioServicedRecursive: repeated(nested(2, BLKIO_ENTRY)),
  ioQueuedRecursive: repeated(nested(3, BLKIO_ENTRY)),
  ioServiceTimeRecursive: repeated(nested(4, BLKIO_ENTRY)),
  ioWaitTimeRecursive: repeated(nested(5, BLKIO_ENTRY)),
  ioMergedRecursive: repeated(nested(6, BLKIO_ENTRY)),
  ioTimeRecursive: repeated(nested(7, BLKIO_ENTRY)),
  sectorsRecursive: repeated(nested(8, BLKIO_ENTRY)),
});

const RDMA_ENTRY = message(`${PACKAGE}.RdmaEntry`, {
  device: string(1),
  hcaHandles: uint32(2),
  hcaObjects: uint32(3),
});

const RDMA_STAT = message(`${PACKAGE}.RdmaStat`, {
  current: repeated(nested(1, RDMA_ENTRY)),
  limit: repeated(nested(2, RDMA_ENTRY)),
});

const NETWORK_STAT = message(`${PACKAGE}.NetworkStat`, {
  name: string(1),
  rxBytes: uint64(2),
  rxPackets: uint64(3),
  rxErrors: uint64(4),
  rxDropped: uint64(5),
  txBytes: uint64(6),
  txPackets: uint64(7),
  txErrors: uint64(8),
  txDropped: uint64(9),
});

const CGROUP_STATS = message(`${PACKAGE}.CgroupStats`, {
  nrSleeping: uint64(1),
  nrRunning: uint64(2),
  nrStopped: uint64(3),
  nrUninterruptible: uint64(4),
  nrIoWait: uint64(5),
});

const MEMORY_OOM_CONTROL = message(`${PACKAGE}.MemoryOomControl`, {
  oomKillDisable: uint64(1),
  underOom: uint64(2),
  oomKill: uint64(3),
});

/** All metrics. CRI reads `pids.current`, `cpu.usage.total`, and of the memory several. */
export const CGROUP_V1_METRICS = message(`${PACKAGE}.Metrics`, {
  hugetlb: repeated(nested(1, HUGETLB_STAT)),
  pids: nested(2, PIDS_STAT),
  cpu: nested(3, CPU_STAT),
  memory: nested(4, MEMORY_STAT),
  blkio: nested(5, BLKIO_STAT),
  rdma: nested(6, RDMA_STAT),
  network: repeated(nested(7, NETWORK_STAT)),
  cgroupStats: nested(8, CGROUP_STATS),
  memoryOomControl: nested(9, MEMORY_OOM_CONTROL),
});
/** See {@link CGROUP_V1_METRICS}. */
export type CgroupV1Metrics = MessageOf<typeof CGROUP_V1_METRICS>;

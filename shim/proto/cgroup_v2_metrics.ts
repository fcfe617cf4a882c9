/**
 * Metrics of a container under cgroup version 2. Numbers are bytes, microseconds or counts, as the
 * kernel's files have them; `max` in a file is 2^64 − 1 here.
 *
 * @module
 */

import {
  double,
  message,
  type MessageOf,
  nested,
  repeated,
  string,
  uint32,
  uint64,
} from "./schema.ts";

const PACKAGE = "io.containerd.cgroups.v2";

const PSI_DATA = message(`${PACKAGE}.PSIData`, {
  avg10: double(1),
  avg60: double(2),
  avg300: double(3),
  total: uint64(4),
});

const PSI_STATS = message(`${PACKAGE}.PSIStats`, {
  some: nested(1, PSI_DATA),
  full: nested(2, PSI_DATA),
});

const PIDS_STAT = message(`${PACKAGE}.PidsStat`, { current: uint64(1), limit: uint64(2) });

const CPU_STAT = message(`${PACKAGE}.CPUStat`, {
  usageUsec: uint64(1),
  userUsec: uint64(2),
  systemUsec: uint64(3),
  nrPeriods: uint64(4),
  nrThrottled: uint64(5),
  throttledUsec: uint64(6),
  psi: nested(7, PSI_STATS),
  nrBursts: uint64(8),
  burstUsec: uint64(9),
});

const MEMORY_STAT = message(`${PACKAGE}.MemoryStat`, {
  anon: uint64(1),
  file: uint64(2),
  kernelStack: uint64(3),
  slab: uint64(4),
  sock: uint64(5),
  shmem: uint64(6),
  fileMapped: uint64(7),
  fileDirty: uint64(8),
  fileWriteback: uint64(9),
  anonThp: uint64(10),
  inactiveAnon: uint64(11),
  activeAnon: uint64(12),
  inactiveFile: uint64(13),
  activeFile: uint64(14),
  unevictable: uint64(15),
  slabReclaimable: uint64(16),
  slabUnreclaimable: uint64(17),
  pgfault: uint64(18),
  pgmajfault: uint64(19),
  workingsetRefault: uint64(20),
  workingsetActivate: uint64(21),
  workingsetNodereclaim: uint64(22),
  pgrefill: uint64(23),
  pgscan: uint64(24),
  pgsteal: uint64(25),
  pgactivate: uint64(26),
  pgdeactivate: uint64(27),
  pglazyfree: uint64(28),
  pglazyfreed: uint64(29),
  thpFaultAlloc: uint64(30),
  thpCollapseAlloc: uint64(31),
  usage: uint64(32),
  usageLimit: uint64(33),
  swapUsage: uint64(34),
  swapLimit: uint64(35),
  maxUsage: uint64(36),
  swapMaxUsage: uint64(37),
  psi: nested(38, PSI_STATS),
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

const IO_ENTRY = message(`${PACKAGE}.IOEntry`, {
  major: uint64(1),
  minor: uint64(2),
  rbytes: uint64(3),
  wbytes: uint64(4),
  rios: uint64(5),
  wios: uint64(6),
});

const IO_STAT = message(`${PACKAGE}.IOStat`, {
  usage: repeated(nested(1, IO_ENTRY)),
  psi: nested(2, PSI_STATS),
});

const HUGETLB_STAT = message(`${PACKAGE}.HugeTlbStat`, {
  current: uint64(1),
  max: uint64(2),
  pagesize: string(3),
  failcnt: uint64(4),
});

const MEMORY_EVENTS = message(`${PACKAGE}.MemoryEvents`, {
  low: uint64(1),
  high: uint64(2),
  max: uint64(3),
  oom: uint64(4),
  oomKill: uint64(5),
  oomGroupKill: uint64(6),
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

/** All metrics. CRI reads `pids.current`, `cpu.usageUsec`, and of the memory several. */
export const CGROUP_V2_METRICS = message(`${PACKAGE}.Metrics`, {
  pids: nested(1, PIDS_STAT),
  cpu: nested(2, CPU_STAT),
  memory: nested(4, MEMORY_STAT),
  rdma: nested(5, RDMA_STAT),
  io: nested(6, IO_STAT),
  hugetlb: repeated(nested(7, HUGETLB_STAT)),
  memoryEvents: nested(8, MEMORY_EVENTS),
  network: repeated(nested(9, NETWORK_STAT)),
});
/** See {@link CGROUP_V2_METRICS}. */
export type CgroupV2Metrics = MessageOf<typeof CGROUP_V2_METRICS>;

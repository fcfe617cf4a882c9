/**
 * How many CPUs this process may use.
 *
 * @module
 */

/** Reads a file, or gives undefined if it cannot be read. */
export type ReadText = (path: string) => string | undefined;

/** Memory that an isolate and the instances in it should have, in bytes. */
const ISOLATE_BYTES = 96 * 1024 * 1024;

/**
 * Whole CPUs the cgroup allows, rounded up; at least 1 and at most what the machine has.
 * @param available The machine's CPUs.
 */
export function cpuLimit(available: number, readText: ReadText): number {
  const quota = cgroupV2Quota(readText) ?? cgroupV1Quota(readText);
  return Math.max(1, Math.min(available, Math.ceil(quota ?? available)));
}

/**
 * How many isolates serve an app if nobody says it: one for each CPU that the cgroup allows, unless
 * its memory is too small for so many.
 * @param available The machine's CPUs.
 */
export function isolateCount(available: number, readText: ReadText): number {
  const fitting = Math.floor((memoryLimit(readText) ?? Infinity) / ISOLATE_BYTES);
  return Math.max(1, Math.min(cpuLimit(available, readText), fitting));
}

function cgroupV2Quota(readText: ReadText): number | undefined {
  const [quota, period] = readText("/sys/fs/cgroup/cpu.max")?.trim().split(" ") ?? [];
  return ratio(quota, period);
}

function cgroupV1Quota(readText: ReadText): number | undefined {
  return ratio(
    readText("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    readText("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
  );
}

/** `max` and -1 mean no limit. */
function ratio(quota: string | undefined, period: string | undefined): number | undefined {
  const value = Number(quota) / Number(period);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

/**
 * Bytes of memory the cgroup allows, or undefined if it sets no limit below the machine's memory.
 */
export function memoryLimit(readText: ReadText): number | undefined {
  const text = readText("/sys/fs/cgroup/memory.max") ??
    readText("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) && value > 0 && value < 2 ** 50
    ? value
    : undefined;
}

/** {@link ReadText} on the real file system. */
export function readTextFile(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // No such controller here: no limit.
    return undefined;
  }
}

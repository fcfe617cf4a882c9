/**
 * How much memory a process uses, as Linux counts it. Elsewhere nothing is known, and the functions
 * say so by returning undefined.
 *
 * @module
 */

/** Bytes of a process and its descendants, together. */
export interface MemoryUse {
  /** Resident now. Pages that processes share (the text of a binary) count in each of them. */
  readonly residentBytes: number;
  /** The most that was resident since the start or the last {@link resetPeak}. */
  readonly peakBytes: number;
  /** Resident now and in no other process: what the system would get back. */
  readonly privateBytes: number;
}

/** The value of a line `Name:   123 kB`, in bytes; 0 without such a line. */
export function kilobyteField(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text);
  return match ? Number(match[1]) * 1024 : 0;
}

/** The use of `pid` and its descendants; undefined if there is no such process, or no `/proc`. */
export function readMemory(pid: number): MemoryUse | undefined {
  let total: MemoryUse | undefined;
  for (const member of processTree(pid)) {
    const status = readIfThere(`/proc/${member}/status`);
    const rollup = readIfThere(`/proc/${member}/smaps_rollup`) ?? "";
    if (status === undefined) continue;
    total = {
      residentBytes: (total?.residentBytes ?? 0) + kilobyteField(status, "VmRSS"),
      peakBytes: (total?.peakBytes ?? 0) + kilobyteField(status, "VmHWM"),
      privateBytes: (total?.privateBytes ?? 0) + kilobyteField(rollup, "Private_Clean") +
        kilobyteField(rollup, "Private_Dirty"),
    };
  }
  return total;
}

/**
 * Lets {@link MemoryUse.peakBytes} count from now on.
 * @returns false where the system does not allow it; the peak then counts from the start.
 */
export function resetPeak(pid: number): boolean {
  try {
    // proc(5): 5 resets the peak resident set size to the current one.
    for (const member of processTree(pid)) {
      Deno.writeTextFileSync(`/proc/${member}/clear_refs`, "5");
    }
    return true;
  } catch {
    // A sandbox that hides this file; the caller says that the peak includes the start.
    return false;
  }
}

function processTree(pid: number): number[] {
  const children = readIfThere(`/proc/${pid}/task/${pid}/children`) ?? "";
  return [pid, ...children.split(" ").filter(Boolean).flatMap((child) => processTree(+child))];
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The process has ended (NotFound, ESRCH), or the system has no such file.
    return undefined;
  }
}

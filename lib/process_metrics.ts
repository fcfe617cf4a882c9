/**
 * Metrics of the process itself, as Prometheus' clients name them.
 *
 * @module
 */

import type { Labels, MetricRegistry } from "./metric_registry.ts";

/** Ticks a second in which Linux tells times of processes to everybody, on every machine. */
const TICKS = 100;

/** Adds what Linux knows of this process, and the size of the heap. Elsewhere only the heap is told. */
export function addProcessMetrics(registry: MetricRegistry): void {
  function add(
    name: string,
    { type = "gauge", help, read }: {
      type?: "counter" | "gauge";
      help: string;
      read: () => number | undefined;
    },
  ): void {
    registry.computed(name, {
      type,
      help,
      read: () => {
        const value = read();
        return value === undefined ? [] : [[{}, value]] as [Labels, number][];
      },
    });
  }
  add("process_cpu_seconds_total", {
    type: "counter",
    help: "Time on processors, in seconds",
    read: () => seconds(statField(14), statField(15)),
  });
  add("process_resident_memory_bytes", {
    help: "Memory that is in use",
    read: () => statusBytes("VmRSS"),
  });
  add("process_virtual_memory_bytes", {
    help: "Memory that has been reserved",
    read: () => statusBytes("VmSize"),
  });
  add("process_heap_bytes", {
    help: "Objects of the program, and what is garbage by now",
    read: () => Deno.memoryUsage().heapUsed,
  });
  add("process_start_time_seconds", {
    help: "Start of the process, in seconds since 1970",
    read: () => startTime(),
  });
  add("process_open_fds", { help: "Open files and connections", read: () => countOpenFiles() });
  add("process_max_fds", {
    help: "Files and connections that may be open",
    read: () => numberIn("/proc/self/limits", /^Max open files +(\d+)/m),
  });
}

/** A field of `/proc/self/stat`, counted from 1 as in proc(5). */
function statField(field: number): number | undefined {
  const text = readIfThere("/proc/self/stat");
  // The name of the program, the second field, is in brackets and may have spaces.
  const rest = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return rest && Number(rest[field - 3]);
}

function seconds(...ticks: (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const count of ticks) {
    if (count === undefined) return undefined;
    sum += count;
  }
  return sum / TICKS;
}

function startTime(): number | undefined {
  const sinceBoot = seconds(statField(22));
  const boot = numberIn("/proc/stat", /^btime (\d+)$/m);
  return sinceBoot === undefined || boot === undefined ? undefined : boot + sinceBoot;
}

function statusBytes(name: string): number | undefined {
  const kibibytes = numberIn("/proc/self/status", new RegExp(`^${name}:\\s+(\\d+) kB$`, "m"));
  return kibibytes === undefined ? undefined : kibibytes * 1024;
}

function countOpenFiles(): number | undefined {
  try {
    // One of them is the directory that is being read.
    return [...Deno.readDirSync("/proc/self/fd")].length - 1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function numberIn(path: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(readIfThere(path) ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Only Linux has these files. */
function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

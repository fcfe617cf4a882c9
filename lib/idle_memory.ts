/**
 * Memory of processes that wait for work most of the time, and of which there are many: those of pods.
 *
 * @module
 */

import { callLater } from "./timer.ts";

/** Milliseconds of the first look; each further one comes after twice the time. */
const FIRST_LOOK_MS = 2_000;
const LOOKS = 6;
/** Milliseconds of the main thread's work between two looks up to which it counts as idle. */
const MAX_WORK_MS = 20;

/** What is looked at and called; the process's own by default. */
export interface IdleMemoryEdge {
  /** Milliseconds that the main thread has worked so far; undefined if the system does not say. */
  readonly workedMs: () => number | undefined;
  /** Gives memory back to the system. */
  readonly release: () => void;
  /** Milliseconds until the first look. Default: two seconds. */
  readonly firstLookMs?: number;
}

/** Waits for idle times. The owner closes it. */
export interface IdleMemory extends Disposable {
  /** There was work; the next idle time is worth a look again. */
  worked(): void;
}

/**
 * Gives memory back that work has left behind, as soon as there is none: V8 keeps the pages of
 * garbage, and the C library those of freed blocks, for half a minute or for ever. That holds the
 * process up for 20 to 50 milliseconds, so it is not done while it is busy; after two minutes without
 * an idle moment it is given up. Needs `--expose-gc`.
 */
export function releaseWhenIdle(
  { workedMs, release, firstLookMs = FIRST_LOOK_MS }: IdleMemoryEdge = OWN_PROCESS,
): IdleMemory {
  let cancel: (() => void) | undefined;
  function look(count: number, before: number): void {
    const now = workedMs();
    if (now === undefined) return;
    if (now - before <= MAX_WORK_MS) release();
    else if (count < LOOKS) wait(count + 1, now);
  }
  function wait(count: number, before: number): void {
    cancel = callLater(() => look(count, before), firstLookMs * 2 ** (count - 1));
  }
  function worked(): void {
    cancel?.();
    const now = workedMs();
    if (now !== undefined) wait(1, now);
  }
  worked();
  return { worked, [Symbol.dispose]: () => cancel?.() };
}

const OWN_PROCESS: IdleMemoryEdge = { workedMs: ownWorkMs, release: releaseMemory };

/** The first number of the file is the time on a CPU in nanoseconds, of the main thread alone. */
function ownWorkMs(): number | undefined {
  try {
    return Number(Deno.readTextFileSync("/proc/self/schedstat").split(" ", 1)[0]) / 1e6;
  } catch {
    // Not Linux, or a kernel that does not count.
    return undefined;
  }
}

function releaseMemory(): void {
  const { gc } = globalThis as { gc?: (options: Record<string, string>) => void };
  // Other kinds of collection keep the pages for what comes next.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  const libc = Deno.dlopen("libc.so.6", {
    malloc_trim: { parameters: ["usize"], result: "i32" },
  });
  libc.symbols.malloc_trim(0n);
  libc.close();
}

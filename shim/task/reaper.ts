/**
 * The ends of processes that runc leaves to us. Its containers are no children of ours: when runc
 * has gone they are handed to the nearest ancestor that asked for them.
 *
 * @module
 */

import { callAtIntervals } from "../../lib/timer.ts";
import { check, type Libc } from "./libc.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
/** Milliseconds between two looks for processes that nobody waits for. */
const ORPHANS_MS = 30_000;

/** How a process ended. */
export interface Exit {
  /** The exit code, or 128 and the signal's number. */
  readonly status: number;
  readonly at: Date;
}

/** Reads what is needed of `/proc`. */
export interface ProcReader {
  /** Pids of our zombies. */
  zombies(): number[];
}

/**
 * Collects processes by their pids, never by "any": Deno collects the children it has started itself.
 * One per process; the owner closes it.
 */
export class Reaper {
  readonly #libc: Libc;
  readonly #proc: ProcReader;
  readonly #watched = new Map<number, (exit: Exit) => void>();
  readonly #onChild = () => this.#sweep();
  readonly #stopLooking: () => void;
  /** Zombies of the look before: whoever they belong to has had time to collect them. */
  #strangers = new Set<number>();

  /** Makes this process the one that orphans are handed to. */
  constructor(libc: Libc, proc: ProcReader = { zombies: () => listZombies() }) {
    this.#libc = libc;
    this.#proc = proc;
    check(libc, { call: "prctl", result: libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) });
    Deno.addSignalListener("SIGCHLD", this.#onChild);
    this.#stopLooking = callAtIntervals(() => this.#collectStrangers(), ORPHANS_MS);
  }

  /** Resolves when a process that was handed to us ends; also if it has ended already. */
  exitOf(pid: number): Promise<Exit> {
    return new Promise((resolve) => {
      this.#watched.set(pid, resolve);
      this.#sweep();
    });
  }

  close(): void {
    Deno.removeSignalListener("SIGCHLD", this.#onChild);
    this.#stopLooking();
  }

  #sweep(): void {
    for (const [pid, resolve] of this.#watched) {
      const status = this.#wait(pid);
      if (status === undefined) continue;
      this.#watched.delete(pid);
      resolve({ status, at: new Date() });
    }
  }

  /** @returns The exit status of an ended process; undefined while it runs. */
  #wait(pid: number): number | undefined {
    const word = new Int32Array(1);
    const result = this.#libc.waitpid(pid, new Uint8Array(word.buffer), WNOHANG);
    if (result !== pid) return undefined;
    const signal = word[0]! & 0x7f;
    return signal === 0 ? (word[0]! >> 8) & 0xff : 128 + signal;
  }

  /** Processes that containers have left behind would stay zombies for ever. */
  #collectStrangers(): void {
    const zombies = this.#proc.zombies().filter((pid) => !this.#watched.has(pid));
    for (const pid of zombies) if (this.#strangers.has(pid)) this.#wait(pid);
    this.#strangers = new Set(zombies);
  }
}

function listZombies(): number[] {
  const zombies: number[] = [];
  for (const { name: thread } of Deno.readDirSync("/proc/self/task")) {
    const children = readIfThere(`/proc/self/task/${thread}/children`) ?? "";
    for (const pid of children.split(" ").filter((text) => text !== "").map(Number)) {
      // `pid (name) state …`, and the name may have any character in it.
      const stat = readIfThere(`/proc/${pid}/stat`) ?? "";
      if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z")) zombies.push(pid);
    }
  }
  return zombies;
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The thread or process has ended meanwhile.
    return undefined;
  }
}

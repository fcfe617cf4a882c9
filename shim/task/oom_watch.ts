/**
 * The kernel's events of a cgroup of version 1 whose memory is used up. systemd removes the cgroup of
 * a container as soon as its last process is gone, often before anybody could look at its numbers;
 * the events stay.
 *
 * @module
 */

import { check, type Libc, OPEN, openFile, tryNow } from "./libc.ts";

/** `EFD_CLOEXEC | EFD_NONBLOCK` */
const FLAGS = 0o2004000;

/** Watches one cgroup. */
export interface OomWatch {
  /**
   * Events since it began: each time that memory was used up is at least one, and the removal of the
   * cgroup is one, a little later.
   */
  count(): number;
  close(): void;
}

/**
 * Begins to watch. The caller closes it.
 * @param directory Of the controller `memory`.
 * @returns Undefined if the kernel has no such events.
 */
export function watchOom(libc: Libc, directory: string): OomWatch | undefined {
  const event = check(libc, { call: "eventfd", result: libc.eventfd(0, FLAGS) });
  try {
    register(libc, { directory, event });
  } catch {
    // The cgroup's own numbers are all there is then.
    libc.close(event);
    return undefined;
  }
  let total = 0;
  return {
    count() {
      const value = new BigUint64Array(1);
      const bytes = new Uint8Array(value.buffer);
      const result = libc.read(event, bytes, BigInt(bytes.length));
      if (tryNow(libc, { call: "read", result }) !== undefined) total += Number(value[0]);
      return total;
    },
    close: () => void libc.close(event),
  };
}

function register(libc: Libc, { directory, event }: { directory: string; event: number }): void {
  const control = openFile(libc, `${directory}/memory.oom_control`, { flags: OPEN.readOnly });
  try {
    Deno.writeTextFileSync(`${directory}/cgroup.event_control`, `${event} ${control}`, {
      create: false,
    });
  } finally {
    libc.close(control);
  }
}

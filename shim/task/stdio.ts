/**
 * The standard streams of a container's process. They are handed to runc as they are: nothing is
 * copied here, and nobody but the container holds an end once it runs.
 *
 * @module
 */

import { dirname } from "../../lib/path.ts";
import { type Libc, OPEN, openFile } from "./libc.ts";
import type { ProcessStdio } from "./spawn_process.ts";

/** Where the streams go: paths of FIFOs, or URIs; empty for none. */
export interface StdioPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Opened streams. */
export interface OpenStdio {
  readonly descriptors: ProcessStdio;
  /** Closes what was opened for the process; call it as soon as runc has returned. */
  release(): void;
  /** Lets the process see the end of its input, once the client has closed it too. */
  closeStdin(): void;
}

/**
 * Opens the streams. FIFOs are opened for reading and writing, so that neither a client that is not
 * there yet nor one that has left blocks or kills the container.
 * @throws {Error} naming the path and what is wrong with it.
 */
export function openStdio(libc: Libc, paths: StdioPaths): OpenStdio {
  const opened: number[] = [];
  let holder: number | undefined;
  function remember(descriptor: number): number {
    opened.push(descriptor);
    return descriptor;
  }
  function closeStdin(): void {
    if (holder !== undefined) libc.close(holder);
    holder = undefined;
  }
  function release(): void {
    for (const descriptor of opened.splice(0)) libc.close(descriptor);
  }
  try {
    let stdin: number | "ignore" = "ignore";
    if (paths.stdin !== "") {
      // Keeps the process from seeing an end before the client has come, or when it detaches.
      holder = openFile(libc, paths.stdin, { flags: OPEN.readWrite });
      stdin = remember(openFile(libc, paths.stdin, { flags: OPEN.readOnly }));
    }
    const stdout = paths.stdout === "" ? "ignore" : remember(openOutput(libc, paths.stdout));
    const stderr = paths.stderr === "" ? "ignore" : remember(openOutput(libc, paths.stderr));
    return { descriptors: [stdin, stdout, stderr], release, closeStdin };
  } catch (error) {
    release();
    closeStdin();
    throw error;
  }
}

function openOutput(libc: Libc, path: string): number {
  const uri = /^([a-z0-9-]+):\/\//.exec(path);
  if (!uri) return openPath(libc, path);
  if (uri[1] === "fifo") return openPath(libc, path.slice("fifo://".length));
  if (uri[1] === "file") {
    const file = decodeURIComponent(new URL(path).pathname);
    Deno.mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    return openFile(libc, file, {
      flags: OPEN.writeOnly | OPEN.create | OPEN.append,
      mode: 0o644,
    });
  }
  throw new Error(`unknown STDIO scheme ${uri[1]}`);
}

function openPath(libc: Libc, path: string): number {
  const isFifo = Deno.statSync(path).isFifo === true;
  return openFile(libc, path, {
    flags: isFifo ? OPEN.readWrite : OPEN.writeOnly | OPEN.append,
  });
}

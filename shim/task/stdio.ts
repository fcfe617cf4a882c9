/**
 * The standard streams of a container's process. They are handed to runc as they are: nothing is
 * copied here, and nobody but the container holds an end once it runs.
 *
 * @module
 */

import { closeSync, constants, openSync } from "node:fs";
import { dirname } from "node:path";
import type { ProcessStdio } from "./runc.ts";

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
export function openStdio(paths: StdioPaths): OpenStdio {
  const opened: number[] = [];
  let holder: number | undefined;
  function remember(descriptor: number): number {
    opened.push(descriptor);
    return descriptor;
  }
  function closeStdin(): void {
    if (holder !== undefined) closeSync(holder);
    holder = undefined;
  }
  function release(): void {
    for (const descriptor of opened.splice(0)) closeSync(descriptor);
  }
  try {
    let stdin: number | "ignore" = "ignore";
    if (paths.stdin !== "") {
      // Keeps the process from seeing an end before the client has come, or when it detaches.
      holder = openSync(paths.stdin, constants.O_RDWR);
      stdin = remember(openSync(paths.stdin, constants.O_RDONLY));
    }
    const stdout = paths.stdout === "" ? "ignore" : remember(openOutput(paths.stdout));
    const stderr = paths.stderr === "" ? "ignore" : remember(openOutput(paths.stderr));
    return { descriptors: [stdin, stdout, stderr], release, closeStdin };
  } catch (error) {
    release();
    closeStdin();
    throw error;
  }
}

function openOutput(path: string): number {
  const uri = /^([a-z0-9-]+):\/\//.exec(path);
  if (!uri) return openPath(path);
  if (uri[1] === "fifo") return openPath(path.slice("fifo://".length));
  if (uri[1] === "file") {
    const file = decodeURIComponent(new URL(path).pathname);
    Deno.mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    return openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o644);
  }
  throw new Error(`unknown STDIO scheme ${uri[1]}`);
}

function openPath(path: string): number {
  const isFifo = Deno.statSync(path).isFifo === true;
  return openSync(path, isFifo ? constants.O_RDWR : constants.O_WRONLY | constants.O_APPEND);
}

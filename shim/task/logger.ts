/**
 * Programs that take a container's output instead of FIFOs: `binary:///path?key=value`.
 *
 * @module
 */

import type { ChildProcess } from "node:child_process";
import { errorText } from "../../lib/errors.ts";
import { callLater, sleep } from "../../lib/timer.ts";
import { check, type Libc, tryNow } from "./libc.ts";

/** Milliseconds the program may take until it is ready, and to end at the end. */
const READY_MS = 10_000;
const STOP_MS = 12_000;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;

/** The program of a URI and its arguments. */
export interface LoggerCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Whether it has to say that it is ready, instead of closing the pipe only. */
  readonly isStrict: boolean;
}

/** The command of a `binary:` URI; undefined for other paths. */
export function parseLogger(path: string): LoggerCommand | undefined {
  const match = /^binary(-v2)?:\/\//.exec(path);
  if (!match) return undefined;
  const { pathname, searchParams } = new URL(path);
  return {
    program: decodeURIComponent(pathname),
    args: [...searchParams].flatMap(([key, value]) => value === "" ? [key] : [key, value]),
    isStrict: match[1] !== undefined,
  };
}

/** A running program. The owner stops it. */
export interface Logger {
  /** Where the container writes. The caller closes them once the container has them. */
  readonly stdout: number;
  readonly stderr: number;
  /** Lets it write what it has, and ends it. */
  stop(): Promise<void>;
}

/** Starts the program and waits until it is ready. @throws {Error} naming it, if it is not. */
export async function startLogger(
  libc: Libc,
  command: LoggerCommand,
  container: { id: string; namespace: string },
): Promise<Logger> {
  // Few containers have such a logger, and all would pay for the module.
  const { spawn } = await import("node:child_process");
  const [out, err, ready] = [openPipe(libc), openPipe(libc), openPipe(libc)] as const;
  const open = new Set([out, err, ready].flatMap(({ read, write }) => [read, write]));
  function closeEnds(ends: Iterable<number>): void {
    for (const end of [...ends]) if (open.delete(end)) libc.close(end);
  }
  try {
    const child = spawn(command.program, [...command.args], {
      stdio: ["ignore", "ignore", "ignore", out.read, err.read, ready.write],
      env: { CONTAINER_ID: container.id, CONTAINER_NAMESPACE: container.namespace },
    });
    await new Promise<void>((resolve, reject) => {
      child.on("spawn", () => resolve());
      child.on("error", reject);
    });
    closeEnds([out.read, err.read, ready.write]);
    await waitReady(libc, { descriptor: ready.read, command });
    closeEnds([ready.read]);
    return { stdout: out.write, stderr: err.write, stop: () => stop(child) };
  } catch (error) {
    closeEnds(open);
    throw new Error(`The logger "${command.program}" cannot be used: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function openPipe(libc: Libc): { read: number; write: number } {
  const ends = new Int32Array(2);
  check(libc, {
    call: "pipe2",
    result: libc.pipe2(new Uint8Array(ends.buffer), O_CLOEXEC),
  });
  return { read: ends[0]!, write: ends[1]! };
}

async function waitReady(
  libc: Libc,
  { descriptor, command }: { descriptor: number; command: LoggerCommand },
): Promise<void> {
  check(libc, { call: "fcntl", result: libc.fcntl(descriptor, F_SETFL, O_NONBLOCK) });
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const result = libc.read(descriptor, new Uint8Array(1), 1n);
    const read = tryNow(libc, { call: "read", result });
    if (read === 1 || (read === 0 && !command.isStrict)) return;
    if (read === 0) throw new Error("it ended before it was ready");
    if (performance.now() > deadline) throw new Error("it was not ready in time");
    await sleep(2);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  child.kill("SIGTERM");
  const cancel = callLater(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  cancel();
}

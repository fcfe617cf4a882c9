/**
 * Starts processes with descriptors of our choice, which Deno cannot. (Node's module can. Loading it
 * takes 15 milliseconds of the start of every pod, and two megabytes of every shim.)
 *
 * @module
 */

import { cString, type Libc, SystemError } from "./libc.ts";

/** File descriptors of a new process; `ignore` is `/dev/null`. */
export type ProcessStdio = readonly [
  stdin: number | "ignore",
  stdout: number | "ignore",
  stderr: number | "ignore",
];

/** What is started. */
export interface ProcessPlan {
  /** Path of the program; a bare name is looked for on the `PATH`. */
  readonly program: string;
  readonly args: readonly string[];
  readonly stdio: ProcessStdio;
  readonly env: Readonly<Record<string, string>>;
}

const O_RDWR = 2;
/** Flags of `posix_spawnattr_setflags`. */
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
/** Larger than the C library's structures on 64-bit machines: 80, 336 and 128 bytes. */
const STRUCTURE_BYTES = 512;
const POINTER_BYTES = 8;

/**
 * Starts a process; all other descriptors that this program opens are closed in it.
 * @returns Its pid; the caller waits for it.
 * @throws {SystemError} if it cannot be started.
 */
export function spawnProcess(libc: Libc, plan: ProcessPlan): number {
  const [actions, attributes] = [structure(), structure()];
  must(libc, libc.posix_spawn_file_actions_init(actions));
  must(libc, libc.posix_spawnattr_init(attributes));
  try {
    const nothing = cString("/dev/null");
    for (const [target, source] of plan.stdio.entries()) {
      must(
        libc,
        source === "ignore"
          ? libc.posix_spawn_file_actions_addopen(actions, target, nothing, O_RDWR, 0)
          : libc.posix_spawn_file_actions_adddup2(actions, source, target),
      );
    }
    // What is ignored stays so in new programs: Deno ignores SIGPIPE, a shell that starts programs in
    // the background SIGINT and SIGQUIT, and the C library what it uses itself unless it is told.
    must(libc, libc.posix_spawnattr_setsigdefault(attributes, structure().fill(0xff)));
    must(libc, libc.posix_spawnattr_setsigmask(attributes, structure()));
    must(libc, libc.posix_spawnattr_setflags(attributes, SETSIGDEF | SETSIGMASK));
    const pid = new Int32Array(1);
    const environment = Object.entries(plan.env).map(([name, value]) => `${name}=${value}`);
    must(
      libc,
      libc.posix_spawnp(
        new Uint8Array(pid.buffer),
        cString(plan.program),
        actions,
        attributes,
        cStrings([plan.program, ...plan.args]),
        cStrings(environment),
      ),
    );
    return pid[0]!;
  } finally {
    libc.posix_spawn_file_actions_destroy(actions);
    libc.posix_spawnattr_destroy(attributes);
  }
}

function structure(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(STRUCTURE_BYTES);
}

/**
 * Texts for C: pointers to them, ended by a null. They are behind the pointers, in the same buffer, so
 * that they live as long as it is used.
 */
function cStrings(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const strings = texts.map(cString);
  const start = (texts.length + 1) * POINTER_BYTES;
  const size = strings.reduce((sum, { length }) => sum + length, start);
  // V8 keeps small buffers where it may move them.
  const buffer = new Uint8Array(Math.max(size, STRUCTURE_BYTES));
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
  const pointers = new BigUint64Array(buffer.buffer, 0, texts.length);
  let at = start;
  for (const [index, string] of strings.entries()) {
    buffer.set(string, at);
    pointers[index] = address + BigInt(at);
    at += string.length;
  }
  return buffer;
}

/** These functions return the error's number. */
function must(libc: Libc, errno: number): void {
  if (errno === 0) return;
  const text = new Deno.UnsafePointerView(libc.strerror(errno)!).getCString();
  throw new SystemError("posix_spawn", { errno, text });
}

/**
 * The system calls that the shim needs and Deno does not have.
 *
 * @module
 */

const SYMBOLS = {
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  setsid: { parameters: [], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  mount: { parameters: ["buffer", "buffer", "buffer", "u64", "buffer"], result: "i32" },
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  posix_spawn_file_actions_addopen: {
    parameters: ["buffer", "i32", "buffer", "i32", "u32"],
    result: "i32",
  },
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawnattr_setsigdefault: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawnp: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the C library. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** A system call failed. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly errno: number;

  constructor(call: string, { errno, text }: { errno: number; text: string }) {
    super(`${call}: ${text}`);
    this.errno = errno;
  }
}

const O_CLOEXEC = 0o2000000;

/** Numbers of `errno` that are told apart. */
export const ERRNO = { ENOENT: 2, EINTR: 4, EIO: 5, EAGAIN: 11, EINVAL: 22 } as const;

/** Opens the C library. It stays open as long as the process. */
export function openLibc(): Libc {
  return Deno.dlopen("libc.so.6", SYMBOLS).symbols;
}

/**
 * The result of a call, if it did not fail.
 * @throws {SystemError} if it is negative. Nothing may have run between the call and this.
 */
export function check(
  libc: Libc,
  { call, result }: { call: string; result: number | bigint },
): number {
  if (result >= 0) return Number(result);
  const errno = new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
  const text = new Deno.UnsafePointerView(libc.strerror(errno)!).getCString();
  throw new SystemError(call, { errno, text });
}

/** The result of a call on a descriptor that does not block; undefined if it would have to wait. */
export function tryNow(
  libc: Libc,
  attempt: { call: string; result: number | bigint },
): number | undefined {
  try {
    return check(libc, attempt);
  } catch (error) {
    const wouldBlock = error instanceof SystemError &&
      (error.errno === ERRNO.EAGAIN || error.errno === ERRNO.EINTR);
    if (wouldBlock) return undefined;
    throw error;
  }
}

/** Flags of {@link openFile}. */
export const OPEN = {
  readOnly: 0,
  writeOnly: 0o1,
  readWrite: 0o2,
  create: 0o100,
  append: 0o2000,
  nonBlocking: 0o4000,
} as const;

/**
 * Opens a file, closed in processes that are started later unless they are given it. (Node's file
 * system module does the same, and costs four megabytes.)
 * @returns The descriptor; the caller closes it.
 * @throws {Error} naming the path.
 */
export function openFile(
  libc: Libc,
  path: string,
  { flags, mode = 0 }: { flags: number; mode?: number },
): number {
  try {
    const result = libc.open(cString(path), flags | O_CLOEXEC, mode);
    return check(libc, { call: "open", result });
  } catch (error) {
    throw new Error(`Cannot open "${path}": ${(error as Error).message}`, { cause: error });
  }
}

/** A text for C: UTF-8, ended by a zero. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/**
 * Error numbers of WASI preview 1.
 *
 * @module
 */

import type { IoError, StreamError } from "../../../imports/wasi_io.ts";

/** The numbers this host gives, by name. */
export const ERRNO = {
  success: 0,
  acces: 2,
  again: 6,
  badf: 8,
  busy: 10,
  dquot: 19,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  intr: 27,
  inval: 28,
  io: 29,
  isdir: 31,
  loop: 32,
  mlink: 34,
  nametoolong: 37,
  nodev: 43,
  noent: 44,
  nomem: 48,
  nospc: 51,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  notsup: 58,
  overflow: 61,
  perm: 63,
  pipe: 64,
  rofs: 69,
  spipe: 70,
  txtbsy: 74,
  xdev: 75,
} as const;

/** A function of preview 1 failed with this number. Thrown as it is, and given to the guest. */
export class Errno extends Error {
  override readonly name = "Errno";
  readonly code: number;

  constructor(name: keyof typeof ERRNO) {
    super(name);
    this.code = ERRNO[name];
  }
}

/** The number for each case of the enum `wasi:filesystem/types#error-code`. */
const OF_FILESYSTEM: Readonly<Record<string, keyof typeof ERRNO>> = {
  "access": "acces",
  "would-block": "again",
  "bad-descriptor": "badf",
  "busy": "busy",
  "quota": "dquot",
  "exist": "exist",
  "file-too-large": "fbig",
  "illegal-byte-sequence": "ilseq",
  "interrupted": "intr",
  "invalid": "inval",
  "io": "io",
  "is-directory": "isdir",
  "loop": "loop",
  "too-many-links": "mlink",
  "name-too-long": "nametoolong",
  "no-device": "nodev",
  "no-entry": "noent",
  "insufficient-memory": "nomem",
  "insufficient-space": "nospc",
  "not-directory": "notdir",
  "not-empty": "notempty",
  "unsupported": "notsup",
  "overflow": "overflow",
  "not-permitted": "perm",
  "pipe": "pipe",
  "read-only": "rofs",
  "invalid-seek": "spipe",
  "text-file-busy": "txtbsy",
  "cross-device": "xdev",
};

/**
 * The number to give the guest for what a host function threw.
 * @throws what is no declared error, which traps the guest.
 */
export function toErrno(error: unknown): number {
  if (error instanceof Errno) return error.code;
  if (typeof error === "string" && Object.hasOwn(OF_FILESYSTEM, error)) {
    return ERRNO[OF_FILESYSTEM[error]!];
  }
  // An address or a length outside of the guest's memory, and text that is none.
  if (error instanceof RangeError && !/call stack/.test(error.message)) return ERRNO.fault;
  if (error instanceof TypeError && /encoded|UTF-8/i.test(error.message)) return ERRNO.ilseq;
  throw error;
}

/** The error of a stream: the number of the operation that failed, or nothing if it has ended. */
export function streamErrno(error: unknown): Errno | string | undefined {
  const { tag, val } = error as StreamError & { val?: IoError };
  if (tag === "closed") return undefined;
  if (tag === "last-operation-failed") {
    const cause = val?.cause;
    return typeof cause === "string" && Object.hasOwn(OF_FILESYSTEM, cause)
      ? cause
      : new Errno("io");
  }
  throw error;
}

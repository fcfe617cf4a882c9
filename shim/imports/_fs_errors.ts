/**
 * The enum `wasi:filesystem/types#error-code`.
 *
 * @module
 */

/** The cases of `error-code` that this host answers with. */
export type FsErrorCode =
  | "access"
  | "would-block"
  | "bad-descriptor"
  | "busy"
  | "quota"
  | "exist"
  | "file-too-large"
  | "illegal-byte-sequence"
  | "interrupted"
  | "invalid"
  | "io"
  | "is-directory"
  | "loop"
  | "too-many-links"
  | "name-too-long"
  | "no-device"
  | "no-entry"
  | "insufficient-memory"
  | "insufficient-space"
  | "not-directory"
  | "not-empty"
  | "unsupported"
  | "overflow"
  | "not-permitted"
  | "pipe"
  | "read-only"
  | "invalid-seek"
  | "text-file-busy"
  | "cross-device";

const CODE_OF_ERRNO: Readonly<Record<string, FsErrorCode>> = {
  EACCES: "access",
  EAGAIN: "would-block",
  EBADF: "bad-descriptor",
  EBUSY: "busy",
  EDQUOT: "quota",
  EEXIST: "exist",
  EFBIG: "file-too-large",
  EILSEQ: "illegal-byte-sequence",
  EINTR: "interrupted",
  EINVAL: "invalid",
  EIO: "io",
  EISDIR: "is-directory",
  ELOOP: "loop",
  // The process may have no more files: of the codes there are, the one that is about the host.
  EMFILE: "insufficient-memory",
  EMLINK: "too-many-links",
  ENAMETOOLONG: "name-too-long",
  ENFILE: "insufficient-memory",
  ENODEV: "no-device",
  ENOENT: "no-entry",
  ENOMEM: "insufficient-memory",
  ENOSPC: "insufficient-space",
  ENOTDIR: "not-directory",
  ENOTEMPTY: "not-empty",
  ENOTSUP: "unsupported",
  ENXIO: "no-device",
  EOPNOTSUPP: "unsupported",
  EOVERFLOW: "overflow",
  EPERM: "not-permitted",
  EPIPE: "pipe",
  EROFS: "read-only",
  ESPIPE: "invalid-seek",
  ETXTBSY: "text-file-busy",
  EXDEV: "cross-device",
};

/** Deno's own refusal, when the process runs with less than full permissions. */
const DENIED = new Set(["NotCapable", "PermissionDenied"]);

/** The code for what a file operation threw; a code that was thrown itself comes back as it is. */
export function toFsErrorCode(error: unknown): FsErrorCode {
  if (typeof error === "string") return error as FsErrorCode;
  if (!(error instanceof Error)) return "io";
  if ("code" in error && typeof error.code === "string") {
    return CODE_OF_ERRNO[error.code] ?? "io";
  }
  return DENIED.has(error.name) ? "access" : "io";
}

/** Runs `action`; whatever it throws is thrown as a {@link FsErrorCode}. */
export function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toFsErrorCode(error);
  }
}

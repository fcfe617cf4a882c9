/**
 * `rcm-lock.json`: what is installed on a node, in the form that runtime-class-manager writes and
 * reads.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";

/** One installed shim. */
export interface LockedShim {
  /** SHA-256 of the program, in hexadecimal; undefined: it was not written down. */
  readonly sha256: string | undefined;
  readonly path: string;
}

/** Installed shims by name. */
export type LockFile = ReadonlyMap<string, LockedShim>;

/**
 * Reads the file's text; undefined stands for no file, which is no shim.
 * @throws {TerminalError} if it is not what it should be.
 */
export function parseLockFile(text: string | undefined, path: string): LockFile {
  if (text === undefined) return new Map();
  let shims: unknown;
  try {
    ({ shims } = JSON.parse(text) as { shims?: unknown });
  } catch (error) {
    throw new TerminalError("InvalidState", `"${path}" is no JSON: ${errorText(error)}`, {
      cause: error,
    });
  }
  const problems: string[] = [];
  const found = new Map<string, LockedShim>();
  for (const [name, value] of Object.entries(shims ?? {})) {
    const { sha256, path: program } = (value ?? {}) as Record<string, unknown>;
    if (typeof program !== "string") problems.push(`"${name}" has no path`);
    else if (sha256 !== undefined && !isHex(sha256)) {
      problems.push(`the "sha256" of "${name}" is not hexadecimal`);
    } else found.set(name, { sha256: sha256 as string | undefined, path: program });
  }
  if (problems.length > 0) {
    throw new TerminalError("InvalidState", `"${path}" is broken: ${problems.join("; ")}`);
  }
  return found;
}

function isHex(value: unknown): boolean {
  return typeof value === "string" && /^(?:[0-9a-fA-F]{2})*$/.test(value);
}

/** The file's text: keys sorted, one blank deep, no line end at the end. */
export function formatLockFile(shims: LockFile): string {
  const sorted = [...shims].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, { sha256 = "", path }]) => [name, { sha256, path }]);
  return JSON.stringify({ shims: Object.fromEntries(sorted) }, null, 1);
}

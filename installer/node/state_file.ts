/**
 * `state.json`: what the installer has to know beyond `rcm-lock.json`, which keeps no fields that
 * runtime-class-manager does not know; and what it is in the middle of.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";

/** What is known of an installed shim. */
export interface ShimState {
  /** Handlers under which containerd has it. */
  readonly handlers: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  /** SHA-256 over everything that is installed for it. */
  readonly digest: string;
  /** The version it says it has. */
  readonly version?: string;
  /** Directory of its files, if it is more than one program. */
  readonly directory?: string;
  /** The configuration that names it. */
  readonly configPath: string;
  /** RFC 3339. */
  readonly installedAt: string;
}

/** A file of the configuration that is about to be replaced. */
export interface JournaledFile {
  readonly path: string;
  /** Where its old text is; undefined: there was no file. */
  readonly backup: string | undefined;
  /** SHA-256 of the new text; undefined: the file is removed. */
  readonly newDigest: string | undefined;
}

/** A program that is about to be replaced. */
export interface JournaledProgram {
  readonly path: string;
  /** What was there: nothing, a file that is kept at `saved`, or a link to `target`. */
  readonly before:
    | { readonly kind: "none" }
    | { readonly kind: "file"; readonly saved: string }
    | { readonly kind: "link"; readonly target: string };
}

/** Work that is not finished. It is written before each step it describes. */
export interface Journal {
  readonly operation: "install" | "uninstall";
  readonly startedAt: string;
  readonly programs: readonly JournaledProgram[];
  readonly files: readonly JournaledFile[];
}

/** The file. */
export interface InstallerState {
  readonly shims: Readonly<Record<string, ShimState>>;
  /** Files of the configuration that were not there before. */
  readonly created: readonly string[];
  readonly journal?: Journal;
}

/** The state of a node on which nothing was installed. */
export const NO_STATE: InstallerState = { shims: {}, created: [] };

/** Number of this form of the file. */
const FORMAT = 1;

/** Reads the file's text. @throws {TerminalError} if it is none of ours. */
export function parseState(text: string | undefined, path: string): InstallerState {
  if (text === undefined) return NO_STATE;
  try {
    const value = JSON.parse(text) as Partial<InstallerState> & { format?: unknown };
    if (value.format !== FORMAT) throw new Error(`its format is ${JSON.stringify(value.format)}`);
    return {
      shims: value.shims ?? {},
      created: value.created ?? [],
      ...(value.journal && { journal: value.journal }),
    };
  } catch (error) {
    throw new TerminalError(
      "InvalidState",
      `"${path}" cannot be read: ${
        errorText(error)
      }. Move it away to start anew; what is installed ` +
        "stays.",
      { cause: error },
    );
  }
}

/** The file's text. */
export function formatState(state: InstallerState): string {
  return `${JSON.stringify({ format: FORMAT, ...state }, null, 2)}\n`;
}

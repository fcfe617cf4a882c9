/**
 * What `doctor` finds.
 *
 * @module
 */

/** Something that keeps an app from being built or served. */
export interface Diagnosis {
  /** What is wrong, with the place, and the way out if there is no {@link treatment}. */
  readonly problem: string;
  /** What `--fix` does about it; undefined: only the user can. */
  readonly treatment: Treatment | undefined;
}

/** A change that does away with a problem. */
export interface Treatment {
  /** Begins with a verb: `Add spin_manifest_version = 2`. */
  readonly summary: string;
  /** @throws {TerminalError} if it does not work. */
  apply(): Promise<void>;
}

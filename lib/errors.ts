/**
 * The kinds of error the program tells apart. Everything else that is thrown is trouble of the
 * environment or a defect.
 *
 * Messages follow one form: what failed, on which object, with which value, and the way out.
 *
 * @module
 */

/** The command line is wrong. `main.ts` prints the message and the hint and exits with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** What to type instead; printed on a line of its own. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/**
 * The user has to change something (a manifest, a file, a flag's value) before a retry can help.
 * `main.ts` prints the message without a stack trace and exits with 1; a reconciler does not retry
 * until the object changes.
 */
export class TerminalError extends Error {
  override readonly name: string = "TerminalError";
  /** Stable CamelCase word for conditions, events and metrics. */
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Something expected is not there yet; trying again after {@link retryAfterMs} is right. */
export class TemporaryError extends Error {
  override readonly name = "TemporaryError";
  /** Milliseconds to wait before the next try. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** One problem in a file the user wrote. Lines and columns count from 1; 0 means unknown. */
export interface ManifestProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What is wrong and the way out, without the position. */
  readonly message: string;
}

/** Everything wrong with a manifest or configuration file, all at once. */
export class ManifestError extends TerminalError {
  override readonly name = "ManifestError";
  readonly problems: readonly ManifestProblem[];

  /** The message lists one problem a line, as `spin.toml:12:5: …`. */
  constructor(problems: readonly ManifestProblem[], options?: ErrorOptions) {
    super("InvalidManifest", problems.map(formatProblem).join("\n"), options);
    this.problems = problems;
  }
}

function formatProblem({ file, line, column, message }: ManifestProblem): string {
  return line > 0 ? `${file}:${line}:${column}: ${message}` : `${file}: ${message}`;
}

/** The text of anything thrown: the message of an `Error`, else its string form. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

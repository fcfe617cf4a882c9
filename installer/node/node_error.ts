/**
 * Failures of work on a node, with the exit code that tells a script or a Job what kind it was.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";

/** Exit codes of the installer. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** The node cannot be provisioned: its kind, or its file system. */
  unsupported: 3,
  /** What was to be installed, or what is installed, is not what it should be. */
  verification: 4,
  /** containerd did not take the configuration; the old one is in place and serves. */
  rolledBack: 5,
} as const;

/** A failure with its exit code. Nothing on the node is half done when it is thrown. */
export class NodeError extends TerminalError {
  override readonly name = "NodeError";
  readonly exitCode: number;

  constructor(
    reason: "UnsupportedNode" | "VerificationFailed" | "RolledBack" | "InstallFailed",
    message: string,
    options?: ErrorOptions,
  ) {
    super(reason, message, options);
    this.exitCode = {
      UnsupportedNode: EXIT.unsupported,
      VerificationFailed: EXIT.verification,
      RolledBack: EXIT.rolledBack,
      InstallFailed: EXIT.failure,
    }[reason];
  }
}

/**
 * An error of the file system with what it means for the node.
 *
 * @param options.what What failed, without a period.
 * @param options.hint What helps if the file system is read-only.
 */
export function explainFailure(
  error: unknown,
  { what, hint = "Such nodes cannot be provisioned." }: {
    readonly what: string;
    readonly hint?: string;
  },
): Error {
  if (error instanceof NodeError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "EROFS") {
    return new NodeError(
      "UnsupportedNode",
      `${what}: the node's file system is read-only there. ${hint}`,
      { cause: error },
    );
  }
  const reason = code === "ENOSPC" ? "the disk is full" : errorText(error);
  return new NodeError("InstallFailed", `${what}: ${reason}`, { cause: error });
}

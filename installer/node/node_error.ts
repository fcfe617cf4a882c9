/**
 * Failures of work on a node, with the exit code that tells a script or a Job what kind it was.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";

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

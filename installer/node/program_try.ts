/**
 * Whether a program that was copied to the node starts there. Its first bytes do not say whether its
 * libraries are there, and whether it does anything; the first pod would notice otherwise.
 *
 * @module
 */

import { CANNOT_ENTER } from "./host.ts";
import { NodeError } from "./node_error.ts";
import type { Session } from "./session.ts";
import { copiedProgram, type MeasuredAsset, type ShimPlace } from "./shim_files.ts";

/** Milliseconds; a node may be busy, and ours compiles itself the first time. */
const TIMEOUT_MS = 30_000;
const TIMED_OUT = 124;
const NOT_FOUND = 127;
/** Above it are the numbers of signals. */
const SIGNALLED = 128;

/**
 * Asks a program for its version, as all shims answer it (`-v`). It is not in place yet.
 *
 * @throws {NodeError} if it does not start, or if a shim of this project does not answer. What other
 * shims answer is only told.
 */
export async function tryProgram(
  { host, options: { log } }: Session,
  { asset, place }: { readonly asset: MeasuredAsset; readonly place: ShimPlace },
): Promise<void> {
  const program = copiedProgram(place);
  const { code, stdout, stderr } = await host.run([program, "-v"], { timeoutMs: TIMEOUT_MS });
  // A node whose programs cannot be run is found out, and told, before containerd's restart.
  if (code === 0 || code === CANNOT_ENTER) return;
  const said = (stderr.trim() || stdout.trim()).split("\n").at(-1);
  const reason = `"${asset.fileName} -v" ends with ${code}${said ? `: ${said}` : ""}`;
  const isCertain = asset.kind === "directory" || code === NOT_FOUND || code >= SIGNALLED;
  if (isCertain && code !== TIMED_OUT) {
    throw new NodeError(
      "VerificationFailed",
      `The shim "${asset.fileName}" does not work on this node: ${reason}. Nothing was changed.`,
    );
  }
  log.warn("the shim does not tell its version", { shim: asset.name, reason });
}

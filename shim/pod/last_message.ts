/**
 * Why a container ended, told where people look: in the pod's log, and in its status.
 *
 * @module
 */

import { POD_PATHS } from "../../crds/contract.ts";
import { TerminalError, UsageError } from "../../lib/errors.ts";

/** Bytes that Kubernetes keeps of a container's last message. */
const MAX_MESSAGE_BYTES = 4096;

/** Exit codes of the host; none of them looks like a signal's (128 and more). */
const EXIT_CODES = { unusableApp: 1, wrongOption: 2, defect: 70 } as const;

/**
 * Writes what went wrong to stderr and to the file that Kubernetes reads.
 *
 * @param options.terminationLog Where the pod wants the message, if it is known.
 * @returns The exit code: 1 if the app or its configuration cannot be used, 2 for wrong arguments or
 * variables, 70 for trouble of the environment or a defect.
 */
export function tellLastMessage(
  error: unknown,
  { terminationLog = POD_PATHS.terminationLog, writeError = console.error }: {
    terminationLog?: string | undefined;
    writeError?: (line: string) => void;
  } = {},
): number {
  const message = `Error: ${describe(error)}`;
  writeError(message);
  writeTerminationLog(terminationLog, message);
  if (error instanceof UsageError) return EXIT_CODES.wrongOption;
  return error instanceof TerminalError ? EXIT_CODES.unusableApp : EXIT_CODES.defect;
}

function describe(error: unknown): string {
  if (error instanceof UsageError && error.hint !== undefined) {
    return `${error.message}\n${error.hint}`;
  }
  return error instanceof Error ? error.message : String(error);
}

function writeTerminationLog(path: string, message: string): void {
  const bytes = new TextEncoder().encode(message).subarray(0, MAX_MESSAGE_BYTES);
  try {
    Deno.writeFileSync(path, bytes, { create: false });
  } catch {
    // Outside Kubernetes there is none, and the log has the message.
  }
}

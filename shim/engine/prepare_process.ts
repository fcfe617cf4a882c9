/**
 * The mode `prepare` in a process of its own.
 *
 * @module
 */

import { selfCommand } from "../../lib/self_command.ts";
import type { PrepareFailure } from "./prepare_main.ts";

/** Runs the mode `prepare` with `args`. @returns Why it failed; undefined if it did not. */
export type RunPrepare = (args: readonly string[]) => Promise<PrepareFailure | undefined>;

/** A {@link RunPrepare} that starts a process for each call. */
export async function runPrepareProcess(
  args: readonly string[],
): Promise<PrepareFailure | undefined> {
  const [command, ...self] = selfCommand();
  const output = await new Deno.Command(command, {
    args: [...self, "prepare", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  return prepareOutcome(output);
}

/** @throws {Error} if the process says nothing that can be understood. */
export function prepareOutcome(
  { code, stdout, stderr }: Deno.CommandOutput,
): PrepareFailure | undefined {
  if (code === 0) return undefined;
  const text = new TextDecoder().decode(stdout).trim();
  try {
    return JSON.parse(text);
  } catch {
    const log = new TextDecoder().decode(stderr).trim().split("\n").slice(0, 5).join("\n");
    throw new Error(`The process that prepares components ended with ${code}: ${log || text}`);
  }
}

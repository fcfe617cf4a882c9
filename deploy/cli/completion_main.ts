/**
 * `completion`: what makes a shell complete commands and options.
 *
 * @module
 */

import { defineCommand, parseCommandLine } from "../../lib/command_line.ts";
import { UsageError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import { type Shell, SHELLS } from "./completion_scripts.ts";

/** The command `completion`. */
export const COMPLETION = defineCommand({
  name: "spinkube kube completion",
  summary: "Prints what makes a shell complete commands and options.",
  usage: `${SHELLS.join("|")} [OPTIONS]`,
  options: {
    "no-descriptions": { kind: "boolean", help: "Without what commands and options are for" },
  },
  examples: [
    "source <(spinkube completion bash)",
    "spinkube completion fish > ~/.config/fish/completions/spinkube.fish",
  ],
  hasWords: true,
  isGoStyle: true,
});

/** Runs `completion` with the arguments that follow it. @returns The exit code. */
export async function runCompletion(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(COMPLETION, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "help") {
    const { formatHelp } = await import("../../lib/command_help.ts");
    console.log(formatHelp(COMPLETION));
    return 0;
  }
  const shell = readShell(parsed.words);
  const { completionScript } = await import("./completion_scripts.ts");
  const { commandTree } = await import("./command_tree.ts");
  const hasDescriptions = !parsed.values["no-descriptions"];
  console.log(completionScript(await commandTree(), { shell, hasDescriptions }).trimEnd());
  return 0;
}

function readShell([word, ...others]: readonly string[]): Shell {
  const shell = SHELLS.find((candidate) => candidate === word);
  if (shell !== undefined && others.length === 0) return shell;
  const best = word === undefined ? undefined : nearest(word, SHELLS);
  throw new UsageError(
    word === undefined
      ? "The shell is missing"
      : shell === undefined
      ? `Unknown shell "${word}"`
      : others.map((other) => `Unexpected argument "${other}"`).join("\n"),
    best === undefined || shell !== undefined
      ? `Give one of ${SHELLS.join(", ")}.`
      : `Did you mean "spinkube completion ${best}"?`,
  );
}

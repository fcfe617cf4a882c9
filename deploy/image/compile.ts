/**
 * `deno task compile`: the program as one executable, `dist-compile/spinkube`. Needs Deno's compile
 * runtime, which Deno downloads, or which `DENORT_BIN` names.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DENO_FLAGS } from "../../lib/self_command.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Compiles the program. @returns What went wrong, in one sentence, or undefined. */
export async function compile(output: string): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    // Types are checked by "deno task ok".
    args: ["compile", "--no-check", ...DENO_FLAGS, `--output=${output}`, "main.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return undefined;
  return `Cannot compile (${mainCause(new TextDecoder().decode(stderr))}); give the path of ` +
    'the denort binary of this Deno version in DENORT_BIN, or use "deno task bundle".';
}

/** Deno lists causes as numbered lines, the one that says most first after what it was doing. */
function mainCause(said: string): string {
  const causes = [...said.matchAll(/^ +\d+: (error .*?|.*?not found.*?)(?:: client error.*)?$/gm)];
  const first = said.split("\n").find((line) => /^error\b/.test(line));
  return causes[0]?.[1] ?? first?.replace(/^error:?\s*/, "") ?? "deno compile failed";
}

if (import.meta.main) {
  const problem = await compile(join(ROOT, "dist-compile", "spinkube"));
  if (problem !== undefined) {
    console.error(problem);
    Deno.exit(1);
  }
}

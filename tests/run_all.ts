/**
 * `deno task test:all`: runs all tests, those that start nodes and clusters beside the others, since
 * both wait more than they work.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Their machines, processes and directories are their own; nothing else touches them. */
const NODES_AND_CLUSTERS: readonly string[] = [
  "tests/deploy",
  "tests/installer",
  "tests/operator",
  "tests/shim",
];

/** Runs a part of the tests. Its output is shown as it comes, or at its end. */
async function run(
  args: readonly string[],
  { output }: { output: "inherit" | "piped" },
): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "test", ...args],
    cwd: ROOT,
    stdin: "null",
    stdout: output,
    stderr: output,
  }).spawn();
  if (output === "inherit") return (await child.status).success;
  const { stdout, stderr, success } = await child.output();
  console.log(new TextDecoder().decode(stdout));
  console.error(new TextDecoder().decode(stderr));
  return success;
}

const succeeded = await Promise.all([
  run([`--ignore=${NODES_AND_CLUSTERS.join(",")}`], { output: "inherit" }),
  run(NODES_AND_CLUSTERS, { output: "piped" }),
]);
if (!succeeded.every(Boolean)) Deno.exit(1);

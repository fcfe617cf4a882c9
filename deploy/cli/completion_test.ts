import assert from "node:assert/strict";
import { join } from "node:path";
import { commandTree } from "./command_tree.ts";
import { completionScript, type Shell } from "./completion_scripts.ts";

/** Runs `script` in a shell that has read our completions; undefined if there is no such shell. */
async function ask(
  shell: Shell,
  { script, hasDescriptions = false }: { script: string; hasDescriptions?: boolean },
): Promise<string | undefined> {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "completions");
    await Deno.writeTextFile(
      path,
      completionScript(await commandTree(), { shell, hasDescriptions }),
    );
    const { success, stdout, stderr } = await new Deno.Command(shell, {
      args: ["-c", script.replaceAll("$SCRIPT", path)],
      stdin: "null",
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const LINES: readonly (readonly [line: string, candidates: readonly string[]])[] = [
  ["spinkube ku", ["kube"]],
  ["spinkube kube sc", ["scaffold"]],
  ["spinkube registry pu", ["push", "pull"]],
  ["spinkube kube scaffold --from x --autoscaler-target", [
    "--autoscaler-target-cpu-utilization",
    "--autoscaler-target-memory-utilization",
  ]],
  ["spinkube kube get shop --no-h", ["--no-headers"]],
  ["spinkube completion z", ["zsh"]],
  ["spinkube ne", ["new"]],
  ["spinkube new shop --val", ["--value", "--values-file"]],
  ["spinkube doctor --cl", ["--cluster"]],
  ["spinkube doctor --cluster --kubec", ["--kubeconfig"]],
];

for (const [line, candidates] of LINES) {
  Deno.test(`bash completes "${line}"`, async () => {
    const words = line.split(" ");
    const found = await ask("bash", {
      script: `source $SCRIPT; COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}
        _spinkube; printf '%s\\n' "\${COMPREPLY[@]}"`,
    });
    if (found === undefined) return;
    assert.deepEqual(found.trim().split("\n"), candidates);
  });

  Deno.test(`fish completes "${line}"`, async () => {
    const found = await ask("fish", { script: `source $SCRIPT; complete -C "${line}"` });
    if (found === undefined) return;
    assert.deepEqual(
      found.trim().split("\n").map((each) => each.split("\t")[0]).sort(),
      [...candidates].sort(),
    );
  });

  Deno.test(`zsh offers what completes "${line}"`, async () => {
    const words = line.split(" ");
    const found = await ask("zsh", {
      hasDescriptions: true,
      script:
        `compdef() { : }; _describe() { for each in "\${(@P)2}"; do print -r -- "$each"; done }
        source $SCRIPT; words=(${words.join(" ")}); CURRENT=${words.length}; _spinkube`,
    });
    if (found === undefined) return;
    const offered = found.split("\n").map((each) => each.split(":")[0]!)
      .filter((each) => each.startsWith(words.at(-1)!));
    assert.deepEqual(offered.sort(), [...candidates].sort());
  });
}

Deno.test("commandTree() has every command once, and candidates for each", async () => {
  const tree = await commandTree();
  const paths = tree.map(({ path }) => path.join(" "));
  assert.equal(new Set(paths).size, paths.length);
  for (const { path, candidates } of tree) {
    assert.ok(candidates.length > 0, path.join(" "));
    assert.ok(candidates.every(({ help }) => !help.includes("\n")));
  }
});

Deno.test("completionScript() for PowerShell quotes what it has to", async () => {
  const tree = await commandTree();
  const script = completionScript(tree, { shell: "powershell", hasDescriptions: true });
  assert.match(script, /'build' = @\(@\('--from', /);
  assert.match(script, /Runs the build commands of an app''s components/);
});

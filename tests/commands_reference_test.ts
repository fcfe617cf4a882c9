/**
 * `docs/commands.md` is made of the same definitions as `--help`; `SPINKUBE_UPDATE_DOCS=1` writes it
 * anew. And every command has a help with examples that it understands.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { MANAGER_HELP } from "../controllers/manager/manager_options.ts";
import { allCommands } from "../deploy/cli/command_tree.ts";
import { helpForKube } from "../deploy/cli/kube_main.ts";
import { runInstaller } from "../installer/installer_main.ts";
import { COMMANDS as INSTALLER_COMMANDS } from "../installer/options.ts";
import { type Command, type Options, parseCommandLine } from "../lib/command_line.ts";
import { codeBlock, formatReference } from "../lib/command_reference.ts";
import { helpForRegistry } from "../shim/local/registry/registry_main.ts";
import { runProgram } from "./integration/_program.ts";

const PATH = fileURLToPath(new URL("../docs/commands.md", import.meta.url));

const INTRODUCTION = `# Commands

Written from the definitions that \`--help\` prints too: \`SPINKUBE_UPDATE_DOCS=1 deno task test\` writes
it anew, and the tests fail if it is out of date. \`spinkube help COMMAND\` prints the same in a terminal.

Options may be written as \`--name value\` or \`--name=value\`, letters as \`-n value\`, \`-nvalue\` or joined
(\`-ab\`). An option on the line wins over its environment variable. Results are printed on standard output,
everything else on standard error; there are colours only on a terminal, and none with \`NO_COLOR\`.`;

interface Group {
  readonly name: string;
  readonly help: string;
}

async function helpOfInstaller(): Promise<string> {
  let help = "";
  await runInstaller(["help"], { print: (text) => help += text });
  return help;
}

/** Commands that consist of others, or have flags as Go programs have them. */
async function groups(): Promise<Group[]> {
  return [
    { name: "spinkube", help: (await runProgram(["--help"])).stdout.trimEnd() },
    { name: "spinkube registry", help: helpForRegistry(undefined) },
    { name: "spinkube kube", help: await helpForKube(undefined) },
    { name: "spinkube installer", help: await helpOfInstaller() },
    { name: "spinkube controller", help: MANAGER_HELP },
  ];
}

async function commands(): Promise<Command<Options>[]> {
  return [...await allCommands(), ...Object.values(INSTALLER_COMMANDS)];
}

/** Each group before its commands, those without a group after the program itself. */
async function formatDocument(): Promise<string> {
  const all = await commands();
  const chapters: string[] = [];
  const rest = new Set(all);
  const [program, ...others] = await groups();
  const parts = new Map(
    others.map((group) => [group, all.filter(({ name }) => name.startsWith(`${group.name} `))]),
  );
  for (const command of [...parts.values()].flat()) rest.delete(command);
  for (const [group, members] of [[program!, [...rest]] as const, ...parts]) {
    chapters.push(`## ${group.name}\n\n${codeBlock(group.help.split("\n"))}`);
    chapters.push(...members.map(formatReference));
  }
  return `${[INTRODUCTION, ...chapters].join("\n\n")}\n`;
}

Deno.test("docs/commands.md is what the definitions of commands say", async () => {
  const text = await formatDocument();
  if (Deno.env.get("SPINKUBE_UPDATE_DOCS")) await Deno.writeTextFile(PATH, text);
  assert.equal(await Deno.readTextFile(PATH), text);
});

/** What follows a command in an example, up to what the shell does with it; undefined: not this one. */
function argumentsOf(example: string, { name }: Command<Options>): string[] | undefined {
  const at = example.indexOf(name);
  if (at < 0) return undefined;
  const line = example.slice(at + name.length).split(/[|>)]/, 1)[0]!;
  return line.trim().split(/\s+/).filter((word) => word !== "");
}

for (const command of await commands()) {
  Deno.test(`the examples of "${command.name}" are understood`, () => {
    let understood = 0;
    for (const example of command.examples) {
      const args = argumentsOf(example, command);
      if (!args) continue;
      assert.equal(
        parseCommandLine(command, args, { environment: () => undefined }).kind,
        "run",
        example,
      );
      understood++;
    }
    // `kube completion` is shown by its short name.
    if (command.name !== "spinkube kube completion") assert.equal(understood, 2);
  });
}

Deno.test("every command prints a help with examples", async (t) => {
  const names = [...await groups(), ...await commands()].map(({ name }) => name);
  // Aliases, too, that have no definition of their own.
  for (const name of [...names, "spinkube completion", "spinkube scaffold"]) {
    await t.step(name, async () => {
      const words = name.split(" ").slice(1);
      const { code, stdout, stderr } = await runProgram([...words, "--help"]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /\nUsage: spinkube/);
      assert.match(stdout, /\nExamples:\n {2}\S/);
    });
  }
});

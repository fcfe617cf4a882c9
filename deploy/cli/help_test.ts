import assert from "node:assert/strict";
import { formatFullHelp, formatHelp } from "../../lib/command_help.ts";
import { LOGIN, PULL, PUSH } from "../../shim/local/registry/registry_options.ts";
import { DEPLOY } from "./deploy_options.ts";
import { CLUSTER_DOCTOR } from "./doctor/doctor_options.ts";
import { helpForKube, kubeCommands } from "./kube_main.ts";

const MAX_LINES = 24;
/** Every option of `scaffold` and every one of kubectl: what does not fit is grouped. */
const LONG: readonly string[] = ["spinkube kube deploy", "spinkube deploy"];

for (const command of [...await kubeCommands(), DEPLOY, CLUSTER_DOCTOR, PUSH, PULL, LOGIN]) {
  Deno.test(`formatHelp() of "${command.name}" fits a screen of 80 by 24`, () => {
    const lines = formatHelp(command).split("\n");
    const most = LONG.includes(command.name) ? MAX_LINES * 1.5 : MAX_LINES;
    assert.ok(lines.length <= most, `${lines.length} lines`);
    assert.deepEqual(lines.filter((line) => line.length > 80), []);
  });

  Deno.test(`formatFullHelp() of "${command.name}" is at most 80 wide`, () => {
    const lines = formatFullHelp(command).split("\n");
    assert.deepEqual(lines.filter((line) => line.length > 80), []);
  });
}

Deno.test("helpForKube() knows every command that it lists", async () => {
  const listed = (await helpForKube(undefined)).split("\n")
    .filter((line) => /^ {2}[a-z]+ {2,}/.test(line)).map((line) => line.trim().split(" ", 1)[0]!);
  assert.ok(listed.length > 8);
  for (const word of listed) assert.match(await helpForKube(word), new RegExp(`kube ${word}`));
});

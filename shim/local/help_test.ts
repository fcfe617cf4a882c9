import assert from "node:assert/strict";
import { formatFullHelp, formatHelp } from "../../lib/command_help.ts";
import { BUILD } from "./build.ts";
import { DOCTOR } from "./doctor/doctor_options.ts";
import { INSPECT } from "./inspect/inspect_options.ts";
import { NEW } from "./new/new_options.ts";
import { IGNORED_OPTIONS, UP } from "./up_options.ts";
import { WATCH } from "./watch/watch_options.ts";

for (const command of [NEW, UP, BUILD, WATCH, INSPECT, DOCTOR]) {
  Deno.test(`formatHelp() of "${command.name}" fits a screen of 80 by 24`, () => {
    const lines = formatHelp(command).split("\n");
    assert.ok(lines.length <= 24, `${lines.length} lines`);
    assert.deepEqual(lines.filter((line) => line.length > 80), []);
  });

  Deno.test(`formatFullHelp() of "${command.name}" is at most 80 wide`, () => {
    const lines = formatFullHelp(command).split("\n");
    assert.deepEqual(lines.filter((line) => line.length > 80), []);
  });
}

Deno.test("UP shows every option that is neither ignored nor for tasks", () => {
  const words = formatHelp(UP).split(/[\s[]+/);
  const expectedHidden = [
    "from-file",
    "from-registry",
    "default-app",
    "service",
    "instances",
    ...Object.keys(IGNORED_OPTIONS),
  ];
  const missing = Object.keys(UP.options).filter((name) => !words.includes(`--${name}`));
  assert.deepEqual(missing.sort(), expectedHidden.sort());
});

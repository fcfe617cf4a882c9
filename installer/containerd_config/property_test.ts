/** Whatever is done in whichever order: what is left in the end is what was there at the beginning. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { editRuntimes, listRuntimes } from "./edit.ts";
import { otherDifferences, parseConfig } from "./effective.ts";
import { originOf } from "./runtime_definitions.ts";

const CORPUS = fileURLToPath(new URL("../../tests/fixtures/containerd_configs/", import.meta.url));
const BIN = "/opt/rcm/bin";
const NAMES = ["spin-v2", "spin", "wasmtime-v1", "x"];
const ROUNDS = 200;

const TAILS = [
  "",
  "\n",
  "\n\n",
  "# the end",
  "# the end\n",
  "[metrics.own]\naddress = 'x'\n",
  "  \t",
];
const OPTIONS = [{}, { SystemdCgroup: "true" }, { SystemdCgroup: "false", Other: '"x # y"' }];

async function readTexts(): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name, isFile } of Deno.readDir(CORPUS)) {
    if (!isFile || !name.endsWith(".toml")) continue;
    const text = await Deno.readTextFile(join(CORPUS, name));
    const hasOurs = listRuntimes(text).some((runtime) => originOf(runtime, BIN) !== "foreign");
    if (!hasOurs && !/kwasm|RCM runtime config/.test(text)) texts.push(text);
  }
  return texts.sort();
}

Deno.test("any sequence of changes ends in the text it began with", async () => {
  const texts = await readTexts();
  const random = seededRandom();
  const { seed } = random;
  function pick<T>(values: readonly T[]): T {
    return values[random.below(values.length)]!;
  }
  for (let round = 0; round < ROUNDS; round++) {
    let start = pick(texts).replace(/\s*$/, pick(["", "\n", "\n\n"])) + pick(TAILS);
    if (random.below(5) === 0) start = start.replace(/\r?\n/g, "\r\n");
    try {
      parseConfig(start, "it");
    } catch {
      // Not every end fits every text.
      continue;
    }
    const note = `seed ${seed}, round ${round}`;
    const bareVersion = pick([undefined, 3]);
    let text = start;
    for (let step = 0; step < 6; step++) {
      const name = pick(NAMES);
      const isForeign = listRuntimes(start).some((runtime) => runtime.name === name);
      const setting = {
        name,
        runtimeType: `${BIN}/containerd-shim-${name}`,
        options: pick(OPTIONS),
      };
      const edit = random.below(10) < 7
        ? { set: [setting], remove: [] }
        : { set: [], remove: [name] };
      const before = text;
      text = editRuntimes(text, edit, { binDir: BIN, bareVersion }).text;
      const differences = otherDifferences(
        parseConfig(before, note),
        parseConfig(text, note),
        { except: NAMES },
      );
      assert.deepEqual(differences, [], note);
      const found = listRuntimes(text).find((runtime) => runtime.name === name);
      if (isForeign) continue;
      assert.deepEqual(found?.options, edit.set[0]?.options, note);
    }
    text = editRuntimes(text, { set: [], remove: NAMES }, { binDir: BIN }).text;
    assert.equal(text, start, note);
  }
});

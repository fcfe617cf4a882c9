import assert from "node:assert/strict";
import { unifiedDiff } from "./unified_diff.ts";

const NAMES = { before: "a", after: "b" };

Deno.test("unifiedDiff() prints what diff prints", async () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}\n`);
  const cases: [string, string][] = [
    ["", "one\n"],
    ["one\n", ""],
    ["one", "one\ntwo"],
    [lines.join(""), lines.toSpliced(3, 1).toSpliced(25, 0, "new\n").join("")],
    [lines.join(""), `${lines.join("")}end`],
    ["a\nb\nc\n", "a\nx\nc\n"],
  ];
  const directory = await Deno.makeTempDir();
  try {
    for (const [before, after] of cases) {
      await Deno.writeTextFile(`${directory}/a`, before);
      await Deno.writeTextFile(`${directory}/b`, after);
      const { stdout } = await new Deno.Command("diff", {
        args: ["-u", "--label", "a", "--label", "b", "a", "b"],
        cwd: directory,
      }).output();
      assert.equal(unifiedDiff(before, after, NAMES), new TextDecoder().decode(stdout));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("unifiedDiff() is empty for equal texts", () => {
  assert.equal(unifiedDiff("a\n", "a\n", NAMES), "");
});

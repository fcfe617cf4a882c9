import assert from "node:assert/strict";
import { diffLines } from "./line_diff.ts";

const CASES: readonly (readonly [before: string, after: string, diff: string])[] = [
  ["a\nb\n", "a\nb\n", ""],
  ["", "a\nb\n", "+a\n+b\n"],
  ["a\n", "", "-a\n"],
  ["a\nb\nc\n", "a\nx\nc\n", " a\n-b\n+x\n c\n"],
  ["1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n7\n", "…\n 3\n 4\n 5\n-6\n+7\n"],
  [
    "x\n1\n2\n3\n4\n5\n6\n7\n8\nx\n",
    "y\n1\n2\n3\n4\n5\n6\n7\n8\ny\n",
    "-x\n+y\n 1\n 2\n 3\n…\n 6\n 7\n 8\n-x\n+y\n",
  ],
];

for (const [before, after, diff] of CASES) {
  Deno.test(`diffLines() from ${JSON.stringify(before)} to ${JSON.stringify(after)}`, () => {
    assert.equal(diffLines(before, after), diff);
  });
}

import assert from "node:assert/strict";
import { editDistance, nearest, suggest } from "./nearest.ts";

const COMMANDS = ["up", "build", "version", "help"];

for (
  const [word, expected] of [
    ["buidl", "build"],
    ["BUILD", "build"],
    ["versoin", "version"],
    ["u", "up"],
    ["uup", "up"],
    ["", undefined],
    ["deploy", undefined],
    ["x".repeat(100_000), undefined],
  ] as const
) {
  Deno.test(`nearest() answers ${expected} when asked for ${word.slice(0, 10)}`, () => {
    assert.equal(nearest(word, COMMANDS), expected);
  });
}

Deno.test("nearest() takes the first of equally close candidates", () => {
  assert.equal(nearest("bat", ["cat", "hat"]), "cat");
});

for (
  const [left, right, expected] of [
    ["", "", 0],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["ab", "ba", 1],
    ["listen", "lsiten", 1],
    ["same", "same", 0],
  ] as const
) {
  Deno.test(`editDistance() is ${expected} between "${left}" and "${right}"`, () => {
    assert.equal(editDistance(left, right), expected);
    assert.equal(editDistance(right, left), expected);
  });
}

for (
  const [word, expected] of [
    ["sorce", "source"],
    ["soucre", "source"],
    ["key-value-store", "key_value_stores"],
    ["completely_different", undefined],
  ] as const
) {
  Deno.test(`nearest() finds the key ${expected} for ${word}`, () => {
    assert.equal(nearest(word, ["source", "files", "key_value_stores", "ai_models"]), expected);
  });
}

Deno.test("suggest() offers the nearest, or lists everything", () => {
  assert.equal(suggest("fils", ["files", "env"]), 'did you mean "files"?');
  assert.equal(suggest("zz", ["a1", "b1"]), 'expected one of "a1", "b1"');
  assert.equal(suggest("a", []), "none is defined");
});

import assert from "node:assert/strict";
import { nearest, suggest } from "./_nearest.ts";

Deno.test("nearest() finds what was meant", () => {
  const names = ["source", "files", "environment", "key_value_stores", "ai_models"];
  const cases: [string, string | undefined][] = [
    ["sorce", "source"],
    ["Source", "source"],
    ["soucre", "source"],
    ["key-value-store", "key_value_stores"],
    ["enviroment", "environment"],
    ["x", undefined],
    ["", undefined],
    ["completely_different", undefined],
  ];
  for (const [word, expected] of cases) assert.equal(nearest(word, names), expected, word);
});

Deno.test("suggest() lists everything when nothing is near", () => {
  assert.equal(suggest("zz", ["a1", "b1"]), 'expected one of "a1", "b1"');
  assert.equal(suggest("a", []), "none is defined");
});

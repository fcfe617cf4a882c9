import assert from "node:assert/strict";
import { keyValues } from "./attributes.ts";

Deno.test("keyValues() gives each value its type, and leaves out what is undefined", () => {
  assert.deepEqual(
    keyValues({ text: "t", whole: 3, real: 1.5, flag: false, list: ["a", 1], none: undefined }),
    [
      { key: "text", value: { stringValue: "t" } },
      { key: "whole", value: { intValue: 3 } },
      { key: "real", value: { doubleValue: 1.5 } },
      { key: "flag", value: { boolValue: false } },
      { key: "list", value: { arrayValue: { values: [{ stringValue: "a" }, { intValue: 1 }] } } },
    ],
  );
});

import assert from "node:assert/strict";
import { parseDuration } from "./duration.ts";

for (
  const [text, expected] of [
    ["10s", 10_000],
    ["1.5s", 1_500],
    ["2", 2_000],
    ["500ms", 500],
    ["2m", 120_000],
    ["1000us", 1],
    ["1000μs", 1],
    ["1000000ns", 1],
    ["0", 0],
  ] as const
) {
  Deno.test(`parseDuration() reads ${text} as ${expected} ms`, () => {
    assert.equal(parseDuration(text), expected);
  });
}

for (const text of ["", "s", "-1s", "1 s", "1h", "1e3s", "1.s", "constructor", "9".repeat(400)]) {
  Deno.test(`parseDuration() refuses "${text.slice(0, 12)}"`, () => {
    assert.throws(() => parseDuration(text), SyntaxError);
  });
}

import assert from "node:assert/strict";
import { median, medianRatio, quantile, spread } from "./statistics.ts";

Deno.test("quantile() interpolates between neighbours", () => {
  const cases: [values: number[], share: number, expected: number][] = [
    [[7], 0.99, 7],
    [[3, 1, 2], 0.5, 2],
    [[1, 2, 3, 4], 0.5, 2.5],
    [[10, 20], 0, 10],
    [[10, 20], 1, 20],
    [[], 0.5, NaN],
  ];
  for (const [values, share, expected] of cases) {
    assert.equal(quantile(values, share), expected, `${values} at ${share}`);
  }
});

Deno.test("spread() is relative to the median", () => {
  assert.equal(spread([90, 100, 120]), 0.3);
  assert.equal(spread([5]), 0);
});

Deno.test("medianRatio() compares round by round when the machine slows down in one of them", () => {
  assert.equal(medianRatio([10, 1, 10], [100, 10, 100]), 0.1);
  assert.notEqual(median([10, 1, 10]) / median([100, 10, 10]), 0.1);
  assert.ok(Number.isNaN(medianRatio([1], [])));
});

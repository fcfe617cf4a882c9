import assert from "node:assert/strict";
import { judgeGrowth } from "./growth.ts";

function samples(count: number, bytes: (index: number) => number): number[] {
  return Array.from({ length: count }, (_, index) => bytes(index));
}

Deno.test("judgeGrowth() tells a leak from a warm-up and from noise", () => {
  const cases: [name: string, samples: number[], hasGrown: boolean][] = [
    ["steady", samples(100, () => 150e6), false],
    ["warm-up only", samples(100, (i) => Math.min(60e6 + i * 10e6, 200e6)), false],
    ["collected in waves", samples(100, (i) => 150e6 + (i % 10) * 5e6), false],
    ["one peak at the end", samples(100, (i) => i === 99 ? 900e6 : 150e6), false],
    ["a leak", samples(100, (i) => 150e6 + i * 2e6), true],
    ["a slow leak of a small process", samples(100, (i) => 50e6 + i * 0.8e6), true],
  ];
  for (const [name, values, hasGrown] of cases) {
    assert.equal(judgeGrowth(values).hasGrown, hasGrown, name);
  }
});

Deno.test("judgeGrowth() throws when there are too few samples", () => {
  assert.throws(() => judgeGrowth([1, 2, 3]), RangeError);
});

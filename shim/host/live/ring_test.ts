import assert from "node:assert/strict";
import { Ring } from "./ring.ts";

function filled(count: number): Ring<number> {
  const ring = new Ring<number>(3);
  for (let i = 0; i < count; i++) ring.push(i);
  return ring;
}

for (
  const { count, from, expected } of [
    { count: 0, from: 0, expected: [] },
    { count: 2, from: 0, expected: [0, 1] },
    { count: 2, from: 1, expected: [1] },
    { count: 2, from: 2, expected: [] },
    { count: 2, from: 9, expected: [] },
    { count: 3, from: 0, expected: [0, 1, 2] },
    { count: 8, from: 0, expected: [5, 6, 7] },
    { count: 8, from: 6, expected: [6, 7] },
  ]
) {
  Deno.test(`since() of ${count} items gives ${JSON.stringify(expected)} when asked from ${from}`, () => {
    const ring = filled(count);
    assert.deepEqual(ring.since(from), expected);
    assert.equal(ring.end, count);
  });
}

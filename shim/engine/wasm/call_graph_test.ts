import assert from "node:assert/strict";
import { seededRandom } from "./_wat_fixture.ts";
import { findRecursive } from "./call_graph.ts";

Deno.test("findRecursive() finds the functions on cycles", () => {
  const cases: [string, number[][], number[]][] = [
    ["nothing", [], []],
    ["a chain", [[1], [2], []], [0, 0, 0]],
    ["a call to itself", [[0], []], [1, 0]],
    ["a pair", [[1], [0], [0]], [1, 1, 0]],
    ["a cycle behind a chain", [[1], [2], [3], [1], [3]], [0, 1, 1, 1, 0]],
    ["two cycles with a bridge", [[1], [0, 2], [3], [2]], [1, 1, 1, 1]],
    ["a diamond", [[1, 2], [3], [3], []], [0, 0, 0, 0]],
    ["repeated calls", [[1, 1, 1], [2, 2], []], [0, 0, 0]],
    ["cycles that share a function", [[1, 2], [0], [0]], [1, 1, 1]],
  ];
  for (const [name, callees, expected] of cases) {
    assert.deepEqual([...findRecursive(callees)], expected, name);
  }
});

Deno.test("findRecursive() takes chains of any length", () => {
  const count = 200_000;
  const chain = Array.from({ length: count }, (_, index) => index + 1 < count ? [index + 1] : []);
  assert.equal(findRecursive(chain).indexOf(1), -1);
  chain[count - 1] = [0];
  assert.equal(findRecursive(chain).indexOf(0), -1);
});

/** The same by brute force: a function is recursive if it can reach itself. */
function reachesItself(callees: number[][], start: number): boolean {
  const seen = new Set<number>();
  const open = [...callees[start]!];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node === start) return true;
    if (seen.has(node)) continue;
    seen.add(node);
    open.push(...callees[node]!);
  }
  return false;
}

Deno.test("findRecursive() agrees with a search of every path", () => {
  const seed = Date.now() >>> 0;
  const random = seededRandom(seed);
  for (let round = 0; round < 300; round++) {
    const count = 1 + Math.floor(random() * 12);
    const callees = Array.from(
      { length: count },
      () => Array.from({ length: Math.floor(random() * 3) }, () => Math.floor(random() * count)),
    );
    const expected = callees.map((_, index) => reachesItself(callees, index) ? 1 : 0);
    assert.deepEqual(
      [...findRecursive(callees)],
      expected,
      `seed ${seed}: ${JSON.stringify(callees)}`,
    );
  }
});

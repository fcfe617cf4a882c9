import assert from "node:assert/strict";
import { forEachParallel } from "./parallel.ts";

Deno.test("forEachParallel() runs so many at once, and all of them", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachParallel([1, 2, 3, 4, 5, 6, 7], {
    limit: 3,
    work: async (item) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      done.push(item);
      running--;
    },
  });
  assert.equal(most, 3);
  assert.deepEqual(done.sort(), [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("forEachParallel() begins nothing after a failure, and waits for what runs", async () => {
  const begun: number[] = [];
  let isSlowDone = false;
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    if (item === 1) throw new Error("first");
    await Promise.resolve();
    await Promise.resolve();
    isSlowDone = true;
  };
  await assert.rejects(forEachParallel([1, 2, 3, 4], { limit: 2, work }), { message: "first" });
  assert.deepEqual(begun, [1, 2]);
  assert.ok(isSlowDone);
});

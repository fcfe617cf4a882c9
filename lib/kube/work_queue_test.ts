import assert from "node:assert/strict";
import { WorkQueue } from "./work_queue.ts";

Deno.test("WorkQueue gives out a key once, and again if it changed meanwhile", async () => {
  const queue = new WorkQueue();
  queue.add("a");
  queue.add("a");
  queue.add("b");
  assert.equal(queue.depth, 2);
  assert.equal(await queue.take(), "a");
  queue.add("a");
  assert.equal(await queue.take(), "b");
  const next = queue.take();
  queue.done("a");
  assert.equal(await next, "a");
  queue.close();
});

Deno.test("WorkQueue.add() wakes a waiting worker", async () => {
  const queue = new WorkQueue();
  const key = queue.take();
  queue.add("a");
  assert.equal(await key, "a");
  queue.close();
});

Deno.test("WorkQueue.retry() waits longer each time, until forget()", async () => {
  const queue = new WorkQueue({ firstDelayMs: 20 });
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    queue.retry("a");
    await queue.take();
    waits.push(performance.now() - start);
    queue.done("a");
  }
  assert.ok(waits[0]! >= 18 && waits[1]! >= 38 && waits[2]! >= 78, String(waits));
  assert.equal(queue.failuresOf("a"), 3);
  queue.forget("a");
  assert.equal(queue.failuresOf("a"), 0);
  queue.close();
});

Deno.test("WorkQueue.retry() holds back when many keys fail at once", () => {
  let now = 0;
  const queue = new WorkQueue({ burst: 2, retriesPerSecond: 1, now: () => now });
  const delays: number[] = [];
  queue.addAfter = (_key, delayMs) => void delays.push(delayMs);
  for (const key of ["a", "b", "c", "d"]) queue.retry(key);
  assert.deepEqual(delays, [5, 5, 1_000, 2_000]);
  now = 10_000;
  queue.retry("e");
  assert.equal(delays.at(-1), 5);
  queue.close();
});

Deno.test("WorkQueue.addAfter() keeps the earliest time", async () => {
  const queue = new WorkQueue();
  const start = performance.now();
  queue.addAfter("a", 5_000);
  queue.addAfter("a", 10);
  queue.addAfter("a", 5_000);
  assert.equal(await queue.take(), "a");
  assert.ok(performance.now() - start < 1_000);
  queue.close();
});

Deno.test("WorkQueue.close() ends the wait", async () => {
  const queue = new WorkQueue();
  const waiting = queue.take();
  queue.addAfter("a", 10_000);
  queue.close();
  assert.equal(await waiting, undefined);
  assert.equal(await queue.take(), undefined);
});

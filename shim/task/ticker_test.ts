import assert from "node:assert/strict";
import { Ticker } from "./ticker.ts";

Deno.test("Ticker calls everybody who wants it, also behind one that fails, until they have enough", async () => {
  const ticker = new Ticker(5);
  const calls = { first: 0, second: 0 };
  const reported: unknown[] = [];
  function take(event: ErrorEvent): void {
    event.preventDefault();
    reported.push(event.error.message);
  }
  globalThis.addEventListener("error", take);
  const stops = [
    ticker.add(() => {
      calls.first++;
      throw new Error("of the first");
    }),
    ticker.add(() => void calls.second++),
  ];
  const deadline = performance.now() + 5_000;
  while (calls.second < 2 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  for (const stop of [...stops, ...stops]) stop();
  assert.ok(calls.first >= 2 && calls.second >= 2, JSON.stringify(calls));
  assert.equal(reported[0], "of the first");
  const before = { ...calls };
  await new Promise((resolve) => setTimeout(resolve, 30));
  globalThis.removeEventListener("error", take);
  // The test would not end with a timer that is left.
  assert.deepEqual(calls, before);
});

import assert from "node:assert/strict";
import { MessageCalls } from "./message_calls.ts";

Deno.test("MessageCalls runs several calls at once, and tells what it lost", async () => {
  const reports: string[] = [];
  const calls = new MessageCalls({
    what: "test trigger",
    report: (lines) => reports.push(...lines),
    maxCalls: 2,
  });
  let running = 0;
  let most = 0;
  let done = 0;
  for (let i = 0; i < 1_010; i++) {
    calls.add(async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      done++;
    });
  }
  for (let before = -1; before !== done;) {
    before = done;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await calls.stop(1_000);
  assert.equal(most, 2);
  assert.equal(reports.length, 1);
  const lost = Number(/the test trigger lost (\d+) message\(s\)/.exec(reports[0]!)?.[1]);
  assert.ok(lost > 0 && lost <= 8, reports.join());
  assert.equal(done + lost, 1_010);
});

Deno.test("MessageCalls.stop() waits for what runs, for so long", async () => {
  const calls = new MessageCalls({ what: "test trigger", report: () => {}, maxCalls: 1 });
  const never = Promise.withResolvers<void>();
  let second = false;
  calls.add(() => never.promise);
  calls.add(() => {
    second = true;
    return Promise.resolve();
  });
  await calls.stop(20);
  never.resolve();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(second, false);
});

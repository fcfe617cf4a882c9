import assert from "node:assert/strict";
import { GuestTimers } from "./guest_timers.ts";

/** Lets everything happen that is due. */
async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("setTimeout() calls back after what goes on if the delay is none", async () => {
  const timers = new GuestTimers();
  const calls: string[] = [];
  timers.setTimeout(() => calls.push("timer"), 0);
  queueMicrotask(() => calls.push("microtask"));
  calls.push("now");
  await turns();
  assert.deepEqual(calls, ["now", "microtask", "timer"]);
  timers.close();
});

Deno.test("setTimeout() waits for the next event if there is a delay", async () => {
  const timers = new GuestTimers();
  let isCalled = false;
  timers.setTimeout(() => isCalled = true, 10);
  await turns();
  assert.equal(isCalled, false);
  timers.wake();
  await turns();
  assert.equal(isCalled, true);
  timers.close();
});

Deno.test("setInterval() calls back at once, and at every event until it is cleared", async () => {
  const timers = new GuestTimers();
  let calls = 0;
  const handle = timers.setInterval(() => calls++);
  await turns();
  assert.equal(calls, 1);
  timers.wake();
  timers.wake();
  await turns();
  assert.equal(calls, 2, "several events at once are one");
  timers.clearInterval(handle);
  timers.wake();
  await turns();
  assert.equal(calls, 2);
  timers.close();
});

Deno.test("GuestTimers looks again after a while although nobody told of an event", async () => {
  const timers = new GuestTimers();
  await new Promise<void>((resolve) => timers.setTimeout(resolve, 10));
  timers.close();
});

Deno.test("close() ends all timers", async () => {
  const timers = new GuestTimers();
  let calls = 0;
  timers.setTimeout(() => calls++, 0);
  timers.setTimeout(() => calls++, 10);
  timers.setInterval(() => calls++);
  timers.close();
  timers.wake();
  timers.setTimeout(() => calls++, 0);
  await turns();
  assert.equal(calls, 0);
});

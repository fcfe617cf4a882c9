import assert from "node:assert/strict";
import { type AsyncGuest, loadAsyncGuest } from "./_async_guest_fixture.ts";
import { engineShared } from "./_guest_fixture.ts";
import type { ComponentExports } from "./component.ts";
import { CpuLimitExceeded } from "./preemption.ts";
import type { SharedCall, SharedInstance } from "./shared_component.ts";

function call(
  instance: SharedInstance,
  action: (guest: AsyncGuest) => Promise<number>,
): SharedCall<number> {
  return instance.call((exports: ComponentExports) => action(exports as unknown as AsyncGuest));
}

Deno.test("SharedInstance runs several calls at once", async () => {
  const instance = await (await loadAsyncGuest()).instantiate();
  const start = performance.now();
  const calls = Array.from({ length: 10 }, () => call(instance, (guest) => guest.count(100)));
  // All have begun before the first one returns.
  assert.deepEqual(await Promise.all(calls.map(({ result }) => result)), Array(10).fill(10));
  assert.ok(performance.now() - start < 900, "they wait together");
  await Promise.all(calls.map(({ finished }) => finished));
  instance.end();
});

Deno.test("SharedInstance lets nobody in while a guest that computes has to give way", async () => {
  const instance = await (await loadAsyncGuest()).instantiate();
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const burning = call(instance, (guest) => guest.burn(60));
  // Its sleep ends while the other computes, and it is told only after that.
  const order: string[] = [];
  const sleeping = call(instance, (guest) => guest.count(1));
  void burning.result.then(() => order.push("burnt"));
  void sleeping.result.then(() => order.push("slept"));
  assert.equal(await burning.result, 1);
  assert.equal(await sleeping.result, 2);
  clearInterval(timer);
  assert.deepEqual(order, ["burnt", "slept"]);
  assert.ok(turns > 3, "the event loop has had its turns in between");
  instance.end();
});

Deno.test("SharedInstance goes on correctly after many preemptions in turn with calls", async () => {
  const instance = await (await loadAsyncGuest()).instantiate();
  const calls = Array.from(
    { length: 30 },
    (_, index) => call(instance, (guest) => index % 3 === 0 ? guest.burn(8) : guest.count(index)),
  );
  const results = await Promise.all(calls.map(({ result }) => result));
  assert.ok(results.every((count) => count >= 1 && count <= 30), String(results));
  instance.end();
});

Deno.test("a guest that computes too long ends its instance, and the calls in it", async () => {
  const shared = { ...engineShared(), cpuLimitMs: 100 };
  const instance = await (await loadAsyncGuest({ shared })).instantiate();
  const sleeping = call(instance, (guest) => guest.count(60_000));
  const burning = call(instance, (guest) => guest.burn(1_000_000));
  await assert.rejects(burning.result, CpuLimitExceeded);
  await assert.rejects(sleeping.result, CpuLimitExceeded);
  assert.ok(instance.ended.aborted);
  await assert.rejects(call(instance, (guest) => guest.count(0)).result, CpuLimitExceeded);
});

Deno.test("a trap ends the instance, also after the guest has waited", async () => {
  for (const ms of [0, 20]) {
    const instance = await (await loadAsyncGuest()).instantiate();
    const sleeping = call(instance, (guest) => guest.count(60_000));
    await assert.rejects(call(instance, (guest) => guest.fail(ms)).result, /unreachable/);
    await assert.rejects(sleeping.result, /unreachable/);
    await sleeping.finished;
    assert.match(String(instance.ended.reason), /unreachable/);
  }
});

Deno.test("a host function that throws ends the instance", async () => {
  const sleep = () => Promise.reject(new Error("no sleep"));
  const instance = await (await loadAsyncGuest({ sleep })).instantiate();
  await assert.rejects(call(instance, (guest) => guest.count(1)).result, /no sleep/);
  assert.ok(instance.ended.aborted);
});

Deno.test("end() ends a guest that computes, and one that waits", async () => {
  const instance = await (await loadAsyncGuest()).instantiate();
  const sleeping = call(instance, (guest) => guest.count(60_000));
  const burning = call(instance, (guest) => guest.burn(1_000_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(instance.isComputing);
  const reason = new Error("over");
  instance.end(reason);
  await assert.rejects(burning.result, reason);
  await assert.rejects(sleeping.result, reason);
  // It does compute no more.
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(instance.isComputing, false);
});

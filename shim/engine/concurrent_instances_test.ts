import assert from "node:assert/strict";
import { type AsyncGuest, loadAsyncGuest } from "./_async_guest_fixture.ts";
import { choose, ConcurrentInstances, type ReuseLimits } from "./concurrent_instances.ts";
import { MemoryCollector } from "./garbage.ts";
import { InstanceBudget, InstanceLimitReached } from "./instance_budget.ts";

const LIMITS: ReuseLimits = {
  maxCalls: [128, 128],
  maxConcurrentCalls: [16, 16],
  idleMs: [1_000, 1_000],
  callTimeoutMs: undefined,
};

async function create(
  options: { limits?: Partial<ReuseLimits>; maxInstances?: number } = {},
): Promise<{ instances: ConcurrentInstances; budget: InstanceBudget }> {
  const budget = new InstanceBudget({
    maxInstances: options.maxInstances ?? 100,
    maxBytes: 2 ** 30,
    maxWaitMs: 50,
  });
  const instances = await ConcurrentInstances.create(await loadAsyncGuest(), {
    limits: { ...LIMITS, ...options.limits },
    budget,
    collector: new MemoryCollector(),
  });
  return { instances, budget };
}

async function run(
  instances: ConcurrentInstances,
  action: (guest: AsyncGuest) => Promise<number>,
): Promise<number> {
  const { result, finished } = await instances.call((exports) =>
    action(exports as unknown as AsyncGuest)
  );
  const value = await result;
  await finished;
  return value;
}

Deno.test("call() uses an instance as often as it may", async () => {
  const { instances, budget } = await create({ limits: { maxCalls: [3, 3] } });
  const counts: number[] = [];
  for (let i = 0; i < 7; i++) counts.push(await run(instances, (guest) => guest.count(0)));
  assert.deepEqual(counts, [1, 2, 3, 1, 2, 3, 1]);
  assert.deepEqual(instances.counters, { created: 3, calls: 7, discarded: 2 });
  instances.close();
  assert.equal(budget.instances, 0);
});

Deno.test("call() puts as many calls into an instance as it may serve at once", async () => {
  const { instances } = await create({ limits: { maxConcurrentCalls: [4, 4] } });
  const counts = await Promise.all(
    Array.from({ length: 10 }, () => run(instances, (guest) => guest.count(50))),
  );
  assert.deepEqual(counts.sort(), [2, 2, 4, 4, 4, 4, 4, 4, 4, 4]);
  assert.equal(instances.counters.created, 3);
  instances.close();
});

Deno.test("call() keeps away from an instance in which a guest computes", async () => {
  const { instances } = await create();
  const burning = run(instances, (guest) => guest.burn(100));
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(await run(instances, (guest) => guest.count(0)), 1);
  assert.equal(await burning, 1);
  instances.close();
});

Deno.test("an idle instance is dropped after its time", async () => {
  const { instances, budget } = await create({ limits: { idleMs: [20, 20] } });
  assert.equal(await run(instances, (guest) => guest.count(0)), 1);
  assert.equal(instances.size, 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(instances.size, 0);
  assert.equal(budget.instances, 0);
  assert.equal(await run(instances, (guest) => guest.count(0)), 1);
  instances.close();
});

Deno.test("a trap ends the calls in its instance, and the next get a new one", async () => {
  const { instances, budget } = await create();
  const sleeping = run(instances, (guest) => guest.count(60_000));
  const failing = run(instances, (guest) => guest.fail(10));
  await assert.rejects(failing, /unreachable/);
  await assert.rejects(sleeping, /unreachable/);
  assert.equal(await run(instances, (guest) => guest.count(0)), 1);
  assert.equal(budget.instances, 1);
  instances.close();
});

Deno.test("call() refuses if there is no room for an instance in time", async () => {
  const limits = { maxConcurrentCalls: [1, 1] as const };
  const { instances } = await create({ limits, maxInstances: 1 });
  const sleeping = run(instances, (guest) => guest.count(200));
  await assert.rejects(run(instances, (guest) => guest.count(0)), InstanceLimitReached);
  assert.equal(await sleeping, 1);
  assert.equal(await run(instances, (guest) => guest.count(0)), 2);
  instances.close();
});

Deno.test("an instance whose calls nobody waits for is ended, but not before", async () => {
  const { instances } = await create();
  const start = () => instances.call((exports) => (exports as unknown as AsyncGuest).count(60_000));
  const [first, second] = [await start(), await start()];
  const gone = new Error("gone");
  first.result.catch(() => {});
  first.abandon(gone);
  assert.equal(first.ended.aborted, false);
  // No further calls are added to what has to be ended.
  assert.equal(await run(instances, (guest) => guest.count(0)), 1);
  second.abandon(gone);
  await assert.rejects(second.result, gone);
  await assert.rejects(first.result, gone);
  instances.close();
});

Deno.test("close() ends the calls that go on", async () => {
  const { instances, budget } = await create();
  const sleeping = run(instances, (guest) => guest.count(60_000));
  await new Promise((resolve) => setTimeout(resolve, 20));
  instances.close();
  await assert.rejects(sleeping, { name: "GuestAbandoned" });
  assert.equal(budget.instances, 0);
});

Deno.test("choose() stays in its range, of which the end is no part", () => {
  const values = new Set(Array.from({ length: 200 }, () => choose([3, 6])));
  assert.deepEqual([...values].sort(), [3, 4, 5]);
  assert.equal(choose([7, 7]), 7);
});

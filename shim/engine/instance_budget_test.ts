import assert from "node:assert/strict";
import { InstanceBudget, InstanceLimitReached } from "./instance_budget.ts";

const LIMITS = { maxInstances: 2, maxBytes: 100, maxWaitMs: 50 };

Deno.test("InstanceBudget limits count and bytes", () => {
  const budget = new InstanceBudget(LIMITS);
  assert.ok(budget.tryTake(60));
  assert.ok(!budget.tryTake(60));
  assert.ok(budget.tryTake(10));
  assert.ok(!budget.tryTake(10));
  budget.give(60);
  assert.ok(budget.tryTake(80));
});

Deno.test("InstanceBudget lets a single instance of any size in", () => {
  assert.ok(new InstanceBudget(LIMITS).tryTake(1_000));
});

Deno.test("InstanceBudget.take() waits in turn, then gives up", async () => {
  const budget = new InstanceBudget(LIMITS);
  budget.tryTake(10);
  budget.tryTake(10);
  const order: string[] = [];
  const first = budget.take(10).then(() => order.push("first"));
  const second = assert.rejects(budget.take(10), InstanceLimitReached);
  assert.ok(!budget.tryTake(1), "nobody overtakes those who wait");
  budget.give(10);
  await Promise.all([first, second]);
  assert.deepEqual(order, ["first"]);
  assert.equal(budget.instances, 2);
});

Deno.test("InstanceBudget.tryTake() reclaims idle instances first", () => {
  const budget = new InstanceBudget(LIMITS);
  budget.tryTake(10);
  budget.tryTake(10);
  let idle = 1;
  budget.addReclaimer(() => {
    if (idle-- <= 0) return false;
    budget.give(10);
    return true;
  });
  assert.ok(budget.tryTake(10));
  assert.ok(!budget.tryTake(10));
});

Deno.test("InstanceBudget.handOver() passes on only to the first in line, and its own", async () => {
  const budget = new InstanceBudget(LIMITS);
  budget.tryTake(10);
  budget.tryTake(10);
  const [owner, other] = [{}, {}];
  assert.ok(!budget.handOver(owner, "unwanted"));
  const first = budget.take(10, owner);
  const second = budget.take(10, other);
  assert.ok(budget.isContended);
  assert.ok(!budget.handOver(other, "out of turn"));
  assert.ok(budget.handOver(owner, "item"));
  assert.equal(await first, "item");
  budget.give(10);
  assert.equal(await second, undefined);
  assert.ok(!budget.isContended);
  assert.equal(budget.instances, 2);
});

Deno.test("InstanceBudget.take() lets the next one in when the first gives up", async () => {
  const budget = new InstanceBudget({ maxInstances: 3, maxBytes: 100, maxWaitMs: 30 });
  budget.tryTake(60);
  const large = assert.rejects(budget.take(90), InstanceLimitReached);
  await new Promise((resolve) => setTimeout(resolve, 15));
  const small = budget.take(20);
  await large;
  await small;
  assert.equal(budget.bytes, 80);
});

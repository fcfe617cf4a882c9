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

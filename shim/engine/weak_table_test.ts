import assert from "node:assert/strict";
import { WeakTable } from "./weak_table.ts";

Deno.test("WeakTable gives values back by number, and holds none", async () => {
  const table = new WeakTable<object>();
  const kept = { name: "kept" };
  const first = table.insert(kept);
  const second = table.insert({ name: "dropped" });
  assert.deepEqual([first, second], [1, 2]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  (globalThis as unknown as { gc(): void }).gc();
  assert.equal(table.get(first), kept);
  assert.equal(table.get(second), undefined);
  assert.equal(table.get(3), undefined);
});

import assert from "node:assert/strict";
import { CaptureTable } from "./capture_table.ts";

Deno.test("CaptureTable keeps objects by number, with gaps", () => {
  const table = new CaptureTable();
  const [first, third, other] = [{}, {}, {}];
  table.set(1, first);
  table.set(3, third);
  assert.equal(table.size, 2);
  assert.equal(table.get(1), first);
  assert.equal(table.get(2), undefined);
  assert.equal(table.get(9), undefined);
  assert.deepEqual(table.entries(), [[1, first], [3, third]]);
  table.set(1, other);
  assert.equal(table.size, 2, "a replaced object counts once");
  assert.equal(table.get(1), other);
});

Deno.test("CaptureTable.delete() forgets, also what is not there", () => {
  const table = new CaptureTable();
  table.set(2, {});
  table.delete(2);
  table.delete(2);
  table.delete(7);
  assert.equal(table.size, 0);
  assert.equal(table.get(2), undefined);
  assert.deepEqual(table.entries(), []);
});

Deno.test("CaptureTable.drainInto() hands out what is left and empties the table", () => {
  const table = new CaptureTable();
  const [kept, dropped] = [{}, {}];
  table.set(1, dropped);
  table.set(4, kept);
  table.delete(1);
  const leftovers: object[] = [];
  table.drainInto(leftovers);
  assert.deepEqual(leftovers, [kept]);
  assert.equal(table.size, 0);
  table.drainInto(leftovers);
  assert.equal(leftovers.length, 1);
  table.set(1, kept);
  assert.deepEqual(table.entries(), [[1, kept]]);
});

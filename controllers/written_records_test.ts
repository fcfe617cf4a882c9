import assert from "node:assert/strict";
import { WrittenRecords } from "./written_records.ts";

Deno.test("WrittenRecords tells what is written, on its way, or to be written", () => {
  let now = 0;
  const records = new WrittenRecords(() => now);
  const content = { a: 1 };
  records.record("k", { content, before: "1", after: "2" });
  const cases: [content: unknown, version: string | undefined, at: number, expected: string][] = [
    [content, "1", 0, "pending"],
    [content, "2", 0, "done"],
    [content, "2", 60_000, "done"],
    [content, "3", 0, "no"],
    [content, undefined, 0, "no"],
    [{ a: 2 }, "2", 0, "no"],
    [content, "1", 60_000, "no"],
  ];
  for (const [what, version, at, expected] of cases) {
    now = at;
    assert.equal(records.state("k", { content: what, version }), expected, `${version} at ${at}`);
  }
  assert.equal(records.state("other", { content, version: "2" }), "no");
  records.forget("k");
  assert.equal(records.state("k", { content, version: "2" }), "no");
});

Deno.test("WrittenRecords does not take a new object that was lost for one that is on its way", () => {
  let now = 0;
  const records = new WrittenRecords(() => now);
  records.record("k", { content: 1, before: undefined, after: "1" });
  assert.equal(records.state("k", { content: 1, version: undefined }), "pending");
  now = 20_000;
  assert.equal(records.state("k", { content: 1, version: undefined }), "no");
});

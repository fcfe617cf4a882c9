import assert from "node:assert/strict";
import { formatNodeRecord, type NodeRecord, parseNodeRecord } from "./node_record.ts";

Deno.test("parseNodeRecord() reads what formatNodeRecord() writes", () => {
  const record: NodeRecord = {
    hash: "a",
    machine: "m",
    tried: "b",
    failures: 2,
    error: 'no "space"',
    time: "2026-01-01T00:00:00Z",
    job: "j",
  };
  assert.deepEqual(parseNodeRecord(formatNodeRecord(record)), record);
});

Deno.test("parseNodeRecord() takes what is damaged for nothing", () => {
  const texts = [
    undefined,
    "",
    "{",
    "null",
    "[]",
    "1",
    '{"hash":1,"failures":"2"}',
    '{"failures":-1}',
  ];
  for (const text of texts) assert.deepEqual(parseNodeRecord(text), {}, String(text));
  assert.deepEqual(parseNodeRecord('{"hash":"a","later":true}'), { hash: "a" });
});

import assert from "node:assert/strict";
import { kilobyteField, readMemory } from "./process_memory.ts";

Deno.test("kilobyteField() reads the whole name only", () => {
  const text = "VmHWM:\t   51200 kB\nVmRSS:\t    2048 kB\nShared_Clean:  8 kB\n";
  assert.equal(kilobyteField(text, "VmRSS"), 2048 * 1024);
  assert.equal(kilobyteField(text, "VmHWM"), 51200 * 1024);
  assert.equal(kilobyteField(text, "Clean"), 0);
});

Deno.test("readMemory() knows this process when there is /proc", {
  ignore: Deno.build.os !== "linux",
}, () => {
  const use = readMemory(Deno.pid);
  assert.ok(use !== undefined && use.residentBytes > 10e6);
  assert.ok(use.peakBytes >= use.residentBytes);
  assert.ok(use.privateBytes > 0);
});

Deno.test("readMemory() returns undefined when there is no such process", () => {
  assert.equal(readMemory(2 ** 30), undefined);
});

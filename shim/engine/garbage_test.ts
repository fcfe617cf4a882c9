import assert from "node:assert/strict";
import { MemoryCollector } from "./garbage.ts";

/** Runs `test` with a `gc` that only records; the collector looks for it when it is made. */
function withRecordedGc(test: (collections: string[], collector: MemoryCollector) => void): void {
  const global = globalThis as { gc?: unknown };
  const original = global.gc;
  const collections: string[] = [];
  global.gc = ({ type }: { type: string }) => void collections.push(type);
  try {
    test(collections, new MemoryCollector());
  } finally {
    if (original === undefined) delete global.gc;
    else global.gc = original;
  }
}

Deno.test("MemoryCollector.dropped() collects about every 200 MiB", () => {
  withRecordedGc((collections, collector) => {
    for (let dropped = 0; dropped < 199; dropped++) collector.dropped(1 << 20);
    assert.deepEqual(collections, []);
    collector.dropped(1 << 20);
    assert.deepEqual(collections, ["minor"]);
    collector.dropped(199 << 20);
    assert.deepEqual(collections, ["minor"], "it counts from zero again");
  });
});

Deno.test("MemoryCollector.collectAll() collects everything", () => {
  withRecordedGc((collections, collector) => {
    collector.collectAll();
    assert.deepEqual(collections, ["major"]);
  });
});

Deno.test("MemoryCollector.dropped() collects everything about every GiB", () => {
  withRecordedGc((collections, collector) => {
    for (let dropped = 0; dropped < 1024; dropped++) collector.dropped(1 << 20);
    assert.deepEqual(collections, ["minor", "minor", "minor", "minor", "minor", "major"]);
  });
});

Deno.test("MemoryCollector.sweep() collects everything when it has become quiet", () => {
  withRecordedGc((collections, collector) => {
    collector.sweep();
    collector.dropped(100 << 20);
    collector.sweep();
    assert.deepEqual(collections, [], "not while memories are dropped");
    collector.sweep();
    assert.deepEqual(collections, ["major"]);
    collector.sweep();
    collector.dropped(1 << 20);
    collector.sweep();
    collector.sweep();
    assert.deepEqual(collections, ["major"], "not for little");
  });
});

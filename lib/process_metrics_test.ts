import assert from "node:assert/strict";
import { MetricRegistry } from "./metric_registry.ts";
import { addProcessMetrics } from "./process_metrics.ts";

Deno.test("addProcessMetrics() tells what the system says of this process", () => {
  const registry = new MetricRegistry();
  addProcessMetrics(registry);
  const text = registry.text();
  const value = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  const { rss, heapUsed } = Deno.memoryUsage();
  assert.ok(Math.abs(value("process_heap_bytes") / heapUsed - 1) < 0.5);
  if (Deno.build.os !== "linux") return;
  assert.ok(Math.abs(value("process_resident_memory_bytes") / rss - 1) < 0.5);
  assert.ok(value("process_virtual_memory_bytes") > rss);
  assert.ok(value("process_cpu_seconds_total") > 0);
  assert.ok(value("process_open_fds") >= 3);
  assert.ok(value("process_max_fds") > value("process_open_fds"));
  // Clocks of the boot and of the day drift apart a little.
  const age = Date.now() / 1e3 - value("process_start_time_seconds");
  assert.ok(age > 0 && Math.abs(age - performance.now() / 1e3) < 120, `${age} s`);
});

import assert from "node:assert/strict";
import { MetricRegistry } from "./metric_registry.ts";

Deno.test("MetricRegistry.text() writes Prometheus' text format", () => {
  const registry = new MetricRegistry();
  const runs = registry.counter("runs_total", { help: "Runs,\nby \\ result", labels: ["a", "b"] });
  runs.add({ b: "2", a: 'x"\\\n' });
  runs.add({ a: 'x"\\\n', b: "2" }, 2);
  runs.add({ a: "y", b: "" }, 0);
  const depth = registry.gauge("depth", { help: "Depth" });
  depth.add({}, 3);
  depth.add({}, -1);
  registry.gauge("unseen", { help: "Has no number yet", labels: ["a"] });
  registry.computed("now", {
    type: "gauge",
    help: "Looked up",
    labels: ["n"],
    read: () => [[{ n: "1" }, 0.5], [{ n: "2" }, Infinity], [{ n: "3" }, NaN]],
  });
  assert.equal(
    registry.text(),
    `# HELP runs_total Runs,\\nby \\\\ result
# TYPE runs_total counter
runs_total{a="x\\"\\\\\\n",b="2"} 3
runs_total{a="y",b=""} 0
# HELP depth Depth
# TYPE depth gauge
depth 2
# HELP now Looked up
# TYPE now gauge
now{n="1"} 0.5
now{n="2"} +Inf
now{n="3"} NaN
`,
  );
});

Deno.test("Histogram.observe() counts a value in its bucket and all larger ones", () => {
  const registry = new MetricRegistry();
  const labels = ["c"];
  const times = registry.histogram("s", { help: "Time", labels, buckets: [0.1, 1, 10] });
  for (const value of [0.1, 0.2, 5, 50]) times.observe({ c: "x" }, value);
  const plain = registry.histogram("p", { help: "Plain", buckets: [1] });
  plain.observe({}, 2);
  assert.equal(
    registry.text(),
    `# HELP s Time
# TYPE s histogram
s_bucket{c="x",le="0.1"} 1
s_bucket{c="x",le="1"} 2
s_bucket{c="x",le="10"} 3
s_bucket{c="x",le="+Inf"} 4
s_sum{c="x"} 55.3
s_count{c="x"} 4
# HELP p Plain
# TYPE p histogram
p_bucket{le="1"} 0
p_bucket{le="+Inf"} 1
p_sum 2
p_count 1
`,
  );
});

Deno.test("MetricRegistry refuses a second family of the same name", () => {
  const registry = new MetricRegistry();
  registry.counter("a", { help: "A" });
  assert.throws(() => registry.gauge("a", { help: "A" }), /There is a metric "a" already/);
});

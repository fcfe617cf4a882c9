import assert from "node:assert/strict";
import { chooseFormat, formatMetrics } from "./format_metrics.ts";
import { Samples } from "./samples.ts";

const samples = new Samples();
samples.add("spinkube_http_requests", ["c", '/a "b"\\\n', "200"], 3);
samples.add("spinkube_instances", ["c"], 2);

Deno.test("formatMetrics() writes Prometheus' text format", () => {
  assert.equal(
    formatMetrics(samples.snapshot(), "prometheus"),
    [
      "# HELP spinkube_http_requests_total HTTP requests that were answered, by component, route and status.",
      "# TYPE spinkube_http_requests_total counter",
      'spinkube_http_requests_total{component="c",route="/a \\"b\\"\\\\\\n",status="200"} 3',
      "# HELP spinkube_instances Instances that exist, in use or idle.",
      "# TYPE spinkube_instances gauge",
      'spinkube_instances{component="c"} 2',
      "",
    ].join("\n"),
  );
});

Deno.test("formatMetrics() writes OpenMetrics", () => {
  const text = formatMetrics(samples.snapshot(), "openmetrics");
  assert.match(text, /^# TYPE spinkube_http_requests counter$/m);
  assert.match(text, /^spinkube_http_requests_total\{.*\} 3$/m);
  assert.match(text, /\n# EOF\n$/);
});

Deno.test("formatMetrics() writes histograms with buckets that include those before", () => {
  const observed = new Samples();
  for (const seconds of [0.001, 0.002, 0.002, 60]) {
    observed.observe("spinkube_trigger_message_duration_seconds", ["redis", "c"], seconds);
  }
  const text = formatMetrics(observed.snapshot(), "openmetrics");
  assert.match(text, /^# UNIT spinkube_trigger_message_duration_seconds seconds$/m);
  const lines = [...text.matchAll(/_seconds_(\w+)\{.*?(?:,le="(.*?)")?\} (.*)/g)]
    .map(([, kind, le, value]) => `${kind} ${le ?? ""} ${value}`);
  assert.deepEqual(lines, [
    "bucket 0.0005 0",
    "bucket 0.001 1",
    "bucket 0.0025 3",
    ...["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0"]
      .map((le) => `bucket ${le} 3`),
    "bucket +Inf 4",
    "sum  60.005",
    "count  4",
  ]);
});

Deno.test("chooseFormat() gives OpenMetrics to those who ask for it", () => {
  assert.equal(chooseFormat(null), "prometheus");
  assert.equal(chooseFormat("text/plain"), "prometheus");
  assert.equal(
    chooseFormat("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
    "openmetrics",
  );
});

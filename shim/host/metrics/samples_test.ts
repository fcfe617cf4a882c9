import assert from "node:assert/strict";
import { mergeSnapshots, Samples, withoutGauges } from "./samples.ts";

function samplesOf(requests: number, seconds: readonly number[]): Samples {
  const samples = new Samples();
  for (let count = 0; count < requests; count++) {
    samples.add("spinkube_http_requests", ["c", "/", "200"]);
  }
  for (const value of seconds) {
    samples.observe("spinkube_http_request_duration_seconds", ["c", "/"], value);
  }
  samples.add("spinkube_isolates", []);
  return samples;
}

Deno.test("mergeSnapshots() adds up what isolates have counted", () => {
  const first = samplesOf(2, [0.001, 20]).snapshot();
  const second = samplesOf(3, [0.0011, 0.4]);
  second.add("spinkube_http_requests", ["c", "/", "500"]);
  const merged = mergeSnapshots([first, second.snapshot()]);
  assert.deepEqual(merged.spinkube_http_requests, {
    '["c","/","200"]': 5,
    '["c","/","500"]': 1,
  });
  assert.deepEqual(merged.spinkube_http_request_duration_seconds, {
    '["c","/"]': [0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 20.4021],
  });
  assert.deepEqual(merged.spinkube_isolates, { "[]": 2 });
  assert.deepEqual(first, samplesOf(2, [0.001, 20]).snapshot());
});

Deno.test("withoutGauges() keeps what must not fall", () => {
  assert.deepEqual(Object.keys(withoutGauges(samplesOf(1, [1]).snapshot())), [
    "spinkube_http_requests",
    "spinkube_http_request_duration_seconds",
  ]);
});

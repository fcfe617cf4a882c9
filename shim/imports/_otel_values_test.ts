import assert from "node:assert/strict";
import { nanosOf, otelValue } from "./_otel_values.ts";

Deno.test("otelValue() reads the JSON in which guests send values", () => {
  const cases: [text: string, value: object][] = [
    ['"text"', { stringValue: "text" }],
    ["true", { boolValue: true }],
    ["-7", { intValue: -7n }],
    ["9223372036854775807", { intValue: 9223372036854775807n }],
    ["9223372036854775808", { doubleValue: 9223372036854775808 }],
    ["1.0", { doubleValue: 1 }],
    ["1e3", { doubleValue: 1000 }],
    ['["a",1,false]', {
      arrayValue: { values: [{ stringValue: "a" }, { intValue: 1 }, { boolValue: false }] },
    }],
    ['{"a":1}', { kvlistValue: { values: [{ key: "a", value: { intValue: 1 } }] } }],
    ['"data:application/octet-stream;base64,AAEC"', { bytesValue: Uint8Array.of(0, 1, 2) }],
    // What no attribute can be stays as it came.
    ["not JSON", { stringValue: "not JSON" }],
    ["null", { stringValue: "null" }],
    ["[[1]]", { stringValue: "[[1]]" }],
    ['{"a":{"b":1}}', { stringValue: '{"a":{"b":1}}' }],
  ];
  for (const [text, value] of cases) assert.deepEqual(otelValue(text), value, text);
});

Deno.test("nanosOf() keeps every nanosecond", () => {
  const time = { seconds: 1_700_000_000n, nanoseconds: 123_456_789 };
  assert.equal(nanosOf(time), 1_700_000_000_123_456_789n);
});

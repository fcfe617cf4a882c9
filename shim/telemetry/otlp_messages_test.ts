import assert from "node:assert/strict";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import type { MessageInit, MessageType } from "../proto/schema.ts";
import { encodeJson } from "./json.ts";
import { EXPORT_LOGS, EXPORT_METRICS, EXPORT_TRACES } from "./otlp_messages.ts";

function id(byte: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

const ATTRIBUTES = [
  { key: "a", value: { stringValue: "x" } },
  { key: "i", value: { intValue: -5n } },
  { key: "b", value: { bytesValue: id(1, 3) } },
  { key: "l", value: { arrayValue: { values: [{ boolValue: true }, { doubleValue: 1.5 }] } } },
  { key: "t", value: { kvlistValue: { values: [{ key: "z", value: { intValue: 1 } }] } } },
];
const RESOURCE = { attributes: ATTRIBUTES };
const TRACES = {
  resourceSpans: [{
    resource: RESOURCE,
    scopeSpans: [{
      scope: { name: "s", version: "1", attributes: ATTRIBUTES },
      spans: [{
        traceId: id(2, 16),
        spanId: id(3, 8),
        parentSpanId: id(4, 8),
        traceState: "a=b",
        name: "n",
        kind: 2,
        startTimeUnixNano: 1700000000000000001n,
        endTimeUnixNano: 1700000000000000002n,
        attributes: ATTRIBUTES,
        droppedAttributesCount: 1,
        events: [{ timeUnixNano: 5n, name: "e", attributes: ATTRIBUTES }],
        droppedEventsCount: 2,
        links: [{
          traceId: id(5, 16),
          spanId: id(6, 8),
          traceState: "c=d",
          attributes: ATTRIBUTES,
          flags: 1,
        }],
        droppedLinksCount: 3,
        status: { code: 2, message: "bad" },
        flags: 1,
      }],
    }],
  }],
};
const DISTRIBUTION = {
  startTimeUnixNano: 1n,
  timeUnixNano: 2n,
  count: 3n,
  sum: 4.5,
  min: -1,
  max: 3,
  attributes: ATTRIBUTES,
  exemplars: [{
    timeUnixNano: 7n,
    asInt: -9n,
    spanId: id(3, 8),
    traceId: id(2, 16),
    filteredAttributes: ATTRIBUTES,
  }],
};
const METRICS = {
  resourceMetrics: [{
    resource: RESOURCE,
    schemaUrl: "u",
    scopeMetrics: [{
      scope: { name: "s" },
      metrics: [{
        name: "g",
        description: "d",
        unit: "1",
        gauge: {
          dataPoints: [{ timeUnixNano: 2n, asInt: -7n, attributes: ATTRIBUTES }, {
            timeUnixNano: 3n,
            asDouble: 0,
          }],
        },
      }, {
        name: "s",
        sum: {
          dataPoints: [{ startTimeUnixNano: 1n, timeUnixNano: 2n, asDouble: 2.5 }],
          aggregationTemporality: 2,
          isMonotonic: true,
        },
      }, {
        name: "h",
        histogram: {
          aggregationTemporality: 1,
          dataPoints: [{ ...DISTRIBUTION, bucketCounts: [1n, 2n], explicitBounds: [1.5] }],
        },
      }, {
        name: "e",
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [{
            ...DISTRIBUTION,
            scale: -2,
            zeroCount: 1n,
            zeroThreshold: 0.25,
            positive: { offset: -3, bucketCounts: [1n, 300n] },
            negative: { offset: 4, bucketCounts: [] },
          }],
        },
      }],
    }],
  }],
};
const LOGS = {
  resourceLogs: [{
    resource: RESOURCE,
    scopeLogs: [{
      scope: { name: "s" },
      schemaUrl: "u",
      logRecords: [{
        timeUnixNano: 1n,
        observedTimeUnixNano: 2n,
        severityNumber: 9,
        severityText: "INFO",
        body: { stringValue: "hi" },
        attributes: ATTRIBUTES,
        flags: 1,
        traceId: id(2, 16),
        spanId: id(3, 8),
        eventName: "ev",
      }],
    }],
  }],
};

/**
 * SHA-256 of both forms of each message. The package opentelemetry-proto of PyPI, made from the
 * protocol's own files, reads both as the same message and writes the binary one with these bytes.
 */
const CASES: [type: MessageType, value: unknown, binary: string, json: string][] = [
  [
    EXPORT_TRACES,
    TRACES,
    "a114f25f08057130f681c51780c8c0959705bffcc6c79ae56a7d95bc58367f6c",
    "965380817f1f75c3599a5557c1ad78bf2031ff367256ad92b77c5741db5e2f2f",
  ],
  [
    EXPORT_METRICS,
    METRICS,
    "69aa9759119426cc93c87fb17f4afcc79402e7f0d3fabb60539e7749f879c7eb",
    "4fa2d785799e59bc815f98df9403b1aa6ab2e2fa340ac3569fc3e52e227f54ec",
  ],
  [
    EXPORT_LOGS,
    LOGS,
    "aa36cc302e6c2d5d51be695865d1d9b0e1f277d08f938cdb9f46c9cd8393af95",
    "45fd2d4b243d5c437a4d66b6f0963a59ecea31d4e218e09179713a069d0aac28",
  ],
];

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return new Uint8Array(digest).toHex();
}

Deno.test("messages have the bytes that the protocol's own library writes", async () => {
  for (const [type, value, binary, json] of CASES) {
    const init = value as MessageInit<MessageType>;
    const bytes = encodeMessage(type, init);
    assert.equal(await sha256(bytes), binary, type.name);
    assert.equal(await sha256(new TextEncoder().encode(encodeJson(type, init))), json, type.name);
    assert.deepEqual(encodeMessage(type, decodeMessage(type, bytes)), bytes, type.name);
  }
});

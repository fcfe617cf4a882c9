/**
 * Messages of the OpenTelemetry protocol, as far as they are sent from here: those of
 * github.com/open-telemetry/opentelemetry-proto, version 1.
 *
 * @module
 */

import {
  bool,
  bytes,
  double,
  fixed32,
  fixed64,
  int32,
  int64,
  message,
  type MessageInit,
  nested,
  optional,
  repeated,
  sfixed64,
  sint32,
  string,
  uint32,
  uint64,
} from "../proto/schema.ts";

const COMMON = "opentelemetry.proto.common.v1";
const TRACE = "opentelemetry.proto.trace.v1";
const METRICS = "opentelemetry.proto.metrics.v1";
const LOGS = "opentelemetry.proto.logs.v1";
const COLLECTOR = "opentelemetry.proto.collector";

/** A value inside of a list or of a table: without lists and tables of its own, which nobody sends. */
const PLAIN_VALUE_FIELDS = {
  stringValue: optional(string(1)),
  boolValue: optional(bool(2)),
  intValue: optional(int64(3)),
  doubleValue: optional(double(4)),
  bytesValue: optional(bytes(7)),
} as const;

const PLAIN_VALUE = message(`${COMMON}.AnyValue`, PLAIN_VALUE_FIELDS);

const PLAIN_KEY_VALUE = message(`${COMMON}.KeyValue`, {
  key: string(1),
  value: nested(2, PLAIN_VALUE),
});

const ARRAY_VALUE = message(`${COMMON}.ArrayValue`, { values: repeated(nested(1, PLAIN_VALUE)) });

const KEY_VALUE_LIST = message(`${COMMON}.KeyValueList`, {
  values: repeated(nested(1, PLAIN_KEY_VALUE)),
});

/** A value of an attribute or of a log: exactly one of the fields is given. */
export const ANY_VALUE = message(`${COMMON}.AnyValue`, {
  ...PLAIN_VALUE_FIELDS,
  arrayValue: nested(5, ARRAY_VALUE),
  kvlistValue: nested(6, KEY_VALUE_LIST),
});
/** See {@link ANY_VALUE}. */
export type AnyValue = MessageInit<typeof ANY_VALUE>;

/** An attribute. */
export const KEY_VALUE = message(`${COMMON}.KeyValue`, {
  key: string(1),
  value: nested(2, ANY_VALUE),
});
/** See {@link KEY_VALUE}. */
export type KeyValue = MessageInit<typeof KEY_VALUE>;

/** What made a signal: a library. */
export const SCOPE = message(`${COMMON}.InstrumentationScope`, {
  name: string(1),
  version: string(2),
  attributes: repeated(nested(3, KEY_VALUE)),
});
/** See {@link SCOPE}. */
export type Scope = MessageInit<typeof SCOPE>;

/** What a signal is about: a process, a service. */
export const RESOURCE = message("opentelemetry.proto.resource.v1.Resource", {
  attributes: repeated(nested(1, KEY_VALUE)),
});
/** See {@link RESOURCE}. */
export type Resource = MessageInit<typeof RESOURCE>;

const EVENT = message(`${TRACE}.Span.Event`, {
  timeUnixNano: fixed64(1),
  name: string(2),
  attributes: repeated(nested(3, KEY_VALUE)),
});

const LINK = message(`${TRACE}.Span.Link`, {
  traceId: bytes(1),
  spanId: bytes(2),
  traceState: string(3),
  attributes: repeated(nested(4, KEY_VALUE)),
  flags: fixed32(6),
});

/** `code`: 0 unset, 1 ok, 2 error. */
const STATUS = message(`${TRACE}.Status`, { message: string(2), code: int32(3) });

/** A span. `kind`: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
export const SPAN = message(`${TRACE}.Span`, {
  traceId: bytes(1),
  spanId: bytes(2),
  traceState: string(3),
  parentSpanId: bytes(4),
  name: string(5),
  kind: int32(6),
  startTimeUnixNano: fixed64(7),
  endTimeUnixNano: fixed64(8),
  attributes: repeated(nested(9, KEY_VALUE)),
  droppedAttributesCount: uint32(10),
  events: repeated(nested(11, EVENT)),
  droppedEventsCount: uint32(12),
  links: repeated(nested(13, LINK)),
  droppedLinksCount: uint32(14),
  status: nested(15, STATUS),
  flags: fixed32(16),
});
/** See {@link SPAN}. */
export type SpanMessage = MessageInit<typeof SPAN>;

const SCOPE_SPANS = message(`${TRACE}.ScopeSpans`, {
  scope: nested(1, SCOPE),
  spans: repeated(nested(2, SPAN)),
  schemaUrl: string(3),
});

/** The request of the traces' service. */
export const EXPORT_TRACES = message(`${COLLECTOR}.trace.v1.ExportTraceServiceRequest`, {
  resourceSpans: repeated(nested(
    1,
    message(`${TRACE}.ResourceSpans`, {
      resource: nested(1, RESOURCE),
      scopeSpans: repeated(nested(2, SCOPE_SPANS)),
      schemaUrl: string(3),
    }),
  )),
});

const EXEMPLAR = message(`${METRICS}.Exemplar`, {
  timeUnixNano: fixed64(2),
  asDouble: optional(double(3)),
  spanId: bytes(4),
  traceId: bytes(5),
  asInt: optional(sfixed64(6)),
  filteredAttributes: repeated(nested(7, KEY_VALUE)),
});

const NUMBER_POINT = message(`${METRICS}.NumberDataPoint`, {
  startTimeUnixNano: fixed64(2),
  timeUnixNano: fixed64(3),
  asDouble: optional(double(4)),
  exemplars: repeated(nested(5, EXEMPLAR)),
  asInt: optional(sfixed64(6)),
  attributes: repeated(nested(7, KEY_VALUE)),
});

const HISTOGRAM_POINT = message(`${METRICS}.HistogramDataPoint`, {
  startTimeUnixNano: fixed64(2),
  timeUnixNano: fixed64(3),
  count: fixed64(4),
  sum: optional(double(5)),
  bucketCounts: repeated(fixed64(6)),
  explicitBounds: repeated(double(7)),
  exemplars: repeated(nested(8, EXEMPLAR)),
  attributes: repeated(nested(9, KEY_VALUE)),
  min: optional(double(11)),
  max: optional(double(12)),
});

const BUCKETS = message(`${METRICS}.ExponentialHistogramDataPoint.Buckets`, {
  offset: sint32(1),
  bucketCounts: repeated(uint64(2)),
});

const EXPONENTIAL_POINT = message(`${METRICS}.ExponentialHistogramDataPoint`, {
  attributes: repeated(nested(1, KEY_VALUE)),
  startTimeUnixNano: fixed64(2),
  timeUnixNano: fixed64(3),
  count: fixed64(4),
  sum: optional(double(5)),
  scale: sint32(6),
  zeroCount: fixed64(7),
  positive: nested(8, BUCKETS),
  negative: nested(9, BUCKETS),
  exemplars: repeated(nested(11, EXEMPLAR)),
  min: optional(double(12)),
  max: optional(double(13)),
  zeroThreshold: double(14),
});

/** A metric: exactly one of the kinds is given. `aggregationTemporality`: 1 delta, 2 cumulative. */
export const METRIC = message(`${METRICS}.Metric`, {
  name: string(1),
  description: string(2),
  unit: string(3),
  gauge: nested(
    5,
    message(`${METRICS}.Gauge`, { dataPoints: repeated(nested(1, NUMBER_POINT)) }),
  ),
  sum: nested(
    7,
    message(`${METRICS}.Sum`, {
      dataPoints: repeated(nested(1, NUMBER_POINT)),
      aggregationTemporality: int32(2),
      isMonotonic: bool(3),
    }),
  ),
  histogram: nested(
    9,
    message(`${METRICS}.Histogram`, {
      dataPoints: repeated(nested(1, HISTOGRAM_POINT)),
      aggregationTemporality: int32(2),
    }),
  ),
  exponentialHistogram: nested(
    10,
    message(`${METRICS}.ExponentialHistogram`, {
      dataPoints: repeated(nested(1, EXPONENTIAL_POINT)),
      aggregationTemporality: int32(2),
    }),
  ),
});
/** See {@link METRIC}. */
export type MetricMessage = MessageInit<typeof METRIC>;

const SCOPE_METRICS = message(`${METRICS}.ScopeMetrics`, {
  scope: nested(1, SCOPE),
  metrics: repeated(nested(2, METRIC)),
  schemaUrl: string(3),
});

/** Metrics of one resource. */
export const RESOURCE_METRICS = message(`${METRICS}.ResourceMetrics`, {
  resource: nested(1, RESOURCE),
  scopeMetrics: repeated(nested(2, SCOPE_METRICS)),
  schemaUrl: string(3),
});
/** See {@link RESOURCE_METRICS}. */
export type ResourceMetrics = MessageInit<typeof RESOURCE_METRICS>;

/** The request of the metrics' service. */
export const EXPORT_METRICS = message(`${COLLECTOR}.metrics.v1.ExportMetricsServiceRequest`, {
  resourceMetrics: repeated(nested(1, RESOURCE_METRICS)),
});

/** A line of a log. */
export const LOG_RECORD = message(`${LOGS}.LogRecord`, {
  timeUnixNano: fixed64(1),
  severityNumber: int32(2),
  severityText: string(3),
  body: nested(5, ANY_VALUE),
  attributes: repeated(nested(6, KEY_VALUE)),
  flags: fixed32(8),
  traceId: bytes(9),
  spanId: bytes(10),
  observedTimeUnixNano: fixed64(11),
  eventName: string(12),
});
/** See {@link LOG_RECORD}. */
export type LogRecord = MessageInit<typeof LOG_RECORD>;

const SCOPE_LOGS = message(`${LOGS}.ScopeLogs`, {
  scope: nested(1, SCOPE),
  logRecords: repeated(nested(2, LOG_RECORD)),
  schemaUrl: string(3),
});

/** The request of the logs' service. */
export const EXPORT_LOGS = message(`${COLLECTOR}.logs.v1.ExportLogsServiceRequest`, {
  resourceLogs: repeated(nested(
    1,
    message(`${LOGS}.ResourceLogs`, {
      resource: nested(1, RESOURCE),
      scopeLogs: repeated(nested(2, SCOPE_LOGS)),
      schemaUrl: string(3),
    }),
  )),
});

/**
 * Metrics of `wasi:otel/metrics`, and what they are in the OpenTelemetry protocol.
 *
 * @module
 */

import type { MetricMessage, ResourceMetrics } from "../telemetry/otlp_messages.ts";
import { fromHex } from "../telemetry/tracer.ts";
import {
  type Datetime,
  nanosOf,
  type OtelAttribute,
  type OtelResource,
  type OtelScope,
  toKeyValues,
  toResource,
  toScope,
} from "./_otel_values.ts";

/** The variant `metric-number`. */
type MetricNumber =
  | { readonly tag: "f64"; readonly val: number }
  | { readonly tag: "s64" | "u64"; readonly val: bigint };

interface Exemplar {
  readonly filteredAttributes: readonly OtelAttribute[];
  readonly time: Datetime;
  readonly value: MetricNumber;
  readonly spanId: string;
  readonly traceId: string;
}

interface NumberPoint {
  readonly attributes: readonly OtelAttribute[];
  readonly value: MetricNumber;
  readonly exemplars: readonly Exemplar[];
}

/** What both kinds of histograms have in common. */
interface Distribution {
  readonly attributes: readonly OtelAttribute[];
  readonly count: bigint;
  readonly min?: MetricNumber;
  readonly max?: MetricNumber;
  readonly sum: MetricNumber;
  readonly exemplars: readonly Exemplar[];
}

interface HistogramPoint extends Distribution {
  readonly bounds: Iterable<number>;
  readonly bucketCounts: Iterable<bigint>;
}

interface Buckets {
  readonly offset: number;
  readonly counts: Iterable<bigint>;
}

interface ExponentialPoint extends Distribution {
  readonly scale: number;
  readonly zeroCount: bigint;
  readonly positiveBucket: Buckets;
  readonly negativeBucket: Buckets;
  readonly zeroThreshold: number;
}

interface Aggregation<Point> {
  readonly dataPoints: readonly Point[];
  readonly startTime?: Datetime;
  readonly time: Datetime;
  readonly temporality: "cumulative" | "delta" | "low-memory";
}

/** The variant `metric-data`; the number types of its cases are those of the points. */
type MetricData =
  | { readonly tag: `${string}-gauge`; readonly val: Omit<Aggregation<NumberPoint>, "temporality"> }
  | {
    readonly tag: `${string}-sum`;
    readonly val: Aggregation<NumberPoint> & { readonly isMonotonic: boolean };
  }
  | {
    readonly tag: `${"f64" | "u64" | "s64"}-histogram`;
    readonly val: Aggregation<HistogramPoint>;
  }
  | {
    readonly tag: `${string}-exponential-histogram`;
    readonly val: Aggregation<ExponentialPoint>;
  };

/** The record `resource-metrics`. */
export interface OtelResourceMetrics {
  readonly resource: OtelResource;
  readonly scopeMetrics: readonly {
    readonly scope: OtelScope;
    readonly metrics: readonly {
      readonly name: string;
      readonly description: string;
      readonly unit: string;
      readonly data: MetricData;
    }[];
  }[];
}

/** Metrics of the guest as they are sent. */
export function toResourceMetrics(
  { resource, scopeMetrics }: OtelResourceMetrics,
): ResourceMetrics {
  return {
    resource: toResource(resource),
    schemaUrl: resource.schemaUrl ?? "",
    scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
      scope: toScope(scope),
      schemaUrl: scope.schemaUrl ?? "",
      metrics: metrics.map(({ name, description, unit, data }) => ({
        name,
        description,
        unit,
        ...toData(data),
      })),
    })),
  };
}

function toData({ tag, val }: MetricData): Partial<MetricMessage> {
  const times = timesOf(val);
  const kind = tag.slice(tag.indexOf("-") + 1);
  if (kind === "gauge") {
    return { gauge: { dataPoints: numberPoints(val.dataPoints as readonly NumberPoint[], times) } };
  }
  const { temporality } = val as Aggregation<unknown>;
  // "low-memory" is a preference of instruments, and means differences for what is exported.
  const aggregationTemporality = temporality === "cumulative" ? 2 : 1;
  if (kind === "sum") {
    const { isMonotonic } = val as { isMonotonic: boolean };
    const dataPoints = numberPoints(val.dataPoints as readonly NumberPoint[], times);
    return { sum: { dataPoints, aggregationTemporality, isMonotonic } };
  }
  if (kind === "histogram") {
    const dataPoints = (val.dataPoints as readonly HistogramPoint[]).map((point) => ({
      ...distribution(point),
      ...times,
      explicitBounds: [...point.bounds],
      bucketCounts: [...point.bucketCounts],
    }));
    return { histogram: { dataPoints, aggregationTemporality } };
  }
  const dataPoints = (val.dataPoints as readonly ExponentialPoint[]).map((point) => ({
    ...distribution(point),
    ...times,
    scale: point.scale,
    zeroCount: point.zeroCount,
    positive: toBuckets(point.positiveBucket),
    negative: toBuckets(point.negativeBucket),
    zeroThreshold: point.zeroThreshold,
  }));
  return { exponentialHistogram: { dataPoints, aggregationTemporality } };
}

function timesOf(
  { startTime, time }: { readonly startTime?: Datetime; readonly time: Datetime },
): { startTimeUnixNano?: bigint; timeUnixNano: bigint } {
  const timeUnixNano = nanosOf(time);
  return startTime ? { startTimeUnixNano: nanosOf(startTime), timeUnixNano } : { timeUnixNano };
}

function numberPoints(
  points: readonly NumberPoint[],
  times: { startTimeUnixNano?: bigint; timeUnixNano: bigint },
): NonNullable<NonNullable<MetricMessage["gauge"]>["dataPoints"]> {
  return points.map(({ attributes, value, exemplars }) => ({
    ...times,
    ...toNumber(value),
    attributes: toKeyValues(attributes),
    exemplars: toExemplars(exemplars),
  }));
}

/** The protocol has 64 bits with a sign: what is beyond is sent as a real number. */
function toNumber({ tag, val }: MetricNumber): { asDouble: number } | { asInt: bigint } {
  if (tag === "f64") return { asDouble: val };
  return BigInt.asIntN(64, val) === val ? { asInt: val } : { asDouble: Number(val) };
}

function distribution(point: Distribution) {
  return {
    attributes: toKeyValues(point.attributes),
    count: point.count,
    sum: Number(point.sum.val),
    ...(point.min ? { min: Number(point.min.val) } : {}),
    ...(point.max ? { max: Number(point.max.val) } : {}),
    exemplars: toExemplars(point.exemplars),
  };
}

function toExemplars(exemplars: readonly Exemplar[]) {
  return exemplars.map(({ filteredAttributes, time, value, spanId, traceId }) => ({
    filteredAttributes: toKeyValues(filteredAttributes),
    timeUnixNano: nanosOf(time),
    ...toNumber(value),
    spanId: fromHex(spanId),
    traceId: fromHex(traceId),
  }));
}

function toBuckets({ offset, counts }: Buckets): { offset: number; bucketCounts: bigint[] } {
  return { offset, bucketCounts: [...counts] };
}

/**
 * `wasi:otel@0.2.0-rc.2`: spans, metrics and logs that a guest makes itself. They are sent where the
 * host sends its own; without a receiver they are dropped, and no span of the host is around.
 *
 * @module
 */

import type { SpanMessage } from "../telemetry/otlp_messages.ts";
import { NO_SPAN, type SpanContext } from "../telemetry/trace_context.ts";
import { fromHex } from "../telemetry/tracer.ts";
import type { ComponentContext, ImportObject } from "./component_context.ts";
import {
  type Datetime,
  nanosOf,
  type OtelAttribute,
  type OtelResource,
  type OtelScope,
  otelValue,
  toKeyValues,
  toResource,
  toScope,
} from "./_otel_values.ts";
import { type OtelResourceMetrics, toResourceMetrics } from "./_otel_metrics.ts";

/** The record `span-context`. */
interface OtelSpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: { readonly sampled?: boolean };
  readonly isRemote: boolean;
  readonly traceState: readonly (readonly [string, string])[];
}

/** `SpanKind` of the protocol. */
const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** The record `span-data`. */
interface OtelSpan {
  readonly spanContext: OtelSpanContext;
  readonly parentSpanId: string;
  readonly spanKind: keyof typeof KINDS;
  readonly name: string;
  readonly startTime: Datetime;
  readonly endTime: Datetime;
  readonly attributes: readonly OtelAttribute[];
  readonly events: readonly {
    readonly name: string;
    readonly time: Datetime;
    readonly attributes: readonly OtelAttribute[];
  }[];
  readonly links: readonly {
    readonly spanContext: OtelSpanContext;
    readonly attributes: readonly OtelAttribute[];
  }[];
  readonly status:
    | { readonly tag: "unset" | "ok" }
    | { readonly tag: "error"; readonly val: string };
  readonly instrumentationScope: OtelScope;
  readonly droppedAttributes: number;
  readonly droppedEvents: number;
  readonly droppedLinks: number;
}

/** The record `log-record`. */
interface OtelLog {
  readonly timestamp?: Datetime;
  readonly observedTimestamp?: Datetime;
  readonly severityText?: string;
  readonly severityNumber?: number;
  readonly body?: string;
  readonly attributes?: readonly OtelAttribute[];
  readonly eventName?: string;
  readonly resource?: OtelResource;
  readonly instrumentationScope?: OtelScope;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly traceFlags?: { readonly sampled?: boolean };
}

/** The interfaces of `wasi:otel` for one component. */
export function createWasiOtel({ telemetry }: ComponentContext): ImportObject {
  return {
    "wasi:otel/types@0.2.0-rc.2": {},
    "wasi:otel/tracing@0.2.0-rc.2": {
      onStart(context: OtelSpanContext): void {
        telemetry?.spanStarted(toSpanContext(context));
      },
      onEnd(span: OtelSpan): void {
        const { spanId, traceFlags } = span.spanContext;
        telemetry?.spanEnded(toSpan(span), {
          spanId: spanId.toLowerCase(),
          isSampled: traceFlags.sampled === true,
          scope: toScope(span.instrumentationScope),
        });
      },
      outerSpanContext: (): OtelSpanContext => fromSpanContext(telemetry?.outerSpan() ?? NO_SPAN),
    },
    "wasi:otel/metrics@0.2.0-rc.2": {
      export(metrics: OtelResourceMetrics): void {
        telemetry?.addMetrics(toResourceMetrics(metrics));
      },
    },
    "wasi:otel/logs@0.2.0-rc.2": {
      onEmit(log: OtelLog): void {
        telemetry?.addLog({
          record: toRecord(log),
          scope: log.instrumentationScope && toScope(log.instrumentationScope),
          resource: log.resource && toResource(log.resource),
        });
      },
    },
  };
}

function toSpanContext(context: OtelSpanContext): SpanContext {
  return {
    traceId: context.traceId.toLowerCase(),
    spanId: context.spanId.toLowerCase(),
    isSampled: context.traceFlags.sampled === true,
    traceState: traceStateText(context.traceState),
  };
}

/** Keys and values are W3C's; with an invalid one there is no state at all, as the interface says. */
function traceStateText(entries: OtelSpanContext["traceState"]): string {
  const isValid = entries.every(([key, value]) =>
    /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/.test(key) &&
    /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}$/.test(value)
  );
  return isValid ? entries.map(([key, value]) => `${key}=${value}`).join(",") : "";
}

function fromSpanContext(context: SpanContext): OtelSpanContext {
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    traceFlags: { sampled: context.isSampled },
    isRemote: false,
    traceState: context.traceState.split(",").flatMap((entry): [string, string][] => {
      const separator = entry.indexOf("=");
      if (separator < 1) return [];
      return [[entry.slice(0, separator).trim(), entry.slice(separator + 1).trim()]];
    }),
  };
}

function toSpan(span: OtelSpan): SpanMessage {
  const context = toSpanContext(span.spanContext);
  return {
    traceId: fromHex(context.traceId),
    spanId: fromHex(context.spanId),
    traceState: context.traceState,
    parentSpanId: fromHex(span.parentSpanId.toLowerCase()),
    name: span.name,
    kind: KINDS[span.spanKind],
    startTimeUnixNano: nanosOf(span.startTime),
    endTimeUnixNano: nanosOf(span.endTime),
    attributes: toKeyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributes,
    events: span.events.map(({ name, time, attributes }) => ({
      name,
      timeUnixNano: nanosOf(time),
      attributes: toKeyValues(attributes),
    })),
    droppedEventsCount: span.droppedEvents,
    links: span.links.map(({ spanContext, attributes }) => {
      const linked = toSpanContext(spanContext);
      return {
        traceId: fromHex(linked.traceId),
        spanId: fromHex(linked.spanId),
        traceState: linked.traceState,
        attributes: toKeyValues(attributes),
        flags: linked.isSampled ? 1 : 0,
      };
    }),
    droppedLinksCount: span.droppedLinks,
    status: toStatus(span.status),
    flags: context.isSampled ? 1 : 0,
  };
}

function toStatus(status: OtelSpan["status"]): NonNullable<SpanMessage["status"]> {
  if (status.tag === "error") return { code: 2, message: status.val };
  return { code: status.tag === "ok" ? 1 : 0 };
}

function toRecord(
  log: OtelLog,
): Parameters<NonNullable<ComponentContext["telemetry"]>["addLog"]>[0]["record"] {
  return {
    ...(log.timestamp ? { timeUnixNano: nanosOf(log.timestamp) } : {}),
    ...(log.observedTimestamp ? { observedTimeUnixNano: nanosOf(log.observedTimestamp) } : {}),
    ...(log.severityText === undefined ? {} : { severityText: log.severityText }),
    ...(log.severityNumber === undefined ? {} : { severityNumber: log.severityNumber }),
    ...(log.body === undefined ? {} : { body: otelValue(log.body) }),
    attributes: toKeyValues(log.attributes ?? []),
    ...(log.eventName === undefined ? {} : { eventName: log.eventName }),
    traceId: fromHex(log.traceId?.toLowerCase() ?? ""),
    spanId: fromHex(log.spanId?.toLowerCase() ?? ""),
    flags: log.traceFlags?.sampled ? 1 : 0,
  };
}

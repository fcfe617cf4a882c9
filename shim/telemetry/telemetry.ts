/**
 * Telemetry of one isolate: what is recorded, and its way to the receivers. Loaded only if there is
 * one.
 *
 * @module
 */

import { keyValues } from "./attributes.ts";
import { Counters } from "./counters.ts";
import { Exporter } from "./exporter.ts";
import { createSender, type SendMessage } from "./otlp_client.ts";
import {
  EXPORT_LOGS,
  EXPORT_METRICS,
  EXPORT_TRACES,
  type LogRecord,
  type Resource,
  type ResourceMetrics,
  type Scope,
  type SpanMessage,
} from "./otlp_messages.ts";
import type { Receiver, TelemetrySettings } from "./settings.ts";
import { Tracer } from "./tracer.ts";

/** The scope of what the host itself records. */
const HOST_SCOPE: Scope = { name: "spin" };

/** A span and what made it. */
interface ScopedSpan {
  readonly scope: Scope;
  readonly span: SpanMessage;
}

/** A log record and what made it. */
export interface ScopedLog {
  readonly record: LogRecord;
  /** Default: the host. */
  readonly scope?: Scope | undefined;
  /** Default: that of the host. */
  readonly resource?: Resource | undefined;
}

/** What one isolate records. The owner closes it. */
export class Telemetry {
  /** Undefined if no traces are sent. */
  readonly tracer: Tracer | undefined;
  /** Undefined if no metrics are sent. */
  readonly counters: Counters | undefined;
  readonly #resource: Resource;
  readonly #traces: Exporter<ScopedSpan> | undefined;
  readonly #metrics: Exporter<ResourceMetrics> | undefined;
  readonly #logs: Exporter<ScopedLog> | undefined;
  readonly #senders: { close(): void }[] = [];
  readonly #collecting: ReturnType<typeof setInterval> | undefined;

  constructor(settings: TelemetrySettings, { report }: { report: (lines: string[]) => void }) {
    const { traces, metrics, logs, sampling } = settings;
    // Several isolates count for themselves: they have to be told apart.
    const instance = { "service.instance.id": crypto.randomUUID() };
    this.#resource = { attributes: keyValues({ ...instance, ...settings.resource }) };
    this.#traces = traces && this.#exporter("traces", { receiver: traces, report }, sendSpans);
    this.#metrics = metrics &&
      this.#exporter("metrics", { receiver: metrics, report }, sendMetrics);
    this.#logs = logs && this.#exporter("logs", { receiver: logs, report }, sendLogs);
    if (this.#traces) {
      const exporter = this.#traces;
      this.tracer = new Tracer({
        sampling,
        onEnd: (span) => exporter.add({ scope: HOST_SCOPE, span }),
      });
    }
    if (metrics) {
      this.counters = new Counters();
      this.#collecting = setInterval(() => this.#collect(), metrics.intervalMs);
      Deno.unrefTimer(this.#collecting);
    }
  }

  /** Whether logs are sent. */
  get hasLogs(): boolean {
    return this.#logs !== undefined;
  }

  /** Sends a span of a guest; without a receiver it is dropped. */
  addSpan(span: SpanMessage, scope: Scope): void {
    this.#traces?.add({ scope, span });
  }

  /** Sends metrics of a guest; without a receiver they are dropped. */
  addMetrics(metrics: ResourceMetrics): void {
    this.#metrics?.add(metrics);
  }

  /** Sends a log record; without a receiver it is dropped. */
  addLog(log: ScopedLog): void {
    this.#logs?.add(log);
  }

  /** Sends what is left, within `deadlineMs` milliseconds. */
  async close(deadlineMs: number): Promise<void> {
    clearInterval(this.#collecting);
    this.#collect();
    await Promise.all(
      [this.#traces, this.#metrics, this.#logs].map((exporter) => exporter?.close(deadlineMs)),
    );
    for (const sender of this.#senders) sender.close();
  }

  #collect(): void {
    const metrics = this.counters?.collect() ?? [];
    if (metrics.length === 0) return;
    this.#metrics?.add({
      resource: this.#resource,
      scopeMetrics: [{ scope: HOST_SCOPE, metrics }],
    });
  }

  #exporter<Item>(
    what: string,
    { receiver, report }: { receiver: Receiver; report: (lines: string[]) => void },
    send: (
      items: readonly Item[],
      options: { send: SendMessage; resource: Resource },
    ) => Promise<void>,
  ): Exporter<Item> {
    const sender = createSender(receiver);
    this.#senders.push(sender);
    const { url } = receiver;
    // Metrics are collected in their interval already.
    const intervalMs = what === "metrics" ? 0 : receiver.intervalMs;
    const options = { send: sender.send, resource: this.#resource };
    return new Exporter({ what, url, intervalMs, report, send: (items) => send(items, options) });
  }
}

async function sendSpans(
  items: readonly ScopedSpan[],
  { send, resource }: { send: SendMessage; resource: Resource },
): Promise<void> {
  const scopeSpans = [...groupBy(items, ({ scope }) => JSON.stringify(scope)).values()]
    .map((group) => ({ scope: group[0]!.scope, spans: group.map(({ span }) => span) }));
  await send(EXPORT_TRACES, { resourceSpans: [{ resource, scopeSpans }] });
}

async function sendMetrics(
  resourceMetrics: readonly ResourceMetrics[],
  { send }: { send: SendMessage },
): Promise<void> {
  await send(EXPORT_METRICS, { resourceMetrics });
}

async function sendLogs(
  items: readonly ScopedLog[],
  { send, resource }: { send: SendMessage; resource: Resource },
): Promise<void> {
  const groups = groupBy(items, (item) => JSON.stringify([item.scope, item.resource], withBigInts));
  const resourceLogs = [...groups.values()].map((group) => ({
    resource: group[0]!.resource ?? resource,
    scopeLogs: [{
      scope: group[0]!.scope ?? HOST_SCOPE,
      logRecords: group.map(({ record }) => record),
    }],
  }));
  await send(EXPORT_LOGS, { resourceLogs });
}

function groupBy<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
): Map<string, Item[]> {
  return Map.groupBy(items, keyOf);
}

function withBigInts(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

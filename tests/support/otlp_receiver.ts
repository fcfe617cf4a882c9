/**
 * A receiver of the OpenTelemetry protocol, over HTTP and over gRPC, that keeps what it is sent.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import http2, { type ServerHttp2Stream } from "node:http2";
import { decodeMessage } from "../../shim/proto/decode.ts";
import type { MessageOf, MessageType } from "../../shim/proto/schema.ts";
import { EXPORT_LOGS, EXPORT_METRICS, EXPORT_TRACES } from "../../shim/telemetry/otlp_messages.ts";
import { waitUntil } from "./wait.ts";

/** Attributes by name. Integers are bigints, bytes are as they came. */
export type ReceivedAttributes = Readonly<Record<string, unknown>>;

/** A span as it came. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty if it has none. */
  readonly parentId: string;
  readonly traceState: string;
  readonly attributes: ReceivedAttributes;
  readonly resource: ReceivedAttributes;
  readonly scope: string;
  readonly status: { readonly code: number; readonly message: string } | undefined;
  readonly events: readonly { readonly name: string; readonly attributes: ReceivedAttributes }[];
  readonly links: readonly { readonly spanId: string; readonly attributes: ReceivedAttributes }[];
  readonly startNanos: bigint;
  readonly endNanos: bigint;
}

/** A log record as it came. */
export interface ReceivedLog {
  readonly body: unknown;
  readonly severity: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: ReceivedAttributes;
  readonly resource: ReceivedAttributes;
}

type Metrics = MessageOf<typeof EXPORT_METRICS>;
type Metric = Metrics["resourceMetrics"][number]["scopeMetrics"][number]["metrics"][number];

/** A running receiver. Whoever started it disposes it. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly logs: ReceivedLog[] = [];
  readonly metrics: { readonly resource: ReceivedAttributes; readonly metric: Metric }[] = [];
  /** Path and content type of each request. */
  readonly requests: { readonly path: string; readonly type: string; readonly headers: Headers }[] =
    [];
  /** Base URL, for HTTP or for gRPC, as it was started. */
  readonly url: string;
  readonly #close: () => Promise<void>;

  private constructor(options: {
    start: (receiver: OtlpReceiver) => { port: number; close: () => Promise<void> };
  }) {
    const { port, close } = options.start(this);
    this.url = `http://127.0.0.1:${port}`;
    this.#close = close;
  }

  /** @param options.status What it answers. Default: 200. */
  static startHttp(options: { port?: number; status?: () => number } = {}): OtlpReceiver {
    return new OtlpReceiver({
      start(receiver) {
        const server = Deno.serve(
          { hostname: "127.0.0.1", port: options.port ?? 0, onListen() {} },
          async (request) => {
            const body = new Uint8Array(await request.arrayBuffer());
            const status = options.status?.() ?? 200;
            if (status === 200) {
              receiver.#take(new URL(request.url).pathname, request.headers, body);
            }
            return new Response(null, { status });
          },
        );
        return { port: server.addr.port, close: () => server.shutdown() };
      },
    });
  }

  static async startGrpc(): Promise<OtlpReceiver> {
    const server = http2.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const receiver = new OtlpReceiver({
      start: () => ({
        port,
        close: () => new Promise((resolve) => server.close(() => resolve())),
      }),
    });
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      const chunks: Uint8Array[] = [];
      stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      stream.on("end", () => {
        // The client may be gone.
        if (stream.destroyed) return;
        const type = String(headers["content-type"]);
        const frame = Buffer.concat(chunks);
        receiver.#take(
          String(headers[":path"]),
          new Headers({ "content-type": type }),
          frame.subarray(5, 5 + frame.readUInt32BE(1)),
        );
        stream.respond({ ":status": 200, "content-type": type }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(Buffer.alloc(5));
      });
    });
    return receiver;
  }

  /** Waits for a span of that name. */
  span(name: string): Promise<ReceivedSpan> {
    return waitUntil(() => this.spans.find((span) => span.name === name), {
      what: `the span ${name}`,
      explain: () => this.spans.map((span) => span.name).join(", "),
    });
  }

  /** Waits for a log record whose body is that text. */
  log(body: string): Promise<ReceivedLog> {
    return waitUntil(() => this.logs.find((log) => log.body === body), {
      what: `the log ${body}`,
      explain: () => JSON.stringify(this.logs.map((log) => String(log.body))),
    });
  }

  /** Waits for a metric of that name; the last one counts. */
  metric(name: string): Promise<{ resource: ReceivedAttributes; metric: Metric }> {
    return waitUntil(() => this.metrics.findLast(({ metric }) => metric.name === name), {
      what: `the metric ${name}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  #take(path: string, headers: Headers, body: Uint8Array): void {
    const type = headers.get("content-type") ?? "";
    this.requests.push({ path, type, headers });
    const read = <M extends MessageType>(message: M): MessageOf<M> =>
      type === "application/json"
        ? fromJson(message, JSON.parse(new TextDecoder().decode(body))) as MessageOf<M>
        : decodeMessage(message, body);
    if (/trace/.test(path)) this.#takeSpans(read(EXPORT_TRACES));
    else if (/metrics/.test(path)) this.#takeMetrics(read(EXPORT_METRICS));
    else this.#takeLogs(read(EXPORT_LOGS));
  }

  #takeSpans({ resourceSpans }: MessageOf<typeof EXPORT_TRACES>): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        this.spans.push(...spans.map((span) => ({
          name: span.name,
          kind: span.kind,
          traceId: hex(span.traceId),
          spanId: hex(span.spanId),
          parentId: hex(span.parentSpanId),
          traceState: span.traceState,
          attributes: attributesOf(span.attributes),
          resource: attributesOf(resource?.attributes),
          scope: scope?.name ?? "",
          status: span.status,
          events: span.events.map(({ name, attributes }) => ({
            name,
            attributes: attributesOf(attributes),
          })),
          links: span.links.map(({ spanId, attributes }) => ({
            spanId: hex(spanId),
            attributes: attributesOf(attributes),
          })),
          startNanos: span.startTimeUnixNano,
          endNanos: span.endTimeUnixNano,
        })));
      }
    }
  }

  #takeMetrics({ resourceMetrics }: Metrics): void {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const attributes = attributesOf(resource?.attributes);
      for (const { metrics } of scopeMetrics) {
        this.metrics.push(...metrics.map((metric) => ({ resource: attributes, metric })));
      }
    }
  }

  #takeLogs({ resourceLogs }: MessageOf<typeof EXPORT_LOGS>): void {
    for (const { resource, scopeLogs } of resourceLogs) {
      for (const { logRecords } of scopeLogs) {
        this.logs.push(...logRecords.map((record) => ({
          body: valueOf(record.body),
          severity: record.severityText,
          traceId: hex(record.traceId),
          spanId: hex(record.spanId),
          attributes: attributesOf(record.attributes),
          resource: attributesOf(resource?.attributes),
        })));
      }
    }
  }
}

/** Attributes by name. */
export function attributesOf(
  attributes: readonly { readonly key: string; readonly value?: object }[] = [],
): ReceivedAttributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: object | undefined): unknown {
  const [[kind, item] = []] = Object.entries(value ?? {});
  if (kind === "arrayValue") return (item as { values: object[] }).values.map(valueOf);
  if (kind === "kvlistValue") {
    return attributesOf((item as { values: { key: string; value?: object }[] }).values);
  }
  return item;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

const IDENTIFIERS: readonly string[] = ["traceId", "spanId", "parentSpanId"];

/** The protocol's JSON, as the decoder of the binary form gives it. */
function fromJson(type: MessageType, json: Record<string, unknown>): Record<string, unknown> {
  const message: Record<string, unknown> = { ...decodeMessage(type, new Uint8Array()) };
  for (const [name, value] of Object.entries(json)) {
    const field = type.fields[name];
    if (!field) throw new Error(`${type.name} has no field ${name}`);
    const convert = (item: unknown): unknown => {
      if (typeof field.type !== "string") return fromJson(field.type, item as typeof json);
      if (field.type === "bytes") {
        return new Uint8Array(
          Buffer.from(String(item), IDENTIFIERS.includes(name) ? "hex" : "base64"),
        );
      }
      return /64$/.test(field.type) ? BigInt(String(item)) : item;
    };
    message[name] = Array.isArray(value) ? value.map(convert) : convert(value);
  }
  return message;
}

/**
 * Telemetry of an app: the spans and metrics that Spin has, by its names, and the output of the
 * components as logs. Follows spin:crates/{telemetry,trigger-http,factor-outbound-http}.
 *
 * @module
 */

import type { ComponentTelemetry, LogSink } from "../imports/component_context.ts";
import type { OutboundHttpRequest, OutboundHttpResponse } from "../imports/outbound_http.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";
import { Telemetry } from "../telemetry/telemetry.ts";
import { nowNanos } from "../telemetry/time.ts";
import { NO_SPAN, parseTraceContext, traceHeaders } from "../telemetry/trace_context.ts";
import { fromHex, type SpanOptions, type Tracer } from "../telemetry/tracer.ts";
import type { ComponentSinks } from "./component_logs.ts";
import type { HttpGuest } from "./http_guest.ts";
import type { ObservedMessage, ObservedRequest, Observer } from "./observer.ts";

/** `SEVERITY_NUMBER_INFO` of the protocol. */
const INFO = 9;

/** Telemetry of one isolate. The owner closes it, after the last request. */
export class HostTelemetry implements Observer {
  readonly #telemetry: Telemetry;
  readonly #appId: string;
  readonly #sendsOutput: boolean;

  /** @param options.appId The app's name. */
  constructor(
    settings: TelemetrySettings,
    options: { appId: string; report: (lines: string[]) => void },
  ) {
    this.#telemetry = new Telemetry(settings, options);
    this.#appId = options.appId;
    this.#sendsOutput = settings.sendsOutput && this.#telemetry.hasLogs;
  }

  /** Undefined if no traces are sent. */
  get tracer(): Tracer | undefined {
    return this.#telemetry.tracer;
  }

  async request(request: ObservedRequest, answer: () => Promise<Response>): Promise<Response> {
    const { match, method } = request;
    if (match?.target.component) this.#count("http", match.target.component);
    if (!this.tracer) return await answer();
    const route = match?.pattern.raw;
    const options: SpanOptions = {
      kind: "server",
      parent: parseTraceContext(request.header("traceparent"), request.header("tracestate")),
      attributes: requestAttributes(request, route),
    };
    const name = route === undefined ? method : `${method} ${route}`;
    return await this.tracer.run(name, options, async (span) => {
      const response = await answer();
      span.set("http.response.status_code", response.status);
      if (response.status >= 500) span.fail(`status ${response.status}`);
      return response;
    });
  }

  async message<T>(message: ObservedMessage, handle: () => Promise<T>): Promise<T> {
    const { trigger, component, source } = message;
    this.#count(trigger, component);
    if (!this.tracer) return await handle();
    const options: SpanOptions = {
      kind: "consumer",
      parent: undefined,
      attributes: {
        "messaging.system": trigger,
        "messaging.operation": "receive",
        "messaging.destination.name": source,
      },
    };
    const name = source === undefined ? `${trigger} receive` : `${source} receive`;
    return await this.tracer.run(
      name,
      options,
      () => this.tracer!.run(`execute_wasm_component ${component}`, {}, handle),
    );
  }

  /** A component that answers requests, with a span for each. */
  traceGuest(component: string, guest: HttpGuest, kind: "wasm" | "wagi"): HttpGuest {
    const { tracer } = this;
    if (!tracer) return guest;
    const name = `execute_${kind}_component ${component}`;
    return {
      call: (head, clientGone) =>
        tracer.run(
          name,
          { attributes: { component_id: component } },
          () => guest.call(head, clientGone),
        ),
    };
  }

  /** Sinks that also send what is written as logs. */
  watchOutput(component: string, sinks: ComponentSinks): ComponentSinks {
    if (!this.#sendsOutput) return sinks;
    return {
      stdout: this.#watchSink(sinks.stdout, { component, stream: "stdout" }),
      stderr: this.#watchSink(sinks.stderr, { component, stream: "stderr" }),
    };
  }

  /** What the interfaces of a component use. */
  forComponent(): ComponentTelemetry {
    const { tracer } = this;
    const telemetry = this.#telemetry;
    return {
      ...(tracer
        ? {
          traceRequest: (
            request: OutboundHttpRequest,
            send: (request: OutboundHttpRequest) => Promise<OutboundHttpResponse>,
          ) => traceRequest(tracer, { request, send }),
        }
        : {}),
      outerSpan: () => tracer?.outer ?? NO_SPAN,
      spanStarted: (context) => tracer?.guestStarted(context),
      spanEnded(span, { spanId, isSampled, scope }) {
        tracer?.guestEnded(spanId);
        if (isSampled) telemetry.addSpan(span, scope);
      },
      addMetrics: (metrics) => telemetry.addMetrics(metrics),
      addLog: (log) => telemetry.addLog(log),
    };
  }

  /** Sends what is left, within `deadlineMs` milliseconds. */
  close(deadlineMs: number): Promise<void> {
    return this.#telemetry.close(deadlineMs);
  }

  #count(trigger: string, component: string): void {
    this.#telemetry.counters?.add("spin.request_count", {
      trigger_type: trigger,
      app_id: this.#appId,
      component_id: component,
    });
  }

  #watchSink(
    sink: LogSink,
    { component, stream }: { component: string; stream: "stdout" | "stderr" },
  ): LogSink {
    const attributes = [
      { key: "component_id", value: { stringValue: component } },
      { key: "log.iostream", value: { stringValue: stream } },
    ];
    return {
      write: (bytes) => {
        sink.write(bytes);
        const span = this.tracer?.current;
        const now = nowNanos();
        this.#telemetry.addLog({
          record: {
            timeUnixNano: now,
            observedTimeUnixNano: now,
            severityNumber: INFO,
            severityText: "INFO",
            body: outputValue(bytes),
            attributes,
            ...(span
              ? {
                traceId: fromHex(span.traceId),
                spanId: fromHex(span.spanId),
                flags: span.isSampled ? 1 : 0,
              }
              : {}),
          },
        });
      },
    };
  }
}

/** Text without the end of its line, or what is no text as it is. */
function outputValue(bytes: Uint8Array): { stringValue: string } | { bytesValue: Uint8Array } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { stringValue: text.replace(/\r?\n$/, "") };
  } catch {
    // It is not UTF-8.
    return { bytesValue: bytes };
  }
}

function requestAttributes(
  { method, address, client, header }: ObservedRequest,
  route: string | undefined,
): NonNullable<SpanOptions["attributes"]> {
  const query = address.pathWithQuery.slice(address.path.length + 1);
  const peer = "hostname" in client ? client : undefined;
  const [host = "", port] = splitAuthority(address.authority);
  return {
    "http.request.method": method,
    "http.route": route,
    "url.path": address.path,
    "url.query": query || undefined,
    "url.scheme": address.scheme,
    "server.address": host,
    "server.port": port,
    "network.protocol.name": "http",
    "network.peer.address": peer?.hostname,
    "network.peer.port": peer?.port,
    "client.address": header("x-forwarded-for")?.split(",", 1)[0]?.trim() || peer?.hostname,
    "user_agent.original": header("user-agent") ?? undefined,
  };
}

function splitAuthority(authority: string): [host: string, port: number | undefined] {
  const match = /^(.*?)(?::(\d+))?$/.exec(authority)!;
  return [match[1]!, match[2] === undefined ? undefined : Number(match[2])];
}

/** A request of a guest, with a span whose identity it carries. */
async function traceRequest(
  tracer: Tracer,
  { request, send }: {
    request: OutboundHttpRequest;
    send: (request: OutboundHttpRequest) => Promise<OutboundHttpResponse>;
  },
): Promise<OutboundHttpResponse> {
  const [host, port] = splitAuthority(request.authority ?? "");
  const attributes = {
    "http.request.method": request.method,
    "url.full": `${request.scheme}://${request.authority ?? ""}${request.pathWithQuery}`,
    "server.address": host,
    "server.port": port,
  };
  return await tracer.run(request.method, { kind: "client", attributes }, async (span) => {
    const response = await send({ ...request, headers: withTrace(request.headers, span.context) });
    span.set("http.response.status_code", response.status);
    if (response.status >= 400) span.fail(`status ${response.status}`);
    return response;
  });
}

/** The headers with those of the trace, in place of what the guest passed on of its own request. */
function withTrace(
  headers: OutboundHttpRequest["headers"],
  context: Parameters<typeof traceHeaders>[0],
): OutboundHttpRequest["headers"] {
  const added = traceHeaders(context);
  const names = ["traceparent", "tracestate"];
  return [
    ...headers.filter(([name]) => !names.includes(name.toLowerCase())),
    ...added.map(([name, value]) => [name, new TextEncoder().encode(value)] as const),
  ];
}

import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { readTelemetrySettings, type TelemetrySettings } from "./settings.ts";

type Variables = Readonly<Record<string, string>>;

function read(variables: Variables): TelemetrySettings | undefined {
  return readTelemetrySettings((name) => variables[name], { version: "1.2.3" });
}

const BASE = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

Deno.test("readTelemetrySettings() takes one endpoint for all signals, or one for each", () => {
  const cases: [name: string, variables: Variables, urls: (string | undefined)[]][] = [
    ["nothing", {}, []],
    ["an empty value", { OTEL_EXPORTER_OTLP_ENDPOINT: "" }, []],
    [
      "a base",
      BASE,
      ["/v1/traces", "/v1/metrics", "/v1/logs"].map((path) => `http://collector:4318${path}`),
    ],
    [
      "a base with a path",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "https://host/otlp/" },
      ["traces", "metrics", "logs"].map((path) => `https://host/otlp/v1/${path}`),
    ],
    [
      "one signal, whose URL is whole",
      { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://m:1/x" },
      [undefined, "http://m:1/x", undefined],
    ],
    [
      "one of its own beside the base",
      { ...BASE, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://l:1" },
      ["http://collector:4318/v1/traces", "http://collector:4318/v1/metrics", "http://l:1"],
    ],
    [
      "gRPC",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://g:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      ["http://g:4317", "http://g:4317", "http://g:4317"],
    ],
    [
      "no spans of the host's level",
      { ...BASE, SPIN_OTEL_TRACING_LEVEL: "warn" },
      [undefined, "http://collector:4318/v1/metrics", "http://collector:4318/v1/logs"],
    ],
    ["everything switched off", { ...BASE, OTEL_SDK_DISABLED: "true" }, []],
  ];
  for (const [name, variables, urls] of cases) {
    const settings = read(variables);
    const found = settings ? [settings.traces?.url, settings.metrics?.url, settings.logs?.url] : [];
    assert.deepEqual(found, urls, name);
  }
});

Deno.test("readTelemetrySettings() reads what OpenTelemetry's variables say", () => {
  const settings = read({
    ...BASE,
    OTEL_EXPORTER_OTLP_HEADERS: "Api-Key=a%20b, x=1",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x=2",
    OTEL_EXPORTER_OTLP_TIMEOUT: "500",
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "70",
    OTEL_SERVICE_NAME: "shop",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=no,team=a%2Cb",
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
    SPIN_DISABLE_LOG_TO_TRACING: "1",
  })!;
  assert.deepEqual(settings.traces, {
    url: "http://collector:4318/v1/traces",
    protocol: "http/protobuf",
    headers: { "api-key": "a b", x: "2" },
    timeoutMs: 500,
    intervalMs: 70,
  });
  assert.deepEqual(settings.metrics!.headers, { "api-key": "a b", x: "1" });
  assert.equal(settings.metrics!.intervalMs, 60_000);
  assert.equal(settings.logs!.protocol, "http/json");
  assert.deepEqual(settings.sampling, { ratio: 0.25, followsParent: false });
  assert.equal(settings.resource["service.name"], "shop");
  assert.equal(settings.resource.team, "a,b");
  assert.equal(settings.resource["service.version"], "1.2.3");
  assert.equal(settings.sendsOutput, false);
  const usual = read(BASE)!;
  assert.equal(usual.resource["service.name"], "spin");
  assert.deepEqual(usual.sampling, { ratio: 1, followsParent: true });
  assert.equal(usual.sendsOutput, true);
});

Deno.test("readTelemetrySettings() tells every mistake", () => {
  const variables = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "collector:4318",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://ok:1",
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http",
    OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "soon",
    OTEL_TRACES_SAMPLER_ARG: "2",
    OTEL_RESOURCE_ATTRIBUTES: "=x",
  };
  assert.throws(() => read(variables), (error: Error) => {
    assert.ok(error instanceof TerminalError);
    assert.deepEqual(error.message.split("\n").map((line) => line.split(" ")[0]), [
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
      "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
      "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
      "OTEL_TRACES_SAMPLER_ARG",
      "OTEL_RESOURCE_ATTRIBUTES",
    ]);
    return true;
  });
});

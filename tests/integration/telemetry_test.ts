import assert from "node:assert/strict";
import {
  manifest,
  samplePath,
  sampleWasm,
  triggerSample,
  writeManifest,
} from "../support/fixtures.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import { OtlpReceiver, type ReceivedSpan } from "../support/otlp_receiver.ts";
import type { RunningApp } from "../support/running_app.ts";
import { runScript } from "../support/script_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** Sends soon what has been recorded. */
const SOON = {
  OTEL_BSP_SCHEDULE_DELAY: "50",
  OTEL_BLRP_SCHEDULE_DELAY: "50",
  OTEL_METRIC_EXPORT_INTERVAL: "100",
};

/** A guest that calls out, keeps values and prints, one that it calls by the network, and one of 0.3. */
function startApp(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<RunningApp> {
  const from = writeManifest(
    suite.directory(),
    manifest([
      {
        id: "script",
        route: "/script/...",
        source: sampleWasm("script-otel"),
        allowedOutboundHosts: ["http://127.0.0.1:*", "http://async.spin.internal"],
        lines: ['key_value_stores = ["default"]'],
      },
      {
        id: "async",
        route: "/:name/...",
        source: sampleWasm("rust-async"),
        lines: ['key_value_stores = ["default"]'],
      },
    ]),
  );
  return suite.start({
    from,
    args: ["--workers", "1", "--experimental-wasi-otel", ...args],
    env: { ...SOON, ...env },
  });
}

/** A script that asks `host` for `path` and answers with the status. */
function request(authority: string, path: string): string {
  return `
    const headers = i.http.Fields.fromList([["traceparent", bytes("made up by the guest")]]);
    const request = new i.http.OutgoingRequest(headers);
    request.setScheme({ tag: "HTTP" });
    request.setAuthority(${JSON.stringify(authority)});
    request.setPathWithQuery(${JSON.stringify(path)});
    const future = i.outgoingHandler.handle(request, undefined);
    future.subscribe().block();
    return future.get().val.val.status();`;
}

async function script(app: RunningApp, text: string, headers: HeadersInit = {}): Promise<unknown> {
  const response = await app.fetch("/script/x?a=b", { method: "POST", body: text, headers });
  const answer = await response.text();
  assert.equal(response.status, 200, answer);
  return JSON.parse(answer);
}

function isChild(child: ReceivedSpan, parent: ReceivedSpan): void {
  assert.equal(child.traceId, parent.traceId, `${child.name} in ${parent.name}`);
  assert.equal(child.parentId, parent.spanId, `${child.name} in ${parent.name}`);
  assert.ok(child.startNanos >= parent.startNanos);
}

const CALLER = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "vendor=value",
};

Deno.test("up sends spans of requests and of what components do", async () => {
  await using receiver = OtlpReceiver.startHttp();
  const upstreamHeaders: Headers[] = [];
  await using upstream = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (asked) => {
    upstreamHeaders.push(asked.headers);
    return new Response("x", { status: 201 });
  });
  await using app = await startApp({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x",
    OTEL_SERVICE_NAME: "shop",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test,service.name=ignored",
  });
  const authority = `127.0.0.1:${upstream.addr.port}`;
  const asked = `
    const store = i.keyValue2.Store.open("default");
    store.set("k", bytes("v"));
    ${request(authority, "/some/path?q=1")}`;
  assert.equal(await script(app, asked, CALLER), 201);
  const server = await receiver.span("POST /script/...");
  const execute = await receiver.span("execute_wasm_component script");
  const client = await receiver.span("GET");
  const [open, set] = [
    await receiver.span("spin_key_value.open"),
    await receiver.span("spin_key_value.set"),
  ];
  assert.equal(server.traceId, "0af7651916cd43dd8448eb211c80319c");
  assert.equal(server.parentId, "b7ad6b7169203331");
  assert.equal(server.traceState, "vendor=value");
  assert.equal(server.kind, 2);
  isChild(execute, server);
  for (const span of [client, open, set]) isChild(span, execute);
  assert.deepEqual([execute.kind, client.kind, open.kind], [1, 3, 3]);
  const { attributes } = server;
  assert.equal(attributes["http.request.method"], "POST");
  assert.equal(attributes["http.route"], "/script/...");
  assert.equal(attributes["http.response.status_code"], 200n);
  assert.equal(attributes["url.path"], "/script/x");
  assert.equal(attributes["url.query"], "a=b");
  assert.equal(attributes["server.port"], BigInt(app.port));
  assert.equal(client.attributes["url.full"], `http://${authority}/some/path?q=1`);
  assert.equal(client.attributes["http.response.status_code"], 201n);
  assert.equal(server.resource["service.name"], "shop");
  assert.equal(server.resource["deployment.environment"], "test");
  assert.match(String(server.resource["service.version"]), /^\d+\.\d+\.\d+$/);
  assert.equal(
    upstreamHeaders[0]!.get("traceparent"),
    `00-${client.traceId}-${client.spanId}-01`,
  );
  assert.equal(upstreamHeaders[0]!.get("tracestate"), "vendor=value");
  // Metrics may have been sent before.
  const sent = receiver.requests.find(({ path }) => path === "/v1/traces");
  assert.equal(sent!.type, "application/x-protobuf");
  assert.equal(sent!.headers.get("authorization"), "Bearer x");
});

Deno.test("requests that run at the same time have traces of their own", async () => {
  await using receiver = OtlpReceiver.startHttp();
  await using app = await startApp({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`,
  });
  const count = 20;
  const sleep = `i.keyValue2.Store.open("default");` +
    request(`127.0.0.1:${app.port}`, "/sleep?ms=50");
  await Promise.all(Array.from({ length: count }, () => script(app, sleep)));
  // Once more, with what has been kept of the instances.
  await Promise.all(Array.from({ length: count }, () => script(app, sleep)));
  await suite.close();
  const byId = new Map(receiver.spans.map((span) => [span.spanId, span]));
  const inner = receiver.spans.filter(({ name }) => name === "GET /:name/...");
  assert.equal(inner.length, 2 * count);
  assert.equal(new Set(inner.map(({ traceId }) => traceId)).size, 2 * count);
  for (let span of inner) {
    const names: string[] = [];
    for (; span.parentId !== ""; span = byId.get(span.parentId)!) names.push(span.name);
    assert.deepEqual([...names, span.name], [
      "GET /:name/...",
      "GET",
      "execute_wasm_component script",
      "POST /script/...",
    ]);
  }
  const executed = receiver.spans.filter(({ name }) => name === "execute_wasm_component async");
  assert.deepEqual(
    new Set(executed.map(({ parentId }) => parentId)),
    new Set(inner.map(({ spanId }) => spanId)),
  );
});

Deno.test("spans cover service chaining, components of WASI 0.3, and failures", async () => {
  await using receiver = OtlpReceiver.startHttp();
  await using app = await startApp({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  assert.equal(await script(app, request("async.spin.internal", "/kv")), 200);
  const client = await receiver.span("GET");
  isChild(await receiver.span("execute_wasm_component async"), client);
  assert.equal((await app.get("/")).status, 404);
  await waitUntil(
    () => receiver.spans.find((span) => span.attributes["http.response.status_code"] === 404n),
    { what: "a span of the request that no route matches" },
  );
  assert.equal((await app.get("/panic")).status, 500);
  const failed = await receiver.span("GET /:name/...");
  assert.equal(failed.status?.code, 2);
  assert.equal(failed.attributes["http.response.status_code"], 500n);
});

Deno.test("up counts requests and sends the output of components as logs", async () => {
  await using receiver = OtlpReceiver.startHttp();
  await using app = await startApp({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  const print = `
    const out = i.stdout.getStdout();
    out.blockingWriteAndFlush(bytes("printed by the guest\\n"));
    return 1;`;
  assert.equal(await script(app, print), 1);
  assert.equal(await script(app, print), 1);
  const log = await receiver.log("printed by the guest");
  const execute = await receiver.span("execute_wasm_component script");
  assert.equal(log.traceId, execute.traceId);
  assert.equal(log.spanId, execute.spanId);
  assert.equal(log.severity, "INFO");
  assert.deepEqual(log.attributes, { "component_id": "script", "log.iostream": "stdout" });
  await suite.close();
  const { metric, resource } = await receiver.metric("spin.request_count");
  assert.equal(resource["service.name"], "spin");
  assert.equal(metric.sum!.isMonotonic, true);
  assert.equal(metric.sum!.aggregationTemporality, 2);
  const [point] = metric.sum!.dataPoints;
  assert.equal(point!.asInt, 2n);
  assert.deepEqual(
    Object.fromEntries(point!.attributes.map(({ key, value }) => [key, value?.stringValue])),
    { trigger_type: "http", app_id: "made-by-test", component_id: "script" },
  );
});

Deno.test("telemetry is sent as JSON and by gRPC, too", async () => {
  for (const protocol of ["http/json", "grpc"]) {
    await using receiver = protocol === "grpc"
      ? await OtlpReceiver.startGrpc()
      : OtlpReceiver.startHttp();
    await using app = await startApp({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    });
    assert.equal(await script(app, "return 1", CALLER), 1);
    const server = await receiver.span("POST /script/...");
    assert.equal(server.traceId, "0af7651916cd43dd8448eb211c80319c");
    assert.equal(server.attributes["http.response.status_code"], 200n);
    assert.equal(
      (await receiver.metric("spin.request_count")).metric.sum!.dataPoints[0]!.asInt,
      1n,
    );
    const paths = new Set(receiver.requests.map(({ path, type }) => `${type} ${path}`));
    assert.ok(
      paths.has(
        protocol === "grpc"
          ? "application/grpc /opentelemetry.proto.collector.trace.v1.TraceService/Export"
          : "application/json /v1/traces",
      ),
      [...paths].join(),
    );
  }
});

const hasRedis = hasRedisServer();

Deno.test({
  name: "messages of triggers have spans" +
    (hasRedis ? "" : " (needs redis-server, which is not installed)"),
  ignore: !hasRedis,
  async fn() {
    await using receiver = OtlpReceiver.startHttp();
    await using server = await RedisServer.start();
    await using _app = await suite.start({
      from: triggerSample("redis-sub"),
      args: ["--variable", `redis_url=redis://127.0.0.1:${server.port}`],
      env: { ...SOON, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
    });
    await waitUntil(async () => {
      await new Deno.Command("redis-cli", {
        args: ["-p", String(server.port), "publish", "sample-in", "x"],
      }).output();
      return receiver.spans.find(({ name }) => name === "sample-in receive");
    }, { what: "a span of a message" });
    const message = await receiver.span("sample-in receive");
    assert.equal(message.kind, 5);
    assert.equal(message.parentId, "");
    assert.equal(message.attributes["messaging.system"], "redis");
    const execute = await receiver.span("execute_wasm_component redis-sub");
    isChild(execute, message);
    isChild(await receiver.span("spin_key_value.open"), execute);
    const { metric } = await receiver.metric("spin.request_count");
    const [point] = metric.sum!.dataPoints;
    assert.ok(
      point!.attributes.some(({ key, value }) =>
        key === "trigger_type" && value?.stringValue === "redis"
      ),
    );
  },
});

/** A port on which nobody listens. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("an absent collector costs nothing but one line", async () => {
  const url = `http://127.0.0.1:${closedPort()}/v1/traces`;
  await using app = await startApp({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url });
  for (let round = 0; round < 30; round++) {
    assert.equal(await script(app, "return 1"), 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await app.waitForStderr(
    /^Warning: traces sent to http:\/\/127\.0\.0\.1:\d+\/v1\/traces are not taken: .*refused/mi,
  );
  assert.equal(app.stderr.match(/are not taken/g)!.length, 1);
  app.signal("SIGTERM");
  assert.equal((await app.status).code, 0);
});

Deno.test("up refuses telemetry settings that make no sense, all at once", async () => {
  const { code, stderr } = await suite.refuse({
    from: writeManifest(suite.directory(), manifest([{ id: "a", route: "/" }])),
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317",
      OTEL_EXPORTER_OTLP_PROTOCOL: "thrift",
      OTEL_TRACES_SAMPLER: "sometimes",
    },
  });
  assert.equal(code, 1);
  assert.match(stderr, /OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4317", which is no http/);
  assert.match(stderr, /OTEL_TRACES_SAMPLER is "sometimes"; give always_on/);
});

Deno.test("up offers wasi:otel only if it is asked to", async () => {
  const { code, stderr } = await suite.refuse({ from: appOfOtel() });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /Component "script" imports wasi:otel\/.*, which is experimental; allow it with --experimental-wasi-otel/,
  );
  await using app = await suite.start({ from: appOfOtel(), args: ["--experimental-wasi-otel"] });
  const { answer } = await runScript(app, "return i.tracing.outerSpanContext()");
  assert.deepEqual(JSON.parse(answer), {
    traceId: "0".repeat(32),
    spanId: "0".repeat(16),
    traceFlags: { sampled: false },
    isRemote: false,
    traceState: [],
  });
});

function appOfOtel(): string {
  const source = sampleWasm("script-otel");
  const lines = ['key_value_stores = ["default"]'];
  return writeManifest(
    suite.directory(),
    manifest([{ id: "script", route: "/...", source, lines }]),
  );
}

/** Makes a span of the guest in the host's, and has the host do something in it. */
const GUEST_SPANS = `
  const scope = { name: "guest-lib", version: "1.2", attributes: [] };
  const outer = i.tracing.outerSpanContext();
  const now = () => i.wallClock.now();
  function begin(parent, spanId) {
    const context = { ...parent, spanId, isRemote: false };
    i.tracing.onStart(context);
    return { context, parent, startTime: now() };
  }
  function end({ context, parent, startTime }, name, rest) {
    i.tracing.onEnd({
      spanContext: context, parentSpanId: parent.spanId, spanKind: "internal", name, startTime,
      endTime: now(), attributes: [], events: [], links: [], status: { tag: "unset" },
      instrumentationScope: scope, droppedAttributes: 0, droppedEvents: 0, droppedLinks: 0, ...rest,
    });
  }
  const one = begin(outer, "1111111111111111");
  const store = i.keyValue2.Store.open("default");
  const two = begin(one.context, "2222222222222222");
  store.set("k", bytes("v"));
  end(two, "inner", {
    spanKind: "producer",
    status: { tag: "error", val: "went wrong" },
    events: [{ name: "happened", time: now(), attributes: [{ key: "n", value: "1" }] }],
    links: [{ spanContext: outer, attributes: [{ key: "why", value: '"because"' }] }],
    attributes: [
      { key: "text", value: '"t"' }, { key: "int", value: "9007199254740993" },
      { key: "real", value: "1.0" }, { key: "flag", value: "true" },
      { key: "list", value: '["a","b"]' },
      { key: "raw", value: '"data:application/octet-stream;base64,AQI="' },
    ],
  });
  store.get("k");
  end(one, "outer", {});
  store.exists("k");
  return outer;`;

Deno.test("a guest's spans, metrics and logs are sent, and what it does belongs to its spans", async () => {
  await using receiver = OtlpReceiver.startHttp();
  await using app = await suite.start({
    from: samplePath("script-otel"),
    args: ["--workers", "1", "--experimental-wasi-otel"],
    env: { ...SOON, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
  });
  const outerContext = await script(app, GUEST_SPANS, CALLER) as Record<string, unknown>;
  const execute = await receiver.span("execute_wasm_component script");
  assert.deepEqual(outerContext, {
    traceId: execute.traceId,
    spanId: execute.spanId,
    traceFlags: { sampled: true },
    isRemote: false,
    traceState: [["vendor", "value"]],
  });
  const [outer, inner] = [await receiver.span("outer"), await receiver.span("inner")];
  isChild(outer, execute);
  isChild(inner, outer);
  isChild(await receiver.span("spin_key_value.open"), outer);
  isChild(await receiver.span("spin_key_value.set"), inner);
  isChild(await receiver.span("spin_key_value.get"), outer);
  isChild(await receiver.span("spin_key_value.exists"), execute);
  assert.equal(inner.scope, "guest-lib");
  assert.equal(inner.kind, 4);
  assert.deepEqual({ ...inner.status }, { code: 2, message: "went wrong" });
  assert.deepEqual(inner.attributes, {
    text: "t",
    int: 9007199254740993n,
    real: 1,
    flag: true,
    list: ["a", "b"],
    raw: Uint8Array.of(1, 2),
  });
  assert.deepEqual(inner.events, [{ name: "happened", attributes: { n: 1n } }]);
  assert.deepEqual(inner.links, [{ spanId: execute.spanId, attributes: { why: "because" } }]);

  await script(
    app,
    `
    const time = i.wallClock.now();
    i.logs.onEmit({
      timestamp: time, severityText: "WARN", severityNumber: 13, body: '"said by the guest"',
      attributes: [{ key: "a", value: "[1,2]" }], traceId: "ab".repeat(16), spanId: "cd".repeat(8),
      resource: { attributes: [{ key: "service.name", value: '"guest"' }] },
    });
    const attributes = [{ key: "k", value: '"v"' }];
    const point = (tag, val) => ({ attributes, value: { tag, val }, exemplars: [] });
    const times = { startTime: time, time };
    const distribution = {
      attributes, count: 3, sum: { tag: "f64", val: 4.5 }, min: { tag: "f64", val: 0.5 },
      max: { tag: "f64", val: 3 }, exemplars: [{
        filteredAttributes: [], time, value: { tag: "f64", val: 3 }, spanId: "", traceId: "" }],
    };
    const metric = (name, tag, val) => ({ name, description: "d", unit: "1", data: { tag, val } });
    i.metrics.export({
      resource: { attributes: [{ key: "service.name", value: '"guest"' }] },
      scopeMetrics: [{ scope: { name: "guest-lib", attributes: [] }, metrics: [
        metric("gauge", "s64-gauge", { ...times, dataPoints: [point("s64", -5)] }),
        metric("sum", "u64-sum", {
          ...times, dataPoints: [point("u64", 7)], temporality: "delta", isMonotonic: true }),
        metric("histogram", "f64-histogram", { ...times, temporality: "cumulative", dataPoints: [
          { ...distribution, bounds: [1, 2], bucketCounts: [1, 1, 1] }] }),
        metric("exponential", "f64-exponential-histogram", {
          ...times, temporality: "cumulative", dataPoints: [{ ...distribution, scale: -2,
            zeroCount: 1, zeroThreshold: 0.25, positiveBucket: { offset: -3, counts: [1, 1] },
            negativeBucket: { offset: 0, counts: [] } }] }),
      ] }],
    });`,
  );
  const log = await receiver.log("said by the guest");
  assert.equal(log.severity, "WARN");
  assert.equal(log.traceId, "ab".repeat(16));
  assert.deepEqual(log.attributes, { a: [1n, 2n] });
  assert.equal(log.resource["service.name"], "guest");
  const { metric: gauge, resource } = await receiver.metric("gauge");
  assert.equal(resource["service.name"], "guest");
  assert.equal(gauge.gauge!.dataPoints[0]!.asInt, -5n);
  const { metric: sum } = await receiver.metric("sum");
  assert.equal(sum.sum!.dataPoints[0]!.asInt, 7n);
  assert.equal(sum.sum!.aggregationTemporality, 1);
  const [histogram] = (await receiver.metric("histogram")).metric.histogram!.dataPoints;
  assert.deepEqual([...histogram!.explicitBounds], [1, 2]);
  assert.deepEqual([...histogram!.bucketCounts], [1n, 1n, 1n]);
  assert.deepEqual([histogram!.sum, histogram!.min, histogram!.max], [4.5, 0.5, 3]);
  assert.equal(histogram!.exemplars[0]!.asDouble, 3);
  const [exponential] =
    (await receiver.metric("exponential")).metric.exponentialHistogram!.dataPoints;
  assert.equal(exponential!.scale, -2);
  assert.equal(exponential!.zeroThreshold, 0.25);
  assert.equal(exponential!.positive!.offset, -3);
  assert.deepEqual([...exponential!.positive!.bucketCounts], [1n, 1n]);
});

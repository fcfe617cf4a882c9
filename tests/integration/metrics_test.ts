import assert from "node:assert/strict";
import { manifest, sampleWasm, triggerSample, writeManifest } from "../support/fixtures.ts";
import { Metrics } from "../support/prometheus_text.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite, type UpOptions } from "../support/test_suite.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

const ADDRESS = { SPINKUBE_METRICS_ADDRESS: "127.0.0.1:0" };

async function start(options: UpOptions): Promise<{ app: RunningApp; url: string }> {
  const app = await suite.start({ ...options, env: { ...ADDRESS, ...options.env } });
  const [, url = ""] = await app.waitForStderr(/^Metrics: (http:\/\/127\.0\.0\.1:\d+\/metrics)$/m);
  return { app, url };
}

async function scrape(url: string): Promise<Metrics> {
  const response = await fetch(url);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return new Metrics(await response.text());
}

Deno.test("up serves metrics of all its isolates", async () => {
  const from = writeManifest(
    suite.directory(),
    manifest([
      { id: "old", route: "/..." },
      { id: "new", route: "/count/...", source: sampleWasm("rust-async") },
    ]),
  );
  const { app, url } = await start({ from, args: ["--workers", "2"] });
  await using _app = app;
  // New connections, so that both isolates get some.
  await waitUntil(async () => {
    await Promise.all(
      Array.from(
        { length: 8 },
        () => app.get("/status?code=418", { headers: { connection: "close" } }),
      ),
    );
    return (await scrape(url)).value("spinkube_isolates") === 2;
  }, { what: "the worker" });
  const before = (await scrape(url)).value("spinkube_http_requests_total");
  for (const path of ["/trap", "/", "/count", "/count", "/.well-known/spin/health"]) {
    await app.get(path);
  }
  await (await app.fetch("/", { method: "HEAD" })).body?.cancel();
  const metrics = await scrape(url);
  assert.equal(metrics.value("spinkube_http_requests_total"), before + 5);
  const requests = (labels: Record<string, string>) =>
    metrics.value("spinkube_http_requests_total", labels);
  assert.equal(requests({ component: "old", route: "/...", status: "418" }), before);
  assert.equal(requests({ component: "new", route: "/count/...", status: "200" }), 2);
  assert.equal(requests({ component: "old", status: "500" }), 1);
  const duration = "spinkube_http_request_duration_seconds";
  assert.equal(metrics.value(`${duration}_count`, { component: "new" }), 2);
  assert.equal(metrics.value(`${duration}_bucket`, { component: "new", le: "+Inf" }), 2);
  assert.ok(metrics.value(`${duration}_sum`, { component: "new" }) > 0);
  assert.equal(metrics.value("spinkube_http_requests_in_flight"), 0);
  assert.ok(metrics.value("spinkube_instances", { component: "old" }) >= 2);
  assert.ok(metrics.value("spinkube_instances_reset_total", { component: "old" }) >= before);
  assert.ok(metrics.value("spinkube_instances_discarded_total", { component: "old" }) >= 1);
  assert.ok(metrics.value("spinkube_instances_created_total", { component: "new" }) >= 1);
  const memory = metrics.value("spinkube_instance_memory_bytes");
  assert.ok(memory > 0 && memory < metrics.value("spinkube_instance_memory_limit_bytes"));
  const rss = metrics.value("process_resident_memory_bytes");
  assert.ok(Math.abs(rss - app.rssBytes()) < 50e6, `${rss} and ${app.rssBytes()}`);
  assert.ok(metrics.value("spinkube_heap_used_bytes") > 1e6);
  assert.ok(Math.abs(metrics.value("process_start_time_seconds") - Date.now() / 1_000) < 120);
  assert.equal(metrics.value("spinkube_build_info"), 1);
});

Deno.test("metrics are served as OpenMetrics to those who ask for it", async () => {
  const from = writeManifest(suite.directory(), manifest([{ id: "a", route: "/..." }]));
  const { app, url } = await start({ from, args: ["--workers", "1"] });
  await using _app = app;
  await app.get("/");
  const response = await fetch(url, { headers: { accept: "application/openmetrics-text" } });
  assert.match(response.headers.get("content-type")!, /^application\/openmetrics-text; version=1/);
  const metrics = new Metrics(await response.text(), { isOpenMetrics: true });
  assert.equal(metrics.types.get("spinkube_http_requests"), "counter");
  assert.equal(metrics.value("spinkube_http_requests_total"), 1);
  const other = await fetch(new URL("/", url));
  await other.body?.cancel();
  assert.equal(other.status, 404);
  assert.equal((await app.get("/metrics")).body.includes("spinkube_"), false);
});

const hasRedis = hasRedisServer();

Deno.test({
  name: "metrics count the messages of triggers" +
    (hasRedis ? "" : " (needs redis-server, which is not installed)"),
  ignore: !hasRedis,
  async fn() {
    await using server = await RedisServer.start();
    const { app, url } = await start({
      from: triggerSample("redis-sub"),
      args: ["--variable", `redis_url=redis://127.0.0.1:${server.port}`],
    });
    await using _app = app;
    await waitUntil(async () => {
      await new Deno.Command("redis-cli", {
        args: ["-p", String(server.port), "publish", "sample-in", "x"],
      }).output();
      const metrics = await scrape(url);
      return metrics.value("spinkube_trigger_messages_total", { trigger: "redis", result: "ok" }) >
        0;
    }, { what: "a message that is counted" });
    const metrics = await scrape(url);
    const duration = "spinkube_trigger_message_duration_seconds_count";
    assert.ok(metrics.value(duration, { trigger: "redis", component: "redis-sub" }) > 0);
  },
});

Deno.test("up refuses an address of metrics that is taken", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const from = writeManifest(suite.directory(), manifest([{ id: "a", route: "/" }]));
  const address = `127.0.0.1:${taken.addr.port}`;
  const { code, stderr } = await suite.refuse({ from, args: ["--metrics-address", address] });
  assert.equal(code, 1);
  assert.match(stderr, /^Error: Cannot serve metrics on 127\.0\.0\.1:\d+: .*--metrics-address$/m);
});

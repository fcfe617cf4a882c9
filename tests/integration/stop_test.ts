import assert from "node:assert/strict";
import { check } from "../support/cases.ts";
import { manifest, tortureManifest, writeManifest } from "../support/fixtures.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite, type UpOptions } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";
import { waitUntil, within } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

function startTorture(options: Partial<UpOptions> = {}): Promise<RunningApp> {
  return suite.start({
    from: tortureManifest(suite.directory()),
    gracePeriod: "10s",
    ...options,
  });
}

/** How the process ends, and after how many milliseconds. */
async function endOf(app: RunningApp): Promise<{ code: number; ms: number }> {
  const start = performance.now();
  const { code } = await within(app.status, { what: "the process to end", timeoutMs: 15_000 });
  return { code, ms: performance.now() - start };
}

/** A response that has begun, and will not end by itself before the test does. */
async function endless(app: RunningApp): Promise<Response> {
  const response = await app.fetch("/drip?n=100000&ms=20");
  assert.equal(response.status, 200);
  return response;
}

Deno.test("up ends at once on SIGTERM if nothing is in flight", async () => {
  await using app = await startTorture();
  await check(app, { request: "/", answer: "hello from C\n" });
  app.signal("SIGTERM");
  const { code, ms } = await endOf(app);
  assert.equal(code, 0, app.stderr);
  assert.ok(ms < 3_000, `${ms} ms`);
});

Deno.test("up lets requests in flight end after SIGTERM and takes no more", async () => {
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  await using upstream = startUpstream(async () => {
    arrived.resolve();
    await released.promise;
    return new Response("late\n");
  });
  const { authority } = upstream;
  const from = writeManifest(
    suite.directory(),
    manifest([{ id: "one", route: "/...", allowedOutboundHosts: [`http://${authority}`] }]),
  );
  await using app = await startTorture({ from });
  const answer = app.get(`/outbound?authority=${authority}`);
  await within(arrived.promise, { what: "the guest's own request", timeoutMs: 10_000 });
  app.signal("SIGTERM");
  await waitUntil(() => app.get("/").then(() => false, () => true), {
    what: "new requests to be refused",
    timeoutMs: 2_000,
  });
  assert.ok(app.isUp);
  released.resolve();
  assert.deepEqual(await answer, { status: 200, body: "status 200\nlate\n" });
  assert.equal((await endOf(app)).code, 0, app.stderr);
  assert.doesNotMatch(app.stderr, /Error|Warning/);
});

Deno.test("up lets every worker end its requests after SIGTERM", async () => {
  await using app = await startTorture({ args: ["--workers", "2"] });
  const responses = await Promise.all(
    Array.from({ length: 12 }, () => app.fetch("/drip?n=4&ms=300")),
  );
  app.signal("SIGTERM");
  const bodies = await Promise.all(responses.map((response) => response.text()));
  assert.deepEqual(bodies, Array(12).fill("drop 0\ndrop 1\ndrop 2\ndrop 3\n"));
  assert.equal((await endOf(app)).code, 0, app.stderr);
});

Deno.test("up cuts off what is not done within the grace period", async () => {
  await using app = await startTorture({ gracePeriod: "1s" });
  const response = await endless(app);
  app.signal("SIGTERM");
  const { code, ms } = await endOf(app);
  assert.equal(code, 0, app.stderr);
  assert.ok(ms > 500 && ms < 5_000, `${ms} ms`);
  await assert.rejects(response.text());
});

Deno.test("up drains on the first Ctrl-C and ends at once on the second", async () => {
  await using app = await startTorture();
  const begun = await app.fetch("/drip?n=3&ms=200");
  app.signal("SIGINT");
  assert.equal(await begun.text(), "drop 0\ndrop 1\ndrop 2\n");
  assert.equal((await endOf(app)).code, 130);

  await using other = await startTorture();
  const cut = await endless(other);
  other.signal("SIGINT");
  await waitUntil(() => other.get("/").then(() => false, () => true), { what: "the drain" });
  other.signal("SIGINT");
  const { code, ms } = await endOf(other);
  assert.equal(code, 130);
  assert.ok(ms < 2_000, `${ms} ms`);
  await assert.rejects(cut.text());
});

Deno.test("up ends on Ctrl-C although guests loop", async () => {
  await using app = await startTorture({ gracePeriod: "1s", args: ["--cpu-limit", "0"] });
  const loops = Array.from({ length: 4 }, () => app.get("/loop"));
  // They fail when the process ends, and are looked at then.
  for (const loop of loops) loop.catch(() => {});
  const startMs = app.cpuMs();
  await waitUntil(() => app.cpuMs() > startMs + 500, { what: "the loops to run" });
  app.signal("SIGINT");
  const { code, ms } = await endOf(app);
  assert.equal(code, 130, app.stderr);
  assert.ok(ms < 6_000, `${ms} ms`);
  for (const loop of loops) await assert.rejects(loop);
});

Deno.test("up leaves no temporary directory behind", async () => {
  const temporary = suite.directory();
  const app = await startTorture({ env: { TMPDIR: temporary } });
  await check(app, { request: "/", answer: "hello from C\n" });
  app.signal("SIGTERM");
  assert.equal((await endOf(app)).code, 0);
  await app[Symbol.asyncDispose]();
  assert.deepEqual([...Deno.readDirSync(temporary)].map(({ name }) => name), []);
});

import assert from "node:assert/strict";
import { check } from "../support/cases.ts";
import { tortureManifest } from "../support/fixtures.ts";
import { parseRaw, rawExchange } from "../support/raw_http.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil, within } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

function startTorture(...args: string[]): Promise<RunningApp> {
  return suite.start({ from: tortureManifest(suite.directory()), args });
}

/** The host is as it was: it answers, with an instance that has seen nothing. */
async function assertUnharmed(app: RunningApp): Promise<void> {
  const answerHeaders = { "x-requests": "1" };
  await check(app, { request: "/", answer: "hello from C\n", answerHeaders });
  assert.ok(app.isUp);
}

/** What the host has said about requests, without what belongs to the start. */
function reports(app: RunningApp): string[] {
  return app.stderr.split("\n").filter((line) => line.startsWith("Error") || /^Warning/.test(line));
}

interface FailureCase {
  readonly path: string;
  /** The one line that the user reads. */
  readonly line: RegExp;
}

const FAILURE_CASES: readonly FailureCase[] = [
  {
    path: "/trap",
    line: /^Error processing request: GET \/trap: .*"torture" trapped: unreachable$/,
  },
  { path: "/abort", line: /GET \/abort: .*"torture" trapped: unreachable$/ },
  { path: "/exit?code=3", line: /GET \/exit: .*"torture" exited with code 1 before it was done$/ },
  { path: "/exit?code=0", line: /GET \/exit: .*"torture" exited with code 0 before it was done$/ },
  {
    path: "/silent",
    line: /GET \/silent: .*"torture" failed to produce a response prior to returning$/,
  },
  { path: "/status?code=999", line: /GET \/status: .*"torture" answered with status 999/ },
];

Deno.test("up answers 500 with an empty body if a guest fails, and says why in one line", async () => {
  await using app = await startTorture();
  for (const { path, line } of FAILURE_CASES) {
    const before = reports(app).length;
    await check(app, { request: path, status: 500, answer: "" });
    const reported = await waitUntil(
      () => reports(app).length > before && reports(app),
      { what: `a line about ${path}`, explain: () => app.stderr },
    );
    assert.equal(reported.length, before + 1, reported.join("\n"));
    assert.match(reported.at(-1)!, line);
    await assertUnharmed(app);
  }
  assert.doesNotMatch(app.stderr, /^\s+at /m, "a stack trace");
});

Deno.test("up answers 500 to every error code of wasi:http that a guest gives", async () => {
  await using app = await startTorture();
  for (let code = 0; code < 39; code++) {
    await check(app, { request: `/error?case=${code}`, status: 500, answer: "" });
  }
  await app.waitForStderr(/answered with the error internal-error$/m);
  await app.waitForStderr(/answered with the error DNS-timeout$/m);
  await app.waitForStderr(/answered with the error HTTP-request-denied$/m);
  await assertUnharmed(app);
});

Deno.test("up breaks the transfer if a guest fails after its response has begun", async (t) => {
  await using app = await startTorture();
  const cases: [path: string, begun: string, line: RegExp | undefined][] = [
    ["/late-trap", "before\n", /Warning: Component error after response started: .* trapped/],
    ["/no-body-end", "unfinished\n", undefined],
    ["/deep", "", /trapped: memory access out of bounds/],
  ];
  for (const [path, begun, line] of cases) {
    await t.step(path, async () => {
      const raw = await rawExchange(app.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const { status, headers, body } = parseRaw(raw);
      // A failure before anything was sent may still become a 500.
      if (status === 500) assert.equal(body, "");
      else {
        assert.equal(status, 200);
        assert.ok(headers.some(([name]) => name === "transfer-encoding"), raw);
        assert.doesNotMatch(raw, /\r\n0\r\n\r\n$/, "ended as if it were complete");
        if (body !== "") assert.ok(body.includes(begun), raw);
      }
      if (line) await app.waitForStderr(line);
      await assertUnharmed(app);
    });
  }
});

Deno.test("up gives memory back that a guest took", async () => {
  await using app = await startTorture("--workers", "1");
  await assertUnharmed(app);
  const before = app.rssBytes();
  for (let i = 0; i < 12; i++) {
    await check(app, { request: "/alloc?mb=200", answer: "touched 200 MiB\n" });
  }
  await waitUntil(() => app.rssBytes() - before < 300 * 2 ** 20, {
    what: "memory to be given back",
    timeoutMs: 15_000,
    explain: () => `${(app.rssBytes() - before) / 2 ** 20} MiB more than before`,
  });
  await assertUnharmed(app);
});

Deno.test("up keeps guests within --max-instance-memory", async () => {
  await using app = await startTorture("--max-instance-memory", String(32 << 20));
  await check(app, { request: "/alloc?mb=16", answer: "touched 16 MiB\n" });
  await check(app, { request: "/alloc?mb=64", status: 507, answer: "no memory for 64 MiB\n" });
  await assertUnharmed(app);
});

Deno.test("up stops a guest that loops when it has used its CPU time", async () => {
  await using app = await startTorture("--cpu-limit", "1s");
  const start = performance.now();
  await check(app, { request: "/loop", status: 500, answer: "" });
  const took = performance.now() - start;
  assert.ok(took > 800 && took < 5_000, `stopped after ${took} ms`);
  await app.waitForStderr(/GET \/loop: .*more than 1000 ms of CPU time \(see --cpu-limit\)/);
  // Time that a guest sleeps is free.
  await check(app, { request: "/sleep?ms=1500", answer: "slept\n" });
  await assertUnharmed(app);
});

Deno.test("up answers others while eight guests loop, and stops loops whose client left", async () => {
  await using app = await startTorture("--cpu-limit", "0", "--workers", "2");
  await assertUnharmed(app);
  const leave = new AbortController();
  const loops = Array.from({ length: 8 }, () =>
    app.fetch("/loop", { signal: leave.signal }).then(
      () => assert.fail("a loop has no end"),
      // Ends when the test leaves.
      () => {},
    ));
  await waitUntil(() => app.cpuMs() > 1_500, { what: "loops to run" });
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    await check(app, { request: "/", answer: "hello from C\n" });
    times.push(performance.now() - start);
  }
  const slowest = Math.max(...times);
  assert.ok(slowest < 1_500, `the slowest of 20 requests took ${slowest} ms`);
  leave.abort();
  await Promise.all(loops);
  let lastMs = app.cpuMs();
  await waitUntil(async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const nowMs = app.cpuMs();
    const isQuiet = nowMs - lastMs < 50;
    lastMs = nowMs;
    return isQuiet;
  }, { what: "loops to end without their clients" });
  await assertUnharmed(app);
});

Deno.test("up goes on while guests flood the log", async () => {
  const stateDir = suite.directory();
  await using app = await suite.start({ from: tortureManifest(suite.directory()), stateDir });
  const text = "x".repeat(3_000);
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 50 }, () => check(app, { request: `/log?${text}`, answer: "logged\n" })),
    );
  }
  await assertUnharmed(app);
  const file = `${stateDir}/logs/torture_stdout.txt`;
  const lines = await waitUntil(() => {
    const found = Deno.readTextFileSync(file).split("\n").slice(0, -1);
    return found.length >= 500 && found;
  }, { what: "500 lines in the log" });
  assert.ok(lines.every((line) => line === `to standard output ${text}`), "a line was cut");
  assert.equal(lines.length, 500);
});

Deno.test("up answers 2,000 sleeping requests that come at once", async () => {
  await using app = await startTorture();
  await assertUnharmed(app);
  const before = app.rssBytes();
  const answers = await within(
    Promise.all(Array.from({ length: 2_000 }, () => app.get("/sleep?ms=2000"))),
    { what: "2,000 answers", timeoutMs: 30_000 },
  );
  const bad = answers.filter(({ status, body }) => status !== 200 || body !== "slept\n");
  assert.deepEqual(bad, []);
  const grown = Math.round((app.rssBytes() - before) / 2 ** 20);
  assert.ok(grown < 1_500, `grown by ${grown} MiB`);
  await assertUnharmed(app);
});

Deno.test("up survives a thousand traps", async () => {
  await using app = await startTorture();
  await assertUnharmed(app);
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      Array.from({ length: 50 }, () => check(app, { request: "/trap", status: 500, answer: "" })),
    );
  }
  await assertUnharmed(app);
  assert.ok(app.rssBytes() < 800 << 20, `${app.rssBytes() / 2 ** 20} MiB`);
});

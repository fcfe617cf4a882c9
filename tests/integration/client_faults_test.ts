import assert from "node:assert/strict";
import { check } from "../support/cases.ts";
import { tortureManifest } from "../support/fixtures.ts";
import { parseRaw, RawConnection, rawExchange } from "../support/raw_http.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil, within } from "../support/wait.ts";

const MIB = 2 ** 20;

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

function startTorture(...args: string[]): Promise<RunningApp> {
  return suite.start({ from: tortureManifest(suite.directory()), args });
}

async function assertUnharmed(app: RunningApp): Promise<void> {
  const answerHeaders = { "x-requests": "1" };
  await check(app, { request: "/", answer: "hello from C\n", answerHeaders });
  assert.ok(app.isUp);
  assert.doesNotMatch(app.stderr, /^\s+at /m, "a stack trace");
}

/** A body of so many bytes, made as it is sent. */
function streamOf(bytes: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const block = new Uint8Array(1 << 18).fill(120);
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      controller.enqueue(block.subarray(0, left));
      left -= block.length;
    },
  });
}

async function drain(response: Response): Promise<number> {
  let bytes = 0;
  for await (const chunk of response.body!) bytes += chunk.length;
  return bytes;
}

Deno.test("up passes large bodies through a guest without keeping them", async () => {
  await using app = await startTorture("--workers", "1");
  await assertUnharmed(app);
  const before = app.rssBytes();
  let highest = before;
  const timer = setInterval(() => highest = Math.max(highest, app.rssBytes()), 100);
  try {
    const bytes = 64 * MIB;
    for (let round = 0; round < 3; round++) {
      const response = await app.fetch("/echo", { method: "POST", body: streamOf(bytes) });
      assert.equal(await within(drain(response), { what: "the echo", timeoutMs: 60_000 }), bytes);
    }
  } finally {
    clearInterval(timer);
  }
  // What V8 collects late is part of it.
  const grown = Math.round((highest - before) / MIB);
  assert.ok(grown < 250, `grown by ${grown} MiB while 192 MiB passed in each direction`);
  await assertUnharmed(app);
});

Deno.test("up answers although the guest does not read a large body", async () => {
  await using app = await startTorture();
  const response = await app.fetch("/status?code=201", { method: "POST", body: streamOf(20 * MIB) })
    .catch(() => undefined); // A server may close instead of reading what nobody wants.
  if (response) {
    assert.equal(response.status, 201);
    await response.body?.cancel();
  }
  await assertUnharmed(app);
});

Deno.test("up refuses requests with absurd heads and goes on", async (t) => {
  await using app = await startTorture();
  const cases: [title: string, head: string][] = [
    ["10,000 headers", Array.from({ length: 10_000 }, (_, i) => `x-${i}: y\r\n`).join("")],
    ["a header of four MiB", `x-large: ${"y".repeat(4 * MIB)}\r\n`],
  ];
  for (const [title, headers] of cases) {
    await t.step(title, async () => {
      using connection = await RawConnection.open(app.port);
      // The server may refuse before it has read all of it.
      await connection.send(`GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`).catch(() => {});
      const answer = await connection.readToEnd();
      assert.doesNotMatch(answer, /^HTTP\/1\.1 [25]/, answer.slice(0, 200));
      await assertUnharmed(app);
    });
  }
});

Deno.test("up goes on after garbage on the port", async (t) => {
  await using app = await startTorture();
  const chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const cases: [title: string, bytes: string][] = [
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"],
    ["a chunk size that is no number", `${chunked}xyz\r\nabc\r\n0\r\n\r\n`],
    ["a chunk that is longer than it says", `${chunked}3\r\nabcdefgh\r\n0\r\n\r\n`],
    ["a chunk size without end", `${chunked}${"f".repeat(100_000)}\r\n`],
    ["a negative length", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nabc"],
    ["a header with a null byte", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"],
  ];
  for (const [title, bytes] of cases) {
    await t.step(title, async () => {
      const answer = await rawExchange(app.port, bytes);
      const { status } = parseRaw(answer);
      // Nothing at all, a refusal, or an answer that was begun and then cut.
      assert.ok(!/\r\n0\r\n\r\n$/.test(answer) || status >= 400, answer.slice(0, 300));
      await assertUnharmed(app);
    });
  }
});

Deno.test("up waits for a slow client without keeping others", async () => {
  await using app = await startTorture();
  using slow = await RawConnection.open(app.port);
  const message = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nslow!";
  for (const [index, character] of [...message].entries()) {
    await slow.send(character);
    if (index % 10 === 0) await check(app, { request: "/", answer: "hello from C\n" });
  }
  assert.match(await slow.readUntil(/slow!/), /^HTTP\/1\.1 200 OK/);
});

Deno.test("up ends guests whose clients have left, and gives back what they held", async () => {
  await using app = await startTorture("--workers", "1");
  await check(app, { request: "/sleep?ms=10", answer: "slept\n" });
  const descriptors = app.fileDescriptors();
  const paths = ["/sleep?ms=600000", "/drip?n=1000000&ms=50", "/bytes?n=1000000000000", "/loop"];
  for (const path of paths) {
    const connections = await Promise.all(
      Array.from({ length: 25 }, () => RawConnection.open(app.port)),
    );
    for (const connection of connections) {
      await connection.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    }
    await waitUntil(() => app.fileDescriptors() >= descriptors + 20, { what: "the connections" });
    await check(app, { request: "/", answer: "hello from C\n" });
    for (const connection of connections) connection[Symbol.dispose]();
    await waitUntil(() => app.fileDescriptors() <= descriptors + 5, {
      what: `the connections of ${path} to end`,
      explain: () => `${app.fileDescriptors()} descriptors`,
    });
  }
  let lastMs = app.cpuMs();
  await waitUntil(async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const usedMs = app.cpuMs() - lastMs;
    lastMs += usedMs;
    return usedMs < 50;
  }, { what: "guests to end without their clients" });
  await assertUnharmed(app);
});

Deno.test("up does not keep the memory of guests that it ended", async () => {
  await using app = await startTorture("--workers", "1");
  await check(app, { request: "/", answer: "hello from C\n" });
  /** A suspended guest has a stack and a memory of its own, each in a mapping. */
  function mappings(): number {
    return Deno.readTextFileSync(`/proc/${app.pid}/maps`).split("\n").length;
  }
  const before = mappings();
  const guests = 800;
  for (let ended = 0; ended < guests; ended += 100) {
    const leave = new AbortController();
    const responses = await Promise.all(
      Array.from({ length: 100 }, () => app.fetch("/drip?n=2&ms=600000", { signal: leave.signal })),
    );
    leave.abort();
    for (const response of responses) await assert.rejects(response.text());
  }
  // Dropped memories are collected when they make up 64 MiB and it is quiet.
  // A guest that is kept has five mappings; some stacks are kept for the next guests.
  await waitUntil(() => mappings() - before < 2 * guests, {
    what: "the guests' memory to be given back",
    timeoutMs: 20_000,
    explain: () => `${mappings() - before} more mappings than before`,
  });
  await assertUnharmed(app);
});

Deno.test("up cancels a guest that reads from a client who left half-way", async () => {
  await using app = await startTorture();
  {
    using connection = await RawConnection.open(app.port);
    await connection.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf");
    await connection.readUntil(/half/);
  }
  await assertUnharmed(app);
});

Deno.test("up holds a thousand idle connections", async () => {
  await using app = await startTorture();
  const connections = await Promise.all(
    Array.from({ length: 1_000 }, () => RawConnection.open(app.port)),
  );
  await assertUnharmed(app);
  for (const connection of connections) connection[Symbol.dispose]();
  await assertUnharmed(app);
});

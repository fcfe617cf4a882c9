import assert from "node:assert/strict";
import { check } from "../support/cases.ts";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import { parseRaw, RawConnection, rawExchange } from "../support/raw_http.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil } from "../support/wait.ts";

/** MiB that a server may grow while a body of 300 MB passes through it. */
const MAX_GROWTH_MIB = 100;

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

function startTorture(args: readonly string[] = []): Promise<RunningApp> {
  return suite.start({ from: sampleWasm("torture"), args });
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** Waits until a process does nothing: it has run into back-pressure, or is done. */
async function untilIdle(app: RunningApp): Promise<void> {
  let lastMs = app.cpuMs();
  let quietSince = performance.now();
  await waitUntil(() => {
    const cpuMs = app.cpuMs();
    if (cpuMs > lastMs + 10) quietSince = performance.now();
    lastMs = cpuMs;
    return performance.now() - quietSince > 200;
  }, { what: "an idle server", timeoutMs: 20_000 });
}

interface FramingCase {
  readonly title: string;
  /** Method and path. */
  readonly request: string;
  readonly status: number;
  /** Every header but `date`, in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const X_REQUESTS = ["x-requests", "1"] as const;
const TEXT = ["content-type", "text/plain"] as const;
const BINARY = ["content-type", "application/octet-stream"] as const;
const CHUNKED = ["transfer-encoding", "chunked"] as const;

const FRAMING_CASES: readonly FramingCase[] = [
  {
    title: "a finished body with its length",
    request: "GET /",
    status: 200,
    headers: [TEXT, X_REQUESTS, ["content-length", "13"]],
    body: "hello from C\n",
  },
  {
    title: "a slow body in chunks",
    request: "GET /drip?n=2&ms=100",
    status: 200,
    headers: [TEXT, X_REQUESTS, CHUNKED],
    body: "7\r\ndrop 0\n\r\n7\r\ndrop 1\n\r\n0\r\n\r\n",
  },
  {
    title: "nothing but headers for HEAD",
    request: "HEAD /bytes?n=100",
    status: 200,
    headers: [BINARY, X_REQUESTS, ["content-length", "100"]],
    body: "",
  },
  {
    title: "no length for HEAD of a slow body, which the guest may still write",
    request: "HEAD /drip?n=2&ms=100",
    status: 200,
    headers: [TEXT, X_REQUESTS],
    body: "",
  },
  {
    title: "204 without any length",
    request: "GET /status?code=204",
    status: 204,
    headers: [TEXT, X_REQUESTS],
    body: "",
  },
  {
    title: "304 without a body",
    request: "GET /status?code=304",
    status: 304,
    headers: [TEXT, X_REQUESTS],
    body: "",
  },
  {
    title: "an empty failure with its length",
    request: "GET /trap",
    status: 500,
    headers: [["content-length", "0"]],
    body: "",
  },
];

Deno.test("up sends responses in the form that fits, without headers of its own", async (t) => {
  await using app = await startTorture();
  for (const framing of FRAMING_CASES) {
    await t.step(framing.title, async () => {
      const head = `${framing.request} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\n`;
      // Kept alive: what follows on the connection shows where the response really ends.
      const raw = await rawExchange(
        app.port,
        `${head}\r\nGET /.well-known/spin/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      const second = raw.lastIndexOf("HTTP/1.1 200 OK\r\n");
      assert.ok(second > 0, raw);
      const response = parseRaw(raw.slice(0, second));
      assert.equal(response.status, framing.status);
      assert.equal(response.body, framing.body);
      const headers = response.headers.filter(([name]) => name !== "date");
      assert.deepEqual(headers.toSorted(), framing.headers.toSorted());
      assert.match(raw.slice(second), /\r\n\r\nOK$/);
    });
  }
});

Deno.test("up streams: the response flows while the request still arrives", async () => {
  await using app = await startTorture();
  using connection = await RawConnection.open(app.port);
  await connection.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  await connection.send("5\r\nfirst\r\n");
  const early = await connection.readUntil(/first/);
  assert.match(early, /^HTTP\/1\.1 200 OK\r\n/);
  await connection.send("6\r\nsecond\r\n");
  await connection.readUntil(/second/);
  await connection.send("0\r\n\r\n");
  const all = await connection.readUntil(/\r\n0\r\n\r\n$/);
  assert.match(all, /5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n$/);
});

Deno.test("up does not buffer what a slow client does not read", async () => {
  await using app = await startTorture();
  await check(app, { request: "/bytes?n=1000000" });
  const before = app.rssBytes();
  const bytes = 300_000_000;
  const response = await app.fetch(`/bytes?n=${bytes}`);
  const reader = response.body!.getReader();
  let received = (await reader.read()).value!.length;
  await untilIdle(app);
  const grown = mebibytes(app.rssBytes() - before);
  assert.ok(grown < MAX_GROWTH_MIB, `grown by ${grown} MiB while nobody read`);
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    received += next.value.length;
  }
  assert.equal(received, bytes);
});

Deno.test("up does not read what a guest does not take", async () => {
  await using app = await startTorture();
  await check(app, { request: "/" });
  const before = app.rssBytes();
  using connection = await RawConnection.open(app.port);
  await connection.send(
    "POST /sleep?ms=3000 HTTP/1.1\r\nHost: a\r\nContent-Length: 300000000\r\n\r\n",
  );
  // What the kernel takes for the server is all that can be sent.
  const block = "x".repeat(1 << 20);
  let sent = 0;
  let isOver = false;
  const sending = (async () => {
    while (!isOver && sent < 280) {
      await connection.send(block);
      sent++;
    }
  })().catch(() => {
    // The server need not take the rest once it has answered.
  });
  await untilIdle(app);
  assert.ok(mebibytes(app.rssBytes() - before) < MAX_GROWTH_MIB);
  assert.ok(sent < 64, `${sent} MiB were taken from a client whom nobody listens to`);
  const answer = await connection.readUntil(/slept/);
  assert.match(answer, /^HTTP\/1\.1 200 OK/);
  isOver = true;
  connection[Symbol.dispose]();
  await sending;
  await check(app, { request: "/" });
});

Deno.test("up refuses requests whose authority is missing or contradictory", async (t) => {
  await using app = await startTorture();
  const cases: [title: string, head: string, status: RegExp][] = [
    [
      "another host in absolute form",
      "GET http://other/ HTTP/1.1\r\nHost: a\r\n",
      /^HTTP\/1\.1 400 /,
    ],
    ["the same host in absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\n", /^HTTP\/1\.1 200 /],
    // Deno hides that the header is missing; the listener's own address is what can be meant.
    ["no host", "GET /request HTTP/1.1\r\n", /^authority localhost:\d+$/m],
    ["a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n", /^HTTP\/1\.1 400 /],
    ["a host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n", /^HTTP\/1\.1 400 /],
    ["HTTP/1.0 with a host", "GET / HTTP/1.0\r\nHost: a\r\n", /^HTTP\/1\.0 200 /],
  ];
  for (const [title, head, status] of cases) {
    await t.step(title, async () => {
      assert.match(await rawExchange(app.port, `${head}Connection: close\r\n\r\n`), status);
    });
  }
});

Deno.test("up does not let a second request be smuggled in a body", async (t) => {
  await using app = await startTorture();
  const smuggled = "GET /status?code=299 HTTP/1.1\r\nHost: a\r\n\r\n";
  const cases: [title: string, message: string][] = [
    [
      "both length headers, chunked ends first",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n" +
      `0\r\n\r\n${smuggled}`,
    ],
    [
      "both length headers, the length is shorter",
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" +
      `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
    ],
    [
      "two different lengths",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" +
      smuggled,
    ],
    [
      "a coding before chunked that hides it",
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n" +
      `0\r\n\r\n${smuggled}`,
    ],
    [
      "a space before the colon",
      `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 44\r\n\r\n${smuggled}`,
    ],
  ];
  for (const [title, message] of cases) {
    await t.step(title, async () => {
      using connection = await RawConnection.open(app.port);
      await connection.send(message);
      const received = await connection.readToEnd(3_000)
        // A connection that is kept for the next request is fine, as long as it got one answer.
        .catch(() => connection.readUntil(/(?:)/));
      assert.doesNotMatch(received, /HTTP\/1\.1 299/, received);
    });
  }
});

Deno.test("up says which port is taken, and finds a free one if asked", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const listen = `127.0.0.1:${port}`;
  const from = sampleWasm("torture");
  const { code, stderr } = await suite.refuse({ from, listen });
  assert.equal(code, 1);
  assert.equal(
    stderr.trim().split("\n").at(-1),
    `Error: ${listen} is already in use. To have Spin search for a free port, use the ` +
      "--find-free-port option.",
  );
  await using app = await suite.start({ from, listen, args: ["--find-free-port"] });
  assert.ok(app.port > port && app.port < port + 10, `${app.port} after ${port}`);
  await check(app, { request: "/", answer: "hello from C\n" });
});

Deno.test("up serves many requests at once on few connections", async () => {
  const directory = suite.directory();
  const app = await suite.start({
    from: writeManifest(directory, manifest([{ id: "one", route: "/..." }])),
    args: ["--workers", "2"],
  });
  await using _app = app;
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => app.get(`/drip?n=3&ms=${i % 7}`)),
  );
  for (const { status, body } of answers) {
    assert.equal(status, 200);
    assert.equal(body, "drop 0\ndrop 1\ndrop 2\n");
  }
});

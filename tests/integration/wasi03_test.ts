import assert from "node:assert/strict";
import { check } from "../support/cases.ts";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";
import { waitUntil, within } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** Serves the guest of WASI 0.3, and a private one of 0.2. */
function start(
  options: { args?: readonly string[]; hosts?: readonly string[] } = {},
): Promise<RunningApp> {
  const directory = suite.directory();
  Deno.mkdirSync(`${directory}/assets/sub`, { recursive: true });
  Deno.writeTextFileSync(`${directory}/assets/a.txt`, "some file\n");
  Deno.writeTextFileSync(`${directory}/assets/sub/b.txt`, "deep\n");
  const from = writeManifest(
    directory,
    manifest([
      {
        id: "guest",
        route: "/...",
        source: sampleWasm("rust-async"),
        allowedOutboundHosts: options.hosts ?? [],
        lines: [
          'environment = { COLOR = "blue" }',
          'files = [{ source = "assets", destination = "/" }]',
          'key_value_stores = ["default"]',
          'variables = { greeting = "{{ greeting }}" }',
        ],
      },
      { id: "old" },
    ], { before: '[variables]\ngreeting = { default = "hi" }' }),
  );
  return suite.start({ from, args: ["--workers", "1", ...options.args ?? []] });
}

async function text(app: RunningApp, path: string, init?: RequestInit): Promise<string> {
  const { status, body } = await app.get(path, init);
  assert.equal(status, 200, `${path}: ${body}`);
  return body;
}

Deno.test("up serves a component of WASI 0.3", async () => {
  await using app = await start();
  await check(app, {
    request: "/",
    answer: "hello from 0.3\n",
    answerHeaders: { "content-type": "text/plain" },
  });
  const headers = await text(app, "/headers?a=b", { headers: { "x-mine": "1" } });
  for (
    const line of [`host: ${new URL(app.baseUrl).host}`, "x-mine: 1", "spin-path-info: /headers"]
  ) {
    assert.ok(headers.split("\n").includes(line), `${line} in ${headers}`);
  }
  assert.match(headers, /uri: http:\/\/127\.0\.0\.1:\d+\/headers\?a=b\nmethod: GET/);
  assert.match(await text(app, "/headers", { method: "PROPFIND" }), /method: PROPFIND/);
  const head = await app.fetch("/", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
});

Deno.test("a guest of WASI 0.3 has files, sockets, names, clocks and its environment", async () => {
  const tcp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const udp = Deno.listenDatagram({ hostname: "127.0.0.1", port: 0, transport: "udp" });
  const echoing = Promise.all([echoTcp(tcp), echoUdp(udp)]);
  const { port } = tcp.addr;
  const udpPort = (udp.addr as Deno.NetAddr).port;
  await using app = await start({
    hosts: [`tcp://127.0.0.1:${port}`, "udp://127.0.0.1:*", "*://localhost:80"],
  });
  const cases: [does: string, answer: string | RegExp][] = [
    ["environment", '[("COLOR", "blue")]'],
    ["read&name=a.txt", "Ok((10, DescriptorType::RegularFile)) ome file\n Ok(())"],
    ["read&name=none.txt", "ErrorCode::NoEntry"],
    ["read&name=../a.txt", "ErrorCode::NotPermitted"],
    ["read&name=sub", /DescriptorType::Directory\)\) {2}Err\(ErrorCode::BadDescriptor\)$/],
    ["write&name=new.txt", "ErrorCode::NotPermitted"],
    [
      "list",
      '/ [("a.txt", DescriptorType::RegularFile), ("sub", DescriptorType::Directory)] Ok(())',
    ],
    [`tcp&port=${port}`, "Ok(()) over tcp Ok(())"],
    ["tcp&port=1", "ErrorCode::AccessDenied"],
    [`udp&port=${udpPort}`, "over udp"],
    ["resolve&name=localhost", /^Ok\(\[.*127, 0, 0, 1/],
    ["resolve&name=other.example", "Err(ErrorCode::PermanentResolverFailure)"],
    ["print&name=printed", "Ok(())"],
    ["clocks", /^(?:2\d|[3-9]\d|\d{3,}) 1\d{9}$/],
  ];
  for (const [does, answer] of cases) {
    const body = await text(app, `/system?do=${does}`);
    if (typeof answer === "string") assert.equal(body, answer, does);
    else assert.match(body, answer, does);
  }
  await app.waitForStderr(/^printed$/m);
  // The same through the library of Rust, and so through WASI 0.2.
  assert.equal(await text(app, "/file?path=/a.txt"), "some file\n");
  assert.equal(await text(app, "/env"), "COLOR=blue\n");
  tcp.close();
  udp.close();
  await echoing;
});

Deno.test("a guest of WASI 0.3 may write where it is allowed to", async () => {
  await using app = await start({ args: ["--allow-transient-write"] });
  assert.equal(await text(app, "/system?do=write&name=new.txt"), "0 Ok(())");
  assert.equal(await text(app, "/file?path=/new.txt"), "written");
});

Deno.test("a guest of WASI 0.3 uses Spin's asynchronous interfaces", async () => {
  await using app = await start();
  assert.equal(await text(app, "/variable?name=greeting"), "hi");
  const { status, body } = await app.get("/variable?name=none");
  assert.equal(status, 404);
  assert.equal(body, 'Error::Undefined("no variable for \\"guest\\".\\"none\\"")\n');
  assert.equal(await text(app, "/kv?key=a"), "[] None\n");
  assert.equal(await text(app, "/kv?key=a&value=1"), '["a"] Some("1")\n');
  assert.equal(await text(app, "/kv?key=b&value=2"), '["a", "b"] Some("2")\n');
});

Deno.test("bodies are streamed both ways, as fast as they are read", async () => {
  await using app = await start();
  // What goes in comes out before the end is there.
  for (const [path, expected] of [["/echo", "first"], ["/upper", "FIRST"]] as const) {
    const input = new TransformStream<Uint8Array, Uint8Array>();
    const writer = input.writable.getWriter();
    const answer = app.fetch(path, { method: "POST", body: input.readable });
    await writer.write(new TextEncoder().encode("first"));
    const reader = (await answer).body!.getReader();
    const { value } = await within(reader.read(), { what: "an echo", timeoutMs: 5_000 });
    assert.equal(new TextDecoder().decode(value), expected);
    await writer.close();
    assert.equal((await reader.read()).done, true);
  }
  const big = crypto.getRandomValues(new Uint8Array(65_536));
  const body = new Uint8Array(1_000_000).map((_, index) => big[index % big.length]!);
  const echoed = await app.fetch("/echo", { method: "POST", body });
  assert.deepEqual(new Uint8Array(await echoed.arrayBuffer()), body);
  assert.equal(await text(app, "/length", { method: "POST", body }), "1000000");
  assert.equal((await text(app, "/bytes?n=300000")).length, 300_000);
});

Deno.test("a guest that writes waits for its client, and learns that it has left", async () => {
  await using app = await start();
  const stop = new AbortController();
  const response = await app.fetch("/bytes?n=1000000000", { signal: stop.signal });
  const reader = response.body!.getReader();
  await reader.read();
  const before = app.rssBytes();
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(app.rssBytes() - before < 100e6, "nothing is collected for a client that waits");
  stop.abort();
  await reader.closed.catch(() => {});
  const input = new TransformStream<Uint8Array, Uint8Array>();
  const writer = input.writable.getWriter();
  const stopEcho = new AbortController();
  const echo = app.fetch("/drip?n=1000&ms=5", { signal: stopEcho.signal });
  await (await echo).body!.getReader().read();
  stopEcho.abort();
  await writer.abort();
  assert.equal(await text(app, "/"), "hello from 0.3\n");
});

Deno.test("200 requests that sleep share few instances", async () => {
  await using app = await start();
  const begin = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => text(app, "/sleep?ms=1000")),
  );
  assert.deepEqual(new Set(answers), new Set(["slept\n"]));
  assert.ok(performance.now() - begin < 8_000, "they slept one after the other");
  // 16 in each: the sum of what the instances have seen is 200 and these.
  const counts = await Promise.all(Array.from({ length: 20 }, () => text(app, "/count")));
  assert.ok(counts.every((count) => Number(count) > 1), `new instances: ${counts}`);
});

Deno.test("the reuse of instances is as the options say", async () => {
  await using app = await start({
    args: ["--max-instance-reuse-count", "3", "--idle-instance-timeout", "200ms"],
  });
  const counts: string[] = [];
  for (let i = 0; i < 7; i++) counts.push(await text(app, "/count"));
  assert.deepEqual(counts, ["1", "2", "3", "1", "2", "3", "1"]);
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(await text(app, "/count"), "1", "an idle instance is dropped");
  await using alone = await start({ args: ["--max-instance-concurrent-reuse-count", "1"] });
  const sleeping = text(alone, "/sleep?ms=300");
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await text(alone, "/count"), "1", "an instance of its own");
  await sleeping;
});

Deno.test("a guest that traps takes the calls in its instance with it, and no others", async () => {
  await using app = await start();
  const sleeping = app.get("/sleep?ms=20000");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await app.get("/panic")).status, 500);
  assert.equal((await sleeping).status, 500);
  assert.equal(await text(app, "/count"), "1");
  await app.waitForStderr(/GET \/panic: component "guest" trapped/);
  const cases: [path: string, line: RegExp][] = [
    ["/exit", /GET \/exit: component "guest" exited with code 1 before it was done/],
    ["/error", /GET \/error: component "guest" answered with the error internal-error/],
    ["/alloc?mb=5000", /GET \/alloc: component "guest" trapped/],
  ];
  for (const [path, line] of cases) {
    assert.equal((await app.get(path)).status, 500, path);
    await app.waitForStderr(line);
    assert.equal(await text(app, "/"), "hello from 0.3\n");
  }
  assert.doesNotMatch(app.stderr, /^\s+at /m, "a stack trace");
});

Deno.test("a response breaks off if its guest traps", async () => {
  await using app = await start();
  const response = await app.fetch("/late-trap?ms=50");
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
  await app.waitForStderr(/Warning: Component error after response started: .*"guest" trapped/);
  assert.equal(await text(app, "/count"), "1");
});

Deno.test("a guest that computes without end stops nobody, and is stopped itself", async () => {
  await using app = await start({ args: ["--cpu-limit", "1s"] });
  const looping = app.get("/loop");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const begin = performance.now();
  assert.equal(await text(app, "/"), "hello from 0.3\n");
  assert.ok(performance.now() - begin < 700, "it did not wait for the loop");
  assert.equal((await looping).status, 500);
  await app.waitForStderr(/was stopped: The request used more than 1000 ms of CPU time/);
  // Nobody waits for this one.
  await assert.rejects(app.get("/loop", { signal: AbortSignal.timeout(300) }));
  const before = await waitUntil(() => app.cpuMs(), { what: "CPU time" });
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok(app.cpuMs() - before < 300, "it still computes");
});

Deno.test("a request that takes too long gets 504, and others in its instance go on", async () => {
  await using app = await start({ args: ["--request-timeout", "500ms"] });
  const begin = performance.now();
  const late = app.get("/sleep?ms=20000");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const inTime = text(app, "/sleep?ms=400");
  assert.equal((await late).status, 504);
  assert.ok(performance.now() - begin < 3_000);
  assert.equal(await inTime, "slept\n");
  await app.waitForStderr(/GET \/sleep: .*was stopped: The request took more than 500 ms/);
  const drip = await app.fetch("/drip?n=1000&ms=20");
  await assert.rejects(drip.text(), "the response breaks off");
});

Deno.test("a guest of WASI 0.3 calls the world, itself and others, as it is allowed to", async () => {
  await using upstream = startUpstream(async (request) =>
    new Response(`${request.method} ${await request.text()}`, { status: 201 })
  );
  await using app = await start({
    hosts: [
      `http://${upstream.authority}`,
      "http://old.spin.internal",
      "http://guest.spin.internal",
      "http://self.alt",
    ],
  });
  const outbound = (url: string) => app.get(`/outbound?url=${url}`);
  assert.equal((await outbound(`http://${upstream.authority}/`)).body, "201 Created GET \n");
  assert.equal((await outbound("http://old.spin.internal/")).body, "200 OK hello from C\n\n");
  assert.equal(
    (await outbound("http://guest.spin.internal/count")).body,
    "200 OK 4\n",
    "called by itself, in the same instance",
  );
  assert.equal((await outbound("http://self.alt/variable?name=greeting")).body, "200 OK hi\n");
  const denied = await outbound("http://other.example/");
  assert.deepEqual([denied.status, denied.body], [502, "ErrorCode::HttpRequestDenied\n"]);
  const piped = await text(app, `/pipe?url=http://${upstream.authority}/`, {
    method: "POST",
    body: "piped",
  }).catch((error) => String(error));
  assert.match(piped, /POST piped/);
});

Deno.test("a guest of WASI 0.2 calls one of 0.3", async () => {
  const from = writeManifest(
    suite.directory(),
    manifest([
      { id: "old", route: "/...", allowedOutboundHosts: ["http://guest.spin.internal"] },
      { id: "guest", source: sampleWasm("rust-async"), lines: ['key_value_stores = ["default"]'] },
    ]),
  );
  await using app = await suite.start({ from });
  const { body } = await app.get("/outbound?authority=guest.spin.internal&path=/");
  assert.match(body, /hello from 0\.3/);
});

Deno.test("the memory of an instance is limited", async () => {
  await using app = await start({ args: ["--max-instance-memory", String(64 << 20)] });
  assert.equal(await text(app, "/alloc?mb=10"), "10");
  assert.equal((await app.get("/alloc?mb=100")).status, 500);
  assert.equal(await text(app, "/"), "hello from 0.3\n");
});

async function echoTcp(listener: Deno.Listener): Promise<void> {
  for await (const connection of listener) await connection.readable.pipeTo(connection.writable);
}

async function echoUdp(socket: Deno.DatagramConn): Promise<void> {
  for await (const [bytes, address] of socket) await socket.send(bytes, address);
}

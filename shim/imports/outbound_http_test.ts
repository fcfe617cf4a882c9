import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { ComponentContext, InternalRequest, OutboundPolicy } from "./component_context.ts";
import { createOutboundHttp, type OutboundHttpRequest } from "./outbound_http.ts";

const OPEN: OutboundPolicy = {
  check: () => true,
  checkSelf: () => true,
  isBlocked: () => false,
  mayResolve: () => true,
};

function text(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
}

/** A server that records what it receives, byte for byte, and answers what it is told. */
function rawServer(answer: (request: string) => Uint8Array | string | undefined) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  const connections: Deno.Conn[] = [];
  async function serve(connection: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    let received = "";
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return;
      received += text(buffer.subarray(0, count));
      const end = received.indexOf("\r\n\r\n");
      const isChunked = /transfer-encoding: chunked/i.test(received);
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
      if (end < 0 || (isChunked && !received.endsWith("0\r\n\r\n"))) continue;
      if (received.length < end + 4 + length) continue;
      requests.push(received);
      const reply = answer(received);
      received = "";
      if (reply === undefined) return connection.close();
      await connection.write(
        typeof reply === "string" ? Uint8Array.from(reply, (char) => char.charCodeAt(0)) : reply,
      );
    }
  }
  const done = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      // A connection that the client resets has been served.
      serve(connection).catch(() => {});
    }
  })();
  return {
    authority: `127.0.0.1:${listener.addr.port}`,
    requests,
    connections,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) {
        try {
          connection.close();
        } catch (error) {
          if (!(error instanceof Deno.errors.BadResource)) throw error;
        }
      }
      await done;
    },
  };
}

function request(overrides: Partial<OutboundHttpRequest>): OutboundHttpRequest {
  return {
    method: "GET",
    scheme: "http",
    authority: "127.0.0.1",
    pathWithQuery: "/",
    headers: [],
    body: undefined,
    ...overrides,
  };
}

async function send(
  overrides: Partial<OutboundHttpRequest>,
  context: Partial<ComponentContext> = {},
): Promise<{ status: number; headers: [string, string][]; body: string }> {
  const http = createOutboundHttp(testContext({ outbound: OPEN, ...context }));
  try {
    const { status, headers, body } = await http.send(request(overrides));
    return {
      status,
      headers: headers.map(([name, value]) => [name, text(value)]),
      body: body ? await new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>).text() : "",
    };
  } finally {
    http.close();
  }
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

Deno.test("createOutboundHttp() sends what the guest wrote and nothing else", async () => {
  await using server = rawServer(() => OK);
  const { authority } = server;
  const cases: [Partial<OutboundHttpRequest>, string][] = [
    [{}, `GET / HTTP/1.1\r\nHost: ${authority}\r\n\r\n`],
    [
      { method: "FOO-BAR", pathWithQuery: "/a/../b%2e?x=1|2", body: streamOf() },
      `FOO-BAR /a/../b%2e?x=1|2 HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
    ],
    [
      {
        pathWithQuery: "?q=é",
        headers: [["x-a", Uint8Array.of(0xe9)], ["x-a", Uint8Array.of(50)]],
      },
      `GET /?q=Ã© HTTP/1.1\r\nHost: ${authority}\r\nx-a: é\r\nx-a: 2\r\n\r\n`,
    ],
    [
      { method: "POST", body: streamOf("ab", "c") },
      `POST / HTTP/1.1\r\nHost: ${authority}\r\ncontent-length: 3\r\n\r\nabc`,
    ],
    [{ method: "POST" }, `POST / HTTP/1.1\r\nHost: ${authority}\r\ncontent-length: 0\r\n\r\n`],
    [
      {
        method: "PUT",
        body: streamOf("abc"),
        headers: [["content-length", Uint8Array.of(51)], ["host", Uint8Array.of(50)]],
      },
      `PUT / HTTP/1.1\r\nHost: ${authority}\r\ncontent-length: 3\r\n\r\nabc`,
    ],
  ];
  for (const [overrides, expected] of cases) {
    assert.equal((await send({ authority, ...overrides })).body, "ok");
    assert.equal(server.requests.pop(), expected);
  }
});

Deno.test("createOutboundHttp() streams a body that is not finished in chunks", async () => {
  await using server = rawServer(() => OK);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const response = send({ authority: server.authority, method: "POST", body: readable });
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode("one"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await writer.write(new TextEncoder().encode("two"));
  await writer.close();
  await response;
  assert.match(server.requests[0]!, /transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0/);
});

Deno.test("createOutboundHttp() gives the response as it was sent", async () => {
  const zipped = new Uint8Array(
    await new Response(
      new Blob(["hello"]).stream().pipeThrough(new CompressionStream("gzip")),
    ).arrayBuffer(),
  );
  const head =
    "HTTP/1.1 203 OK\r\nContent-Encoding: gzip\r\nX-A: 1\r\nset-cookie: a\r\nX-a: 2\r\n" +
    `set-cookie: b\r\nLocation: /x\r\ncontent-length: ${zipped.length}\r\n\r\n`;
  await using server = rawServer(() =>
    Uint8Array.from([...new TextEncoder().encode(head), ...zipped])
  );
  const http = createOutboundHttp(testContext({ outbound: OPEN }));
  const response = await http.send(request({ authority: server.authority }));
  assert.deepEqual(response.headers.map(([name, value]) => [name, text(value)]), [
    ["content-encoding", "gzip"],
    ["x-a", "1"],
    ["set-cookie", "a"],
    ["x-a", "2"],
    ["set-cookie", "b"],
    ["location", "/x"],
    ["content-length", String(zipped.length)],
  ]);
  const chunks = await Array.fromAsync(response.body!);
  assert.deepEqual(Uint8Array.from(chunks.flatMap((chunk) => [...chunk])), zipped);
  http.close();
});

Deno.test("createOutboundHttp() asks the policy for what it connects to", async () => {
  const asked: string[] = [];
  const outbound: OutboundPolicy = {
    ...OPEN,
    check(url) {
      asked.push(url);
      return false;
    },
  };
  const cases: [string, string, string][] = [
    ["http", "Example.COM", "http://example.com"],
    ["https", "me:secret@example.com:8443", "https://example.com:8443"],
    ["http", "2130706433:80", "http://127.0.0.1:80"],
    ["http", "[0:0::1]:80", "http://[::1]:80"],
    ["redis", "a.spin.internal", "redis://a.spin.internal"],
  ];
  for (const [scheme, authority, expected] of cases) {
    await assert.rejects(send({ scheme, authority }, { outbound }), { tag: "HTTP-request-denied" });
    assert.equal(asked.pop(), expected);
  }
});

Deno.test("createOutboundHttp() keeps connections unless the operator says otherwise", async () => {
  for (const [keepsConnections, expected] of [[true, 1], [false, 3]] as const) {
    await using server = rawServer(() => OK);
    const http = createOutboundHttp(testContext({ outbound: { ...OPEN, keepsConnections } }));
    for (let i = 0; i < 3; i++) {
      const { body } = await http.send(request({ authority: server.authority }));
      await Array.fromAsync(body!);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(server.connections.length, expected);
    http.close();
  }
});

Deno.test("createOutboundHttp() rejects with the error code of what went wrong", async () => {
  await using closing = rawServer(() => undefined);
  await using garbage = rawServer(() => "nonsense\r\n\r\n");
  await using plain = rawServer(() => OK);
  await using silent = rawServer(() => "");
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(),
  );
  const cleartext = `127.0.0.1:${server.addr.port}`;
  const dns = { tag: "DNS-error", val: { rcode: "address not available", infoCode: 0 } };
  const deny = { outbound: { ...OPEN, check: () => false, checkSelf: () => false } };
  const block = { outbound: { ...OPEN, isBlocked: (ip: string) => ip !== "192.0.2.1" } };
  const full = { outbound: { ...OPEN, openConnection: () => undefined } };
  const cases: [Partial<OutboundHttpRequest>, Partial<ComponentContext>, unknown][] = [
    [{ authority: "127.0.0.1:1" }, {}, { tag: "connection-refused" }],
    [{ authority: "nowhere.invalid" }, {}, dns],
    [{ authority: closing.authority, method: "POST" }, {}, { tag: "HTTP-protocol-error" }],
    [{ authority: garbage.authority }, {}, { tag: "HTTP-protocol-error" }],
    [{ authority: cleartext, scheme: "https" }, {}, { tag: "TLS-protocol-error" }],
    // A server that never answers the TLS greeting.
    [{ authority: silent.authority, scheme: "https", connectTimeoutMs: 20 }, {}, {
      tag: "connection-timeout",
    }],
    [{ authority: plain.authority, scheme: "gopher" }, {}, { tag: "HTTP-protocol-error" }],
    [{ authority: plain.authority, method: "CONNECT" }, {}, { tag: "HTTP-request-method-invalid" }],
    [{ authority: plain.authority, method: "A B" }, {}, { tag: "HTTP-request-method-invalid" }],
    [{ authority: plain.authority, pathWithQuery: "/a b" }, {}, {
      tag: "HTTP-request-URI-invalid",
    }],
    [{ authority: "a:b:c" }, {}, { tag: "HTTP-request-URI-invalid" }],
    [{ authority: silent.authority, firstByteTimeoutMs: 20 }, {}, {
      tag: "connection-read-timeout",
    }],
    [{ authority: plain.authority }, deny, { tag: "HTTP-request-denied" }],
    [{ authority: undefined }, deny, { tag: "HTTP-request-denied" }],
    [{ authority: "self.alt" }, deny, { tag: "HTTP-request-denied" }],
    [{ authority: "a.spin.internal" }, {}, { tag: "HTTP-request-denied" }],
    [{ authority: plain.authority }, block, { tag: "destination-IP-prohibited" }],
    [{ authority: plain.authority.replace("127.0.0.1", "localhost") }, block, {
      tag: "destination-IP-prohibited",
    }],
    [{ authority: plain.authority.replace("127.0.0.1", "2130706433") }, block, {
      tag: "destination-IP-prohibited",
    }],
    [{ authority: plain.authority }, full, { tag: "connection-limit-reached" }],
    [
      {
        authority: plain.authority,
        body: streamOf("abcd"),
        headers: [["content-length", Uint8Array.of(51)]],
      },
      {},
      { tag: "HTTP-request-body-size", val: 4n },
    ],
  ];
  for (const [overrides, context, expected] of cases) {
    await assert.rejects(send(overrides, context), (error) => {
      assert.deepEqual(error, expected, JSON.stringify(overrides));
      return true;
    });
  }
  assert.equal(plain.requests.length, 0);
  await server.shutdown();
});

Deno.test("createOutboundHttp() fails the body that breaks off or stalls", async () => {
  const start = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
  await using stalling = rawServer(() => start);
  await assert.rejects(
    send({ authority: stalling.authority, betweenBytesTimeoutMs: 20 }),
    { tag: "connection-read-timeout" },
  );
  await using breaking = rawServer(() => start);
  const http = createOutboundHttp(testContext({ outbound: OPEN }));
  const { body } = await http.send(request({ authority: breaking.authority }));
  const reader = body!.getReader();
  assert.equal(text((await reader.read()).value!), "abc");
  breaking.connections[0]!.close();
  await assert.rejects(reader.read(), { tag: "HTTP-protocol-error" });
  http.close();
});

Deno.test("createOutboundHttp() gives every connection back to the limit", async () => {
  await using server = rawServer((received) => received.startsWith("POST /close") ? undefined : OK);
  let open = 0;
  let most = 0;
  const outbound: OutboundPolicy = {
    ...OPEN,
    openConnection() {
      most = Math.max(most, ++open);
      return () => open--;
    },
  };
  const http = createOutboundHttp(testContext({ outbound }));
  const { authority } = server;
  await Array.fromAsync((await http.send(request({ authority }))).body!);
  await (await http.send(request({ authority }))).body!.cancel();
  await http.send(request({ authority, pathWithQuery: "/close", method: "POST" })).catch(() => {});
  await http.send(request({ authority: "127.0.0.1:1" })).catch(() => {});
  for (let i = 0; i < 100 && open > 0; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(open, 0);
  assert.equal(most > 0, true);
  http.close();
});

Deno.test("createOutboundHttp() repeats only what may be repeated", async () => {
  for (
    const [method, outcome, times] of [["GET", 200, 2], ["POST", "HTTP-protocol-error", 1]] as const
  ) {
    let served = 0;
    await using server = rawServer((received) => {
      if (received.startsWith("GET /first")) return OK;
      return ++served === 1 ? undefined : OK;
    });
    const { authority } = server;
    const http = createOutboundHttp(testContext({ outbound: OPEN }));
    const first = await http.send(request({ authority, pathWithQuery: "/first" }));
    await Array.fromAsync(first.body!);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const result = await http.send(request({ authority, method })).then(
      async ({ status, body }) => (await Array.fromAsync(body!), status),
      (error) => error.tag,
    );
    assert.deepEqual([result, served], [outcome, times]);
    http.close();
  }
});

Deno.test("createOutboundHttp() reaches the app itself past the block list", async () => {
  await using server = rawServer(() => OK);
  const context = {
    outbound: { ...OPEN, check: () => false, isBlocked: () => true },
    internal: { component: () => undefined, selfUrl: () => `http://${server.authority}` },
  };
  for (const authority of [undefined, "self.alt", "SELF.alt:80"]) {
    const response = await send({ authority, scheme: "https", pathWithQuery: "/me" }, context);
    assert.equal(response.body, "ok");
    assert.equal(server.requests.pop(), `GET /me HTTP/1.1\r\nHost: ${server.authority}\r\n\r\n`);
  }
});

Deno.test("createOutboundHttp() delivers service chaining without a socket", async () => {
  const seen: string[] = [];
  const internal = {
    selfUrl: () => "http://127.0.0.1:1",
    component: (id: string) =>
      id !== "back" ? undefined : async (received: InternalRequest) => {
        const { method, authority, pathWithQuery, headers, body } = received;
        seen.push(`${method} ${authority}${pathWithQuery} ${headers.join(" ")}`);
        return new Response(`got ${await new Response(body as BodyInit).text()}`, {
          status: 201,
          headers: [["set-cookie", "a"], ["set-cookie", "b"]],
        });
      },
  };
  const response = await send({
    method: "POST",
    scheme: "anything",
    authority: "back.spin.internal",
    pathWithQuery: "/x?é",
    headers: [["x-a", Uint8Array.of(49)], ["x-a", Uint8Array.of(50)]],
    body: streamOf("a", "b"),
  }, { internal });
  assert.equal(response.status, 201);
  assert.equal(response.body, "got ab");
  assert.deepEqual(response.headers.filter(([name]) => name === "set-cookie").length, 2);
  assert.deepEqual(seen, ["POST back.spin.internal/x?é x-a,1 x-a,2"]);
  await assert.rejects(send({ authority: "BACK.spin.internal" }, { internal }), {
    tag: "HTTP-request-denied",
  });
});

Deno.test("createOutboundHttp() stops when the guest drops the request", async () => {
  await using server = rawServer(() => "");
  const abort = new AbortController();
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    cancel() {
      isCancelled = true;
    },
  });
  const response = send({
    authority: server.authority,
    method: "POST",
    body,
    signal: abort.signal,
  });
  setTimeout(() => abort.abort(), 20);
  await assert.rejects(response, { tag: "connection-terminated" });
  assert.equal(isCancelled, true);
});

function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("createOutboundHttp() checks the certificates of others", {
  ignore: !hasOpenssl(),
}, async () => {
  const directory = await Deno.makeTempDir();
  const { code } = await new Deno.Command("openssl", {
    args: "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=l"
      .split(" ").concat(["-keyout", `${directory}/key`, "-out", `${directory}/cert`]),
    stderr: "null",
  }).output();
  assert.equal(code, 0);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: await Deno.readTextFile(`${directory}/cert`),
    key: await Deno.readTextFile(`${directory}/key`),
    onListen() {},
  }, () => new Response("secret"));
  const authority = `127.0.0.1:${server.addr.port}`;
  await assert.rejects(send({ authority, scheme: "https" }), { tag: "TLS-certificate-error" });
  const internal = { component: () => undefined, selfUrl: () => `https://${authority}` };
  assert.equal((await send({ authority: undefined }, { internal })).body, "secret");
  await server.shutdown();
  await Deno.remove(directory, { recursive: true });
});

import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { ComponentContext, OutboundPolicy } from "./component_context.ts";
import { createSpinHttp } from "./spin_http.ts";

/** What a server of these tests got. */
interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

interface Server extends AsyncDisposable {
  readonly received: Received[];
  readonly port: number;
  readonly url: string;
}

function startServer(respond: (received: Received) => Response): Server {
  const received: Received[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { method, headers } = request;
      const path = request.url.replace(/^http:\/\/[^/]*/, "");
      const entry = { method, path, headers, body: await request.text() };
      received.push(entry);
      return respond(entry);
    },
  );
  return {
    received,
    port: server.addr.port,
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function redirect(status: number, location: string): Response {
  return new Response("moved", { status, headers: { location } });
}

interface Options {
  readonly outbound?: Partial<OutboundPolicy>;
  readonly context?: Partial<ComponentContext>;
}

// deno-lint-ignore no-explicit-any
function create({ outbound, context }: Options = {}): (request: any) => Promise<any> {
  const component = testContext(context);
  const imports = createSpinHttp({
    ...component,
    // Without kept connections the servers of the tests can stop.
    outbound: {
      ...component.outbound,
      check: () => true,
      checkSelf: () => true,
      keepsConnections: false,
      ...outbound,
    },
  });
  // deno-lint-ignore no-explicit-any
  const { sendRequest } = imports["fermyon:spin/http"] as any;
  return (request) => sendRequest({ method: "get", headers: [], params: [], ...request });
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("sendRequest() sends a request and returns the whole response", async () => {
  await using server = startServer(() =>
    new Response("hello", {
      status: 201,
      headers: [["x-a", "1"], ["x-a", "2"], ["x-utf8", "\u00c3\u00a4"], ["x-bytes", "\u00ff"]],
    })
  );
  const send = create();
  const view = new TextEncoder().encode("body!").subarray(0, 4);
  const sending = send({
    method: "post",
    uri: `${server.url}/a/b?c=d`,
    headers: [["X-Custom", "v"], ["host", "evil"]],
    params: [["ignored", "1"]],
    body: view,
  });
  view.fill(0);
  const response = await sending;
  assert.equal(response.status, 201);
  assert.equal(text(response.body), "hello");
  const own = response.headers.filter(([name]: [string]) => name.startsWith("x-"));
  assert.deepEqual(own, [["x-a", "1"], ["x-a", "2"], ["x-utf8", "ä"]], "bytes that are no text go");
  const [received] = server.received;
  assert.equal(received!.method, "POST");
  assert.equal(received!.path, "/a/b?c=d");
  assert.equal(received!.body, "body");
  assert.equal(received!.headers.get("x-custom"), "v");
  assert.equal(received!.headers.get("content-length"), "4");
  assert.equal(received!.headers.get("host"), `127.0.0.1:${server.port}`);
});

Deno.test("sendRequest() follows redirects as browsers and Spin's client do", async () => {
  const cases: [method: string, status: number, then: string, body: string][] = [
    ["get", 301, "GET", ""],
    ["head", 302, "HEAD", ""],
    ["post", 302, "GET", ""],
    ["put", 303, "GET", ""],
    ["post", 307, "POST", "body"],
    ["put", 308, "PUT", "body"],
  ];
  for (const [method, status, then, body] of cases) {
    await using server = startServer(({ path }) =>
      path === "/old" ? redirect(status, "new?q#fragment") : new Response("here")
    );
    const response = await create()({
      method,
      uri: `${server.url}/old`,
      headers: [["content-type", "text/x"], ["authorization", "secret"]],
      ...(method === "get" || method === "head" ? {} : { body: new TextEncoder().encode("body") }),
    });
    assert.equal(response.status, 200);
    const [, next] = server.received;
    const label = `${method} ${status}`;
    assert.deepEqual([next!.method, next!.path, next!.body], [then, "/new?q", body], label);
    assert.equal(next!.headers.get("content-type"), body === "" ? null : "text/x", label);
    assert.equal(next!.headers.get("authorization"), "secret", `${label}: the same server`);
  }
});

Deno.test("sendRequest() checks every redirect and takes no credentials to another server", async () => {
  await using target = startServer(() => new Response("secret"));
  await using server = startServer(() => redirect(302, `${target.url}/x`));
  const asked: string[] = [];
  const onlyServer = create({
    outbound: {
      check(url) {
        asked.push(url);
        return url === server.url;
      },
    },
  });
  assert.equal(await rejection(onlyServer({ uri: server.url })), "destination-not-allowed");
  assert.deepEqual(asked, [server.url, target.url]);
  assert.equal(target.received.length, 0);

  const headers = [["Authorization", "secret"], ["Cookie", "c"], ["x-other", "o"]];
  await create()({ uri: server.url, headers });
  const [received] = target.received;
  assert.equal(received!.headers.get("authorization"), null);
  assert.equal(received!.headers.get("cookie"), null);
  assert.equal(received!.headers.get("x-other"), "o");
});

Deno.test("sendRequest() returns redirects that lead nowhere, and ends those without end", async () => {
  for (const location of ["ftp://example.com/", "http://", "mailto:a@b"]) {
    await using server = startServer(() => redirect(302, location));
    assert.equal((await create()({ uri: server.url })).status, 302, location);
  }
  await using silent = startServer(() => new Response(null, { status: 304 }));
  assert.equal((await create()({ uri: silent.url })).status, 304);
  await using loop = startServer(() => redirect(302, "/again"));
  assert.equal(await rejection(create()({ uri: loop.url })), "runtime-error");
  assert.equal(loop.received.length, 11);
});

Deno.test("sendRequest() calls the app itself, and stays there when it redirects", async () => {
  await using other = startServer(() => new Response("other"));
  await using app = startServer(({ path }) => {
    if (path === "/relative") return redirect(302, "/end");
    if (path === "/absolute") return redirect(302, `${app.url}/end`);
    if (path === "/away") return redirect(302, `${other.url}/x`);
    return new Response(`at ${path}`);
  });
  const send = create({
    outbound: { check: () => false },
    context: { internal: { component: () => undefined, selfUrl: () => app.url } },
  });
  const cases: [string, string][] = [
    ["/plain?q=1#f", "at /plain?q=1"],
    ["//evil.example/x", "at //evil.example/x"],
    ["/relative", "at /end"],
    ["/absolute", "at /end"],
    ["http://self.alt/relative", "at /end"],
  ];
  for (const [uri, expected] of cases) {
    assert.equal(text((await send({ uri })).body), expected, uri);
  }
  assert.equal(await rejection(send({ uri: "/away" })), "destination-not-allowed");
  const noSelf = create({ outbound: { checkSelf: () => false } });
  assert.equal(await rejection(noSelf({ uri: "/plain" })), "destination-not-allowed");
});

Deno.test("sendRequest() reports failures in the words of the interface", async () => {
  await using server = startServer(() => new Response("x"));
  const cases: [string, Options["outbound"], string][] = [
    ["no url", {}, "invalid-url"],
    ["http://", {}, "invalid-url"],
    ["no url", { check: () => false }, "destination-not-allowed"],
    [server.url, { check: () => Promise.resolve(false) }, "destination-not-allowed"],
    [server.url, { openConnection: () => undefined }, "too-many-requests"],
    [server.url, { isBlocked: () => true }, "runtime-error"],
    ["http://127.0.0.1:1/", {}, "runtime-error"],
    ["ftp://127.0.0.1/", {}, "runtime-error"],
  ];
  for (const [uri, outbound, expected] of cases) {
    assert.equal(await rejection(create({ outbound: outbound! })({ uri })), expected, uri);
  }
  const headers = [["not a name", "v"]];
  assert.equal(await rejection(create()({ uri: server.url, headers })), "runtime-error");
});

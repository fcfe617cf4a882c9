import assert from "node:assert/strict";
import { InstanceLimitReached } from "../engine/instance_budget.ts";
import { RequestCancelled } from "../engine/preemption.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import { answerHead, type CallComponent, createHttpApp } from "./http_app.ts";
import { GuestFailure } from "./guest_failure.ts";
import type { HttpRoute, StaticResponse } from "./http_triggers.ts";
import { Router } from "./router.ts";

const CLIENT = { remoteAddr: { transport: "tcp", hostname: "10.0.0.7", port: 4711 } } as const;

function route(pattern: string, component: string, fixed?: StaticResponse): {
  route: string;
  target: HttpRoute;
} {
  const target: HttpRoute = {
    triggerId: component,
    component,
    route: pattern,
    staticResponse: fixed,
    wagi: undefined,
  };
  return { route: pattern, target };
}

function appWith(
  options: { call?: CallComponent; explainErrors?: boolean; routes?: ReturnType<typeof route>[] } =
    {},
) {
  const lines: string[] = [];
  const calls: { component: string; head: RequestHead }[] = [];
  const answered: CallComponent = (component, head) => {
    calls.push({ component, head });
    return Promise.resolve(new Response(`from ${component}`));
  };
  const app = createHttpApp({
    router: new Router(
      options.routes ?? [route("/a/:id/...", "a"), route("/...", "rest")],
    ),
    call: options.call ?? answered,
    info: { name: "hello", version: "1.0.0" },
    report: (line) => lines.push(line),
    explainErrors: options.explainErrors ?? false,
  });
  return { app, lines, calls };
}

function request(url: string, init?: RequestInit): Request {
  return new Request(url, init);
}

Deno.test("createHttpApp() serves the well-known paths before any route", async () => {
  const { app, calls } = appWith();
  for (const method of ["GET", "POST", "DELETE"]) {
    const health = await app.fetch(
      request("http://h/.well-known/spin/health", { method }),
      CLIENT,
    );
    assert.deepEqual([health.status, await health.text()], [200, "OK"]);
  }
  const info = await app.fetch(request("http://h/.well-known/spin/info?x"), CLIENT);
  assert.equal(info.headers.get("content-type"), "application/json");
  assert.equal(await info.text(), '{\n  "name": "hello",\n  "version": "1.0.0"\n}');
  const other = await app.fetch(request("http://h/.well-known/spin/other/x"), CLIENT);
  assert.deepEqual([other.status, await other.text()], [404, ""]);
  assert.equal(calls.length, 0);
  const near = await app.fetch(request("http://h/.well-known/spinner"), CLIENT);
  assert.equal(await near.text(), "from rest");
});

Deno.test("createHttpApp() calls the component of the route, with what it is to see", async () => {
  const { app, calls } = appWith();
  const response = await app.fetch(
    request("http://example.com:3000/a/42/x/%20/?q=1", {
      method: "POST",
      body: "hi",
      headers: { "x-a": "1", "Spin-Path-Info": "forged" },
    }),
    CLIENT,
  );
  assert.equal(await response.text(), "from a");
  const { component, head } = calls[0]!;
  assert.equal(component, "a");
  assert.deepEqual([head.method, head.authority, head.pathWithQuery], [
    "POST",
    "example.com:3000",
    "/a/42/x/%20/?q=1",
  ]);
  const headers = new Map(head.headers());
  assert.equal(headers.get("x-a"), "1");
  assert.equal(headers.get("spin-path-info"), "/x/%20/");
  assert.equal(headers.get("spin-full-url"), "http://example.com:3000/a/42/x/%20/?q=1");
  assert.equal(headers.get("spin-client-addr"), "10.0.0.7:4711");
  assert.equal(headers.get("spin-path-match-id"), "42");
  assert.equal(await new Response(head.body()).text(), "hi");
});

Deno.test("createHttpApp() puts IPv6 addresses of clients in brackets", async () => {
  const { app, calls } = appWith();
  await app.fetch(request("http://h/"), {
    remoteAddr: { transport: "tcp", hostname: "::1", port: 9 },
  });
  assert.equal(new Map(calls[0]!.head.headers()).get("spin-client-addr"), "[::1]:9");
});

Deno.test("createHttpApp() answers 404 without a body where no route matches", async () => {
  const { app } = appWith({ routes: [route("/only", "a")] });
  const response = await app.fetch(request("http://h/other"), CLIENT);
  assert.deepEqual([response.status, await response.text()], [404, ""]);
});

Deno.test("createHttpApp() sends static responses without a component", async () => {
  const { app, calls } = appWith({
    routes: [
      route("/old", "", { status: 302, headers: { location: "/new" }, body: undefined }),
      route("/text", "", { status: 418, headers: { "x-a": "1" }, body: "täxt" }),
    ],
  });
  const moved = await app.fetch(request("http://h/old"), CLIENT);
  assert.deepEqual([moved.status, moved.headers.get("location")], [302, "/new"]);
  const text = await app.fetch(request("http://h/text"), CLIENT);
  assert.deepEqual([text.status, text.headers.get("x-a"), await text.text()], [418, "1", "täxt"]);
  assert.equal(text.headers.get("content-type"), null);
  assert.equal(calls.length, 0);
});

Deno.test("createHttpApp() answers 500 or 503 when a component fails", async (t) => {
  const cases: [string, Error, boolean, number, string][] = [
    ["a failure", new Error("it trapped"), false, 500, ""],
    ["a failure, explained", new Error("it trapped"), true, 500, "it trapped\n"],
    ["no room", new InstanceLimitReached(10), false, 503, ""],
  ];
  for (const [name, error, explainErrors, status, body] of cases) {
    await t.step(name, async () => {
      const { app, lines } = appWith({ explainErrors, call: () => Promise.reject(error) });
      const response = await app.fetch(request("http://h/x?secret=1", { method: "PUT" }), CLIENT);
      assert.deepEqual([response.status, await response.text()], [status, body]);
      assert.equal(response.headers.get("retry-after"), status === 503 ? "1" : null);
      assert.deepEqual(lines, [`Error processing request: PUT /x: ${error.message}`]);
    });
  }
});

Deno.test("createHttpApp() does not report clients that left", async () => {
  const error = new GuestFailure("a", "was stopped", { cause: new RequestCancelled() });
  const { app, lines } = appWith({ call: () => Promise.reject(error) });
  assert.equal((await app.fetch(request("http://h/"), CLIENT)).status, 500);
  assert.deepEqual(lines, []);
});

Deno.test("createHttpApp() passes responses on as they are", async () => {
  const original = new Response("body", { status: 206, headers: { "x-a": "1" } });
  const { app } = appWith({ call: () => Promise.resolve(original) });
  assert.equal(await app.fetch(request("http://h/"), CLIENT), original);
});

Deno.test("answerHead() keeps the response, so that the server can tell its length", async () => {
  const { app, calls } = appWith();
  const response = await answerHead(app, request("http://h/", { method: "HEAD" }), CLIENT);
  assert.equal(await response.text(), "from rest");
  assert.equal(calls[0]!.head.method, "HEAD");
});

Deno.test("createHttpApp() refuses requests from outside to the hosts of service chaining", async () => {
  const { app, calls } = appWith();
  for (const host of ["a.spin.internal", "A.Spin.Internal:80", "a.spin.internal."]) {
    const response = await app.fetch(request(`http://${host}/a/1`), CLIENT);
    assert.equal(response.status, 400, host);
  }
  assert.equal(calls.length, 0);
  assert.equal((await app.fetch(request("http://spin.internal.example/"), CLIENT)).status, 200);
});

import assert from "node:assert/strict";
import { type Case, check } from "../support/cases.ts";
import { manifest, writeManifest } from "../support/fixtures.ts";
import { parseRaw, rawExchange } from "../support/raw_http.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** Routes of every kind, all to the C sample, whose own paths decide what it answers. */
const ROUTES = manifest([
  { id: "exact", route: "/env", lines: ['environment = { WHO = "exact" }'] },
  { id: "named", route: "/:page_name", lines: ['environment = { WHO = "named" }'] },
  { id: "tree", route: "/tree/..." },
  { id: "hidden", lines: ['environment = { WHO = "hidden" }'] },
  {
    id: "caller",
    route: "/outbound",
    allowedOutboundHosts: ["http://hidden.spin.internal", "http://self"],
  },
], {
  after: `
[[trigger.http]]
id = "moved"
route = "/moved"
static_response = { status_code = 302, headers = { location = "/env", x-static = "yes" }, body = "over there" }

[[trigger.http]]
id = "plain"
route = "/plain"
static_response = { body = "should be 200" }`,
});

function startRoutes(): Promise<RunningApp> {
  return suite.start({ from: writeManifest(suite.directory(), ROUTES) });
}

/** The header lines that the guest saw, of those whose name begins with `prefix`. */
function seenHeaders(body: string, prefix: string): string[] {
  return body.split("\n").filter((line) => line.startsWith(prefix)).sort();
}

Deno.test("up routes literal before named before wildcard and answers the rest with 404", async () => {
  await using app = await startRoutes();
  const cases: Case[] = [
    { request: "/env", answer: /^WHO=exact$/m },
    { request: "//env//", status: 404, answer: "no //env//\n" },
    { request: "/request", answer: /^path \/request$/m },
    { request: "/tree", status: 404, answer: "no /tree\n" },
    { request: "/tree/er/and/deeper", status: 404, answer: "no /tree/er/and/deeper\n" },
    { request: "/two/segments", status: 404, answer: "", answerHeaders: { "content-length": "0" } },
    { request: "/", status: 404, answer: "" },
    { request: "/plain", answer: "should be 200" },
    {
      request: "/moved",
      status: 302,
      answer: "over there",
      answerHeaders: { location: "/env", "x-static": "yes" },
    },
  ];
  for (const testCase of cases) await check(app, testCase);
});

Deno.test("up answers the well-known paths whatever the routes are", async () => {
  await using app = await startRoutes();
  const cases: Case[] = [
    { request: "/.well-known/spin/health", answer: "OK" },
    { request: "POST /.well-known/spin/health", answer: "OK" },
    {
      request: "/.well-known/spin/info",
      answer: { json: { name: "made-by-test", version: "1.2.3" } },
      answerHeaders: { "content-type": "application/json" },
    },
    { request: "/.well-known/spin/other", status: 404, answer: "" },
  ];
  for (const testCase of cases) await check(app, testCase);
});

Deno.test("up gives each spin header exactly once and drops forged ones", async () => {
  await using app = await startRoutes();
  const raw = await rawExchange(
    app.port,
    "GET /headers?q=%2F HTTP/1.1\r\nHost: example.com\r\nSpin-Path-Info: /forged\r\n" +
      "spin-client-addr: 6.6.6.6:6\r\nspin_full_url: forged\r\nSPIN-EVIL: 1\r\n" +
      "spin-path-match-page-name: forged\r\nConnection: close\r\n\r\n",
  );
  const { status, body } = parseRaw(raw);
  assert.equal(status, 200);
  const seen = seenHeaders(body, "spin")
    .map((line) => line.replace(/^(spin-client-addr: 127\.0\.0\.1:)\d+$/, "$1PORT"));
  assert.deepEqual(seen, [
    "spin-base-path: /",
    "spin-client-addr: 127.0.0.1:PORT",
    "spin-component-route: /:page_name",
    "spin-full-url: http://example.com/headers?q=%2F",
    "spin-matched-route: /:page_name",
    "spin-path-info: ",
    "spin-path-match-page-name: headers",
    "spin-raw-component-route: /:page_name",
  ]);
});

Deno.test("up keeps repeated headers apart and hides those of the connection", async () => {
  await using app = await startRoutes();
  const raw = await rawExchange(
    app.port,
    "GET /headers HTTP/1.1\r\nHost: example.com\r\nX-Multi: one\r\nx-multi: two, three\r\n" +
      "Cookie: a=1\r\nCookie: b=2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n" +
      "X-Latin: caf\xe9\r\nConnection: close\r\n\r\n",
  );
  // Bytes that are not ASCII pass in both directions as they are.
  const lines = parseRaw(raw).body.split("\n").filter((line) => line && !line.startsWith("spin-"));
  assert.deepEqual(lines, [
    "x-multi: one",
    "x-multi: two, three",
    "x-latin: caf\xe9",
    // The server joins these, as RFC 9113 (8.2.3) has it for HTTP/2.
    "cookie: a=1; b=2",
  ]);
});

Deno.test("up connects components by service chaining, private ones too", async () => {
  await using app = await startRoutes();
  await check(app, {
    request: "/outbound?authority=hidden.spin.internal&path=/env",
    answer: "status 200\nWHO=hidden\n",
  });
  const { body } = await app.get("/outbound?authority=hidden.spin.internal&path=/headers");
  assert.deepEqual(seenHeaders(body, "spin"), [
    "spin-base-path: /",
    "spin-client-addr: 0.0.0.0:0",
    "spin-component-route: ",
    "spin-full-url: http://localhost/headers",
    "spin-matched-route: /...",
    "spin-path-info: /headers",
    "spin-raw-component-route: /...",
  ]);
  // 15: HTTP-request-denied.
  const refused = { status: 502, answer: "failed: error-code case 15\n" };
  await check(app, { request: "/outbound?authority=exact.spin.internal&path=/env", ...refused });
  await check(app, { request: "/outbound?authority=127.0.0.1:9&path=/", ...refused });
  // From outside, the private component's name is no address.
  const outside = await rawExchange(
    app.port,
    "GET /env HTTP/1.1\r\nHost: hidden.spin.internal\r\nConnection: close\r\n\r\n",
  );
  assert.doesNotMatch(outside, /WHO=hidden/);
});

Deno.test("up lets an app call itself", async () => {
  await using app = await startRoutes();
  await check(app, {
    request: "/outbound?authority=self.alt&path=/env",
    answer: "status 200\nWHO=exact\n",
  });
  await check(app, {
    request: "/outbound?authority=self.alt&path=/plain",
    answer: "status 200\nshould be 200",
  });
});

Deno.test("up answers a failing chained component with an error of its caller only", async () => {
  await using app = await startRoutes();
  const failed = await app.get("/outbound?authority=hidden.spin.internal&path=/trap");
  assert.notEqual(failed.body, "", "the caller answers");
  await check(app, { request: "/env", answer: /^WHO=exact$/m });
});

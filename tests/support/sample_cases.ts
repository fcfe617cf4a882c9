/**
 * What the sample apps answer, as `tests/fixtures/apps/README.md` and their sources have it. Each
 * table may be run any number of times, in order.
 *
 * @module
 */

import type { Case } from "./cases.ts";

/** The C guest, with `http://<upstream>` allowed. */
export function tortureCases(upstream: string): Case[] {
  return [
    { request: "/", answer: "hello from C\n", answerHeaders: { "x-requests": "1" } },
    { request: "/", answerHeaders: { "x-requests": "1", "content-type": "text/plain" } },
    {
      request: "POST /request?a=b&c",
      body: "x",
      answer:
        /^method POST\npath \/request\nquery a=b&c\nscheme HTTP\nauthority 127\.0\.0\.1:\d+\n$/,
    },
    { request: "PURGE /request", answer: /^method PURGE\n/ },
    {
      request: "/headers",
      headers: [["X-Custom", "one, two"]],
      answer: /^x-custom: one, two$/m,
    },
    { request: "/env", answer: /^COLOR=green$/m },
    { request: "/file?path=/hello.txt", answer: "hello from a file\n" },
    { request: "/file?path=/sub/deep.txt", answer: "deeper\n" },
    { request: "/file?path=/none", status: 404, answer: /^errno 44 / },
    { request: "/file?path=/../../etc/passwd", status: 404, answer: /^errno / },
    { request: "/ls?path=/", answer: /^f hello\.txt\n/m },
    { request: "/write?path=/new.txt", status: 403, answer: /^errno / },
    { request: "/log?a-line", answer: "logged\n" },
    { request: "POST /echo", body: "back again", answer: "back again" },
    { request: "/bytes?n=100000", answer: /^(?:[a-z]+){1}$/ },
    { request: "/drip?n=3&ms=5", answer: "drop 0\ndrop 1\ndrop 2\n" },
    { request: "/status?code=418", status: 418, answer: "as asked\n" },
    { request: "/status?code=599", status: 599, answer: "as asked\n" },
    { request: "/sleep?ms=10", answer: "slept\n" },
    { request: "/burn?ms=20", answer: "burned\n" },
    { request: "/alloc?mb=16", answer: "touched 16 MiB\n" },
    { request: "/random", answer: /^[0-9a-f]{32}\n$/ },
    { request: "/clock", answer: /^real \d{10} mono \d+\n$/ },
    {
      request: `/outbound?authority=${upstream}&path=/up`,
      answer: "status 200\nfrom upstream /up\n",
    },
    {
      request: "/outbound?authority=127.0.0.1:1",
      status: 502,
      answer: "failed: error-code case 6\n",
    },
    { request: "/nothing", status: 404, answer: "no /nothing\n" },
  ];
}

/** The JavaScript guest. */
export function tinyJsCases(): Case[] {
  return [
    { request: "/", answer: "tiny, request 1 of this instance\n" },
    { request: "/", answer: "tiny, request 1 of this instance\n" },
    { request: "/var/greeting", answer: "hi\n" },
    { request: "/var/undefined_one", status: 500, answer: "error undefined\n" },
    { request: "/var/4bad", status: 500, answer: "error invalid-name\n" },
  ];
}

/** The Rust guest, without Redis. */
export function rustCases(upstream: string): Case[] {
  const outbound = `http://${upstream}/bytes`;
  return [
    { request: "/", answer: "hello from rust\n", answerHeaders: { "x-seen": "1" } },
    { request: "/hello/you", answer: "hello, you\n" },
    { request: "/wild/a/b/c", answer: "a/b/c\n" },
    { request: "/count", answer: "1\n", answerHeaders: { "x-seen": "1" } },
    { request: "/count", answer: "1\n" },
    {
      request: "PATCH /echo",
      body: "{}",
      headers: [["content-type", "application/json"]],
      answer: "{}",
      answerHeaders: { "content-type": "application/json", "x-method": "PATCH" },
    },
    { request: "POST /upper", body: "shout", answer: "SHOUT" },
    {
      request: "POST /sum",
      body: '{"numbers":[1,2.5]}',
      answer: { json: { count: 2, sum: 3.5 } },
    },
    { request: "POST /sum", body: "nonsense", status: 400, answer: /^bad request: / },
    { request: "/headers", headers: [["x-a", "1"]], answer: /"x-a":\["1"\]/ },
    { request: "/env", answer: { json: { WHO: "rust" } } },
    { request: "/file", answer: /./ },
    { request: "/file?path=/absent", status: 404, answer: "NotFound\n" },
    { request: "/time", answer: { json: { after_2024: true, monotonic: true } } },
    { request: "/log?text=hello", answer: "logged\n" },
    { request: `/outbound?url=${outbound}`, answer: { json: { bytes: 1000, status: 200 } } },
    { request: "/outbound?url=http://example.invalid/", status: 502, answer: /./ },
    { request: `/both?a=${outbound}&b=${outbound}`, answer: { json: [200, 200] } },
    { request: "/stream?n=3&ms=5", answer: "line 0\nline 1\nline 2\n" },
    { request: "DELETE /kv/k", status: 204, answer: "" },
    { request: "PUT /kv/k", body: "v", status: 201 },
    { request: "PUT /kv/k", body: "w", status: 200 },
    { request: "/kv/k", answer: "w" },
    { request: "/kv", answer: { json: ["k"] } },
    { request: "DELETE /kv/k", status: 204 },
    { request: "/kv/k", status: 404, answer: "no such key\n" },
    { request: "DELETE /kv/n", status: 204 },
    { request: "POST /kv/n/add", answer: "1" },
    { request: "POST /kv/n/add", answer: "2" },
    { request: "DELETE /kv/n", status: 204 },
    { request: "/kv?store=other", status: 500, answer: "Error::AccessDenied\n" },
    { request: "/variable/greeting", answer: "hi, rust\n" },
    { request: "/variable/absent", status: 404, answer: "undefined\n" },
    { request: "/variable/4bad", status: 400, answer: "invalid name\n" },
    {
      request: "/sqlite",
      answer: {
        json: {
          cells: [
            "Value::Integer(-9223372036854775808)",
            "Value::Real(0.5)",
            'Value::Text("naïve")',
            "Value::Blob([0, 255])",
            "Value::Null",
          ],
          columns: ["i", "r", "t", "b", "n"],
        },
      },
    },
    {
      request: "/sqlite/error",
      answer: { json: { denied: "Error::AccessDenied", io_error: true } },
    },
    { request: "/sleep?ms=10", answer: "slept true\n" },
    { request: "/burn?ms=10", answer: "burned 10 ms\n" },
    { request: "/alloc?mb=4", answer: "4 MiB\n" },
    { request: "/error", status: 500, answer: "failed on purpose" },
    { request: "/panic", status: 500, answer: "" },
    { request: "/exit?code=0", status: 500, answer: "" },
    { request: "/deep", status: 500, answer: "" },
    { request: "/alloc?mb=5000", status: 500, answer: "" },
    { request: "/count", answer: "1\n" },
  ];
}

/** The Go guest. */
export function goCases(upstream: string): Case[] {
  return [
    { request: "/", answer: "hello from go\n" },
    { request: "/count", answer: "1\n" },
    { request: "/count", answer: "1\n" },
    { request: "POST /echo", body: "go", answer: "go", answerHeaders: { "x-method": "POST" } },
    { request: "/headers", headers: [["x-a", "1"]], answer: /"x-a":\["1"\]/ },
    { request: "/env", answer: { json: ["WHO=go"] } },
    { request: "/file?path=/note.txt", answer: /./ },
    { request: "/file?path=/absent", status: 404, answer: /./ },
    { request: "/kv?reset=1", answer: { json: { visits: 1 } } },
    { request: "/kv", answer: { json: { visits: 2 } } },
    { request: "/kv?store=other", status: 500, answer: /./ },
    { request: "/variable?name=greeting", answer: "hi, go\n" },
    { request: "/variable?name=absent", status: 404, answer: /./ },
    {
      request: `/outbound?url=http://${upstream}/bytes`,
      answer: { json: { bytes: 1000, status: 200 } },
    },
    { request: "/goroutines?n=1000", answer: "499500\n" },
    { request: "/garbage?mb=256", answer: "collected true, heap kept small true\n" },
    { request: "/sleep?ms=10", answer: "slept true\n" },
    { request: "/big?kib=64", answer: /^(0123456789abcdef){4096}$/ },
    { request: "/log?text=hello", answer: "logged\n" },
    { request: "/panic", status: 500, answer: "" },
    { request: "/exit?code=3", status: 500, answer: "" },
    { request: "/count", answer: "1\n" },
  ];
}

/** What {@link tortureCases} and the others expect of their upstream. */
export function answerAsUpstream(request: Request): Response {
  const { pathname } = new URL(request.url);
  return new Response(pathname === "/bytes" ? "b".repeat(1000) : `from upstream ${pathname}\n`);
}

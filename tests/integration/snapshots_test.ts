/**
 * The snapshots before WASI 0.2.0, from a guest that uses both of them and WASI 0.2 at once.
 *
 * @module
 */

import { type Case, check } from "../support/cases.ts";
import { samplePath } from "../support/fixtures.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";

const suite = new TestSuite();
const upstream = startUpstream(async (request) => {
  const { pathname } = new URL(request.url);
  return new Response(
    `${request.method} ${pathname} ${request.headers.get("x-from")} [${await request.text()}]`,
  );
});
/** Answers whatever it gets with `pong`. */
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const pongs = answerConnections();
const { port } = listener.addr;
let app: RunningApp;

async function answerConnections(): Promise<void> {
  for await (const connection of listener) {
    await connection.read(new Uint8Array(16));
    await connection.write(new TextEncoder().encode("pong"));
    connection.close();
  }
}

Deno.test.beforeAll(async () => {
  app = await suite.start({
    from: samplePath("rust-snapshots"),
    args: [
      ...["--variable", `upstream=http://${upstream.authority}`],
      ...["--variable", `sockets=*://127.0.0.1:${port}`],
    ],
  });
});

Deno.test.afterAll(async () => {
  await suite.close();
  listener.close();
  await pongs;
  await upstream[Symbol.asyncDispose]();
});

const SECOND: readonly Case[] = [
  { request: "/", answer: "hello from 2023-11-10\n" },
  {
    request: "/request?q",
    headers: [["X-Custom", "a"]],
    answer:
      /^Method::Get Some\(Scheme::Http\) Some\(".*"\) Some\("\/request\?q"\)\n[^]*x-custom: a/,
  },
  { request: "POST /echo", body: "there and back", answer: "there and back" },
  { request: "/error", status: 500, answer: "" },
  { request: "/std-file?/note.txt", answer: "a note\n" },
  { request: "/std-env", answer: "rust" },
  { request: `/outbound?${upstream.authority}/x`, answer: "GET /x null []" },
  { request: "/outbound?example.com/x", status: 500, answer: "ErrorCode::HttpRequestDenied" },
  { request: "/outbound?/", answer: "hello from 2023-11-10\n" },
  { request: "/file?note.txt", answer: "/ a note\n" },
  { request: "/poll", answer: "[1] false true\n" },
  { request: `/tcp?127.0.0.1:${port}`, answer: /^pong \(Ok\(true\), Ok\(\(\)\), Ok\(false\), Err/ },
  { request: "/tcp?127.0.0.1:9", status: 500, answer: /access-denied/ },
  { request: `/trailers-twice?${upstream.authority}/`, status: 500, answer: "" },
];

const UNSUPPORTED = 'Err(ErrorCode { code: 27, name: "unsupported", message: "" })';

const FIRST: readonly Case[] = [
  { request: `/outbound?${upstream.authority}/x`, answer: "200 GET /x first [] []\n" },
  {
    request: "/outbound?example.com/x",
    status: 500,
    answer: 'Error::UnexpectedError("ErrorCode::HttpRequestDenied")',
  },
  { request: "/outbound?/", answer: "200 hello from 2023-11-10\n []\n" },
  { request: `/forward?note.txt,${upstream.authority}/f`, answer: "7 POST /f null [a note\n]" },
  { request: `/splice?note.txt,${upstream.authority}/f`, answer: "3 POST /f null [a n]" },
  { request: `/length?${upstream.authority}/`, status: 500, answer: "" },
  { request: `/trailers-twice?${upstream.authority}/`, status: 500, answer: "" },
  { request: "/field?x-b", answer: "2\n" },
  { request: "/fields?x", answer: "made\n" },
  { request: "/status?299", answer: "made\n" },
  { request: "/file?note.txt", answer: "7 a note\n" },
  {
    request: "/access?note.txt",
    answer: /^Ok\(\(\)\) Ok\(\(\)\) Err\(.*"not-permitted".*\) Err\(.*"access".*\)\n$/,
  },
  { request: "/locks?note.txt", answer: `${Array(6).fill(UNSUPPORTED).join(" ")}\n` },
  { request: "/poll", answer: "[1] true\n" },
  { request: "/clocks", answer: /^\d{10} true "UTC" 0 false\n$/ },
  { request: "/random", answer: "16 true\n" },
  { request: "/env", answer: '[("WHO", "rust")]\n' },
  { request: "/log?hi", answer: "logged\n" },
  {
    request: `/tcp?127.0.0.1:${port}`,
    answer: /^pong \(Ok\(true\), Ok\(true\), Err.*Ok\(64\)\)\n$/,
  },
  { request: "/tcp?127.0.0.1:9", status: 500, answer: /access-denied/ },
  { request: "/resolve?localhost", status: 500, answer: /permanent-resolver-failure/ },
];

Deno.test("a guest of 2023-11-10 is served", async (t) => {
  for (const testCase of SECOND) {
    await t.step(testCase.request, async () => void await check(app, testCase));
  }
});

Deno.test("a guest of 2023-10-18 is served", async (t) => {
  for (const testCase of FIRST) {
    const request = `/first${testCase.request}`;
    await t.step(request, async () => void await check(app, { ...testCase, request }));
  }
});

/**
 * A guest in Python against real servers: what its SDK makes of the interfaces, and what the host makes
 * of a component of 38 MB with a runtime in it.
 *
 * @module
 */

import { type Case, check } from "../support/cases.ts";
import { manifest, samplePath, writeManifest } from "../support/fixtures.ts";
import { hasComponentizePy, pythonGuest } from "../support/python_guest.ts";
import { recordCalls } from "../support/recorded_calls.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

const ignore = !hasComponentizePy();

/** A test of the guest; its name says so if there is none. */
function pythonTest(name: string, options: { ignore?: boolean; fn: () => Promise<void> }): void {
  Deno.test({
    name: `${name}${ignore ? " (needs componentize-py, see .ci/run)" : ""}`,
    ignore: ignore || (options.ignore ?? false),
    fn: options.fn,
  });
}

async function start(options: { allowed?: readonly string[] } = {}): Promise<RunningApp> {
  const directory = suite.directory();
  await Deno.mkdir(`${directory}/assets`);
  await Deno.writeTextFile(`${directory}/assets/greeting.txt`, "from a file\n");
  const from = writeManifest(
    directory,
    manifest([{
      id: "python",
      route: "/...",
      source: await pythonGuest(),
      allowedOutboundHosts: options.allowed ?? [],
      lines: [
        'files = [{ source = "assets", destination = "/" }]',
        'environment = { COLOR = "green" }',
        'key_value_stores = ["default"]',
        'sqlite_databases = ["default"]',
        'variables = { greeting = "hi, {{ who }}" }',
      ],
    }], { before: '[variables]\nwho = { default = "you" }' }),
  );
  return await suite.start({ from, env: recordCalls(samplePath("python", "app.py")) });
}

const CASES: readonly Case[] = [
  {
    request: "/key-value",
    answer: { json: ["one", null, true, ["a"], false] },
  },
  {
    request: "/wasi-key-value",
    answer: { json: ["two", true, ["w"], 5, 3, [["y", "2"], ["z", null]]] },
  },
  {
    request: "/key-value?store=secret",
    status: 502,
    answer: { json: ["Error_AccessDenied", null] },
  },
  {
    request: "/variables",
    answer: { json: ["hi, you", "hi, you", [["greeting", "hi, you"]]] },
  },
  {
    request: "/variables?name=nothing",
    status: 502,
    answer: { json: ["Error_Undefined", 'no variable for "python"."nothing"'] },
  },
  {
    request: "/sqlite?version=2",
    answer: { json: [["a", "b", "c", "d", "e"], [[42, 1.5, "x", "y", null]]] },
  },
  {
    request: "/sqlite?version=3",
    answer: { json: [["a", "b", "c", "d", "e"], [[42, 1.5, "x", "y", null]], 1, 1] },
  },
  {
    request: "/sqlite?database=secret",
    status: 502,
    answer: { json: ["Error_AccessDenied", null] },
  },
  { request: "/system", answer: { json: ["from a file", "green", 1] } },
  { request: "/fail", status: 500, answer: "" },
];

pythonTest("a guest in Python uses stores, variables, files and its environment", {
  async fn() {
    await using app = await start();
    // Twice: every request finds the guest as it was when it started.
    for (const testCase of [...CASES, ...CASES]) await check(app, testCase);
    await app.waitForStderr(/RuntimeError: raised on purpose/);
  },
});

pythonTest("a guest in Python sends HTTP requests, to hosts that are allowed", {
  async fn() {
    await using upstream = startUpstream(async (request) => {
      const body = `${request.method} ${request.headers.get("x-from")} ${await request.text()}`;
      return new Response(body, { status: 201, headers: { "x-upstream": "yes" } });
    });
    const { authority } = upstream;
    await using app = await start({ allowed: [`http://${authority}`] });
    for (const [method, sent] of [["GET", ""], ["POST", "sent"]] as const) {
      await check(app, {
        request: `/http?method=${method}&url=http://${authority}/`,
        answer: { json: [201, "yes", `${method} python ${sent}`] },
      });
    }
    await check(app, {
      request: "/http?url=http://127.0.0.1:1/",
      status: 502,
      answer: { json: ["ErrorCode_HttpRequestDenied", null] },
    });
  },
});

pythonTest(`a guest in Python uses Redis${hasRedisServer() ? "" : " (needs redis-server)"}`, {
  ignore: !hasRedisServer(),
  async fn() {
    await using redis = await RedisServer.start();
    await using app = await start({ allowed: [redis.url] });
    for (let round = 0; round < 2; round++) {
      await check(app, {
        request: `/redis?address=${redis.url}`,
        answer: { json: ["value", null, 1, 2, 1, ["b"], [8], 3] },
      });
    }
    await check(app, {
      request: "/redis?address=redis://127.0.0.1:1",
      status: 502,
      answer: { json: ["Error_InvalidAddress", null] },
    });
  },
});

/**
 * Every interface with a server behind it, when something is wrong with the server: the guest gets an
 * error of its interface in bounded time, and everything works again when the server does.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Badness, BadServer } from "../support/bad_server.ts";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import type { RunningApp } from "../support/running_app.ts";
import { runScript } from "../support/script_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil } from "../support/wait.ts";
import { hasOpenssl, TestAuthority, TlsServer } from "../support/tls_server.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** Milliseconds that a guest may wait for a server that says nothing. */
const PATIENCE_MS = 40_000;

interface Case {
  /** What the guest does; `PORT` is the server's. */
  readonly script: string;
  /** The error that it gets, as far as it is always the same. */
  readonly error: RegExp;
  /** Whether servers may think for minutes: models do, and HTTP in general. */
  readonly waitsLong?: boolean;
}

const OUT = "127.0.0.1:PORT";

/** One script for each interface, and for each back end. */
const CASES: Readonly<Record<string, Case>> = {
  "redis v1": { script: `return i.redis1.get("redis://${OUT}", "k")`, error: /"error"/ },
  "redis v2": {
    script: `return i.redis2.Connection.open("redis://${OUT}").get("k")`,
    error: /"tag":"other","val":"[^"]/,
  },
  "mqtt v2": {
    script: `const c = i.mqtt2.Connection.open("mqtt://${OUT}?client_id=x", "", "", 30);
      c.publish("t", bytes("p"), "at-least-once")`,
    error: /"tag":"connection-failed","val":"[^"]/,
  },
  "mysql v1": {
    script: `return i.mysql1.query("mysql://u:s3cret@${OUT}/d", "SELECT 1", [])`,
    error: /"tag":"connection-failed","val":"[^"]/,
  },
  "mysql v2": {
    script: `return i.mysql2.Connection.open("mysql://u:s3cret@${OUT}/d").query("SELECT 1", [])`,
    error: /"tag":"connection-failed","val":"[^"]/,
  },
  "postgres v1": {
    script:
      `return i.postgres1.query("postgres://u:s3cret@${OUT}/d?sslmode=disable", "SELECT 1", [])`,
    error: /"tag":"connection-failed","val":"[^"]/,
  },
  "postgres v3": {
    script: `return i.postgres3.Connection.open("postgres://u:s3cret@${OUT}/d?sslmode=disable")`,
    error: /"tag":"connection-failed","val":"[^"]/,
  },
  "postgres v4 with TLS": {
    script: `return i.postgres42.Connection.open("postgres://u:s3cret@${OUT}/d?sslmode=require")`,
    error: /"tag":"connection-failed","val":"[^"]/,
  },
  "fermyon:spin/http": {
    script: `return i.spinHttp.sendRequest({ method: "get", uri: "http://${OUT}/", headers: [],
      params: [] })`,
    error: /"error":"runtime-error"/,
    waitsLong: true,
  },
  "wasi:http": {
    script: `const r = new i.http.OutgoingRequest(i.http.Fields.fromList([]));
      r.setScheme({ tag: "HTTP" }); r.setAuthority("${OUT}"); r.setPathWithQuery("/");
      const options = new i.http.RequestOptions();
      options.setFirstByteTimeout(2000000000);
      const f = i.outgoingHandler.handle(r, options);
      f.subscribe().block();
      const answer = f.get().val;
      if (answer.tag === "err") throw answer.val.tag;
      const stream = answer.val.consume().stream();
      for (;;) stream.blockingRead(65536)`,
    error:
      /connection-refused|HTTP-protocol-error|connection-terminated|HTTP-response-incomplete|read-timeout|response-timeout|last-operation-failed/,
  },
  "key-value in Redis": {
    script: 'return i.keyValue2.Store.open("redis").get("k")',
    error: /"tag":"other","val":"[^"]/,
  },
  "key-value in DynamoDB": {
    script: 'return i.keyValue2.Store.open("dynamo").get("k")',
    error: /"tag":"other","val":"[^"]/,
  },
  "key-value in Cosmos DB": {
    script: 'return i.keyValue2.Store.open("cosmos").get("k")',
    error: /"tag":"other","val":"[^"]/,
  },
  "wasi:keyvalue in Redis": {
    script: 'return i.store.open("redis").get("k")',
    error: /"tag":"other","val":"[^"]/,
  },
  "key-value v1 in DynamoDB": {
    script: 'return i.keyValue1.get(i.keyValue1.open("dynamo"), "k")',
    error: /"tag":"io","val":"[^"]/,
  },
  "SQLite of libSQL": {
    script: 'return i.sqlite2.Connection.open("libsql").execute("SELECT 1", [])',
    error: /"tag":"io","val":"[^"]/,
  },
  "variables of Vault": {
    script: 'return i.variables2.get("password")',
    error: /"tag":"provider","val":"[^"]/,
  },
  "wasi:config of Vault": {
    script: 'return i.wasiConfig.get("password")',
    error: /"tag":"upstream","val":"[^"]/,
  },
  "LLM": {
    script: 'return i.llm2.infer("llama2-chat", "p", undefined)',
    error: /"tag":"runtime-error","val":"[^"]/,
    waitsLong: true,
  },
};

/** Every back end is expected at one port. */
function start(scheme: "http" | "https", port: number): Promise<RunningApp> {
  const url = `${scheme}://127.0.0.1:${port}`;
  const redis = scheme === "http" ? "redis" : "rediss";
  const directory = suite.directory();
  const from = writeManifest(
    directory,
    manifest([{
      id: "script",
      route: "/...",
      source: sampleWasm("script-js"),
      allowedOutboundHosts: ["*://127.0.0.1:*"],
      lines: [
        'key_value_stores = ["redis", "dynamo", "cosmos"]',
        'sqlite_databases = ["libsql"]',
        'ai_models = ["llama2-chat"]',
        '[component.script.variables]\npassword = "{{ password }}"',
      ],
    }], { before: "[variables]\npassword = { required = true }" }),
  );
  Deno.writeTextFileSync(
    `${directory}/runtime-config.toml`,
    `
[[variables_provider]]
type = "vault"
url = "${url}"
token = "s3cret"
mount = "secret"
[key_value_store.redis]
type = "redis"
url = "${redis}://:s3cret@127.0.0.1:${port}"
[key_value_store.dynamo]
type = "aws_dynamo"
region = "us-east-1"
table = "t"
access_key = "a"
secret_key = "s3cret"
[key_value_store.cosmos]
type = "azure_cosmos"
account = "a"
database = "d"
container = "c"
endpoint = "${url}"
key = "${btoa("s3cret")}"
[sqlite_database.libsql]
type = "libsql"
url = "${url}"
token = "s3cret"
[llm_compute]
type = "remote_http"
url = "${url}"
auth_token = "s3cret"
`,
  );
  return suite.start({
    from,
    env: { AWS_ENDPOINT_URL: url },
    args: ["--workers", "1", "--runtime-config-file", `${directory}/runtime-config.toml`],
  });
}

/** Runs all scripts at the same time, each of which has to fail in its own words. */
async function checkAll(
  t: Deno.TestContext,
  app: RunningApp,
  { port, cases }: { port: number; cases: Readonly<Record<string, Case>> },
): Promise<void> {
  const begin = performance.now();
  const answers = await Promise.all(
    Object.values(cases).map(async ({ script }) => {
      const { status, answer } = await runScript(app, script.replaceAll("PORT", String(port)));
      return { status, answer, tookMs: performance.now() - begin };
    }),
  );
  for (const [index, [name, { error }]] of Object.entries(cases).entries()) {
    const { status, answer, tookMs } = answers[index]!;
    await t.step(`${name} after ${Math.ceil(tookMs / 1000)} s`, () => {
      assert.equal(status, 500, answer);
      assert.match(answer, error);
      assert.doesNotMatch(answer, /s3cret/);
      assert.ok(tookMs < PATIENCE_MS, `${tookMs} ms`);
    });
  }
  assert.doesNotMatch(app.stderr, /s3cret/);
}

Deno.test("a guest gets an error of its interface whatever is wrong with a server", async (t) => {
  await using server = new BadServer();
  await using app = await start("http", server.port);
  const kinds: Badness[] = ["absent", "hangs up", "garbage", "breaks off", "silent"];
  for (const badness of kinds) {
    await server.become(badness);
    await t.step(badness, async (inner) => {
      const cases = Object.entries(CASES).filter(([, { waitsLong }]) =>
        badness !== "silent" || !waitsLong
      );
      await checkAll(inner, app, { port: server.port, cases: Object.fromEntries(cases) });
      assert.equal((await runScript(app, "return 1")).answer, "1");
    });
  }
});

Deno.test({
  name: "a guest's connections work again when the server does" +
    (hasRedisServer() ? "" : " (needs redis-server, which is not installed)"),
  ignore: !hasRedisServer(),
  async fn() {
    await using server = new BadServer();
    await using app = await start("http", server.port);
    const get = 'return i.keyValue2.Store.open("redis").get("k") ?? null';
    assert.equal((await runScript(app, get)).status, 500);
    await using redis = await RedisServer.start({
      port: server.port,
      args: ["--requirepass", "s3cret"],
    });
    assert.deepEqual(await runScript(app, get), { status: 200, answer: "null" });
    // Gone in the middle of a guest's work, and back.
    const pause = `const c = i.redis2.Connection.open("redis://:s3cret@127.0.0.1:${redis.port}");
      c.set("k", bytes("v"));
      try { c.execute("DEBUG", [{ tag: "binary", val: bytes("SLEEP") }, { tag: "binary", val: bytes("2") }]) }
      catch (error) { return error.payload.tag }
      return "none"`;
    const waiting = runScript(app, pause);
    await new Promise((resolve) => setTimeout(resolve, 500));
    redis.signal("SIGKILL");
    const { answer } = await waiting;
    assert.match(answer, /"other"|"none"/);
    assert.equal((await runScript(app, get)).status, 500);
    await using again = await RedisServer.start({
      port: server.port,
      args: ["--requirepass", "s3cret"],
    });
    assert.ok(again.port > 0);
    assert.deepEqual(await runScript(app, get), { status: 200, answer: "null" });
  },
});

Deno.test({
  name: "a guest is not connected to a server whose authority nobody knows" +
    (hasOpenssl() ? "" : " (needs openssl, which is not installed)"),
  ignore: !hasOpenssl(),
  async fn(t) {
    const authority = new TestAuthority(suite.directory(), { name: "unknown" });
    await using server = await TlsServer.start(authority.issue("server", "IP:127.0.0.1"));
    await using app = await start("https", server.port);
    const names = ["key-value in Redis", "key-value in DynamoDB", "key-value in Cosmos DB"];
    const cases: Record<string, Case> = {
      "redis v2": {
        script: `return i.redis2.Connection.open("rediss://${OUT}")`,
        error: /"other".*certificate/i,
      },
      "mqtt v2": {
        script: `const c = i.mqtt2.Connection.open("mqtts://${OUT}?client_id=x", "", "", 30);
          c.publish("t", bytes("p"), "at-least-once")`,
        error: /"connection-failed".*certificate/i,
      },
      "fermyon:spin/http": {
        script: `return i.spinHttp.sendRequest({ method: "get", uri: "https://${OUT}/", headers: [],
          params: [] })`,
        error: /"error":"runtime-error"/,
      },
      ...Object.fromEntries(
        [...names, "SQLite of libSQL", "variables of Vault", "LLM"].map((name) => [name, {
          script: CASES[name]!.script,
          error: /certificate/i,
        }]),
      ),
    };
    await checkAll(t, app, { port: server.port, cases });
  },
});

Deno.test("a guest that may not reach a host is refused, and stderr says what to add", async (t) => {
  const directory = suite.directory();
  const from = writeManifest(
    directory,
    manifest([{
      id: "script",
      route: "/...",
      source: sampleWasm("script-js"),
      allowedOutboundHosts: ["https://example.com"],
    }]),
  );
  await using app = await suite.start({ from });
  const cases: Record<string, [error: RegExp, host: string]> = {
    "redis v1": [/"error":"error"/, "redis://127.0.0.1:11"],
    "redis v2": [/"invalid-address"/, "redis://127.0.0.1:12"],
    "mqtt v2": [/"connection-failed".*is not permitted/, "mqtt://127.0.0.1:13"],
    "mysql v2": [/"connection-failed".*is not permitted/, "mysql://127.0.0.1:14"],
    "postgres v3": [/"connection-failed".*is not permitted/, "postgres://127.0.0.1:15"],
    "fermyon:spin/http": [/"destination-not-allowed"/, "http://127.0.0.1:16"],
    "wasi:http": [/HTTP-request-denied/, "http://127.0.0.1:17"],
  };
  for (const [name, [error, host]] of Object.entries(cases)) {
    await t.step(name, async () => {
      const script = CASES[name]!.script.replaceAll("PORT", host.replace(/.*:/, ""));
      const { status, answer } = await runScript(app, script);
      assert.equal(status, 500, answer);
      assert.match(answer, error);
      const hint = `A component tried to make an outbound network connection to disallowed ` +
        `destination '${host}'.\nTo allow this request, add 'allowed_outbound_hosts = ["${host}"]' ` +
        "to the manifest component section.";
      await waitUntil(() => app.stderr.includes(hint), {
        what: "the hint",
        explain: () => app.stderr,
      });
    });
  }
});

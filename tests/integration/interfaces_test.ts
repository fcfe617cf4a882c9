/**
 * Every function of every Spin interface, in each of its synchronous versions, called by a guest
 * against real servers. Limits, faults and odd values are tested for each interface on its own.
 *
 * @module
 */

import assert from "node:assert/strict";
import { hasMqttBroker, MqttBroker, MqttSubscriber } from "../support/mqtt_broker.ts";
import { hasMysqlServer, MysqlServer } from "../support/mysql_server.ts";
import { hasPostgresServer, PostgresServer } from "../support/postgres_server.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import type { RunningApp } from "../support/running_app.ts";
import { checkScript, type ScriptCase, startScriptApp } from "../support/script_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();
let app: RunningApp;
/** The same guest, with imports of versions that its own are compatible with. */
let olderApp: RunningApp;

Deno.test.beforeAll(async () => {
  app = await startScriptApp(suite);
  olderApp = await startScriptApp(suite, {
    versions: {
      "spin:postgres/postgres@4.2.0": "spin:postgres/postgres@4.1.0",
      "spin:sqlite/sqlite@3.1.0": "spin:sqlite/sqlite@3.0.0",
    },
  });
});
Deno.test.afterAll(() => suite.close());

/** Steps named after the functions that they are about. */
async function checkAll(
  t: Deno.TestContext,
  cases: Readonly<Record<string, ScriptCase>>,
  to: RunningApp = app,
): Promise<void> {
  for (const [name, expected] of Object.entries(cases)) {
    await t.step(name, () => checkScript(to, expected));
  }
}

/** A test of a server; its name says so if there is none. */
function serverTest(
  name: string,
  options: { needs: string; isThere: boolean; run: (t: Deno.TestContext) => Promise<void> },
): void {
  Deno.test({
    name: options.isThere ? name : `${name} (needs ${options.needs}, which is not installed)`,
    ignore: !options.isThere,
    fn: options.run,
  });
}

Deno.test("a guest reads variables", async (t) => {
  await checkAll(t, {
    "fermyon:spin/config get-config": {
      script: 'return i.config.getConfig("greeting")',
      returns: "hi, you",
    },
    "fermyon:spin/config undefined": {
      script: 'return i.config.getConfig("nothing")',
      throws: { tag: "provider", val: 'no variable for "script"."nothing"' },
    },
    "fermyon:spin/variables@2 get": {
      script: 'return i.variables2.get("greeting")',
      returns: "hi, you",
    },
    "fermyon:spin/variables@2 undefined": {
      script: 'return i.variables2.get("nothing")',
      throws: { tag: "undefined", val: 'no variable for "script"."nothing"' },
    },
    "wasi:config get": {
      script: 'return [i.wasiConfig.get("greeting"), i.wasiConfig.get("nothing") ?? null]',
      returns: ["hi, you", null],
    },
    "wasi:config get-all": {
      script: "return i.wasiConfig.getAll()",
      returns: [["greeting", "hi, you"]],
    },
  });
});

Deno.test("a guest keeps values in a key-value store", async (t) => {
  await checkAll(t, {
    "v1": {
      script: `const kv = i.keyValue1, s = kv.open("default");
        kv.set(s, "v1", bytes("one"));
        const found = [kv.get(s, "v1"), kv.exists(s, "v1"), kv.getKeys(s)];
        kv.delete(s, "v1");
        found.push(kv.exists(s, "v1"));
        kv.close(s);
        return found`,
      returns: [{ bytes: "one" }, true, ["v1"], false],
    },
    "v1 missing key": {
      script: 'return i.keyValue1.get(i.keyValue1.open("default"), "none")',
      throws: { tag: "no-such-key" },
    },
    "v1 label that is not granted": {
      script: 'return i.keyValue1.open("secret")',
      throws: { tag: "access-denied" },
    },
    "v2": {
      script: `const s = i.keyValue2.Store.open("default");
        s.set("v2", bytes("two"));
        const found = [s.get("v2"), s.get("none") ?? null, s.exists("v2"), s.getKeys()];
        s.delete("v2"); s.delete("v2");
        return [...found, s.exists("v2")]`,
      returns: [{ bytes: "two" }, null, true, ["v2"], false],
    },
    "v2 label that is not granted": {
      script: 'return i.keyValue2.Store.open("secret")',
      throws: { tag: "access-denied" },
    },
    "wasi:keyvalue store": {
      script: `const b = i.store.open("default");
        b.set("w", bytes("three"));
        const found = [b.get("w"), b.exists("w"), b.listKeys(undefined)];
        b.delete("w");
        return [...found, b.get("w") ?? null]`,
      returns: [{ bytes: "three" }, true, { keys: ["w"], cursor: null }, null],
    },
    "wasi:keyvalue atomics": {
      script: `const b = i.store.open("default");
        const first = i.atomics.increment(b, "n", 5), second = i.atomics.increment(b, "n", -2);
        b.set("c", bytes("old"));
        const cas = i.atomics.Cas.new(b, "c"), seen = cas.current();
        i.atomics.swap(cas, bytes("new"));
        const after = b.get("c");
        b.delete("n"); b.delete("c");
        return [first, second, seen, after]`,
      returns: [5, 3, { bytes: "old" }, { bytes: "new" }],
    },
    "wasi:keyvalue batch": {
      script: `const b = i.store.open("default");
        i.batch.setMany(b, [["x", bytes("1")], ["y", bytes("2")]]);
        const found = i.batch.getMany(b, ["y", "z", "x"]);
        i.batch.deleteMany(b, ["x", "y"]);
        return [found.map(([key, value]) => [key, value ?? null]), b.listKeys(undefined).keys]`,
      returns: [[["y", { bytes: "2" }], ["z", null], ["x", { bytes: "1" }]], []],
    },
  });
});

Deno.test("a guest queries SQLite", async (t) => {
  const statements = `
    run("CREATE TABLE t (a INTEGER, b REAL, c TEXT, d BLOB, e)", []);
    run("INSERT INTO t VALUES (?, ?, ?, ?, ?)", [{ tag: "integer", val: 42 },
      { tag: "real", val: 1.5 }, { tag: "text", val: "x" }, { tag: "blob", val: bytes("y") },
      { tag: "null" }]);
    const found = run("SELECT * FROM t", []);
    run("DROP TABLE t", []);`;
  const found = {
    columns: ["a", "b", "c", "d", "e"],
    rows: [{
      values: [
        { tag: "integer", val: 42 },
        { tag: "real", val: 1.5 },
        { tag: "text", val: "x" },
        { tag: "blob", val: { bytes: "y" } },
        { tag: "null" },
      ],
    }],
  };
  const resource = (name: string) => `
    const c = i.${name}.Connection.open("default"), run = (...all) => c.execute(...all);
    ${statements}`;
  const newer: Record<string, ScriptCase> = {
    "v3": { script: `${resource("sqlite31")} return found`, returns: found },
    "v3 last-insert-rowid, changes": {
      script: `const c = i.sqlite31.Connection.open("default");
        c.execute("CREATE TABLE n (a INTEGER PRIMARY KEY)", []);
        c.execute("INSERT INTO n VALUES (7), (8)", []);
        const numbers = [c.lastInsertRowid(), c.changes()];
        c.execute("DROP TABLE n", []);
        return numbers`,
      returns: [8, 2],
    },
  };
  await checkAll(t, {
    "v1": {
      script: `const q = i.sqlite1, c = q.open("default"), run = (...all) => q.execute(c, ...all);
        ${statements} q.close(c); return found`,
      returns: found,
    },
    "v1 closed handle": {
      script:
        'const q = i.sqlite1, c = q.open("default"); q.close(c); q.execute(c, "SELECT 1", [])',
      throws: { tag: "invalid-connection" },
    },
    "v2": { script: `${resource("sqlite2")} return found`, returns: found },
    ...newer,
    "v2 label that is not granted": {
      script: 'return i.sqlite2.Connection.open("secret")',
      throws: { tag: "access-denied" },
    },
    "v2 bad statement": {
      script: 'return i.sqlite2.Connection.open("default").execute("SELEC", [])',
      throws: { tag: "io", val: 'near "SELEC": syntax error' },
    },
  });
  await t.step("v3.0", (t) => checkAll(t, newer, olderApp));
});

serverTest("a guest uses Redis", {
  needs: "redis-server",
  isThere: hasRedisServer(),
  async run(t) {
    await using server = await RedisServer.start();
    const url = `"redis://127.0.0.1:${server.port}"`;
    const calls = (call: string) => `
      const found = [];
      ${call}("set", "k", bytes("v"));
      found.push(${call}("get", "k"), ${call}("incr", "n"), ${call}("sadd", "s", ["a", "b"]),
        ${call}("srem", "s", ["b"]), ${call}("smembers", "s"), ${call}("del", ["k", "n", "s"]));
      ${call}("publish", "channel", bytes("p"));
      found.push(${call}("execute", "SET", [{ tag: "binary", val: bytes("k") },
        { tag: "int64", val: 3 }]), ${call}("execute", "GET", [{ tag: "binary", val: bytes("k") }]),
        ${call}("execute", "DEL", [{ tag: "binary", val: bytes("k") }]),
        ${call}("execute", "GET", [{ tag: "binary", val: bytes("k") }]));
      return found;`;
    const found = [
      { bytes: "v" },
      1,
      2,
      1,
      ["a"],
      3,
      [{ tag: "status", val: "OK" }],
      [{ tag: "binary", val: { bytes: "3" } }],
      [{ tag: "int64", val: 1 }],
      [{ tag: "nil" }],
    ];
    await checkAll(t, {
      "v1": {
        script: `const call = (name, ...all) => i.redis1[name](${url}, ...all); ${calls("call")}`,
        returns: found,
      },
      "v1 missing key": { script: `return i.redis1.get(${url}, "none")`, returns: { bytes: "" } },
      "v1 host that is not granted": {
        script: 'return i.redis1.get("redis://example.com", "k")',
        throws: "error",
      },
      "v2": {
        script: `const c = i.redis2.Connection.open(${url});
          const call = (name, ...all) => c[name](...all); ${calls("call")}`,
        returns: found,
      },
      "v2 missing key": {
        script: `return i.redis2.Connection.open(${url}).get("none") ?? null`,
        returns: null,
      },
      "v2 host that is not granted": {
        script: 'return i.redis2.Connection.open("redis://example.com")',
        throws: { tag: "invalid-address" },
      },
    });
  },
});

serverTest("a guest publishes to MQTT", {
  needs: "mosquitto",
  isThere: hasMqttBroker(),
  async run(t) {
    await using broker = await MqttBroker.start();
    await using subscriber = await MqttSubscriber.subscribe(broker, "topic/#");
    const address = `"mqtt://127.0.0.1:${broker.port}?client_id=guest"`;
    await checkAll(t, {
      "v2": {
        script: `const c = i.mqtt2.Connection.open(${address}, "", "", 30);
          for (const qos of ["at-most-once", "at-least-once", "exactly-once"]) {
            c.publish("topic/" + qos, bytes("payload"), qos);
          }`,
      },
      "v2 host that is not granted": {
        script: 'i.mqtt2.Connection.open("mqtt://example.com?client_id=a", "", "", 30)',
        throws: {
          tag: "connection-failed",
          val: "address mqtt://example.com?client_id=a is not permitted",
        },
      },
    });
    await waitUntil(() => subscriber.messages.length === 3, { what: "three messages" });
    assert.deepEqual(subscriber.messages.map(({ topic }) => topic).sort(), [
      "topic/at-least-once",
      "topic/at-most-once",
      "topic/exactly-once",
    ]);
  },
});

serverTest("a guest queries MySQL", {
  needs: "mariadb-server",
  isThere: hasMysqlServer(),
  async run(t) {
    await using server = await MysqlServer.start();
    const url = JSON.stringify(server.url);
    const calls = (table: string) => `
      execute("CREATE TABLE ${table} (a INT, b DOUBLE, c VARCHAR(9), d BLOB, e BIGINT UNSIGNED)", []);
      execute("INSERT INTO ${table} VALUES (?, ?, ?, ?, ?)", [{ tag: "int32", val: -1 },
        { tag: "floating64", val: 1.5 }, { tag: "str", val: "x" },
        { tag: "binary", val: bytes("y") }, { tag: "db-null" }]);
      return query("SELECT * FROM ${table}", [])`;
    const found = {
      columns: [
        { name: "a", dataType: "int32" },
        { name: "b", dataType: "floating64" },
        { name: "c", dataType: "str" },
        { name: "d", dataType: "binary" },
        { name: "e", dataType: "uint64" },
      ],
      rows: [[
        { tag: "int32", val: -1 },
        { tag: "floating64", val: 1.5 },
        { tag: "str", val: "x" },
        { tag: "binary", val: { bytes: "y" } },
        { tag: "db-null" },
      ]],
    };
    await checkAll(t, {
      "v1": {
        script: `const execute = (...all) => i.mysql1.execute(${url}, ...all);
          const query = (...all) => i.mysql1.query(${url}, ...all); ${calls("one")}`,
        returns: found,
      },
      "v2": {
        script: `const c = i.mysql2.Connection.open(${url});
          const execute = (...all) => c.execute(...all), query = (...all) => c.query(...all);
          ${calls("two")}`,
        returns: found,
      },
      "v2 bad statement": {
        script: `i.mysql2.Connection.open(${url}).execute("SELEC", [])`,
        throwsMatching: /"error":\{"tag":"query-failed","val":".*SQL syntax/,
      },
      "v2 host that is not granted": {
        script: 'i.mysql2.Connection.open("mysql://u:p@example.com/db")',
        throws: {
          tag: "connection-failed",
          val: "address mysql://u:p@example.com/db is not permitted",
        },
      },
    });
  },
});

serverTest("a guest queries PostgreSQL", {
  needs: "postgresql",
  isThere: hasPostgresServer(),
  async run(t) {
    await using server = await PostgresServer.start();
    const url = JSON.stringify(server.url);
    const calls = `
      execute("CREATE TEMPORARY TABLE t (a INT4, b FLOAT8, c TEXT, d BYTEA, e BOOL)", []);
      const count = execute("INSERT INTO t VALUES ($1, $2, $3, $4, $5)",
        [{ tag: "int32", val: -1 }, { tag: "floating64", val: 1.5 }, { tag: "str", val: "x" },
          { tag: "binary", val: bytes("y") }, { tag: "db-null" }]);
      return [count, query("SELECT * FROM t", [])]`;
    const plain = (dataTypes: readonly unknown[]) => [1, {
      columns: dataTypes.map((dataType, index) => ({ name: "abcde"[index], dataType })),
      rows: [[
        { tag: "int32", val: -1 },
        { tag: "floating64", val: 1.5 },
        { tag: "str", val: "x" },
        { tag: "binary", val: { bytes: "y" } },
        { tag: "db-null" },
      ]],
    }];
    const names = ["int32", "floating64", "str", "binary", "boolean"];
    const connection = (name: string) =>
      `const c = i.${name}.Connection.open(${url});
      const execute = (...all) => c.execute(...all), query = (...all) => c.query(...all);`;
    const v4: Record<string, ScriptCase> = {
      "v4": {
        script: `${connection("postgres42")} ${calls}`,
        returns: plain(names.map((tag) => ({ tag }))),
      },
      "v4 types": {
        script: `${connection("postgres42")}
          const { rows: [row] } = query("SELECT $1::uuid, $2::jsonb, $3::numeric, $4::int4range, " +
            "$5::int8[], $6::text[], $7::interval, $8::date", [
            { tag: "uuid", val: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
            { tag: "jsonb", val: bytes('{"a": 1}') }, { tag: "decimal", val: "1.50" },
            { tag: "range-int32", val: [[1, "inclusive"], [5, "exclusive"]] },
            { tag: "array-int64", val: [1, undefined, 3] },
            { tag: "array-str", val: ["a", undefined] },
            { tag: "interval", val: { micros: 1, days: 2, months: 3 } },
            { tag: "date", val: [2024, 2, 29] }]);
          return row`,
        returns: [
          { tag: "uuid", val: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
          { tag: "jsonb", val: { bytes: '{"a":1}' } },
          { tag: "decimal", val: "1.50" },
          { tag: "range-int32", val: [[1, "inclusive"], [5, "exclusive"]] },
          { tag: "array-int64", val: [1, null, 3] },
          { tag: "array-str", val: ["a", null] },
          { tag: "interval", val: { micros: 1, days: 2, months: 3 } },
          { tag: "date", val: [2024, 2, 29] },
        ],
      },
      "v4 database error": {
        script: `${connection("postgres42")} query("SELECT 1 / 0", [])`,
        throwsMatching:
          /"tag":"query-failed","val":\{"tag":"db-error".*"code":"22012".*division by zero/,
      },
      "v4 connection-builder": {
        script: `const b = new i.postgres42.ConnectionBuilder(${url});
          return b.build().query("SELECT 1", []).rows`,
        returns: [[{ tag: "int32", val: 1 }]],
      },
      "v4 set-ca-root refuses what is no certificate": {
        script: `new i.postgres42.ConnectionBuilder(${url}).setCaRoot("nonsense")`,
        throwsMatching: /"error":\{"tag":"other"/,
      },
    };
    await checkAll(t, {
      "v1": {
        // Functions of the first version share no connection, and so no temporary table.
        script: `const execute = (...all) => i.postgres1.execute(${url}, ...all);
          const query = (...all) => i.postgres1.query(${url}, ...all);
          ${calls.replace("TEMPORARY ", "")}`,
        returns: plain(names),
      },
      "v2": { script: `${connection("postgres2")} ${calls}`, returns: plain(names) },
      "v3": { script: `${connection("postgres3")} ${calls}`, returns: plain(names) },
      ...v4,
      "v4 host that is not granted": {
        script: 'i.postgres42.Connection.open("postgres://u:p@example.com/db")',
        throws: {
          tag: "connection-failed",
          val: "address postgres://example.com is not permitted",
        },
      },
    });
    await t.step("v4.1", (t) => checkAll(t, v4, olderApp));
  },
});

Deno.test("a guest sends a request through Spin's first HTTP interface", async (t) => {
  await using upstream = startUpstream((request) =>
    new Response(`${request.method} ${new URL(request.url).pathname}`, {
      status: 201,
      headers: { "x-up": "yes" },
    })
  );
  await checkAll(t, {
    "send-request": {
      script: `const { status, headers, body } = i.spinHttp.sendRequest({ method: "put",
          uri: "http://${upstream.authority}/a", headers: [["x-a", "b"]], params: [],
          body: bytes("in") });
        return [status, headers.some(([name, value]) => name === "x-up" && value === "yes"), body]`,
      returns: [201, true, { bytes: "PUT /a" }],
    },
    "host that is not granted": {
      script: `i.spinHttp.sendRequest({ method: "get", uri: "http://example.com/", headers: [],
        params: [], body: undefined })`,
      throws: "destination-not-allowed",
    },
  });
});

Deno.test("a guest asks a language model", async (t) => {
  await using upstream = startUpstream(async (request) => {
    const { model } = await request.json();
    return Response.json(
      new URL(request.url).pathname === "/infer"
        ? { text: `${model} says`, usage: { promptTokenCount: 2, generatedTokenCount: 3 } }
        : { embeddings: [[0.5, 1]], usage: { promptTokenCount: 4 } },
    );
  });
  const config = `${suite.directory()}/runtime-config.toml`;
  await Deno.writeTextFile(
    config,
    `[llm_compute]\ntype = "remote_http"\nurl = "http://${upstream.authority}"\nauth_token = "t"\n`,
  );
  await using model = await startScriptApp(suite, { args: ["--runtime-config-file", config] });
  const cases: Record<string, ScriptCase> = {};
  for (const name of ["llm1", "llm2"]) {
    cases[`${name} infer`] = {
      script: `return i.${name}.infer("llama2-chat", "hello", undefined)`,
      returns: {
        text: "llama2-chat says",
        usage: { promptTokenCount: 2, generatedTokenCount: 3 },
      },
    };
    cases[`${name} generate-embeddings`] = {
      script: `const { embeddings, usage } =
          i.${name}.generateEmbeddings("all-minilm-l6-v2", ["hello"]);
        return [embeddings.map((list) => [...list]), usage]`,
      returns: [[[0.5, 1]], { promptTokenCount: 4 }],
    };
    cases[`${name} model that is not granted`] = {
      script: `i.${name}.infer("gpt", "hello", undefined)`,
      throwsMatching:
        /"tag":"invalid-input","val":"The component does not have access to use 'gpt'/,
    };
  }
  await checkAll(t, cases, model);
});

Deno.test("a guest uses WASI", async (t) => {
  await checkAll(t, {
    "cli": {
      script: `return [i.environment.getEnvironment(), i.environment.getArguments(),
        i.environment.initialCwd() ?? null, i.terminalStdin.getTerminalStdin() ?? null,
        i.terminalStdout.getTerminalStdout() ?? null, i.terminalStderr.getTerminalStderr() ?? null]`,
      returns: [[["COLOR", "green"]], [], null, null, null, null],
    },
    "streams": {
      script: `const out = i.stdout.getStdout(), err = i.stderr.getStderr();
        const room = out.checkWrite() > 0;
        out.write(bytes("written\\n")); out.flush(); out.blockingFlush();
        out.writeZeroes(1); out.blockingWriteZeroesAndFlush(1);
        err.blockingWriteAndFlush(bytes("also\\n"));
        const ready = out.subscribe().ready();
        try { i.stdin.getStdin().blockingRead(1) } catch (error) {
          return [room, ready, (error.payload ?? error).tag];
        }`,
      returns: [true, true, "closed"],
    },
    "clocks": {
      script: `const before = i.monotonicClock.now(), wall = i.wallClock.now();
        i.monotonicClock.subscribeDuration(2e6).block();
        const pollables = [i.monotonicClock.subscribeInstant(i.monotonicClock.now() + 1e12),
          i.monotonicClock.subscribeDuration(0)];
        return [i.monotonicClock.now() - before >= 2e6, wall.seconds > 1.7e9,
          i.wallClock.resolution().nanoseconds > 0, i.monotonicClock.resolution() > 0,
          [...i.poll.poll(pollables)]]`,
      returns: [true, true, true, true, [1]],
    },
    "random": {
      script: `return [i.random.getRandomBytes(5).length, typeof i.random.getRandomU64(),
        i.insecure.getInsecureRandomBytes(3).length, typeof i.insecure.getInsecureRandomU64(),
        i.insecureSeed.insecureSeed().length]`,
      returns: [5, "number", 3, "number", 2],
    },
  });
});

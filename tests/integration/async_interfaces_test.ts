/**
 * Spin's asynchronous interfaces to servers and databases, called by a Rust guest of WASI 0.3.
 *
 * @module
 */

import assert from "node:assert/strict";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import { hasMqttBroker, MqttBroker, MqttSubscriber } from "../support/mqtt_broker.ts";
import { hasMysqlServer, MysqlServer } from "../support/mysql_server.ts";
import { hasPostgresServer, PostgresServer } from "../support/postgres_server.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();
let app: RunningApp;

Deno.test.beforeAll(async () => {
  app = await start();
});
Deno.test.afterAll(() => suite.close());

/** The guest that runs lines of operations, allowed to reach `hosts`. */
function start(
  options: { hosts?: readonly string[]; runtimeConfig?: string } = {},
): Promise<RunningApp> {
  const directory = suite.directory();
  const from = writeManifest(
    directory,
    manifest([{
      id: "stores",
      route: "/...",
      source: sampleWasm("rust-stores"),
      allowedOutboundHosts: options.hosts ?? ["*://127.0.0.1:*"],
      lines: ['sqlite_databases = ["default"]'],
    }]),
  );
  const args = ["--workers", "1"];
  if (options.runtimeConfig !== undefined) {
    Deno.writeTextFileSync(`${directory}/runtime-config.toml`, options.runtimeConfig);
    args.push("--runtime-config-file", `${directory}/runtime-config.toml`);
  }
  return suite.start({ from, args });
}

/** Runs operations on one connection. @returns one answer for each. */
async function run(
  target: string,
  operations: readonly (readonly string[])[],
  { to = app, isAtOnce = false }: { to?: RunningApp; isAtOnce?: boolean } = {},
): Promise<string[]> {
  const { status, body } = await to.get(target, {
    method: "POST",
    body: operations.map((parts) => parts.join("\t")).join("\n"),
    headers: isAtOnce ? { "at-once": "yes" } : {},
  });
  assert.equal(status, 200, `${body}\n${to.stderr.slice(-1_000)}`);
  return body.trimEnd().split("\n");
}

/** Operations, and what each gives. */
async function checkAll(
  target: string,
  cases: readonly (readonly [operation: readonly string[], expected: string | RegExp])[],
  to: RunningApp = app,
): Promise<void> {
  const answers = await run(target, cases.map(([operation]) => operation), { to });
  for (const [index, [operation, expected]] of cases.entries()) {
    const answer = answers[index] ?? "nothing";
    const text = `${operation.join(" ")} → ${answer}`;
    if (typeof expected === "string") assert.equal(answer, expected, text);
    else assert.match(answer, expected, text);
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

serverTest("a guest calls spin:redis@3", {
  needs: "redis-server",
  isThere: hasRedisServer(),
  async run(t) {
    await using server = await RedisServer.start();
    const target = `/redis?${server.url}`;
    await t.step("every function", () =>
      checkAll(target, [
        [["set", "a", "hi"], "()"],
        [["get", "a"], 'Some("hi")'],
        [["get", "none"], "None"],
        [["incr", "n"], "1"],
        [["incr", "n"], "2"],
        [["sadd", "s", "x", "y", "x"], "2"],
        [["smembers", "s"], '["x", "y"]'],
        [["srem", "s", "x", "z"], "1"],
        [["del", "a", "s", "none"], "2"],
        [["publish", "channel", "payload"], "()"],
        [
          ["execute", "set", "e", "#7"],
          '[RedisResult::Status("OK")]',
        ],
        [["execute", "incrby", "e", "#5"], "[RedisResult::Int64(12)]"],
        [["execute", "get", "none"], "[RedisResult::Nil]"],
        [["sadd", "n", "x"], /^error: .*WRONGTYPE/],
        [["incr", "s"], "1"],
      ]));
    await t.step("many at once on one connection", async () => {
      const operations = Array.from({ length: 200 }, () => ["incr", "many"]);
      const answers = await run(target, operations, { isAtOnce: true });
      assert.deepEqual(answers, operations.map((_, index) => String(index + 1)));
    });
    await t.step("a value as large as memory allows", () =>
      checkAll(target, [
        [["fill", "large", String(8 << 20)], "()"],
        [["length", "large"], `Some(${8 << 20})`],
      ]));
    await t.step("an address that is none, or has nobody", async () => {
      assert.deepEqual(await run("/redis?redis://", []), ["open: Error::InvalidAddress"]);
      assert.match((await run("/redis?redis://127.0.0.1:1", []))[0]!, /^open: Error::Other\("/);
    });
    await t.step("a host that is not allowed", async () => {
      await using strict = await start({ hosts: [] });
      assert.deepEqual(await run(target, [], { to: strict }), ["open: Error::InvalidAddress"]);
      await strict.waitForStderr(/allowed_outbound_hosts = \["redis:\/\/127\.0\.0\.1:\d+"\]/);
    });
  },
});

serverTest("a guest calls spin:mqtt@3", {
  needs: "mosquitto",
  isThere: hasMqttBroker(),
  async run(t) {
    await using broker = await MqttBroker.start();
    const target = `/mqtt?${broker.url("stores")}`;
    await t.step("every quality of service", async () => {
      await using subscriber = await MqttSubscriber.subscribe(broker, "t/#");
      await checkAll(target, [
        [["publish", "t/0", "0", "zero"], "()"],
        [["publish", "t/1", "1", "one"], "()"],
        [["publish", "t/2", "2", "two"], "()"],
        [["publish", "t/#", "0", "no"], 'error: Error::Other("invalid topic \\"t/#\\"")'],
      ]);
      await waitUntil(() => subscriber.messages.length === 3, { what: "the messages" });
      assert.deepEqual(subscriber.messages.map(({ text, qos }) => [text, qos]), [
        ["zero", 0],
        ["one", 1],
        ["two", 2],
      ]);
    });
    await t.step("many at once on one connection", async () => {
      const operations = Array.from({ length: 50 }, (_, i) => ["publish", "m", "1", String(i)]);
      const answers = await run(target, operations, { isAtOnce: true });
      assert.deepEqual(new Set(answers), new Set(["()"]));
    });
    await t.step("a host that is not allowed", async () => {
      await using strict = await start({ hosts: [] });
      const address = broker.url("stores");
      assert.deepEqual(await run(target, [], { to: strict }), [
        `open: Error::ConnectionFailed("address ${address} is not permitted")`,
      ]);
    });
    await t.step("a payload above the operator's limit", async () => {
      await using limited = await start({
        runtimeConfig: "[outbound_mqtt]\nmax_payload_size_bytes = 4\n",
      });
      await checkAll(target, [
        [["publish", "l", "1", "four"], "()"],
        [
          ["publish", "l", "1", "fives"],
          'error: Error::Other("payload size 5 exceeds the maximum allowed size of 4 bytes")',
        ],
      ], limited);
    });
  },
});

Deno.test("a guest calls the asynchronous functions of spin:sqlite@3.1", async (t) => {
  await t.step("every function", () =>
    checkAll("/sqlite?default", [
      [["execute", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)"], "[] [] Ok(())"],
      [["execute", "INSERT INTO t (v) VALUES (?), (?)", "s:text", "b:raw"], "[] [] Ok(())"],
      [["rowid"], "2"],
      [["changes"], "2"],
      [
        ["query", "SELECT id, v FROM t ORDER BY id"],
        '["id", "v"] [RowResult { values: [Value::Integer(1), Value::Text("text")] }, ' +
        "RowResult { values: [Value::Integer(2), Value::Blob([114, 97, 119])] }] Ok(())",
      ],
      [
        ["query", "SELECT ?, ?, ?", "i:-5", "f:1.5", "n:"],
        '["?", "?", "?"] [RowResult { values: [Value::Integer(-5), Value::Real(1.5), Value::Null] }] Ok(())',
      ],
      [["query", "SELECT nonsense"], 'error: Error::Io("no such column: nonsense")'],
    ]));
  const numbers = (count: number) =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i FROM n`;
  await t.step("many rows, of which only some are read", () =>
    checkAll("/sqlite?default", [
      [["count", numbers(1_000)], "1000 Ok(())"],
      [["take", "2", numbers(1_000)], /^\[RowResult \{ values: \[Value::Integer\(1\)\] \}, /],
      [["query", "SELECT 1"], /Integer\(1\)/],
    ]));
  await t.step("in calls at once, each of which waits several times", async () => {
    const calls = Array.from({ length: 16 }, () => run("/sqlite?default", [["changes"]]));
    for (const answer of await Promise.all(calls)) assert.deepEqual(answer, ["0"]);
  });
  await t.step("a label that is not granted", async () => {
    assert.deepEqual(await run("/sqlite?secret", []), ["open: Error::AccessDenied"]);
  });
});

serverTest("a guest calls the asynchronous functions of spin:postgres@4.2", {
  needs: "PostgreSQL",
  isThere: hasPostgresServer(),
  async run(t) {
    await using server = await PostgresServer.start();
    await checkSql(t, {
      target: `/postgres?${server.url}`,
      create: "CREATE TABLE t (id int8, v text)",
      insert: "INSERT INTO t VALUES ($1, $2)",
      inserted: "1",
      created: "0",
      numbers: (count) => `SELECT i FROM generate_series(1, ${count}::int8) AS i`,
      late: "SELECT 1 / (3000 - i) FROM generate_series(1, 4000) AS i",
      lateError: /^2999 Err\(Error::QueryFailed\(.*division by zero/,
      large: "SELECT repeat('x', 1000000) FROM generate_series(1, 20)",
      tooMany: "SELECT repeat('x', 1000000) FROM generate_series(1, 140)",
      tooLarge: "SELECT repeat('x', 140000000)",
    });
    await t.step("through the builder", async () => {
      const answers = await run(`/postgres?build:${server.url}`, [["query", "SELECT 1::int8"]]);
      assert.match(answers[0]!, /Int64\(1\)/);
    });
    await t.step("a host that is not allowed", async () => {
      await using strict = await start({ hosts: [] });
      const port = new URL(server.url).port;
      for (const way of ["", "build:"]) {
        const [answer] = await run(`/postgres?${way}${server.url}`, [], { to: strict });
        assert.ok(
          answer!.includes(
            `ConnectionFailed("address postgres://127.0.0.1:${port} is not permitted")`,
          ),
          String(answer),
        );
      }
    });
    await t.step("a server that is killed in the middle of the rows", async () => {
      const dying = await PostgresServer.start();
      try {
        const reading = run(`/postgres?${dying.url}`, [
          ["count", "SELECT i, pg_sleep(0.001) FROM generate_series(1, 100000) AS i"],
        ]);
        await new Promise((resolve) => setTimeout(resolve, 500));
        dying.signal("SIGINT");
        // Or before, on a slow machine.
        assert.match((await reading)[0]!, /(?:^\d+ Err\(|^error: |^open: ).*Failed\(/);
      } finally {
        await dying[Symbol.asyncDispose]();
      }
    });
  },
});

serverTest("a guest calls spin:mysql@3", {
  needs: "mariadbd",
  isThere: hasMysqlServer(),
  async run(t) {
    await using server = await MysqlServer.start();
    await checkSql(t, {
      target: `/mysql?${server.url}`,
      create: "CREATE TABLE t (id bigint, v text)",
      insert: "INSERT INTO t VALUES (?, ?)",
      inserted: "()",
      created: "()",
      numbers: (count) => `SELECT seq FROM seq_1_to_${count}`,
      late: undefined,
      lateError: /^/,
      large: "SELECT repeat('x', 1000000) FROM seq_1_to_20",
      // The same way through the host as in PostgreSQL, and slower in the client.
      tooMany: undefined,
      tooLarge: undefined,
    });
    await t.step("a value that has no type here ends the rows", async () => {
      const [answer] = await run(`/mysql?${server.url}`, [
        ["query", "SELECT IF(seq < 3, NULL, DATE '2026-01-02') FROM seq_1_to_5"],
      ]);
      assert.match(
        answer!,
        /\[\[DbValue::DbNull\], \[DbValue::DbNull\]\] Err\(Error::ValueConversionFailed/,
      );
    });
    await t.step("a host that is not allowed", async () => {
      await using strict = await start({ hosts: [] });
      assert.deepEqual(await run(`/mysql?${server.url}`, [], { to: strict }), [
        `open: Error::ConnectionFailed("address ${server.url} is not permitted")`,
      ]);
    });
  },
});

interface SqlCase {
  readonly target: string;
  readonly create: string;
  readonly insert: string;
  readonly created: string;
  readonly inserted: string;
  readonly numbers: (count: number) => string;
  /** A query that fails after some rows. */
  readonly late: string | undefined;
  readonly lateError: RegExp;
  /** More than the host keeps of a stream. */
  readonly large: string;
  /** More than one result may hold, in rows that are not. */
  readonly tooMany: string | undefined;
  /** A row that is larger than one may be. */
  readonly tooLarge: string | undefined;
}

async function checkSql(t: Deno.TestContext, sql: SqlCase): Promise<void> {
  const { target, numbers } = sql;
  await t.step("every function", () =>
    checkAll(target, [
      [["execute", sql.create], sql.created],
      [["execute", sql.insert, "i:1", "s:grün"], sql.inserted],
      [["execute", sql.insert, "i:2", "n:"], sql.inserted],
      [
        ["query", "SELECT id, v FROM t ORDER BY id"],
        /^\[Column \{ name: "id", data-type: DbDataType::Int64 \}, Column \{ name: "v", data-type: DbDataType::Str \}\] \[\[DbValue::Int64\(1\)/,
      ],
      [
        ["query", "SELECT v FROM t ORDER BY id"],
        /\[DbValue::Str\("grün"\)\], \[DbValue::DbNull\]\] Ok\(\(\)\)$/,
      ],
      [["query", "SELECT v FROM t WHERE id = 7"], /\[\] Ok\(\(\)\)$/],
      [["query", "SELECT nonsense"], /^error: .*QueryFailed\(.*nonsense/],
      [["execute", "nonsense"], /^error: .*QueryFailed\(/],
    ]));
  await t.step("many rows, as many as are read", () =>
    checkAll(target, [
      [["count", numbers(3_000)], "3000 Ok(())"],
      [
        ["take", "2", numbers(3_000)],
        /^\[\[DbValue::(?:Int64|Uint64)\(1\)\], \[DbValue::\w+\(2\)\]\]$/,
      ],
      // What was not read does not end up in the next answer.
      [["count", numbers(5)], "5 Ok(())"],
    ]));
  await t.step("statements at once on one connection wait for each other", async () => {
    const answers = await run(
      target,
      [["count", numbers(2_000)], ["count", numbers(3)], ["execute", sql.insert, "i:3", "n:"]],
      { isAtOnce: true },
    );
    assert.deepEqual(answers, ["2000 Ok(())", "3 Ok(())", sql.inserted]);
  });
  await t.step("rows that are not read do not hold up the next statement", async () => {
    // More than the host keeps, so that the server has to wait for the guest.
    const [some, count] = await run(target, [["take", "3", sql.large], ["count", numbers(9)]]);
    assert.match(some!, /^\[\[DbValue::/);
    assert.equal(count, "9 Ok(())");
  });
  if (sql.tooMany !== undefined) {
    const tooMany = sql.tooMany;
    await t.step("more rows than one result may hold, in little memory", async () => {
      const before = app.rssBytes();
      await checkAll(target, [[["count", tooMany], "140 Ok(())"]]);
      assert.ok(app.rssBytes() - before < 150 << 20, `${(app.rssBytes() - before) >> 20} MiB more`);
    });
  }
  if (sql.late !== undefined) {
    const late = sql.late;
    await t.step(
      "a failure after the first rows is in the future",
      () =>
        checkAll(target, [[["count", late], sql.lateError], [["count", numbers(1)], "1 Ok(())"]]),
    );
  }
  if (sql.tooLarge !== undefined) {
    const tooLarge = sql.tooLarge;
    await t.step(
      "a row above the limit",
      () =>
        checkAll(target, [[["count", tooLarge], /query result exceeds limit of 134217728 bytes/]]),
    );
  }
}

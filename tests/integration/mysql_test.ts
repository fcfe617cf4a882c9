/**
 * The MySQL interfaces against a real MariaDB server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { testContext } from "../../shim/imports/_context_fixture.ts";
import type { ImportObject, OutboundPolicy } from "../../shim/imports/component_context.ts";
import { createConnectionLimits } from "../../shim/imports/connection_limits.ts";
import { createSpinMysql, type MysqlConnections } from "../../shim/imports/spin_mysql.ts";
import { SqlConnections, type SqlConnectionsOptions } from "../../shim/imports/sql_connections.ts";
import { makeCertificate } from "../support/certificate.ts";
import { hasMysqlServer, MysqlServer } from "../support/mysql_server.ts";
import { waitUntil } from "../support/wait.ts";

const isAbsent = !hasMysqlServer();

/** A test that needs a server; its name says so if there is none. */
function mysqlTest(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: isAbsent ? `${name} (needs MariaDB, which is not installed)` : name,
    ignore: isAbsent,
    fn: run,
  });
}

/** The server of the tests that leave it as it was. */
let server: MysqlServer;

Deno.test.beforeAll(async () => {
  if (!isAbsent) server = await MysqlServer.start();
});

Deno.test.afterAll(async () => {
  if (!isAbsent) await server[Symbol.asyncDispose]();
});

interface Interfaces extends Disposable {
  readonly imports: ImportObject;
  readonly connections: MysqlConnections;
  // deno-lint-ignore no-explicit-any
  readonly Connection: any;
}

function createInterfaces(
  options: SqlConnectionsOptions & { outbound?: Partial<OutboundPolicy> } = {},
): Interfaces {
  const connections: MysqlConnections = new SqlConnections("mysql", options);
  const outbound = { ...testContext().outbound, check: () => true, ...options.outbound };
  const imports = createSpinMysql(testContext({ outbound }), connections);
  return {
    imports,
    connections,
    Connection: imports["fermyon:spin/mysql@2.0.0"]!.Connection,
    [Symbol.dispose]: () => connections.close(),
  };
}

interface Value {
  readonly tag: string;
  readonly val?: unknown;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Column type, parameter, and the value that comes back if it is another one. */
const ROUND_TRIPS: [string, Value, Value?][] = [
  ["TINYINT", { tag: "int8", val: -128 }],
  ["TINYINT UNSIGNED", { tag: "uint8", val: 255 }],
  ["SMALLINT", { tag: "int16", val: -32768 }],
  ["SMALLINT UNSIGNED", { tag: "uint16", val: 65535 }],
  ["MEDIUMINT", { tag: "int32", val: -8388608 }],
  ["MEDIUMINT UNSIGNED", { tag: "uint32", val: 16777215 }],
  ["INT", { tag: "int32", val: -2147483648 }],
  ["INT UNSIGNED", { tag: "uint32", val: 4294967295 }],
  ["BIGINT", { tag: "int64", val: -(2n ** 63n) }],
  ["BIGINT UNSIGNED", { tag: "uint64", val: 2n ** 64n - 1n }],
  ["BOOL", { tag: "boolean", val: true }, { tag: "int8", val: 1 }],
  ["FLOAT", { tag: "floating32", val: 1.5 }],
  ["DOUBLE", { tag: "floating64", val: -0.1 }],
  ["TEXT", { tag: "str", val: "h\u00e9 \u{1f600}" }],
  ["VARCHAR(10)", { tag: "str", val: "x" }],
  ["CHAR(3)", { tag: "str", val: "x" }],
  ["BLOB", { tag: "binary", val: Uint8Array.of(0, 255) }],
  ["LONGBLOB", { tag: "binary", val: Uint8Array.of(1) }],
  ["VARBINARY(5)", { tag: "binary", val: Uint8Array.of(0, 1) }],
  ["BINARY(3)", { tag: "binary", val: Uint8Array.of(7) }, {
    tag: "binary",
    val: Uint8Array.of(7, 0, 0),
  }],
  ["VARCHAR(10) COLLATE utf8mb4_bin", { tag: "str", val: "\u00e9" }, {
    tag: "binary",
    val: new TextEncoder().encode("\u00e9"),
  }],
  ["TEXT", { tag: "db-null" }],
  ["DATE", { tag: "db-null" }],
];

mysqlTest("every kind of value survives the way to the server and back", async () => {
  using mysql = createInterfaces();
  using connection = await mysql.Connection.open(server.url);
  for (const [type, parameter, expected = parameter] of ROUND_TRIPS) {
    await connection.execute(`CREATE OR REPLACE TEMPORARY TABLE one (v ${type})`, []);
    await connection.execute("INSERT INTO one VALUES (?)", [parameter]);
    const { columns, rows } = await connection.query("SELECT v FROM one", []);
    assert.deepEqual(rows, [[expected]], `${type} ${parameter.tag}`);
    assert.equal(columns[0].name, "v");
    if (expected.tag !== "db-null") assert.equal(columns[0].dataType, expected.tag, type);
  }
});

mysqlTest("values of other types are refused unless they are NULL", async () => {
  using mysql = createInterfaces();
  using connection = await mysql.Connection.open(server.url);
  const dates = await connection.query("SELECT DATE(NULL) AS d", []);
  assert.deepEqual(dates, {
    columns: [{ name: "d", dataType: "other" }],
    rows: [[{ tag: "db-null" }]],
  });
  assert.deepEqual(await rejection(connection.query("SELECT 1.5 AS d", [])), {
    tag: "value-conversion-failed",
    val: 'Cannot convert value "1.5" in column d data type Other',
  });
  const dated = await rejection(connection.query("SELECT DATE('2024-02-29')", [])) as Value;
  assert.equal(dated.tag, "value-conversion-failed");
});

mysqlTest("errors of the server are query-failed, and the connection goes on", async () => {
  using mysql = createInterfaces();
  using connection = await mysql.Connection.open(server.url);
  assert.deepEqual(await rejection(connection.query("SELECT * FROM nowhere", [])), {
    tag: "query-failed",
    val: "Server(ServerError { code: 1146, message: \"Table 'spin.nowhere' doesn't exist\", " +
      'state: "42S02" })',
  });
  const missing = await rejection(connection.query("SELECT ?", [])) as Value;
  assert.equal(missing.tag, "query-failed");
  assert.deepEqual(await rejection(connection.query("DO 1", [])), {
    tag: "other",
    val: "unable to stream query result",
  });
  const files = await rejection(
    connection.execute("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE mysql.user", []),
  ) as Value;
  assert.equal(files.tag, "query-failed", "the server gets no file of the host");
  const { rows } = await connection.query("SELECT ? + ?", [{ tag: "int32", val: 1 }, {
    tag: "int32",
    val: 2,
  }]);
  assert.deepEqual(rows, [[{ tag: "int64", val: 3n }]]);
});

mysqlTest("v1 functions work without a connection of the guest", async () => {
  using mysql = createInterfaces();
  // deno-lint-ignore no-explicit-any
  const v1: any = mysql.imports["fermyon:spin/mysql"];
  const { rows } = await v1.query(server.url, "SELECT ?", [{ tag: "str", val: "x" }]);
  assert.deepEqual(rows, [[{ tag: "str", val: "x" }]]);
  assert.equal(await v1.execute(server.url, "DO 1", []), undefined);
  assert.equal((await rejection(v1.query(server.url, "DO 1", [])) as Value).tag, "other-error");
  assert.equal((await rejection(v1.query(server.url, "x", [])) as Value).tag, "query-failed");
});

mysqlTest("open() says why there is no connection, without the password", async () => {
  using mysql = createInterfaces();
  const cases: [string, RegExp][] = [
    [server.url.replace("se%20cret", "wrong"), /Access denied for user 'spin'/],
    [`${server.url}x`, /Unknown database 'spinx'/],
    [`${server.url}?ssl-mode=REQUIRED`, /secure connection/],
    ["mysql://spin:se%20cret@127.0.0.1:1/x", /MySQL server 127\.0\.0\.1:1: .*ECONNREFUSED/],
    ["nonsense", /^invalid MySQL address/],
  ];
  for (const [address, message] of cases) {
    const error = await rejection(mysql.Connection.open(address)) as Value;
    assert.equal(error.tag, "connection-failed", address);
    assert.match(String(error.val), message);
    assert.doesNotMatch(String(error.val), /cret/);
  }
  using blocked = createInterfaces({ outbound: { isBlocked: () => true } });
  const error = await rejection(blocked.Connection.open(server.url)) as Value;
  assert.match(String(error.val), /prohibited by the runtime configuration/);
});

mysqlTest("connections are used again, as new", async () => {
  using mysql = createInterfaces({ maxPerAddress: 1 });
  const id = "SELECT CONNECTION_ID(), @mine, @@character_set_client";
  let first: Value[];
  {
    using connection = await mysql.Connection.open(server.url);
    await connection.execute("SET @mine = 5", []);
    first = (await connection.query(id, [])).rows[0];
    assert.deepEqual(first[1], { tag: "int64", val: 5n });
  }
  using connection = await mysql.Connection.open(server.url);
  const second = (await connection.query(id, [])).rows[0];
  assert.deepEqual(second, [first[0], { tag: "db-null" }, { tag: "str", val: "utf8mb4" }]);
});

mysqlTest("a guest that is ended while it waits takes its connection with it", async () => {
  using mysql = createInterfaces();
  const connection = await mysql.Connection.open(server.url);
  const slept = rejection(connection.query("SELECT SLEEP(60)", []));
  using watching = await mysql.Connection.open(server.url);
  await waitUntil(async () => {
    const { rows } = await watching.query(
      "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'",
      [],
    );
    return rows.length === 1;
  }, { what: "the server to sleep" });
  connection[Symbol.dispose]();
  assert.deepEqual(await slept, { tag: "query-failed", val: "the connection was closed" });
});

mysqlTest("limits hold", async () => {
  const limits = createConnectionLimits({ mysql: 1 });
  using mysql = createInterfaces({
    maxResultBytes: 1000,
    outbound: { openConnection: (kind) => limits.open(kind) },
  });
  using connection = await mysql.Connection.open(server.url);
  assert.deepEqual(await rejection(connection.query("SELECT REPEAT('x', 1000)", [])), {
    tag: "query-failed",
    val: "query result exceeds limit of 1000 bytes",
  });
  using held = await mysql.Connection.open(server.url);
  await held.execute("DO 1", []);
  assert.deepEqual(await rejection(mysql.Connection.open(server.url)), {
    tag: "connection-failed",
    val: "too many connections",
  });
});

mysqlTest("a server that goes away, or does not answer, is an error", async () => {
  await using mortal = await MysqlServer.start();
  using mysql = createInterfaces({ connectTimeoutMs: 300, statementTimeoutMs: 300 });
  using connection = await mysql.Connection.open(mortal.url);
  await connection.execute("DO 1", []);
  mortal.signal("SIGSTOP");
  const late = await rejection(mysql.Connection.open(`${mortal.url}?pool_max=1`)) as Value;
  assert.match(String(late.val), /no answer within 0\.3 s/);
  const silent = await rejection(connection.execute("DO 1", [])) as Value;
  assert.match(String(silent.val), /did not answer within 0\.3 s/);
  assert.deepEqual(await rejection(connection.execute("DO 1", [])), {
    tag: "connection-failed",
    val: "the connection was lost; open another one",
  });
  mortal.signal("SIGCONT");
  using last = await mysql.Connection.open(mortal.url);
  await last.execute("DO 1", []);
  mortal.signal("SIGKILL");
  await waitUntil(async () => await rejection(last.execute("DO 1", [])) !== undefined, {
    what: "the connection to break",
  });
});

mysqlTest("connections are encrypted on demand, and certificates verified", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const certificate = makeCertificate(directory);
    // Without openssl there is nothing to test with.
    if (!certificate) return;
    const key = await Deno.readTextFile(certificate.keyFile);
    await using secure = await MysqlServer.start({ certificate: { cert: certificate.cert, key } });
    using mysql = createInterfaces();
    using plain = await mysql.Connection.open(secure.url);
    await plain.execute("DO 1", []);
    const untrusted = await rejection(
      mysql.Connection.open(`${secure.url}?ssl-mode=REQUIRED`),
    ) as Value;
    assert.equal(untrusted.tag, "connection-failed");
    assert.match(String(untrusted.val), /certificate|UnknownIssuer/i);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

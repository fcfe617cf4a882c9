import assert from "node:assert/strict";
import { join } from "node:path";
import type { SqliteConnection, SqlValue } from "./component_context.ts";
import { createLocalSqliteDatabase } from "./sqlite_local.ts";

async function withFile(
  action: (path: string, connect: () => SqliteConnection) => Promise<void> | void,
  options: { allowAttachFile?: boolean } = {},
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  const path = join(directory, "state", "a.db");
  const database = createLocalSqliteDatabase({
    path,
    allowAttachFile: options.allowAttachFile ?? false,
  });
  const opened: SqliteConnection[] = [];
  try {
    await action(path, () => {
      const connection = database.connect() as SqliteConnection;
      opened.push(connection);
      return connection;
    });
  } finally {
    opened.forEach((connection) => connection.close());
    Deno.removeSync(directory, { recursive: true });
  }
}

function attempt(connection: SqliteConnection, sql: string, parameters: SqlValue[] = []): string {
  try {
    connection.execute(sql, parameters);
    return "ok";
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test("LocalConnection.execute() keeps the kinds of SQL values apart", async () => {
  await withFile((_path, connect) => {
    const values: SqlValue[] = [
      9_223_372_036_854_775_807n,
      -1n,
      2.0,
      "ümlaut",
      new Uint8Array([0, 255]),
      null,
      "",
      new Uint8Array(0),
    ];
    const marks = values.map(() => "?").join(", ");
    const { columns, rows } = connect().execute(`SELECT ${marks}`, values) as {
      columns: string[];
      rows: SqlValue[][];
    };
    assert.equal(columns.length, values.length);
    assert.deepEqual(rows, [values]);
  });
});

Deno.test("LocalConnection.execute() binds named and numbered parameters by position", async () => {
  await withFile((_path, connect) => {
    const cases: [string, SqlValue[], SqlValue[]][] = [
      ["SELECT ?2, ?1", [1n, 2n], [2n, 1n]],
      ["SELECT :a, :b, :a", [1n, 2n], [1n, 2n, 1n]],
      ["SELECT $x, @x, :x, ?", [1n, 2n, 3n, 4n], [1n, 2n, 3n, 4n]],
      ["SELECT '?', \"?\", ? -- ?\n/* :a */", ["x"], ["?", "?", "x"]],
    ];
    const connection = connect();
    for (const [sql, parameters, expected] of cases) {
      const { rows } = connection.execute(sql, parameters) as { rows: SqlValue[][] };
      assert.deepEqual(rows, [expected], sql);
    }
  });
});

Deno.test("LocalConnection.execute() reports mistakes with SQLite's words", async () => {
  await withFile((_path, connect) => {
    const connection = connect();
    const cases: [string, SqlValue[], string][] = [
      ["SELECT * FROM nope", [], "no such table: nope"],
      ["SELEC", [], 'near "SELEC": syntax error'],
      ["SELECT ?", [], "Wrong number of parameters passed to query. Got 0, needed 1"],
      ["SELECT 1", ["x"], "Wrong number of parameters passed to query. Got 1, needed 0"],
      ["", [], "ok"],
      ["-- nothing", [], "ok"],
      [
        "SELECT zeroblob(134217729)",
        [],
        "query result exceeds limit of 134217728 bytes",
      ],
      [
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) " +
        "SELECT zeroblob(50000000) FROM c",
        [],
        "query result exceeds limit of 134217728 bytes",
      ],
      [
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT abs(x - 3 + " +
        "-9223372036854775807) FROM c",
        [],
        "integer overflow",
      ],
      ["SELECT zeroblob(300000000)", [], "string or blob too big"],
    ];
    for (const [sql, parameters, message] of cases) {
      assert.equal(attempt(connection, sql, parameters), message, sql);
    }
  });
});

Deno.test("LocalConnection.execute() runs only the first statement", async () => {
  await withFile((_path, connect) => {
    const connection = connect();
    connection.execute("CREATE TABLE t (a); DROP TABLE t", []);
    assert.equal(attempt(connection, "SELECT * FROM t"), "ok");
  });
});

Deno.test("LocalConnection.execute() refuses to reach files", async () => {
  await withFile((path, connect) => {
    const connection = connect();
    const other = `${path}.other`;
    for (
      const sql of [
        `ATTACH '${other}' AS o`,
        `ATTACH '${other.slice(0, -1)}' || '${other.slice(-1)}' AS o`,
        "ATTACH 'file::memory:?cache=shared' AS o",
        `VACUUM INTO '${other}'`,
        "SELECT load_extension('x')",
        "PRAGMA temp_store_directory = '/'",
      ]
    ) assert.match(attempt(connection, sql), /authoriz/, sql);
    assert.match(attempt(connection, "ATTACH ? AS o", [other]), /authoriz/);
    for (const sql of ["ATTACH '' AS e", "ATTACH ':memory:' AS m", "VACUUM"]) {
      assert.equal(attempt(connection, sql), "ok", sql);
    }
  });
});

Deno.test("LocalConnection.execute() attaches files if the operator allows it", async () => {
  await withFile((path, connect) => {
    assert.equal(attempt(connect(), `ATTACH '${path}.other' AS o`), "ok");
  }, { allowAttachFile: true });
});

Deno.test("LocalConnection.changes() and lastInsertRowid() speak of the connection", async () => {
  await withFile((_path, connect) => {
    const connection = connect();
    connection.execute("CREATE TABLE t (a)", []);
    connection.execute("INSERT INTO t VALUES (1), (2)", []);
    assert.equal(connection.changes(), 2n);
    assert.equal(connection.lastInsertRowid(), 2n);
    assert.equal(connect().lastInsertRowid(), 0n);
  });
});

Deno.test("LocalConnection.execute() describes the columns after a change of the schema", async () => {
  await withFile((_path, connect) => {
    const connection = connect();
    connection.execute("CREATE TABLE t (a)", []);
    connection.execute("INSERT INTO t VALUES (1)", []);
    connection.execute("SELECT * FROM t", []);
    connect().execute("ALTER TABLE t ADD COLUMN b", []);
    assert.deepEqual(connection.execute("SELECT * FROM t", []), {
      columns: ["a", "b"],
      rows: [[1n, null]],
    });
  });
});

Deno.test("LocalConnection.execute() lets a lock of the same isolate go while it waits", async () => {
  await withFile(async (_path, connect) => {
    const [first, second] = [connect(), connect()];
    first.execute("CREATE TABLE t (a)", []);
    first.execute("BEGIN IMMEDIATE", []);
    first.execute("INSERT INTO t VALUES (1)", []);
    const waiting = second.execute("INSERT INTO t VALUES (2)", []);
    assert.ok(waiting instanceof Promise);
    first.execute("COMMIT", []);
    await waiting;
    const { rows } = first.execute("SELECT a FROM t ORDER BY a", []) as { rows: SqlValue[][] };
    assert.deepEqual(rows, [[1n], [2n]]);
  });
});

Deno.test("LocalConnection.close() ends the transaction and later statements", async () => {
  await withFile((_path, connect) => {
    const [first, second] = [connect(), connect()];
    first.execute("CREATE TABLE t (a)", []);
    first.execute("BEGIN IMMEDIATE", []);
    first.close();
    assert.equal(attempt(second, "INSERT INTO t VALUES (1)"), "ok");
    assert.equal(attempt(first, "SELECT 1"), "the connection is closed");
  });
});

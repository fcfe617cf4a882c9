import assert from "node:assert/strict";
import { join } from "node:path";
import { testContext } from "./_context_fixture.ts";
import { createSpinSqlite } from "./spin_sqlite.ts";
import { createLocalSqliteDatabase } from "./sqlite_local.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

async function withInterfaces(
  action: (interfaces: { v1: Any; v2: Any; v3: Any }) => Promise<void> | void,
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  const database = createLocalSqliteDatabase({
    path: join(directory, "a.db"),
    allowAttachFile: false,
  });
  const imports = createSpinSqlite(testContext({
    sqliteLabels: ["default", "unconfigured"],
    sqliteDatabase: (label) => label === "default" ? database : undefined,
  }));
  try {
    await action({
      v1: imports["fermyon:spin/sqlite"],
      v2: imports["fermyon:spin/sqlite@2.0.0"]!.Connection,
      v3: imports["spin:sqlite/sqlite@3.0.0"]!.Connection,
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test("Connection.open() tells denied from unconfigured labels", async () => {
  await withInterfaces(({ v1, v2, v3 }) => {
    for (const open of [v1.open, v2.open, v3.open]) {
      assert.deepEqual(thrown(() => open("forbidden")), { tag: "access-denied" });
      assert.deepEqual(thrown(() => open("unconfigured")), { tag: "no-such-database" });
    }
  });
});

Deno.test("Connection.execute() passes values and results as variants", async () => {
  await withInterfaces(({ v3 }) => {
    using connection = v3.open("default");
    const parameters = [
      { tag: "integer", val: 5n },
      { tag: "real", val: 1 },
      { tag: "text", val: "x" },
      { tag: "blob", val: new Uint8Array([1]) },
      { tag: "null" },
    ];
    assert.deepEqual(connection.execute("SELECT ? AS a, ? AS b, ?, ?, ? AS a", parameters), {
      columns: ["a", "b", "?", "?", "a"],
      rows: [{ values: parameters }],
    });
    connection.execute("CREATE TABLE t (a)", []);
    connection.execute("INSERT INTO t VALUES (1)", []);
    assert.equal(connection.changes(), 1n);
    assert.equal(connection.lastInsertRowid(), 1n);
    assert.deepEqual(thrown(() => connection.execute("SELECT * FROM nope", [])), {
      tag: "io",
      val: "no such table: nope",
    });
  });
});

Deno.test("Connection[Symbol.dispose]() rolls back what was not committed", async () => {
  await withInterfaces(({ v2 }) => {
    {
      using connection = v2.open("default");
      connection.execute("CREATE TABLE t (a)", []);
      connection.execute("BEGIN", []);
      connection.execute("INSERT INTO t VALUES (1)", []);
    }
    using connection = v2.open("default");
    assert.deepEqual(connection.execute("SELECT a FROM t", []).rows, []);
  });
});

Deno.test("v1 functions work on handles", async () => {
  await withInterfaces(({ v1 }) => {
    const handle = v1.open("default");
    assert.deepEqual(v1.execute(handle, "SELECT 1 AS one", []), {
      columns: ["one"],
      rows: [{ values: [{ tag: "integer", val: 1n }] }],
    });
    v1.close(handle);
    v1.close(handle);
    assert.deepEqual(thrown(() => v1.execute(handle, "SELECT 1", [])), {
      tag: "invalid-connection",
    });
  });
});

Deno.test("Connection.open() ends with an error, not with the process's files", async () => {
  await withInterfaces(({ v2 }) => {
    const opened: Disposable[] = [];
    for (let i = 0; i < 1024; i++) opened.push(v2.open("default"));
    assert.deepEqual(thrown(() => v2.open("default")), {
      tag: "io",
      val: "too many connections opened",
    });
    opened.pop()![Symbol.dispose]();
    opened.push(v2.open("default"));
    opened.forEach((connection) => connection[Symbol.dispose]());
  });
});

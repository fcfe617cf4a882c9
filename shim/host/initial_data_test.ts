import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { RuntimeConfig } from "../imports/runtime_config.ts";
import { applyInitialData, parseKeyValueFlag, parseSqliteFlag } from "./initial_data.ts";

function readFile(path: string): string {
  if (path === "a.sql" || path === "C:\\a.sql") return "SELECT 1; SELECT 2";
  throw new Error("no such file");
}

function configIn(directory: string): RuntimeConfig {
  const store = (name: string) => ({
    type: "spin" as const,
    path: join(directory, "state", name),
    isTemporary: false,
  });
  return {
    keyValueStores: { default: store("kv.db") },
    sqliteDatabases: {
      default: { ...store("sql.db"), allowAttachFile: false },
      other: { ...store("other.db"), allowAttachFile: false },
    },
    variableProviders: [],
    outboundNetworking: { blockNetworks: [] },
    outboundHttp: { connectionPooling: true },
    clientTls: [],
  };
}

Deno.test("parseKeyValueFlag() splits at the first equals sign", () => {
  assert.deepEqual(parseKeyValueFlag("k=a=b"), ["k", "a=b"]);
  assert.deepEqual(parseKeyValueFlag("k="), ["k", ""]);
  assert.throws(() => parseKeyValueFlag("k"), {
    name: "UsageError",
    message: "Key-value must be of the form `key=value`",
  });
});

Deno.test("parseSqliteFlag() tells statements from files and finds the label", () => {
  const cases = [
    ["SELECT 'a:b'", "default", "SELECT 'a:b'"],
    ["@a.sql", "default", "SELECT 1; SELECT 2"],
    ["@a.sql:other", "other", "SELECT 1; SELECT 2"],
    ["@C:\\a.sql", "default", "SELECT 1; SELECT 2"],
    ["@C:\\a.sql:other", "other", "SELECT 1; SELECT 2"],
  ];
  for (const [flag, label, sql] of cases) {
    assert.deepEqual(parseSqliteFlag(flag!, readFile), { label, sql, flag });
  }
  assert.throws(() => parseSqliteFlag("@a.sql:", readFile), {
    name: "UsageError",
    message: "database label is empty in the '--sqlite @a.sql:' flag",
  });
  assert.throws(() => parseSqliteFlag("@gone.sql", readFile), {
    name: "TerminalError",
    message: "Cannot read the SQL file \"gone.sql\" of '--sqlite @gone.sql': no such file",
  });
});

Deno.test("applyInitialData() fills the stores before the start", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const config = configIn(directory);
    await applyInitialData({
      keyValues: [["k", "1"], ["k", "ä"]],
      sqlite: [
        { label: "default", sql: "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)", flag: "x" },
        { label: "other", sql: "CREATE TABLE u (a)", flag: "x" },
      ],
    }, { config, environment: () => undefined });
    using store = new DatabaseSync(join(directory, "state", "kv.db"));
    const row = store.prepare("SELECT store, value FROM spin_key_value WHERE key = 'k'").get()!;
    assert.equal(row.store, "default");
    assert.deepEqual(row.value, new TextEncoder().encode("ä"));
    using database = new DatabaseSync(join(directory, "state", "sql.db"));
    assert.equal(database.prepare("SELECT count(*) AS n FROM t").get()!.n, 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("applyInitialData() says which flag failed and why", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const config = configIn(directory);
    const cases: [string, string, string][] = [
      [
        "default",
        "SELEC",
        '\'--sqlite SELEC\' failed on database "default": near "SELEC": syntax error in SELEC at offset 0',
      ],
      [
        "default",
        "CREATE TABLE t (a PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)",
        "'--sqlite CREATE TABLE t (a PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES " +
        '(1)\' failed on database "default": UNIQUE constraint failed: t.a',
      ],
      [
        "gone",
        "SELECT 1",
        "'--sqlite SELECT 1' names the database \"gone\", which is not defined. Check the spelling, " +
        "or define [sqlite_database.gone] in a file given with --runtime-config-file.",
      ],
    ];
    for (const [label, sql, message] of cases) {
      await assert.rejects(
        applyInitialData({ keyValues: [], sqlite: [{ label, sql, flag: sql }] }, {
          config,
          environment: () => undefined,
        }),
        { name: "TerminalError", message },
      );
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

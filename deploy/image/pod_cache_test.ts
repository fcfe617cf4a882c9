import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { finishDatabase } from "./pod_cache.ts";

Deno.test("finishDatabase() gives modules their URLs in pods, and drops those of other files", async () => {
  const directory = await Deno.makeTempDir({ prefix: "a%b " });
  const path = `${directory}/cache`;
  const encoded = directory.replaceAll("%", "%25").replaceAll(" ", "%20");
  try {
    const before = new DatabaseSync(path);
    before.exec(
      "PRAGMA journal_mode = WAL; CREATE TABLE t (specifier TEXT PRIMARY KEY, data TEXT)",
    );
    const insert = before.prepare("INSERT INTO t VALUES (?, 'x')");
    for (
      const specifier of [
        `file://${encoded}/app/main.js`,
        `file://${encoded}x/app/other.js`,
        "file:///tmp/app/prepared/c/component.js",
        "ext:deno_node/util.ts",
      ]
    ) insert.run(specifier);
    before.close();
    await finishDatabase(path, { table: "t", directory });
    // What SQLite needs to open it in a directory that it cannot write to.
    assert.equal(Deno.statSync(`${path}-wal`).size, 0);
    assert.ok(Deno.statSync(`${path}-shm`).size > 0);
    const after = new DatabaseSync(path, { readOnly: true });
    const rows = after.prepare("SELECT specifier, data FROM t ORDER BY specifier").all();
    after.close();
    assert.deepEqual(rows.map((row) => ({ ...row })), [
      { specifier: "ext:deno_node/util.ts", data: "x" },
      { specifier: "file:///.spinkube/runtime/app/main.js", data: "x" },
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

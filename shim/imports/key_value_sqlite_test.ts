import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createSqliteKeyValueStore } from "./key_value_sqlite.ts";

async function withDirectory(action: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = Deno.makeTempDirSync();
  try {
    await action(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const ONE = new Uint8Array([1]);

Deno.test("createSqliteKeyValueStore() keeps any key and value, per label", async () => {
  await withDirectory((directory) => {
    const path = join(directory, "deep", "kv.db");
    using store = createSqliteKeyValueStore({ path, label: "default" });
    using other = createSqliteKeyValueStore({ path, label: "other" });
    assert.equal(store.get("k"), undefined);
    assert.equal(store.exists("k"), false);
    store.delete("k");
    for (const key of ["", "k", "ümlaut/%_'\"", "a".repeat(10_000)]) {
      store.set(key, new Uint8Array());
      assert.deepEqual(store.get(key), new Uint8Array());
      store.set(key, ONE);
      assert.deepEqual(store.get(key), ONE);
      assert.equal(store.exists(key), true);
    }
    store.set("a\0b", ONE);
    assert.deepEqual(
      (store.keys() as string[]).sort(),
      ["", "a\0b", "a".repeat(10_000), "k", "ümlaut/%_'\""],
    );
    assert.deepEqual(other.keys(), []);
    store.delete("k");
    assert.equal(store.get("k"), undefined);
  });
});

Deno.test("createSqliteKeyValueStore() writes Spin's table and reads one that is there", async () => {
  await withDirectory((directory) => {
    const path = join(directory, "kv.db");
    {
      using database = new DatabaseSync(path);
      database.exec(
        "CREATE TABLE spin_key_value (store TEXT, key TEXT, value BLOB, PRIMARY KEY (store, key));" +
          "INSERT INTO spin_key_value VALUES ('default', 'old', x'01'), ('default', 'text', 'ä')",
      );
    }
    using store = createSqliteKeyValueStore({ path, label: "default" });
    assert.deepEqual(store.get("old"), ONE);
    assert.deepEqual(store.get("text"), new TextEncoder().encode("ä"));
    store.set("new", ONE);
    store.close();
    using database = new DatabaseSync(path);
    assert.equal(
      database.prepare("SELECT count(*) AS n FROM spin_key_value WHERE store = 'default'").get()!.n,
      3,
    );
  });
});

Deno.test("createSqliteKeyValueStore() waits without blocking while another writes", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "kv.db");
    using store = createSqliteKeyValueStore({ path, label: "default" });
    store.set("k", ONE);
    using writer = new DatabaseSync(path);
    writer.exec("BEGIN IMMEDIATE");
    const waiting = store.set("k", new Uint8Array([2]));
    assert.ok(waiting instanceof Promise);
    assert.deepEqual(store.get("k"), ONE, "a reader does not wait");
    writer.exec("COMMIT");
    await waiting;
    assert.deepEqual(store.get("k"), new Uint8Array([2]));
  });
});

Deno.test("createSqliteKeyValueStore() names the file it cannot open", async () => {
  await withDirectory((directory) => {
    const path = join(directory, "file", "kv.db");
    Deno.writeTextFileSync(join(directory, "file"), "");
    using store = createSqliteKeyValueStore({ path, label: "default" });
    assert.throws(() => store.get("k"), { message: /^Cannot open SQLite file ".*kv\.db": / });
  });
});

Deno.test("createSqliteKeyValueStore() admits isolates that open the file at once", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "kv.db");
    const source = `
      import { createSqliteKeyValueStore } from ${
      JSON.stringify(new URL("./key_value_sqlite.ts", import.meta.url).href)
    };
      self.onmessage = async ({ data }) => {
        const store = createSqliteKeyValueStore({ path: data.path, label: "default" });
        for (let i = 0; i < 50; i++) await store.set(data.name + i, new Uint8Array([i]));
        store.close();
        self.postMessage("done");
      };`;
    const url = URL.createObjectURL(new Blob([source], { type: "application/typescript" }));
    const workers = ["a", "b"].map((name) => {
      const worker = new Worker(url, { type: "module" });
      const done = new Promise((resolve, reject) => {
        worker.onmessage = resolve;
        worker.onerror = (event) => reject(new Error(event.message));
      });
      worker.postMessage({ path, name });
      return { worker, done };
    });
    await Promise.all(workers.map(({ done }) => done));
    workers.forEach(({ worker }) => worker.terminate());
    URL.revokeObjectURL(url);
    using store = createSqliteKeyValueStore({ path, label: "default" });
    assert.equal((store.keys() as string[]).length, 100);
  });
});

Deno.test("createSqliteKeyValueStore() sets all entries or none", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "kv.db");
    using store = createSqliteKeyValueStore({ path, label: "default" });
    store.set("k", ONE);
    {
      using database = new DatabaseSync(path);
      database.exec(
        "CREATE TRIGGER refuse BEFORE INSERT ON spin_key_value WHEN NEW.key = 'bad' " +
          "BEGIN SELECT RAISE(ABORT, 'refused'); END",
      );
    }
    const two = new Uint8Array([2]);
    assert.throws(() => store.setMany([["k", two], ["new", two], ["bad", two]]), {
      message: "refused",
    });
    assert.deepEqual(store.getMany(["k", "new", "bad"]), [ONE, undefined, undefined]);
    await store.setMany([["k", two]]);
    assert.deepEqual(store.get("k"), two, "and goes on working");
  });
});

Deno.test("createSqliteKeyValueStore() waits for another writer before it counts", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "kv.db");
    using store = createSqliteKeyValueStore({ path, label: "default" });
    using other = createSqliteKeyValueStore({ path, label: "default" });
    store.increment("n", 1n);
    using writer = new DatabaseSync(path);
    writer.exec("BEGIN IMMEDIATE");
    const waiting = [store.increment("n", 10n), other.increment("n", 100n)];
    assert.ok(waiting.every((sum) => sum instanceof Promise));
    writer.exec("COMMIT");
    await Promise.all(waiting);
    assert.equal(store.increment("n", 0n), 111n);
  });
});

Deno.test("createSqliteKeyValueStore() compares with what other tools wrote as text", async () => {
  await withDirectory((directory) => {
    const path = join(directory, "kv.db");
    using store = createSqliteKeyValueStore({ path, label: "default" });
    store.set("other", ONE);
    using database = new DatabaseSync(path);
    database.exec("INSERT INTO spin_key_value VALUES ('default', 'text', 'ä')");
    const expected = new TextEncoder().encode("ä");
    assert.equal(store.compareAndSwap("text", { expected: ONE, value: ONE }), false);
    assert.equal(store.compareAndSwap("text", { expected, value: new Uint8Array() }), true);
    assert.equal(
      store.compareAndSwap("text", { expected: new Uint8Array(), value: ONE }),
      true,
      "an empty value is a value",
    );
    assert.equal(store.compareAndSwap("text", { expected: undefined, value: ONE }), false);
  });
});

/**
 * A key-value store in a SQLite file, in Spin's own table layout: a file written by either program
 * can be used by the other.
 *
 * @module
 */

import type { StatementSync } from "node:sqlite";
import type { KeyValueStore, MaybePromise } from "./component_context.ts";
import { addToCounter } from "./_key_value_counter.ts";
import { MAX_RESULT_BYTES, resultTooLarge } from "./_result_limit.ts";
import { openSqliteFile, retryWhileBusy, type SqliteFile } from "./sqlite_file.ts";

/** A store that holds an open file. It offers every operation, also the optional ones. */
export interface SqliteKeyValueStore extends Required<KeyValueStore>, Disposable {
  /** Closes the file. Later calls open it again. */
  close(): void;
}

/** Where a store lives. */
export interface SqliteKeyValueOptions {
  /** Path of the SQLite file; it and its directory are created on first use. */
  readonly path: string;
  /** The label of the store, which is part of each row's key. */
  readonly label: string;
  /** The file ends with the process, so that nothing has to survive a crash. */
  readonly isTemporary?: boolean;
}

interface Statements {
  readonly get: StatementSync;
  readonly set: StatementSync;
  readonly delete: StatementSync;
  readonly exists: StatementSync;
  readonly keys: StatementSync;
  readonly insert: StatementSync;
  readonly replace: StatementSync;
}

interface OpenFile {
  readonly database: SqliteFile;
  readonly statements: Statements;
}

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS spin_key_value (
  store TEXT NOT NULL,
  key   TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (store, key)
)`;

/**
 * Creates a store with one connection of its own, opened on first use. Any number of connections
 * may use the file at once, from this isolate, others, or other processes. The caller closes it.
 */
export function createSqliteKeyValueStore(options: SqliteKeyValueOptions): SqliteKeyValueStore {
  const { label } = options;
  let open: OpenFile | undefined;

  function use<T>(action: (statements: Statements) => T): MaybePromise<T> {
    return retryWhileBusy(() => {
      open ??= openFile(options);
      return action(open.statements);
    });
  }

  /** All of `action` or nothing; a reader sees one state of the file, a writer is alone. */
  function transact<T>(
    kind: "reads" | "writes",
    action: (statements: Statements) => T,
  ): MaybePromise<T> {
    return retryWhileBusy(() => {
      open ??= openFile(options);
      return runTransaction(open, { kind, action });
    });
  }

  function close(): void {
    const file = open;
    open = undefined;
    file?.database.close();
  }

  return {
    get: (key) =>
      use((statements) => {
        const row = statements.get.get(label, key);
        return row === undefined ? undefined : toBytes(row.value);
      }),
    set: (key, value) =>
      use((statements) => {
        statements.set.run(label, key, value);
      }),
    delete: (key) =>
      use((statements) => {
        statements.delete.run(label, key);
      }),
    exists: (key) => use((statements) => statements.exists.get(label, key) !== undefined),
    keys: () => use((statements) => readKeys(statements.keys, label)),
    getMany: (keys) => transact("reads", ({ get }) => readValues(get, { label, keys })),
    setMany: (entries) =>
      transact("writes", (statements) => {
        for (const [key, value] of entries) statements.set.run(label, key, value);
      }),
    deleteMany: (keys) =>
      transact("writes", (statements) => {
        for (const key of keys) statements.delete.run(label, key);
      }),
    increment: (key, delta) =>
      transact("writes", (statements) => {
        const row = statements.get.get(label, key);
        const { sum, value } = addToCounter(row && toBytes(row.value), { key, delta });
        statements.set.run(label, key, value);
        return sum;
      }),
    compareAndSwap: (key, { expected, value }) =>
      use(({ insert, replace }) => {
        const { changes } = expected === undefined
          ? insert.run(label, key, value)
          : replace.run(value, label, key, expected);
        return Number(changes) > 0;
      }),
    close,
    [Symbol.dispose]: close,
  };
}

function openFile({ path, isTemporary }: SqliteKeyValueOptions): OpenFile {
  const database = openSqliteFile(path);
  try {
    // Readers and the one writer do not wait for each other. NORMAL survives a crash of the
    // process; only a power cut may take the last writes, never the file's integrity.
    database.prepare("PRAGMA journal_mode = WAL").get();
    database.prepare(`PRAGMA synchronous = ${isTemporary ? "OFF" : "NORMAL"}`).get();
    database.prepare(CREATE_TABLE).run();
    return { database, statements: prepareStatements(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function runTransaction<T>(
  { database, statements }: OpenFile,
  { kind, action }: { kind: "reads" | "writes"; action: (statements: Statements) => T },
): T {
  // A writer takes the lock now: one that read first could not get it any more once somebody else
  // has written.
  database.exec(kind === "writes" ? "BEGIN IMMEDIATE" : "BEGIN");
  try {
    const result = action(statements);
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // Some failures, as that of a full disk, have ended it already.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function prepareStatements(database: SqliteFile): Statements {
  return {
    get: database.prepare("SELECT value FROM spin_key_value WHERE store = ? AND key = ?"),
    set: database.prepare(
      "INSERT INTO spin_key_value (store, key, value) VALUES (?, ?, ?) " +
        "ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
    ),
    delete: database.prepare("DELETE FROM spin_key_value WHERE store = ? AND key = ?"),
    exists: database.prepare("SELECT 1 FROM spin_key_value WHERE store = ? AND key = ?"),
    // As bytes: text is cut off at a NUL when it is read.
    keys: database.prepare(
      "SELECT CAST(key AS BLOB) AS key FROM spin_key_value WHERE store = ?",
    ),
    insert: database.prepare(
      "INSERT INTO spin_key_value (store, key, value) VALUES (?, ?, ?) " +
        "ON CONFLICT (store, key) DO NOTHING",
    ),
    replace: database.prepare(
      "UPDATE spin_key_value SET value = ? " +
        "WHERE store = ? AND key = ? AND CAST(value AS BLOB) = ?",
    ),
  };
}

/** Other tools may have written text into the column, which has no fixed type. */
function toBytes(value: unknown): Uint8Array {
  const bytes = value instanceof Uint8Array ? value : new TextEncoder().encode(String(value));
  if (bytes.length > MAX_RESULT_BYTES) throw resultTooLarge();
  return bytes;
}

function readValues(
  statement: StatementSync,
  { label, keys }: { label: string; keys: readonly string[] },
): (Uint8Array | undefined)[] {
  let size = 0;
  return keys.map((key) => {
    const row = statement.get(label, key);
    if (row === undefined) return undefined;
    const value = toBytes(row.value);
    size += value.length;
    if (size > MAX_RESULT_BYTES) throw resultTooLarge();
    return value;
  });
}

function readKeys(statement: StatementSync, label: string): string[] {
  const decoder = new TextDecoder();
  let size = 0;
  return statement.all(label).map((row) => {
    const key = row.key as Uint8Array;
    size += key.length;
    if (size > MAX_RESULT_BYTES) throw resultTooLarge();
    return decoder.decode(key);
  });
}

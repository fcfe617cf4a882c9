/**
 * Data that is put into the stores before the app starts: `--key-value` and `--sqlite`.
 *
 * @module
 */

import { errorText, TerminalError, UsageError } from "../../lib/errors.ts";
import { createKeyValueStore } from "../imports/key_value_stores.ts";
import type { RuntimeConfig } from "../imports/runtime_config.ts";
import { createSqliteDatabase } from "../imports/sqlite_databases.ts";

const DEFAULT_LABEL = "default";

/** Parses `--key-value k=v`. @throws {UsageError} without a `=`. */
export function parseKeyValueFlag(text: string): [key: string, value: string] {
  const separator = text.indexOf("=");
  if (separator < 0) throw new UsageError("Key-value must be of the form `key=value`");
  return [text.slice(0, separator), text.slice(separator + 1)];
}

/** SQL to run on one database. */
export interface InitialSql {
  readonly label: string;
  readonly sql: string;
  /** The flag's value as the user wrote it, for messages. */
  readonly flag: string;
}

/**
 * Parses `--sqlite`: a statement for the database `default`, or `@file[:label]`.
 * @throws {UsageError} if the label is empty.
 * @throws {TerminalError} if the file cannot be read.
 */
export function parseSqliteFlag(flag: string, readFile: (path: string) => string): InitialSql {
  if (!flag.startsWith("@")) return { label: DEFAULT_LABEL, sql: flag, flag };
  const { path, label } = splitLabel(flag.slice(1).trim());
  if (label === "") {
    throw new UsageError(
      `database label is empty in the '--sqlite ${flag}' flag`,
      "Leave out the ':' for the database `default`.",
    );
  }
  try {
    return { label, sql: readFile(path), flag };
  } catch (error) {
    throw new TerminalError(
      "UnreadableSqlFile",
      `Cannot read the SQL file "${path}" of '--sqlite ${flag}': ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** The colon of a drive letter (`C:\x.sql`) separates nothing. */
function splitLabel(text: string): { path: string; label: string } {
  const colon = text.lastIndexOf(":");
  const isDrive = colon === 1 && /^[A-Za-z]:[\\/]/.test(text);
  if (colon < 0 || isDrive) return { path: text, label: DEFAULT_LABEL };
  return { path: text.slice(0, colon).trim(), label: text.slice(colon + 1).trim() };
}

/** What is written before the start, in order. */
export interface InitialData {
  /** For the key-value store `default`. */
  readonly keyValues: readonly (readonly [string, string])[];
  readonly sqlite: readonly InitialSql[];
}

/**
 * Writes the data. Each `--sqlite` runs all of its statements, until one fails.
 * @throws {TerminalError} naming the flag, the store and what the store said.
 */
export async function applyInitialData(
  data: InitialData,
  { config, environment }: {
    config: RuntimeConfig;
    /** The process environment, for stores whose credentials are there. */
    environment: (name: string) => string | undefined;
  },
): Promise<void> {
  await setKeyValues(data.keyValues, { config, environment });
  for (const entry of data.sqlite) await runSql(entry, config);
}

async function setKeyValues(
  keyValues: readonly (readonly [string, string])[],
  { config, environment }: {
    config: RuntimeConfig;
    environment: (name: string) => string | undefined;
  },
): Promise<void> {
  if (keyValues.length === 0) return;
  const place = config.keyValueStores[DEFAULT_LABEL];
  if (!place) {
    throw new TerminalError("UnknownStore", "--key-value needs a key-value store `default`");
  }
  const store = createKeyValueStore({ config: place, label: DEFAULT_LABEL, environment });
  using _closed = { [Symbol.dispose]: () => store.close() };
  for (const [key, value] of keyValues) {
    try {
      await store.set(key, new TextEncoder().encode(value));
    } catch (error) {
      // The value may be a secret.
      throw new TerminalError(
        "InitialDataFailed",
        `Cannot set key "${key}" of --key-value in the store "${DEFAULT_LABEL}": ${
          errorText(error)
        }`,
        { cause: error },
      );
    }
  }
}

async function runSql({ label, sql, flag }: InitialSql, config: RuntimeConfig): Promise<void> {
  const place = Object.hasOwn(config.sqliteDatabases, label)
    ? config.sqliteDatabases[label]
    : undefined;
  if (!place) {
    throw new TerminalError(
      "UnknownStore",
      `'--sqlite ${flag}' names the database "${label}", which is not defined. Check the ` +
        "spelling, or define [sqlite_database." + label + "] in a file given with " +
        "--runtime-config-file.",
    );
  }
  try {
    await createSqliteDatabase(place).executeBatch(sql);
  } catch (error) {
    throw new TerminalError(
      "InitialDataFailed",
      `'--sqlite ${flag}' failed on database "${label}": ${errorText(error)}`,
      { cause: error },
    );
  }
}

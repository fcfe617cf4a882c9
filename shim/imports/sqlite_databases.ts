/**
 * The SQLite database behind a label. A server's client is loaded when it is first used.
 *
 * @module
 */

import type { MaybePromise, SqliteDatabase } from "./component_context.ts";
import type { SqliteDatabaseConfig } from "./_store_config.ts";
import { BUSY_TIMEOUT_MS, openSqliteFile } from "./sqlite_file.ts";
import { createLocalSqliteDatabase } from "./sqlite_local.ts";

/** A database that also runs several statements at once. It holds nothing that has to be closed. */
export interface FullSqliteDatabase extends SqliteDatabase {
  /**
   * Runs all statements of `sql`, until one fails. For the operator: in files it may do everything.
   * @throws {Error} with SQLite's message.
   */
  executeBatch(sql: string): MaybePromise<void>;
}

/** Creates a database; nothing is opened or asked before its first use. */
export function createSqliteDatabase(config: SqliteDatabaseConfig): FullSqliteDatabase {
  if (config.type === "spin") {
    return {
      ...createLocalSqliteDatabase(config),
      executeBatch(sql) {
        using database = openSqliteFile(config.path);
        database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
        database.exec(sql);
      },
    };
  }
  let loading: Promise<FullSqliteDatabase> | undefined;
  const load = () =>
    loading ??= import("./sqlite_libsql.ts").then((module) => module.createLibsqlDatabase(config));
  return {
    connect: async () => await (await load()).connect(),
    executeBatch: async (sql) => await (await load()).executeBatch(sql),
  };
}

/**
 * SQLite databases in local files, with one connection per guest resource.
 *
 * @module
 */

import type { SQLInputValue } from "node:sqlite";
import type {
  MaybePromise,
  SqliteConnection,
  SqliteDatabase,
  SqlValue,
} from "./component_context.ts";
import { MAX_RESULT_BYTES, resultTooLarge } from "./_result_limit.ts";
import {
  openSqliteFile,
  retryWhileBusy,
  type SqliteFile,
  type SqliteStatement,
} from "./sqlite_file.ts";
import { findParameters, isEmptyStatement } from "./_sqlite_parameters.ts";

/** Where a database lives and what guests may do with it. */
export interface LocalSqliteOptions {
  /** Path of the file; it and its directory are created on first use. */
  readonly path: string;
  /** Guests may `ATTACH` any file the process can open. */
  readonly allowAttachFile: boolean;
  /** The file ends with the process, so that nothing has to survive a crash. */
  readonly isTemporary?: boolean;
}

/** A database that opens a connection of its own for each caller; it holds nothing itself. */
export function createLocalSqliteDatabase(options: LocalSqliteOptions): SqliteDatabase {
  return { connect: () => new LocalConnection(options) };
}

/** Action codes and answers of `sqlite3_set_authorizer`. */
const ACTION_DELETE = 9;
const ACTION_INSERT = 18;
const ACTION_PRAGMA = 19;
const ACTION_UPDATE = 23;
const ACTION_ATTACH = 24;
const ACTION_RECURSIVE = 33;
const WRITING_ACTIONS = [ACTION_DELETE, ACTION_INSERT, ACTION_UPDATE];
const ALLOW = 0;
const DENY = 1;

/** Pragmas that change a setting of the whole process. */
const PROCESS_WIDE_PRAGMAS = ["temp_store_directory", "data_store_directory"];

/** Statements a connection keeps prepared. */
const MAX_STATEMENTS = 16;

/** One value may be larger than a result is allowed to be, so that the limit can be reported. */
const MAX_VALUE_BYTES = 2 * MAX_RESULT_BYTES;

interface Prepared {
  readonly statement: SqliteStatement;
  readonly parameters: readonly (string | undefined)[];
  readonly hasRows: boolean;
  /** It only reads, and its result may be larger than memory: it is measured first. */
  readonly isRisky: boolean;
}

interface Result {
  readonly columns: string[];
  readonly rows: SqlValue[][];
}

/** Opens its file with the first statement, so that an unused connection costs nothing. */
class LocalConnection implements SqliteConnection {
  readonly #options: LocalSqliteOptions;
  readonly #statements = new Map<string, Prepared>();
  #database: SqliteFile | undefined;
  #toucher: SqliteStatement | undefined;
  /** What the statement prepared last does, as the authorizer was told. */
  readonly #actions = new Set<number>();
  #isClosed = false;

  constructor(options: LocalSqliteOptions) {
    this.#options = options;
  }

  execute(sql: string, parameters: SqlValue[]): MaybePromise<Result> {
    return retryWhileBusy(() => {
      const prepared = this.#prepare(sql);
      return prepared ? run(prepared, parameters) : { columns: [], rows: [] };
    });
  }

  lastInsertRowid(): MaybePromise<bigint> {
    return this.#readInteger("SELECT last_insert_rowid()");
  }

  changes(): MaybePromise<bigint> {
    return this.#readInteger("SELECT changes()");
  }

  close(): void {
    this.#isClosed = true;
    this.#statements.clear();
    this.#toucher = undefined;
    this.#database?.close();
    this.#database = undefined;
  }

  #readInteger(sql: string): MaybePromise<bigint> {
    return retryWhileBusy(() => run(this.#prepare(sql)!, []).rows[0]![0] as bigint);
  }

  #prepare(sql: string): Prepared | undefined {
    const known = this.#statements.get(sql);
    if (known) return known;
    const database = this.#open();
    // The width of rows is fixed when a statement is prepared, and SQLite prepares it with the
    // tables as this connection last saw them. Reading something makes it look again; for the same
    // reason no statement with rows is kept.
    this.#toucher ??= database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1");
    this.#toucher.get();
    this.#actions.clear();
    const prepared = prepare(database, { sql, actions: this.#actions });
    if (!prepared || prepared.hasRows) return prepared;
    if (this.#statements.size >= MAX_STATEMENTS) {
      const [oldest] = this.#statements.keys();
      this.#statements.delete(oldest!);
    }
    this.#statements.set(sql, prepared);
    return prepared;
  }

  #open(): SqliteFile {
    // A statement that waited for a lock may come back after its guest is gone.
    if (this.#isClosed) throw new Error("the connection is closed");
    return this.#database ??= openDatabase(this.#options, this.#actions);
  }
}

function openDatabase(options: LocalSqliteOptions, actions: Set<number>): SqliteFile {
  const database = openSqliteFile(options.path);
  try {
    // A user's file keeps its journal mode: a guest can set it, and it stays set.
    if (options.isTemporary) {
      database.prepare("PRAGMA journal_mode = WAL").get();
      database.prepare("PRAGMA synchronous = OFF").get();
    }
    database.limits.length = MAX_VALUE_BYTES;
    database.setAuthorizer((action, name) => {
      actions.add(action);
      return authorize(action, { name, options });
    });
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function authorize(
  action: number,
  { name, options }: { name: string | null; options: LocalSqliteOptions },
): number {
  if (action === ACTION_ATTACH) {
    // `name` is null for anything but a literal, `VACUUM` attaches "".
    return options.allowAttachFile || name === "" || name === ":memory:" ? ALLOW : DENY;
  }
  if (action === ACTION_PRAGMA && PROCESS_WIDE_PRAGMAS.includes(name?.toLowerCase() ?? "")) {
    return DENY;
  }
  return ALLOW;
}

/** Prepares the first statement of `sql`; undefined if there is none. */
function prepare(
  database: SqliteFile,
  { sql, actions }: { sql: string; actions: ReadonlySet<number> },
): Prepared | undefined {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  statement.setAllowBareNamedParameters(false);
  if (isEmptyStatement(sql)) return undefined;
  const hasRows = statement.columns().length > 0;
  const isRisky = hasRows && actions.has(ACTION_RECURSIVE) &&
    !WRITING_ACTIONS.some((action) => actions.has(action));
  return { statement, parameters: findParameters(sql), hasRows, isRisky };
}

function run(
  { statement, parameters, isRisky }: Prepared,
  values: readonly SqlValue[],
): Result {
  if (values.length !== parameters.length) {
    throw new Error(
      "Wrong number of parameters passed to query. " +
        `Got ${values.length}, needed ${parameters.length}`,
    );
  }
  const bindings = bind(parameters, values);
  // `iterate` ends silently at an error, so it only measures; the result comes from `all`.
  if (isRisky) checkSize(statement.iterate(...bindings) as Iterable<unknown>);
  // With setReturnArrays rows are arrays, which the types do not know.
  const rows = statement.all(...bindings) as unknown as SqlValue[][];
  checkSize(rows);
  return { columns: statement.columns().map((column) => column.name), rows };
}

/** The arguments that `node:sqlite` takes: an object of named values, then the others in order. */
function bind(
  parameters: readonly (string | undefined)[],
  values: readonly SqlValue[],
): SQLInputValue[] {
  const named: Record<string, SQLInputValue> = {};
  const numbered: SQLInputValue[] = [];
  for (const [i, name] of parameters.entries()) {
    if (name === undefined) numbered.push(values[i]!);
    else named[name] = values[i]!;
  }
  // The types know the object only as a first argument of its own.
  return Object.keys(named).length > 0
    ? [named as unknown as SQLInputValue, ...numbered]
    : numbered;
}

function checkSize(rows: Iterable<unknown>): void {
  let size = 0;
  for (const row of rows) {
    for (const value of row as SqlValue[]) size += byteLength(value);
    if (size > MAX_RESULT_BYTES) throw resultTooLarge();
  }
}

function byteLength(value: SqlValue): number {
  if (typeof value === "string") return utf8Length(value);
  return value instanceof Uint8Array ? value.length : 8;
}

/** `Buffer.byteLength()`, without loading Node's module. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    // Both halves of a pair: four bytes. One alone is written as U+FFFD.
    const isPair = unit >= 0xd800 && unit < 0xdc00 &&
      (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
    length += unit < 0x800 ? 1 : 2;
    if (isPair) at++;
  }
  return length;
}

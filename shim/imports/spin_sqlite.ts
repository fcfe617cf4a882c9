/**
 * `fermyon:spin/sqlite` (v1, handle numbers), `fermyon:spin/sqlite@2.0.0` and
 * `spin:sqlite/sqlite@3.0.0` and `@3.1.0` (a resource; in 3.1 with asynchronous functions, whose rows
 * are a stream).
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { mapFailure } from "./_failure.ts";
import { type GuestRows, rowsAtHand, type RowsEnd } from "./_row_stream.ts";
import type {
  ComponentContext,
  ImportObject,
  MaybePromise,
  SqliteConnection,
  SqlValue,
} from "./component_context.ts";

/** The variant `value`. */
type GuestValue =
  | { readonly tag: "integer"; readonly val: bigint }
  | { readonly tag: "real"; readonly val: number }
  | { readonly tag: "text"; readonly val: string }
  | { readonly tag: "blob"; readonly val: Uint8Array }
  | { readonly tag: "null" };

/** The record `query-result`. */
interface QueryResult {
  readonly columns: string[];
  readonly rows: { readonly values: GuestValue[] }[];
}

/** Columns, rows, and how they ended. */
type RowsResult = [
  columns: string[],
  rows: GuestRows<QueryResult["rows"][number]>,
  end: Promise<RowsEnd<unknown>>,
];

/**
 * Connections that one component may have open in one isolate. Spin allows 256 for an instance;
 * here all concurrent instances share the number.
 */
const MAX_CONNECTIONS = 1024;

/** Milliseconds without use after which a v1 connection may be taken from a guest that left. */
const MAX_IDLE_MS = 60_000;

/** The SQLite interfaces of one component. */
export function createSpinSqlite(component: ComponentContext): ImportObject {
  const open = createOpener(component);
  const Connection = createConnectionClass(open);
  return {
    "fermyon:spin/sqlite": createHandles(open),
    "fermyon:spin/sqlite@2.0.0": { Connection },
    "spin:sqlite/sqlite@3.0.0": { Connection },
    "spin:sqlite/sqlite@3.1.0": { Connection },
  };
}

/** @throws the variant case that says why there is no connection. */
type Opener = (label: string) => MaybePromise<SqliteConnection>;

function createOpener(component: ComponentContext): Opener {
  let count = 0;
  function counted(connection: SqliteConnection): SqliteConnection {
    let isOpen = true;
    count++;
    return {
      execute: (sql, parameters) => connection.execute(sql, parameters),
      lastInsertRowid: () => connection.lastInsertRowid(),
      changes: () => connection.changes(),
      close() {
        if (!isOpen) return;
        isOpen = false;
        count--;
        connection.close();
      },
    };
  }
  return (label) => {
    if (!component.sqliteLabels.includes(label)) throw { tag: "access-denied" };
    const database = component.sqliteDatabase(label);
    if (!database) throw { tag: "no-such-database" };
    if (count >= MAX_CONNECTIONS) throw { tag: "io", val: "too many connections opened" };
    return mapFailure(() => {
      const connection = database.connect();
      return connection instanceof Promise ? connection.then(counted) : counted(connection);
    }, io);
  };
}

function io(error: unknown): { tag: "io"; val: string } {
  return { tag: "io", val: errorText(error) };
}

function execute(
  connection: SqliteConnection,
  { statement, parameters }: { statement: string; parameters: readonly GuestValue[] },
): MaybePromise<QueryResult> {
  const values = parameters.map(toSqlValue);
  return mapFailure(() => {
    const result = connection.execute(statement, values);
    return result instanceof Promise ? result.then(toQueryResult) : toQueryResult(result);
  }, io);
}

function toSqlValue(value: GuestValue): SqlValue {
  switch (value.tag) {
    case "null":
      return null;
    case "blob":
      // A view of guest memory, which changes when the statement has to wait.
      return value.val.slice();
    default:
      return value.val;
  }
}

function toQueryResult(
  { columns, rows }: { columns: string[]; rows: SqlValue[][] },
): QueryResult {
  return { columns, rows: rows.map((row) => ({ values: row.map(toGuestValue) })) };
}

function toGuestValue(value: SqlValue): GuestValue {
  if (value === null) return { tag: "null" };
  if (typeof value === "bigint") return { tag: "integer", val: value };
  if (typeof value === "number") return { tag: "real", val: value };
  return typeof value === "string" ? { tag: "text", val: value } : { tag: "blob", val: value };
}

function createConnectionClass(open: Opener): unknown {
  return class Connection {
    readonly #connection: SqliteConnection;

    private constructor(connection: SqliteConnection) {
      this.#connection = connection;
    }

    static open(label: string): MaybePromise<Connection> {
      const connection = open(label);
      return connection instanceof Promise
        ? connection.then((opened) => new Connection(opened))
        : new Connection(connection);
    }

    static openAsync(label: string): MaybePromise<Connection> {
      return Connection.open(label);
    }

    execute(statement: string, parameters: GuestValue[]): MaybePromise<QueryResult> {
      return execute(this.#connection, { statement, parameters });
    }

    /**
     * All rows are read before the first is given: a statement that waits for its guest would keep
     * everybody else from writing.
     */
    async executeAsync(statement: string, parameters: GuestValue[]): Promise<RowsResult> {
      const { columns, rows } = await execute(this.#connection, { statement, parameters });
      return [columns, ...rowsAtHand<QueryResult["rows"][number], unknown>(rows)];
    }

    lastInsertRowid(): MaybePromise<bigint> {
      return mapFailure(() => this.#connection.lastInsertRowid(), io);
    }

    lastInsertRowidAsync(): MaybePromise<bigint> {
      return this.lastInsertRowid();
    }

    changes(): MaybePromise<bigint> {
      return mapFailure(() => this.#connection.changes(), io);
    }

    changesAsync(): MaybePromise<bigint> {
      return this.changes();
    }

    [Symbol.dispose](): void {
      this.#connection.close();
    }
  };
}

interface Held {
  readonly connection: SqliteConnection;
  usedAtMs: number;
}

/**
 * The v1 functions. A handle is a number without an owner, so nobody tells when its guest is gone:
 * connections that guests left open are closed once they are idle, when another one is opened.
 */
function createHandles(open: Opener): Record<string, unknown> {
  const held = new Map<number, Held>();
  let lastHandle = 0;

  function hold(connection: SqliteConnection): number {
    // Numbers are not used again soon, so that a late call meets no connection of somebody else.
    lastHandle = lastHandle % 0xffff_fffe + 1;
    held.set(lastHandle, { connection, usedAtMs: performance.now() });
    return lastHandle;
  }

  function closeIdle(): void {
    const since = performance.now() - MAX_IDLE_MS;
    for (const [handle, { connection, usedAtMs }] of held) {
      if (usedAtMs > since) continue;
      held.delete(handle);
      connection.close();
    }
  }

  return {
    open(label: string): MaybePromise<number> {
      closeIdle();
      const connection = open(label);
      return connection instanceof Promise ? connection.then(hold) : hold(connection);
    },
    execute(
      handle: number,
      statement: string,
      parameters: GuestValue[],
    ): MaybePromise<QueryResult> {
      const entry = held.get(handle);
      if (!entry) throw { tag: "invalid-connection" };
      entry.usedAtMs = performance.now();
      return execute(entry.connection, { statement, parameters });
    },
    close(handle: number): void {
      held.get(handle)?.connection.close();
      held.delete(handle);
    },
  };
}

/**
 * Databases of a libSQL server (`sqld`, Turso), by its protocol Hrana over HTTP, versions 3 and 2.
 *
 * The protocol is one JSON request, so it is written here: the client on npm brings WebSockets with
 * it, sets no limit to what a result may hold, and none to the time that a server takes.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { SqliteConnection, SqlValue } from "./component_context.ts";
import {
  createServiceClient,
  type Fetch,
  parseJsonObject,
  type ServiceClient,
} from "./_service_client.ts";
import type { LibsqlConfig } from "./_store_config.ts";
import type { FullSqliteDatabase } from "./sqlite_databases.ts";

/** Options of {@link createLibsqlDatabase}; the defaults are for production. */
export interface LibsqlOptions {
  /** Milliseconds for each statement. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** A value as Hrana writes it: integers as text, so that all 64 bits arrive. */
type HranaValue =
  | { readonly type: "null" }
  | { readonly type: "integer"; readonly value: string }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "text"; readonly value: string }
  | { readonly type: "blob"; readonly base64: string };

interface HranaResult {
  readonly cols: readonly { readonly name?: string | null }[];
  readonly rows: readonly (readonly HranaValue[])[];
  readonly affected_row_count?: number;
  readonly last_insert_rowid?: string | null;
}

type HranaRequest =
  | { readonly type: "execute"; readonly stmt: unknown }
  | { readonly type: "sequence"; readonly sql: string }
  | { readonly type: "get_autocommit" }
  | { readonly type: "close" };

/** What one request of a pipeline came to. */
type Outcome =
  | { readonly type: "ok"; readonly response: Readonly<Record<string, unknown>> }
  | { readonly type: "error"; readonly error: { readonly message?: unknown } };

/** Statements that may leave a transaction open. */
const OPENS_TRANSACTION = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/|;)*(?:BEGIN|SAVEPOINT)\b/i;
/** Statements that may end it. */
const ENDS_TRANSACTION =
  /^(?:\s|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/|;)*(?:COMMIT|END|RELEASE|ROLLBACK(?!\s+(?:TRANSACTION\s+)?TO\b))\b/i;

/**
 * Creates a database. Each of its connections is a stream of the server for as long as a transaction
 * is open, and nothing on the server otherwise: as with libSQL's own client, temporary tables and
 * pragmas last for one statement.
 */
export function createLibsqlDatabase(
  config: LibsqlConfig,
  options: LibsqlOptions = {},
): FullSqliteDatabase {
  const client = createServiceClient({ ...options, what: "libSQL server" });
  const open = () => new LibsqlConnection({ config, client });
  return {
    connect: open,
    async executeBatch(sql) {
      await open().sequence(sql);
    },
  };
}

class LibsqlConnection implements SqliteConnection {
  readonly #client: ServiceClient;
  readonly #token: string;
  readonly #base: string;
  #version: 2 | 3 = 3;
  /** Names the stream of an open transaction; undefined: there is none. */
  #baton: string | undefined;
  /** Where the server wants the stream to be continued. */
  #streamBase: string | undefined;
  #changes = 0n;
  #lastInsertRowid = 0n;
  /** A stream serves one request at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor({ config, client }: { config: LibsqlConfig; client: ServiceClient }) {
    this.#client = client;
    this.#token = config.token;
    this.#base = config.url;
  }

  execute(
    sql: string,
    parameters: SqlValue[],
  ): Promise<{ columns: string[]; rows: SqlValue[][] }> {
    const stmt = { sql, args: parameters.map(toHrana), want_rows: true };
    return this.#inTurn(async () => {
      const response = await this.#run({ type: "execute", stmt }, sql);
      return this.#takeResult(response.result as HranaResult);
    });
  }

  /** Runs all statements of `sql`, until one fails. */
  sequence(sql: string): Promise<void> {
    return this.#inTurn(async () => {
      const [outcome] = await this.#pipeline([{ type: "sequence", sql }, { type: "close" }]);
      responseOf(outcome);
    });
  }

  lastInsertRowid(): bigint {
    return this.#lastInsertRowid;
  }

  changes(): bigint {
    return this.#changes;
  }

  close(): void {
    this.#isClosed = true;
    const end = () => this.#baton === undefined ? undefined : this.#pipeline([{ type: "close" }]);
    // Nobody waits for it, and the server closes a stream by itself when it is not used.
    this.#last.then(end).catch(() => {});
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new Error("the connection is closed"));
    const result = this.#last.then(action);
    // Whoever called hears of a failure; the next one only waits.
    this.#last = result.catch(() => {});
    return result;
  }

  /** Runs one request, and keeps the stream only while there is a transaction. */
  async #run(request: HranaRequest, sql: string): Promise<Readonly<Record<string, unknown>>> {
    if (this.#baton === undefined && !OPENS_TRANSACTION.test(sql)) {
      const [outcome] = await this.#pipeline([request, { type: "close" }]);
      return responseOf(outcome);
    }
    if (this.#version === 3) {
      const [outcome, state] = await this.#pipeline([request, { type: "get_autocommit" }]);
      // The older protocol was all that the server knew.
      if (state) {
        const isOver = state.type !== "ok" || state.response.is_autocommit === true;
        if (isOver) await this.#drop();
        return responseOf(outcome);
      }
      return this.#leaveIfEnded(outcome, sql);
    }
    const [outcome] = await this.#pipeline([request]);
    return await this.#leaveIfEnded(outcome, sql);
  }

  async #leaveIfEnded(
    outcome: Outcome | undefined,
    sql: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    if (outcome?.type === "ok" && ENDS_TRANSACTION.test(sql)) await this.#drop();
    return responseOf(outcome);
  }

  async #drop(): Promise<void> {
    if (this.#baton !== undefined) await this.#pipeline([{ type: "close" }]);
  }

  #takeResult(result: HranaResult): { columns: string[]; rows: SqlValue[][] } {
    const { cols, rows, affected_row_count, last_insert_rowid } = result;
    // As in SQLite, a query changes nothing of what it tells.
    const changes = BigInt(affected_row_count ?? 0);
    if (cols.length === 0 || changes > 0n) this.#changes = changes;
    if (last_insert_rowid) this.#lastInsertRowid = BigInt(last_insert_rowid);
    return {
      columns: cols.map(({ name }) => name ?? ""),
      rows: rows.map((row) => row.map(fromHrana)),
    };
  }

  /** The outcomes of all requests, or of the first alone. @throws {Error} if the server fails. */
  async #pipeline(requests: readonly HranaRequest[]): Promise<Outcome[]> {
    const wasOpen = this.#baton !== undefined;
    try {
      const response = await this.#post(requests);
      // A server that is older has no such path. In a transaction it would have been noticed before.
      if (response.status === 404 && this.#version === 3 && !wasOpen) {
        this.#version = 2;
        const known = requests.filter(({ type }) => type !== "get_autocommit");
        return this.#takePipeline(await this.#post(known), known.length);
      }
      return this.#takePipeline(response, requests.length);
    } catch (error) {
      // What became of the stream is not known; the server rolls back what was open in it.
      this.#baton = undefined;
      this.#streamBase = undefined;
      throw error;
    }
  }

  async #post(requests: readonly HranaRequest[]) {
    const url = new URL(this.#streamBase ?? this.#base);
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/v${this.#version}/pipeline`;
    return await this.#client.send(url.href, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(this.#token === "" ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      body: JSON.stringify({ baton: this.#baton ?? null, requests }),
    });
  }

  #takePipeline(
    { status, text }: { status: number; text: string },
    count: number,
  ): Outcome[] {
    const { baton, base_url, results, message, error } = parseJsonObject(text);
    if (status !== 200) {
      const told = [message, error].find((candidate) => typeof candidate === "string");
      throw new Error(`libSQL server: ${told ?? `HTTP status ${status}`}`);
    }
    if (!Array.isArray(results) || results.length !== count) {
      throw new Error("libSQL server: the answer is not of its protocol");
    }
    this.#baton = typeof baton === "string" ? baton : undefined;
    this.#streamBase = typeof base_url === "string" && this.#baton ? base_url : undefined;
    return results as Outcome[];
  }
}

/** @throws {Error} with SQLite's message. */
function responseOf(outcome: Outcome | undefined): Readonly<Record<string, unknown>> {
  if (outcome?.type === "ok") return outcome.response;
  const message = outcome?.error?.message;
  throw new Error(typeof message === "string" ? message : "libSQL server: a statement failed");
}

function toHrana(value: SqlValue): HranaValue {
  if (value === null) return { type: "null" };
  if (typeof value === "bigint") return { type: "integer", value: String(value) };
  if (typeof value === "string") return { type: "text", value };
  if (typeof value !== "number") {
    return { type: "blob", base64: Buffer.from(value).toString("base64") };
  }
  // JSON has no other numbers. SQLite itself makes NULL of NaN.
  if (Number.isNaN(value)) return { type: "null" };
  if (!Number.isFinite(value)) throw new Error("a libSQL server takes no infinite numbers");
  return { type: "float", value };
}

function fromHrana(value: HranaValue): SqlValue {
  switch (value.type) {
    case "null":
      return null;
    case "integer":
      return BigInt(value.value);
    case "float":
    case "text":
      return value.value;
    case "blob":
      return new Uint8Array(Buffer.from(value.base64, "base64"));
    default:
      throw new Error("libSQL server: a value has an unknown type");
  }
}

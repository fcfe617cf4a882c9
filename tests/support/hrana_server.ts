/**
 * A double of a libSQL server: its protocol Hrana over HTTP, with SQLite itself behind it. What is not
 * of the protocol it refuses.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { SqliteStatement } from "../../shim/imports/sqlite_file.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

/** Options of {@link HranaServer}. */
export interface HranaOptions {
  /** The bearer token that requests need; default: none. */
  readonly token?: string;
  /** Versions of the protocol that it speaks. Default: 2 and 3. */
  readonly versions?: readonly number[];
}

type Row = Record<string, unknown>;

/** A transaction of a client: SQLite runs it on a connection of its own. */
interface Stream {
  readonly database: DatabaseSync;
  requestCount: number;
}

/** A running server, with an empty database. Whoever made it disposes it. */
export class HranaServer implements AsyncDisposable {
  readonly url: string;
  /** Versions of the requests that came. */
  readonly versions = new Set<number>();
  /** Instead of an answer, if set. */
  answer: (() => Response | Promise<Response>) | undefined;
  readonly #options: HranaOptions;
  readonly #upstream: Upstream;
  readonly #file = Deno.makeTempFileSync({ suffix: ".db" });
  readonly #streams = new Map<string, Stream>();

  constructor(options: HranaOptions = {}) {
    this.#options = options;
    this.#upstream = startUpstream((request) => this.#serve(request));
    this.url = `http://${this.#upstream.authority}`;
  }

  /** Streams that clients have open. */
  get openStreams(): number {
    return this.#streams.size;
  }

  async #serve(request: Request): Promise<Response> {
    if (this.answer) return await this.answer();
    const { token, versions = [2, 3] } = this.#options;
    const [, version] = /^\/v([23])\/pipeline$/.exec(new URL(request.url).pathname) ?? [];
    if (request.method !== "POST" || !versions.includes(Number(version))) {
      return new Response("not found", { status: 404 });
    }
    if (token !== undefined && request.headers.get("authorization") !== `Bearer ${token}`) {
      return Response.json({ error: "Unauthorized: `The JWT is invalid`" }, { status: 401 });
    }
    this.versions.add(Number(version));
    try {
      return Response.json(this.#pipeline(await request.json(), Number(version)));
    } catch (error) {
      return Response.json({ message: String(error) }, { status: 400 });
    }
  }

  #pipeline(body: Row, version: number): Row {
    const { baton, requests } = body as { baton: string | null; requests: Row[] };
    if (baton !== null && !this.#streams.has(baton)) throw new Error("stream not found");
    const stream = this.#streams.get(baton ?? "") ??
      { database: new DatabaseSync(this.#file), requestCount: 0 };
    // A baton is good for one request.
    if (baton !== null) this.#streams.delete(baton);
    let isOpen = true;
    const results = requests.map((request) => {
      try {
        if (!isOpen) throw new Error("the stream is closed");
        if (request.type === "close") isOpen = false;
        return { type: "ok", response: respond(stream.database, { request, version }) };
      } catch (error) {
        return {
          type: "error",
          error: { message: (error as Error).message, code: "SQLITE_ERROR" },
        };
      }
    });
    if (!isOpen) {
      stream.database.close();
      return { baton: null, base_url: null, results };
    }
    const next = crypto.randomUUID();
    stream.requestCount++;
    this.#streams.set(next, stream);
    return { baton: next, base_url: null, results };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]();
    for (const { database } of this.#streams.values()) database.close();
    await Deno.remove(this.#file);
  }
}

function respond(
  database: DatabaseSync,
  { request, version }: { request: Row; version: number },
): Row {
  const { type } = request;
  switch (type) {
    case "close":
      return { type };
    case "sequence":
      database.exec(String(request.sql));
      return { type };
    case "get_autocommit":
      if (version < 3) throw new Error("unknown variant `get_autocommit`");
      return { type, is_autocommit: !database.isTransaction };
    case "execute":
      return { type, result: execute(database, request.stmt as Row) };
    default:
      throw new Error(`unknown variant \`${type}\``);
  }
}

function execute(database: DatabaseSync, { sql, args, want_rows }: Row): Row {
  const statement = database.prepare(String(sql)) as SqliteStatement;
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  const before = totalChanges(database);
  const rows = statement.all(...(args as Row[]).map(fromHrana)) as unknown as unknown[][];
  const rowid = database.prepare("SELECT last_insert_rowid() AS id").get()!.id;
  return {
    cols: statement.columns().map(({ name }) => ({ name })),
    rows: want_rows === true ? rows.map((row) => row.map(toHrana)) : [],
    affected_row_count: Number(totalChanges(database) - before),
    last_insert_rowid: rowid === 0 ? null : String(rowid),
  };
}

function totalChanges(database: DatabaseSync): number {
  return Number(database.prepare("SELECT total_changes() AS n").get()!.n);
}

function fromHrana(value: Row): SQLInputValue {
  switch (value.type) {
    case "null":
      return null;
    case "integer":
      if (typeof value.value !== "string") throw new Error("integers are strings");
      return BigInt(value.value);
    case "float":
      return value.value as number;
    case "text":
      return value.value as string;
    case "blob":
      return Buffer.from(value.base64 as string, "base64");
    default:
      throw new Error(`unknown type ${value.type}`);
  }
}

function toHrana(value: unknown): Row {
  if (value === null) return { type: "null" };
  if (typeof value === "bigint") return { type: "integer", value: String(value) };
  if (typeof value === "number") return { type: "float", value };
  if (typeof value === "string") return { type: "text", value };
  return { type: "blob", base64: Buffer.from(value as Uint8Array).toString("base64") };
}

/**
 * One connection to a PostgreSQL server. Loaded when a guest first uses PostgreSQL.
 *
 * @module
 */

import type { Socket } from "node:net";
import { serialize } from "pg-protocol";
import { errorText } from "../../lib/errors.ts";
import type { PgAddress } from "./_pg_address.ts";
import { PgServerError } from "./_pg_errors.ts";
import { PgLogin } from "./_pg_login.ts";
import {
  type PgField,
  type PgMessage,
  PgMessageReader,
  PgMessageTooLong,
  type PgWireValue,
  readAffectedRows,
  readErrorFields,
  readFields,
  readParameterTypes,
  readRow,
} from "./_pg_wire.ts";
import { resultTooLarge } from "./_result_limit.ts";
import type { SqlConnection } from "./sql_connections.ts";

/** What a {@link PgSocket} is told. */
export interface PgSocketOptions {
  /** Milliseconds that a statement may take. */
  readonly statementTimeoutMs: number;
  /** Most bytes of the rows of one result. */
  readonly maxResultBytes: number;
}

/** What a message may have besides rows, in bytes. */
const MESSAGE_OVERHEAD_BYTES = 1024 * 1024;

/** The result of a statement. */
export interface PgResult {
  readonly fields: readonly PgField[];
  readonly rows: readonly PgWireValue[][];
  /** Rows that the command says it has changed or returned. */
  readonly affected: bigint;
}

/** A parameter: bytes in binary form, text in text form, or NULL. */
export type PgParameter = Uint8Array | string | null;

interface Exchange {
  onMessage(message: PgMessage): void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** The first error of the server; the exchange still ends with `ReadyForQuery`. */
  failure: Error | undefined;
}

/** What a statement takes and gives. */
interface Prepared {
  readonly types: readonly number[];
  readonly fields: readonly PgField[];
}

/** A connection. Whoever has it closes it. */
export class PgSocket implements SqlConnection {
  readonly #socket: Socket;
  readonly #options: PgSocketOptions;
  readonly #reader: PgMessageReader;
  readonly #typeNames = new Map<number, string>();
  #exchange: Exchange | undefined;
  /** The statement without a name that the server has. */
  #prepared: Prepared | undefined;
  #onClosed: (() => void) | undefined;
  #failure: Error | undefined;
  /** Whether a transaction is open, as the server said last. */
  #isInTransaction = false;

  /** @param socket Connected; nothing has been sent, besides a request for TLS. */
  constructor(socket: Socket, options: PgSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new PgMessageReader(options.maxResultBytes + MESSAGE_OVERHEAD_BYTES);
    socket.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the PostgreSQL server closed the connection")));
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  onClosed(listener: () => void): void {
    if (this.isOpen) this.#onClosed = listener;
    else listener();
  }

  /**
   * Logs in. To be called once, before anything else.
   * @throws {PgServerError} if the server refuses.
   */
  async logIn(address: PgAddress): Promise<void> {
    const login = new PgLogin(address, (bytes) => this.#socket.write(bytes));
    await this.#run(login.start(), {
      onMessage: ({ type, body }) => {
        if (type === "R") login.onAuthentication(body).catch((error) => this.#fail(error));
      },
    });
    login.finish();
  }

  /**
   * Runs a statement.
   * @param encode Gives the parameters for the types that the statement has; what it throws is thrown.
   * @throws {PgServerError} if the server refuses; the connection stays usable.
   * @throws {Error} if the connection breaks, or the result is too large; it is then closed.
   */
  async query(
    statement: string,
    encode: (types: readonly number[]) => readonly PgParameter[],
  ): Promise<PgResult> {
    const rows: PgWireValue[][] = [];
    let bytes = 0;
    const { fields, affected } = await this.stream(statement, encode, {
      onRow: (row, size) => {
        bytes += size;
        if (bytes > this.#options.maxResultBytes) {
          throw resultTooLarge(this.#options.maxResultBytes);
        }
        rows.push(row);
      },
    });
    return { fields, rows, affected };
  }

  /**
   * Runs a statement as {@link query} does, and hands its rows over as they come.
   * @param sink.onFields Called before the first row, also if there is none.
   * @param sink.onRow Gets a row and its size in bytes; what it throws closes the connection.
   */
  async stream(
    statement: string,
    encode: (types: readonly number[]) => readonly PgParameter[],
    sink: {
      onFields?: (fields: readonly PgField[]) => Promise<void>;
      onRow: (row: PgWireValue[], bytes: number) => void;
    },
  ): Promise<Omit<PgResult, "rows">> {
    let prepared = await this.#prepare(statement);
    const { fields } = prepared;
    await sink.onFields?.(fields);
    // The hook may have asked for names of types, in the place of this statement.
    if (this.#prepared !== prepared) prepared = await this.#prepare(statement);
    const values = encode(prepared.types).map((value) =>
      value instanceof Uint8Array
        ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
        : value
    );
    let affected = 0n;
    const request = [
      serialize.bind({ values, binary: true }),
      serialize.execute({}),
      serialize.sync(),
    ];
    await this.#run(Buffer.concat(request), {
      onMessage: ({ type, body }) => {
        if (type === "D") sink.onRow(readRow(body), body.length);
        else if (type === "C") affected = readAffectedRows(body);
        // The guest has nothing to copy from; the server waits for data otherwise.
        else if (type === "G") this.#socket.write(serialize.copyFail("COPY FROM STDIN"));
      },
    });
    return { fields, affected };
  }

  /** Lets the server wait before it sends on. */
  pause(): void {
    this.#socket.pause();
  }

  /** Undoes {@link pause}. */
  resume(): void {
    this.#socket.resume();
  }

  /** The name of a type; asked for once a connection. */
  async typeName(oid: number): Promise<string> {
    const known = this.#typeNames.get(oid);
    if (known !== undefined) return known;
    const { rows } = await this.query(
      `SELECT typname::text FROM pg_catalog.pg_type WHERE oid = ${oid}`,
      () => [],
    );
    const bytes = rows[0]?.[0];
    const name = bytes ? new TextDecoder().decode(bytes) : String(oid);
    this.#typeNames.set(oid, name);
    return name;
  }

  async reset(timeoutMs: number): Promise<void> {
    // In a transaction that somebody left open, nothing can be discarded.
    if (this.#isInTransaction) await this.#run(serialize.query("ROLLBACK"), { timeoutMs });
    await this.#run(serialize.query("DISCARD ALL"), { timeoutMs });
  }

  close(): void {
    if (this.isOpen && !this.#exchange) this.#socket.write(serialize.end());
    this.#fail(new Error("the connection was closed"));
  }

  async #prepare(text: string): Promise<Prepared> {
    let types: number[] = [];
    let fields: PgField[] = [];
    const request = [
      serialize.parse({ text }),
      serialize.describe({ type: "S" }),
      serialize.sync(),
    ];
    await this.#run(Buffer.concat(request), {
      onMessage: ({ type, body }) => {
        if (type === "t") types = readParameterTypes(body);
        else if (type === "T") fields = readFields(body);
      },
    });
    return this.#prepared = { types, fields };
  }

  /** Sends a request and waits until the server is ready for the next. */
  async #run(
    request: Uint8Array,
    { onMessage = () => {}, timeoutMs = this.#options.statementTimeoutMs }:
      & Partial<Pick<Exchange, "onMessage">>
      & { timeoutMs?: number },
  ): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#exchange) throw new Error("another statement is under way on this connection");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#exchange = { onMessage, resolve, reject, failure: undefined };
    const timer = setTimeout(() => {
      this.#fail(
        new Error(`the PostgreSQL server did not answer within ${timeoutMs / 1000} s`),
      );
    }, timeoutMs);
    this.#socket.write(request);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #onData(chunk: Uint8Array): void {
    if (!this.isOpen) return;
    try {
      for (const message of this.#reader.read(chunk)) {
        this.#onMessage(message);
        if (!this.isOpen) return;
      }
    } catch (error) {
      // After bytes that were not understood, the next ones mean nothing.
      const isRow = error instanceof PgMessageTooLong && error.type === "D" && this.#exchange;
      if (isRow) this.#fail(resultTooLarge(this.#options.maxResultBytes));
      else this.#fail(error instanceof Error ? error : new Error(errorText(error)));
    }
  }

  #onMessage(message: PgMessage): void {
    const exchange = this.#exchange;
    switch (message.type) {
      case "E":
        this.#onError(new PgServerError(readErrorFields(message.body)));
        return;
      case "Z":
        this.#exchange = undefined;
        this.#isInTransaction = message.body[0] !== "I".charCodeAt(0);
        if (exchange?.failure) exchange.reject(exchange.failure);
        else exchange?.resolve();
        return;
      case "N": // A notice, a setting that changed, or a notification: nobody has asked for these.
      case "S":
      case "A":
        return;
      default:
        exchange?.onMessage(message);
    }
  }

  #onError(error: PgServerError): void {
    if (this.#exchange) this.#exchange.failure ??= error;
    // Without a question it is the reason why the server closes the connection.
    else this.#fail(error);
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#failure = exchange?.failure ?? error;
    // Without a statement under way, what was written last is still sent.
    if (exchange) this.#socket.destroy();
    else this.#socket.destroySoon();
    exchange?.reject(this.#failure);
    this.#onClosed?.();
  }
}

/**
 * One connection to a MySQL or MariaDB server. Loaded when a guest first uses MySQL.
 *
 * @module
 */

import type { Socket } from "node:net";
import mysql, { type Connection } from "mysql2";
import { errorText } from "../../lib/errors.ts";
import { MYSQL_DEFAULT_PORT, type MysqlAddress } from "./_mysql_address.ts";
import { type MysqlField, type MysqlRawValue, type MysqlValue, sizeOf } from "./_mysql_values.ts";
import { resultTooLarge } from "./_result_limit.ts";
import { connectServer } from "./_server_socket.ts";
import type { SqlConnection } from "./sql_connections.ts";

/** Options of {@link connectMysql}. */
export interface ConnectMysqlOptions {
  /** Whether the operator forbids a resolved address. */
  readonly isBlocked: (ip: string) => boolean;
  /** Milliseconds to connect and log in. */
  readonly timeoutMs: number;
  /** Milliseconds that a statement may take. */
  readonly statementTimeoutMs: number;
  /** Most bytes of the rows of one result. */
  readonly maxResultBytes: number;
}

/** Milliseconds of silence after which the system asks whether the server is still there. */
const KEEP_ALIVE_MS = 15_000;

/** Statements that a connection keeps prepared; all connections share the server's limit. */
const MAX_PREPARED_STATEMENTS = 32;

/**
 * Connects and logs in. The caller closes the result.
 * @throws {Error} whose message names the server, never the password.
 */
export function connectMysql(
  address: MysqlAddress,
  options: ConnectMysqlOptions,
): Promise<MysqlSocket> {
  const { host, port = MYSQL_DEFAULT_PORT } = address;
  return connectServer({ host, port, isTls: false }, {
    what: "MySQL server",
    isBlocked: options.isBlocked,
    timeoutMs: options.timeoutMs,
    async greet(socket, signal) {
      const abort = () => socket.destroy(signal.reason);
      signal.addEventListener("abort", abort);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      try {
        return new MysqlSocket(await logIn(socket, address), { socket, options });
      } catch (error) {
        socket.destroy();
        // The error of a socket that was destroyed says less than why it was.
        signal.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener("abort", abort);
      }
    },
  });
}

function logIn(socket: Socket, address: MysqlAddress): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const connection = mysql.createConnection({
    stream: socket,
    // The name in the server's certificate.
    host: address.host,
    user: address.user,
    password: address.password,
    ...(address.database === "" ? {} : { database: address.database }),
    ...(address.isTls ? { ssl: { verifyIdentity: true } } : {}),
    charset: "utf8mb4",
    // A server could otherwise ask for files of the host.
    flags: ["-LOCAL_FILES"],
    // The deadline is the caller's.
    connectTimeout: 0,
    maxPreparedStatements: MAX_PREPARED_STATEMENTS,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
    rowsAsArray: true,
    // Parsers are not made of text that depends on column names.
    disableEval: true,
  });
  connection.on("error", reject);
  connection.connect((error) => error ? reject(error) : resolve(connection));
  return promise;
}

/** The result of a statement. */
export interface MysqlResult {
  /** Undefined if the statement gives no rows by its nature. */
  readonly fields: readonly MysqlField[] | undefined;
  readonly rows: readonly MysqlRawValue[][];
}

/** What the client emits while a statement runs; its types know of callbacks only. */
interface ExecuteCommand {
  on(event: "fields", listener: (fields: MysqlField[] | undefined) => void): void;
  on(event: "result", listener: (row: unknown) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "end", listener: () => void): void;
}

/** A connection. Whoever has it closes it. */
export class MysqlSocket implements SqlConnection {
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #options: ConnectMysqlOptions;
  readonly #failed = Promise.withResolvers<never>();
  #onClosed: (() => void) | undefined;
  #failure: Error | undefined;

  /**
   * @param connection Logged in.
   * @param parts.socket What it runs on.
   */
  constructor(
    connection: Connection,
    { socket, options }: { socket: Socket; options: ConnectMysqlOptions },
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#options = options;
    // Only statements that run hear of a failure.
    this.#failed.promise.catch(() => {});
    connection.on("error", (error: Error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the MySQL server closed the connection")));
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  onClosed(listener: () => void): void {
    if (this.isOpen) this.#onClosed = listener;
    else listener();
  }

  /**
   * Runs a statement; of several results it gives the first.
   * @throws {Error} of the server; the connection stays usable, unless it has broken.
   * @throws {Error} if the result is too large; the connection is then closed.
   */
  async execute(statement: string, parameters: readonly MysqlValue[]): Promise<MysqlResult> {
    const rows: MysqlRawValue[][] = [];
    let bytes = 0;
    const fields = await this.stream(statement, parameters, {
      onRow: (row, size) => {
        bytes += size;
        if (bytes > this.#options.maxResultBytes) {
          throw resultTooLarge(this.#options.maxResultBytes);
        }
        rows.push(row);
      },
    });
    return { fields, rows };
  }

  /**
   * Runs a statement as {@link execute} does, and hands its rows over as they come.
   * @param sink.onFields Called before the first row; with undefined if the statement gives none.
   * @param sink.onRow Gets a row and its size in bytes; what it throws closes the connection.
   */
  async stream(
    statement: string,
    parameters: readonly MysqlValue[],
    sink: {
      onFields?: (fields: readonly MysqlField[] | undefined) => void;
      onRow: (row: MysqlRawValue[], bytes: number) => void;
    },
  ): Promise<readonly MysqlField[] | undefined> {
    const values = parameters.map(toParameter);
    return await this.#guarded(({ resolve, reject }) => {
      let fields: readonly MysqlField[] | undefined;
      let resultCount = 0;
      const command = this.#connection
        .execute({ sql: statement, values }) as unknown as ExecuteCommand;
      command.on("fields", (described) => {
        if (resultCount++ > 0) return;
        fields = described?.map(copyField);
        sink.onFields?.(fields);
      });
      command.on("result", (row) => {
        // A summary, or a row of a further result.
        if (resultCount !== 1 || !Array.isArray(row)) return;
        try {
          sink.onRow(row, row.reduce((sum: number, value) => sum + sizeOf(value), 0));
        } catch (error) {
          this.#fail(error instanceof Error ? error : new Error(errorText(error)));
        }
      });
      command.on("error", reject);
      command.on("end", () => resolve(fields));
    });
  }

  /** Lets the server wait before it sends on. */
  pause(): void {
    this.#connection.pause();
  }

  /** Undoes {@link pause}. */
  resume(): void {
    this.#connection.resume();
  }

  async reset(timeoutMs: number): Promise<void> {
    await this.#guarded<void>(({ resolve, reject }) => {
      this.#connection.reset((error) => error ? reject(error) : resolve());
    }, timeoutMs);
    // The reset has also forgotten what the login said of the character set.
    await this.#guarded<void>(({ resolve, reject }) => {
      this.#connection.query("SET NAMES utf8mb4", (error) => error ? reject(error) : resolve());
    }, timeoutMs);
  }

  close(): void {
    this.#fail(new Error("the connection was closed"));
  }

  /** Runs something that the server answers, with a limit of time. */
  async #guarded<T>(
    start: (settle: Pick<PromiseWithResolvers<T>, "resolve" | "reject">) => void,
    timeoutMs = this.#options.statementTimeoutMs,
  ): Promise<T> {
    if (this.#failure) throw this.#failure;
    const timer = setTimeout(() => {
      this.#fail(
        new Error(`the MySQL server did not answer within ${timeoutMs / 1000} s`),
      );
    }, timeoutMs);
    try {
      const settled = Promise.withResolvers<T>();
      start(settled);
      return await Promise.race([settled.promise, this.#failed.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#failed.reject(error);
    this.#connection.destroy();
    this.#socket.destroy();
    this.#onClosed?.();
  }
}

function copyField({ name, columnType, flags }: MysqlField): MysqlField {
  return { name, columnType, flags };
}

/** Typed, because the server gives the results of expressions the types of their parameters. */
function toParameter(value: MysqlValue): unknown {
  switch (value.tag) {
    case "db-null":
      return null;
    case "binary":
      // A view of guest memory, which changes while the statement waits.
      return Buffer.from(value.val);
    case "str":
    case "floating64":
    case "floating32":
      return value.val;
    case "boolean":
      return mysql.TypedParameter.LONGLONG(value.val ? 1 : 0);
    case "uint64":
      return mysql.TypedParameter.LONGLONG.unsigned(value.val);
    default:
      return mysql.TypedParameter.LONGLONG(value.val);
  }
}

/** The text of what a statement threw, in the form that Spin's own client gives to errors of servers. */
export function mysqlErrorText(error: unknown): string {
  const { errno, sqlState, sqlMessage } = error as {
    errno?: number;
    sqlState?: string;
    sqlMessage?: string;
  };
  return sqlMessage === undefined
    ? errorText(error)
    : `Server(ServerError { code: ${errno}, message: ${JSON.stringify(sqlMessage)}, ` +
      `state: ${JSON.stringify(sqlState ?? "")} })`;
}

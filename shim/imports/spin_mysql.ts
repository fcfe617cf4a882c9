/**
 * `fermyon:spin/mysql` (v1, functions with the address first), `fermyon:spin/mysql@2.0.0` (a resource)
 * and `spin:mysql@3.0.0` (the same, asynchronous, with rows as a stream).
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { type MysqlAddress, parseMysqlAddress } from "./_mysql_address.ts";
import type { MysqlResult, MysqlSocket } from "./_mysql_socket.ts";
import {
  MysqlConversionError,
  type MysqlDataType,
  mysqlDataType,
  type MysqlField,
  type MysqlRawValue,
  type MysqlValue,
  toMysqlValue,
} from "./_mysql_values.ts";
import { type GuestRows, RowQueue, type RowsEnd } from "./_row_stream.ts";
import { NoConnectionError, openSqlSession, type SqlSession } from "./_sql_session.ts";
import type { ComponentContext, ImportObject } from "./component_context.ts";
import type { SqlConnections } from "./sql_connections.ts";

/** The connections to MySQL servers. */
export type MysqlConnections = SqlConnections<MysqlSocket>;

/**
 * The MySQL interfaces of one component. Connections are taken from `connections`, which the caller
 * closes.
 */
export function createSpinMysql(
  component: ComponentContext,
  connections: MysqlConnections,
): ImportObject {
  const open = createOpener(component, connections);
  return {
    "fermyon:spin/mysql": createFunctions(open),
    "fermyon:spin/mysql@2.0.0": { Connection: createConnectionClass(open, query) },
    "spin:mysql/mysql@3.0.0": { Connection: createConnectionClass(open, stream) },
  };
}

type Session = SqlSession<MysqlSocket>;

/** @throws {GuestError} `connection-failed`. */
type Opener = (address: string) => Promise<Session>;

/** The variant `error` of version 2. */
interface GuestError {
  readonly tag: "connection-failed" | "query-failed" | "value-conversion-failed" | "other";
  readonly val: string;
}

function connectionFailed(val: string): GuestError {
  return { tag: "connection-failed", val };
}

function createOpener(component: ComponentContext, connections: MysqlConnections): Opener {
  const { id, outbound } = component;
  return async (text) => {
    const address = parse(text);
    const { host, port } = address;
    const bracketed = host.includes(":") ? `[${host}]` : host;
    // Built from what will be connected to, so that both mean the same host.
    const url = `mysql://${bracketed}${port === undefined ? "" : `:${port}`}`;
    if (!await outbound.check(url, "mysql")) {
      throw connectionFailed(`address ${text} is not permitted`);
    }
    try {
      return await openSqlSession(connections, {
        // The address has the credentials in it, so nobody gets what somebody else logged in.
        key: JSON.stringify([id, text]),
        outbound,
        async connect() {
          const { connectMysql } = await import("./_mysql_socket.ts");
          return await connectMysql(address, {
            isBlocked: (ip) => outbound.isBlocked(ip),
            timeoutMs: connections.connectTimeoutMs,
            statementTimeoutMs: connections.statementTimeoutMs,
            maxResultBytes: connections.maxResultBytes,
          });
        },
      });
    } catch (error) {
      throw connectionFailed(errorText(error));
    }
  };
}

function parse(text: string): MysqlAddress {
  try {
    return parseMysqlAddress(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw connectionFailed(error.message);
  }
}

/** The record `row-set`. */
interface RowSet {
  readonly columns: { readonly name: string; readonly dataType: MysqlDataType }[];
  readonly rows: MysqlValue[][];
}

interface Statement {
  readonly text: string;
  readonly parameters: readonly MysqlValue[];
}

/** @throws the variant `error`. */
async function query(session: Session, statement: Statement): Promise<RowSet> {
  const { fields, rows } = await run(session, statement);
  if (!fields) throw NO_ROWS;
  try {
    return { columns: fields.map(toColumn), rows: rows.map((row) => toRow(row, fields)) };
  } catch (error) {
    if (!(error instanceof MysqlConversionError)) throw error;
    throw { tag: "value-conversion-failed", val: error.message } satisfies GuestError;
  }
}

/** What a statement without rows gives instead of them. */
const NO_ROWS: GuestError = Object.freeze({
  tag: "other",
  val: "unable to stream query result",
});

function toColumn(field: MysqlField): RowSet["columns"][number] {
  return { name: field.name, dataType: mysqlDataType(field) };
}

function toRow(row: readonly MysqlRawValue[], fields: readonly MysqlField[]): MysqlValue[] {
  return row.map((value, index) => toMysqlValue(value, fields[index]!));
}

/** Columns, rows, and how they ended. */
type RowsResult = [RowSet["columns"], GuestRows<MysqlValue[]>, Promise<RowsEnd<GuestError>>];

/**
 * The rows as the guest reads them. What fails before the first one is thrown, and everything later
 * is in the future.
 */
async function stream(session: Session, { text, parameters }: Statement): Promise<RowsResult> {
  const { mysqlErrorText } = await import("./_mysql_socket.ts");
  const queue = new RowQueue<MysqlRawValue[]>(session.maxResultBytes);
  let fields: readonly MysqlField[] | undefined;
  session.run(async (socket) => {
    queue.connect(socket);
    await socket.stream(text, parameters, {
      onFields: (described) => fields = described,
      onRow: (row, bytes) => queue.push(row, bytes),
    });
  }, { rows: queue }).then(() => queue.end(), (error) => queue.end(error));
  const toError = (error: unknown): GuestError =>
    error instanceof MysqlConversionError
      ? { tag: "value-conversion-failed", val: error.message }
      : toGuestError(error, mysqlErrorText);
  try {
    await queue.hasFirst();
  } catch (error) {
    throw toError(error);
  }
  const described = fields;
  if (!described) throw NO_ROWS;
  return [described.map(toColumn), ...queue.read((row) => toRow(row, described), toError)];
}

async function run(session: Session, { text, parameters }: Statement): Promise<MysqlResult> {
  const { mysqlErrorText } = await import("./_mysql_socket.ts");
  try {
    return await session.run((socket) => socket.execute(text, parameters));
  } catch (error) {
    throw toGuestError(error, mysqlErrorText);
  }
}

function toGuestError(error: unknown, textOf: (error: unknown) => string): GuestError {
  return error instanceof NoConnectionError
    ? connectionFailed(error.message)
    : { tag: "query-failed", val: textOf(error) };
}

/** Binary parameters are views of guest memory, which changes while the guest waits. */
function copy(value: MysqlValue): MysqlValue {
  return value.tag === "binary" ? { tag: value.tag, val: value.val.slice() } : value;
}

function createConnectionClass<R>(
  open: Opener,
  runQuery: (session: Session, statement: Statement) => Promise<R>,
): unknown {
  return class Connection {
    readonly #session: Session;

    private constructor(session: Session) {
      this.#session = session;
    }

    static async open(address: string): Promise<Connection> {
      return new Connection(await open(address));
    }

    query(text: string, parameters: MysqlValue[]): Promise<R> {
      return runQuery(this.#session, { text, parameters: parameters.map(copy) });
    }

    async execute(text: string, parameters: MysqlValue[]): Promise<void> {
      await run(this.#session, { text, parameters: parameters.map(copy) });
    }

    [Symbol.dispose](): void {
      this.#session.close();
    }
  };
}

/** The v1 functions: a session for each call. */
function createFunctions(open: Opener): Record<string, unknown> {
  async function withSession<T>(
    address: string,
    action: (session: Session) => Promise<T>,
  ): Promise<T> {
    let session: Session | undefined;
    try {
      session = await open(address);
      return await action(session);
    } catch (error) {
      throw toV1Error(error as GuestError);
    } finally {
      session?.close();
    }
  }

  return {
    query(address: string, text: string, parameters: MysqlValue[]): Promise<RowSet> {
      const statement = { text, parameters: parameters.map(copy) };
      return withSession(address, (session) => query(session, statement));
    },
    async execute(address: string, text: string, parameters: MysqlValue[]): Promise<void> {
      const statement = { text, parameters: parameters.map(copy) };
      await withSession(address, (session) => run(session, statement));
    },
  };
}

function toV1Error(error: GuestError): unknown {
  return error.tag === "other" ? { tag: "other-error", val: error.val } : error;
}

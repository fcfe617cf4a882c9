/**
 * `fermyon:spin/postgres` (v1, functions with the address first), `fermyon:spin/postgres@2.0.0`,
 * `spin:postgres/postgres@3.0.0` and `@4` (a resource; in 4.2 with asynchronous functions, whose rows
 * are a stream).
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { parsePgAddress, type PgAddress, type PgHost, UnixSocketError } from "./_pg_address.ts";
import { decodeValue } from "./_pg_decode.ts";
import {
  type GuestParameter,
  PG_V1,
  PG_V2,
  PG_V3,
  PG_V4,
  type PgDialect,
  type PgError,
  queryFailed,
} from "./_pg_dialects.ts";
import { encodeParameters } from "./_pg_encode.ts";
import { PgConversionError } from "./_pg_errors.ts";
import type { PgParameter, PgResult, PgSocket } from "./_pg_socket.ts";
import type { PgField, PgWireValue } from "./_pg_wire.ts";
import { type GuestRows, RowQueue, type RowsEnd } from "./_row_stream.ts";
import { NoConnectionError, openSqlSession, type SqlSession } from "./_sql_session.ts";
import type { ComponentContext, ImportObject, OutboundPolicy } from "./component_context.ts";
import type { SqlConnections } from "./sql_connections.ts";

/** The connections to PostgreSQL servers. */
export type PgConnections = SqlConnections<PgSocket>;

/**
 * The PostgreSQL interfaces of one component. Connections are taken from `connections`, which the
 * caller closes.
 */
export function createSpinPostgres(
  component: ComponentContext,
  connections: PgConnections,
): ImportObject {
  const open = createOpener(component, connections);
  const Connection = createConnectionClass(open, PG_V4);
  const ConnectionBuilder = createBuilderClass(open, Connection);
  return {
    "fermyon:spin/postgres": createFunctions(open),
    "fermyon:spin/postgres@2.0.0": { Connection: createConnectionClass(open, PG_V2) },
    "spin:postgres/postgres@3.0.0": { Connection: createConnectionClass(open, PG_V3) },
    "spin:postgres/postgres@4.0.0": { Connection },
    "spin:postgres/postgres@4.1.0": { Connection, ConnectionBuilder },
    "spin:postgres/postgres@4.2.0": { Connection, ConnectionBuilder },
  };
}

type Session = SqlSession<PgSocket>;

/** @throws {PgError} `connection-failed`. */
type Opener = (address: string, caRoots?: readonly string[]) => Promise<Session>;

function connectionFailed(val: string): PgError {
  return { tag: "connection-failed", val };
}

function createOpener(component: ComponentContext, connections: PgConnections): Opener {
  const { id, outbound } = component;
  return async (text, caRoots = []) => {
    const address = parse(text);
    for (const host of address.hosts) await checkHost(host, outbound);
    try {
      return await openSqlSession(connections, {
        // The address has the credentials in it, so nobody gets what somebody else logged in.
        key: JSON.stringify([id, text, ...caRoots]),
        outbound,
        connect: () => connect(address, { connections, outbound, caRoots }),
      });
    } catch (error) {
      throw connectionFailed(errorText(error));
    }
  };
}

function parse(text: string): PgAddress {
  try {
    return parsePgAddress(text);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof UnixSocketError)) throw error;
    throw connectionFailed(error.message);
  }
}

/** Both the name and what it is said to stand for: either alone would let the other pass. */
async function checkHost(
  { host, hostAddress, port }: PgHost,
  outbound: OutboundPolicy,
): Promise<void> {
  for (const name of new Set([host, hostAddress ?? host])) {
    const bracketed = name.includes(":") ? `[${name}]` : name;
    const url = `postgres://${bracketed}${port === undefined ? "" : `:${port}`}`;
    if (!await outbound.check(url, "postgres")) {
      throw connectionFailed(`address ${url} is not permitted`);
    }
  }
}

async function connect(
  address: PgAddress,
  { connections, outbound, caRoots }: {
    connections: PgConnections;
    outbound: OutboundPolicy;
    caRoots: readonly string[];
  },
): Promise<PgSocket> {
  const { connectPg } = await import("./_pg_connect.ts");
  return await connectPg(address, {
    isBlocked: (ip) => outbound.isBlocked(ip),
    caRoots,
    timeoutMs: connections.connectTimeoutMs,
    statementTimeoutMs: connections.statementTimeoutMs,
    maxResultBytes: connections.maxResultBytes,
  });
}

interface Statement {
  readonly text: string;
  readonly parameters: readonly GuestParameter[];
  readonly dialect: PgDialect;
}

/** The record `row-set`, in the words of a dialect. */
interface RowSet {
  readonly columns: { readonly name: string; readonly dataType: unknown }[];
  readonly rows: unknown[][];
}

function query(session: Session, statement: Statement): Promise<RowSet> {
  return run(session, {
    statement,
    badParameter: "bad-parameter",
    read: async (result, socket) => {
      // As in Spin, columns are taken from the first row.
      if (result.rows.length === 0) return { columns: [], rows: [] };
      return {
        columns: await readColumns(result.fields, { socket, dialect: statement.dialect }),
        rows: result.rows.map((row) =>
          row.map((value, index) =>
            statement.dialect.value(decodeValue(value, result.fields[index]!.oid))
          )
        ),
      };
    },
  });
}

/** Columns, rows, and how they ended. */
type RowsResult = [RowSet["columns"], GuestRows<unknown[]>, Promise<RowsEnd<unknown>>];

/**
 * The rows as the guest reads them. What fails before the first one is thrown, and everything later
 * is in the future.
 */
async function stream(session: Session, statement: Statement): Promise<RowsResult> {
  const { text, dialect } = statement;
  const encode = encoderOf(statement, "bad-parameter");
  const queue = new RowQueue<PgWireValue[]>(session.maxResultBytes);
  let fields: readonly PgField[] = [];
  let columns: RowSet["columns"] = [];
  session.run(async (socket) => {
    queue.connect(socket);
    await socket.stream(text, encode, {
      async onFields(described) {
        fields = described;
        columns = await readColumns(described, { socket, dialect });
      },
      onRow: (row, bytes) => queue.push(row, bytes),
    });
  }, { rows: queue }).then(() => queue.end(), (error) => queue.end(error));
  const toError = (error: unknown) => dialect.error(toPgError(error));
  let hasRows: boolean;
  try {
    hasRows = await queue.hasFirst();
  } catch (error) {
    throw toError(error);
  }
  const toRow = (row: PgWireValue[]) =>
    row.map((value, index) => dialect.value(decodeValue(value, fields[index]!.oid)));
  // As in Spin, columns are taken from the first row.
  return [hasRows ? columns : [], ...queue.read(toRow, toError)];
}

function execute(session: Session, statement: Statement): Promise<bigint> {
  return run(session, {
    statement,
    badParameter: "value-conversion-failed",
    read: ({ affected }) => Promise.resolve(affected),
  });
}

async function run<T>(
  session: Session,
  { statement, badParameter, read }: {
    statement: Statement;
    badParameter: "bad-parameter" | "value-conversion-failed";
    read: (result: PgResult, socket: PgSocket) => Promise<T>;
  },
): Promise<T> {
  const { text, dialect } = statement;
  const encode = encoderOf(statement, badParameter);
  try {
    return await session.run(async (socket) =>
      await read(await socket.query(text, encode), socket)
    );
  } catch (error) {
    throw dialect.error(toPgError(error));
  }
}

function toPgError(error: unknown): PgError {
  return error instanceof NoConnectionError ? connectionFailed(error.message) : queryFailed(error);
}

/** @throws the variant case `badParameter`. */
function encoderOf(
  { parameters, dialect }: Statement,
  badParameter: "bad-parameter" | "value-conversion-failed",
): (types: readonly number[]) => PgParameter[] {
  try {
    return encodeParameters(parameters.map(dialect.parameter));
  } catch (error) {
    if (!(error instanceof PgConversionError)) throw error;
    throw dialect.error({ tag: badParameter, val: error.message });
  }
}

async function readColumns(
  fields: readonly PgField[],
  { socket, dialect }: { socket: PgSocket; dialect: PgDialect },
): Promise<RowSet["columns"]> {
  const columns: RowSet["columns"] = [];
  for (const { name, oid } of fields) {
    const typeName = dialect.namesTypes ? await socket.typeName(oid) : "";
    columns.push({ name, dataType: dialect.dataType(oid, typeName) });
  }
  return columns;
}

/** Opens a connection, with errors in the words of a dialect. */
async function openAs(
  dialect: PgDialect,
  open: () => Promise<Session>,
): Promise<Session> {
  try {
    return await open();
  } catch (error) {
    throw dialect.error(error as PgError);
  }
}

/** Makes a resource of a session. */
type ConnectionClass = new (session: Session) => unknown;

function createConnectionClass(open: Opener, dialect: PgDialect): ConnectionClass {
  return class Connection {
    readonly #session: Session;

    constructor(session: Session) {
      this.#session = session;
    }

    static async open(address: string): Promise<Connection> {
      return new Connection(await openAs(dialect, () => open(address)));
    }

    static openAsync(address: string): Promise<Connection> {
      return Connection.open(address);
    }

    query(text: string, parameters: GuestParameter[]): Promise<RowSet> {
      return query(this.#session, { text, parameters, dialect });
    }

    queryAsync(text: string, parameters: GuestParameter[]): Promise<RowsResult> {
      return stream(this.#session, { text, parameters: parameters.map(copy), dialect });
    }

    execute(text: string, parameters: GuestParameter[]): Promise<bigint> {
      return execute(this.#session, { text, parameters, dialect });
    }

    executeAsync(text: string, parameters: GuestParameter[]): Promise<bigint> {
      return execute(this.#session, { text, parameters: parameters.map(copy), dialect });
    }

    [Symbol.dispose](): void {
      this.#session.close();
    }
  };
}

function createBuilderClass(open: Opener, Connection: ConnectionClass): unknown {
  return class ConnectionBuilder {
    readonly #address: string;
    readonly #caRoots: string[] = [];

    constructor(address: string) {
      this.#address = address;
    }

    setCaRoot(certificate: string): void {
      if (!/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.test(certificate)) {
        throw { tag: "other", val: "the CA root is no certificate in PEM" } satisfies PgError;
      }
      this.#caRoots.push(certificate);
    }

    async build(): Promise<unknown> {
      return new Connection(await open(this.#address, [...this.#caRoots]));
    }

    buildAsync(): Promise<unknown> {
      return this.build();
    }
  };
}

/** The v1 functions: a session for each call. */
function createFunctions(open: Opener): Record<string, unknown> {
  async function withSession<T>(
    address: string,
    action: (session: Session) => Promise<T>,
  ): Promise<T> {
    const session = await openAs(PG_V1, () => open(address));
    try {
      return await action(session);
    } finally {
      session.close();
    }
  }

  return {
    query(address: string, text: string, parameters: GuestParameter[]): Promise<RowSet> {
      const statement = { text, parameters: parameters.map(copy), dialect: PG_V1 };
      return withSession(address, (session) => query(session, statement));
    },
    execute(address: string, text: string, parameters: GuestParameter[]): Promise<bigint> {
      const statement = { text, parameters: parameters.map(copy), dialect: PG_V1 };
      return withSession(address, (session) => execute(session, statement));
    },
  };
}

/** Binary parameters are views of guest memory, which changes while the session is opened. */
function copy(value: GuestParameter): GuestParameter {
  return value.tag === "binary" ? { ...value, val: value.val.slice() } : value;
}

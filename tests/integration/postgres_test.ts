/**
 * The PostgreSQL interfaces against a real server: through their functions, and from a guest.
 *
 * @module
 */

import assert from "node:assert/strict";
import { compileModules, loadComponent } from "../../shim/engine/component.ts";
import { engineShared } from "../../shim/engine/_guest_fixture.ts";
import { linkImports } from "../../shim/engine/link.ts";
import { prepareComponent } from "../../shim/engine/prepare.ts";
import { readEntry, writeEntry } from "../../shim/engine/prepared_store.ts";
import { testContext } from "../../shim/imports/_context_fixture.ts";
import type {
  ComponentContext,
  ImportObject,
  OutboundPolicy,
} from "../../shim/imports/component_context.ts";
import { createConnectionLimits } from "../../shim/imports/connection_limits.ts";
import { createSpinPostgres, type PgConnections } from "../../shim/imports/spin_postgres.ts";
import { SqlConnections, type SqlConnectionsOptions } from "../../shim/imports/sql_connections.ts";
import { makeCertificate } from "../support/certificate.ts";
import { hasPostgresServer, PostgresServer } from "../support/postgres_server.ts";
import { buildSqlGuest } from "../support/sql_guest.ts";
import { waitUntil } from "../support/wait.ts";

const isAbsent = !hasPostgresServer();
const V4 = "spin:postgres/postgres@4.0.0";
const V3 = "spin:postgres/postgres@3.0.0";
const V2 = "fermyon:spin/postgres@2.0.0";

/** A test that needs a server; its name says so if there is none. */
function postgresTest(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: isAbsent ? `${name} (needs PostgreSQL, which is not installed)` : name,
    ignore: isAbsent,
    fn: run,
  });
}

/** The server of the tests that leave it as it was. */
let server: PostgresServer;

Deno.test.beforeAll(async () => {
  if (!isAbsent) server = await PostgresServer.start();
});

Deno.test.afterAll(async () => {
  if (!isAbsent) await server[Symbol.asyncDispose]();
});

interface Interfaces extends Disposable {
  readonly imports: ImportObject;
  readonly connections: PgConnections;
  // deno-lint-ignore no-explicit-any
  connection(version: string): any;
}

function createInterfaces(
  options: SqlConnectionsOptions & {
    context?: Partial<ComponentContext>;
    outbound?: Partial<OutboundPolicy>;
    connections?: PgConnections;
  } = {},
): Interfaces {
  const connections = options.connections ?? new SqlConnections("postgres", options);
  const outbound = { ...testContext().outbound, check: () => true, ...options.outbound };
  const imports = createSpinPostgres(testContext({ outbound, ...options.context }), connections);
  return {
    imports,
    connections,
    connection: (version) => imports[version]!.Connection,
    [Symbol.dispose]: () => connections.close(),
  };
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

interface Value {
  readonly tag: string;
  readonly val?: unknown;
}

const encode = (text: string) => new TextEncoder().encode(text);
const NULL: Value = { tag: "db-null" };

/** SQL type, parameter, and the value that comes back if it is another one. */
const ROUND_TRIPS: [string, Value, Value?][] = [
  ["bool", { tag: "boolean", val: true }],
  ["bool", { tag: "boolean", val: false }],
  ["int2", { tag: "int16", val: -32768 }],
  ["int4", { tag: "int32", val: -2147483648 }],
  ["int8", { tag: "int64", val: 2n ** 63n - 1n }],
  ["float4", { tag: "floating32", val: 1.5 }],
  ["float8", { tag: "floating64", val: -0.1 }],
  ["float8", { tag: "floating64", val: Infinity }],
  ["text", { tag: "str", val: "h\u00e9 \u{1f600} \ufeff" }],
  ["varchar(10)", { tag: "str", val: "x" }],
  ["char(5)", { tag: "str", val: "x" }, { tag: "str", val: "x    " }],
  ["bytea", { tag: "binary", val: Uint8Array.of(0, 255, 10) }],
  ["date", { tag: "date", val: [2024, 2, 29] }],
  ["date", { tag: "date", val: [-43, 3, 15] }],
  ["date", { tag: "date", val: [5_874_897, 12, 31] }],
  ["time", { tag: "time", val: [23, 59, 59, 123_456_000] }],
  ["timestamp", { tag: "datetime", val: [1999, 12, 31, 23, 59, 59, 999_999_000] }],
  ["timestamp", { tag: "datetime", val: [-4712, 1, 1, 0, 0, 0, 0] }],
  ["timestamptz", { tag: "timestamp", val: -1n }, {
    tag: "datetime",
    val: [1969, 12, 31, 23, 59, 59, 0],
  }],
  ["uuid", { tag: "uuid", val: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" }],
  ["uuid", { tag: "uuid", val: "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}" }, {
    tag: "uuid",
    val: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
  }],
  ["jsonb", { tag: "jsonb", val: encode('{"a": [1, 12345678901234567890.5], "b c": " \\" "}') }, {
    tag: "jsonb",
    val: encode('{"a":[1,12345678901234567890.5],"b c":" \\" "}'),
  }],
  ["json", { tag: "jsonb", val: encode("[1]") }, { tag: "unsupported", val: encode("[1]") }],
  ["numeric", { tag: "decimal", val: "0" }],
  ["numeric", { tag: "decimal", val: "0.00010" }],
  ["numeric", { tag: "decimal", val: "-12345678901234567890.0123456789" }],
  ["numeric", { tag: "decimal", val: "100000000" }],
  ["int4range", { tag: "range-int32", val: [[1, "exclusive"], [5, "inclusive"]] }, {
    tag: "range-int32",
    val: [[2, "inclusive"], [6, "exclusive"]],
  }],
  ["int4range", { tag: "range-int32", val: [undefined, [5, "exclusive"]] }],
  ["int8range", { tag: "range-int64", val: [[-1n, "inclusive"], undefined] }],
  ["numrange", { tag: "range-decimal", val: [["1.5", "exclusive"], ["2.50", "inclusive"]] }],
  ["numrange", { tag: "range-decimal", val: [undefined, undefined] }],
  ["int4[]", { tag: "array-int32", val: [1, undefined, -3] }],
  ["int8[]", { tag: "array-int64", val: Array.from({ length: 1000 }, (_, i) => BigInt(i)) }],
  ["numeric[]", { tag: "array-decimal", val: ["1.10", undefined] }],
  ["text[]", { tag: "array-str", val: ['a"b', undefined, ""] }],
  ["varchar[]", { tag: "array-str", val: ["x"] }],
  ["text[]", { tag: "array-str", val: [] }],
  ["interval", { tag: "interval", val: { micros: -1n, days: 2, months: -3 } }],
  ["text", NULL],
  ["point", NULL],
];

postgresTest("every kind of value survives the way to the server and back", async () => {
  using postgres = createInterfaces();
  using connection = await postgres.connection(V4).open(server.url);
  for (const [type, parameter, expected = parameter] of ROUND_TRIPS) {
    const { rows } = await connection.query(`SELECT $1::${type}`, [parameter]);
    assert.deepEqual(rows, [[expected]], `${type} ${parameter.tag}`);
  }
});

postgresTest("columns are described in the words of each version", async () => {
  using postgres = createInterfaces();
  const statement =
    "SELECT 1::int4 AS a, 'x'::text AS b, now() AS c, 1.5 AS d, '::1'::inet AS e, " +
    "NULL::bytea AS f WHERE $1";
  const cases: [string, unknown[], string[]][] = [
    [
      V4,
      [...["int32", "str", "datetime", "decimal"].map((tag) => ({ tag })), {
        tag: "other",
        val: "inet",
      }, { tag: "binary" }],
      ["int32", "str", "datetime", "decimal", "unsupported", "db-null"],
    ],
    [
      V3,
      ["int32", "str", "datetime", "other", "other", "binary"],
      ["int32", "str", "datetime", "unsupported", "unsupported", "db-null"],
    ],
    [
      V2,
      ["int32", "str", "other", "other", "other", "binary"],
      ["int32", "str", "unsupported", "unsupported", "unsupported", "db-null"],
    ],
  ];
  for (const [version, types, tags] of cases) {
    using connection = await postgres.connection(version).open(server.url);
    const query = (val: boolean) => connection.query(statement, [{ tag: "boolean", val }]);
    const { columns, rows } = await query(true);
    assert.deepEqual(columns.map(({ name }: { name: string }) => name), [..."abcdef"], version);
    assert.deepEqual(
      columns.map(({ dataType }: { dataType: unknown }) => dataType),
      types,
      version,
    );
    assert.deepEqual(rows[0].map(({ tag }: Value) => tag), tags, version);
    assert.deepEqual(await query(false), { columns: [], rows: [] }, "no columns without rows");
  }
});

postgresTest("execute() counts rows, and a connection keeps its backend", async () => {
  using postgres = createInterfaces();
  using connection = await postgres.connection(V4).open(server.url);
  const pid = async () =>
    (await connection.query("SELECT pg_backend_pid()", [])).rows[0][0].val as number;
  const first = await pid();
  assert.equal(await connection.execute("CREATE TEMP TABLE counted (n int4)", []), 0n);
  const many = "INSERT INTO counted SELECT generate_series(1, 3)";
  assert.equal(await connection.execute(many, []), 3n);
  assert.equal(await connection.execute("UPDATE counted SET n = 0 WHERE n > 1", []), 2n);
  assert.deepEqual(await connection.query("INSERT INTO counted VALUES (9)", []), {
    columns: [],
    rows: [],
  });
  assert.equal(await pid(), first);
  await assert.doesNotReject(connection.execute("", []), "an empty statement");
});

postgresTest("a string is bound to a type that the database defines", async () => {
  using postgres = createInterfaces();
  using connection = await postgres.connection(V4).open(server.url);
  await connection.execute("CREATE TYPE pg_temp.mood AS ENUM ('sad', 'happy')", []);
  const { columns, rows } = await connection.query("SELECT $1::pg_temp.mood", [{
    tag: "str",
    val: "happy",
  }]);
  assert.deepEqual(columns[0].dataType, { tag: "other", val: "mood" });
  assert.deepEqual(rows, [[{ tag: "unsupported", val: encode("happy") }]]);
});

postgresTest("errors of the server have all their parts", async () => {
  using postgres = createInterfaces();
  using connection = await postgres.connection(V4).open(server.url);
  await connection.execute("CREATE TEMP TABLE uniq (n int4 CONSTRAINT once UNIQUE)", []);
  await connection.execute("INSERT INTO uniq VALUES (1)", []);
  // deno-lint-ignore no-explicit-any
  const error: any = await rejection(connection.execute("INSERT INTO uniq VALUES (1)", []));
  assert.deepEqual([error.tag, error.val.tag], ["query-failed", "db-error"]);
  const { asText, extras, ...rest } = error.val.val;
  assert.deepEqual(rest, {
    severity: "ERROR",
    code: "23505",
    message: 'duplicate key value violates unique constraint "once"',
    detail: "Key (n)=(1) already exists.",
  });
  const names = extras.map(([name]: [string, string]) => name);
  assert.deepEqual(names, ["constraint", "routine", "table", "schema", "file", "line"]);
  assert.match(asText, /^Error \{ kind: Db, cause: Some\(DbError \{ severity: "ERROR", /);
  assert.match(asText, /code: SqlState\(E23505\), message: "duplicate key .* \\"once\\"", /);

  using older = await postgres.connection(V3).open(server.url);
  const flat = await rejection(older.query("SELECT * FROM nowhere", [])) as Value;
  assert.equal(flat.tag, "query-failed");
  assert.match(String(flat.val), /message: "relation \\"nowhere\\" does not exist"/);
  assert.equal((await older.query("SELECT 1", [])).rows.length, 1, "the connection goes on");
});

postgresTest("parameters that do not fit are refused, and the connection goes on", async () => {
  using postgres = createInterfaces();
  using connection = await postgres.connection(V4).open(server.url);
  const wrong: [Value, RegExp][] = [
    [{ tag: "uuid", val: "x" }, /invalid UUID x/],
    [{ tag: "decimal", val: "1e5" }, /invalid decimal 1e5/],
    [{ tag: "date", val: [2023, 2, 29] }, /invalid date y=2023, m=2, d=29/],
    [{ tag: "time", val: [24, 0, 0, 0] }, /invalid time 24:0:0:0/],
    [{ tag: "jsonb", val: encode("{") }, /invalid JSON \{/],
    [{ tag: "timestamp", val: 2n ** 62n }, /out of range/],
  ];
  for (const [parameter, message] of wrong) {
    const queried = await rejection(connection.query("SELECT $1", [parameter])) as Value;
    assert.equal(queried.tag, "bad-parameter");
    assert.match(String(queried.val), message);
    const executed = await rejection(connection.execute("SELECT $1", [parameter])) as Value;
    assert.equal(executed.tag, "value-conversion-failed");
  }
  const failed = async (statement: string, parameters: Value[]) => {
    const error = await rejection(connection.query(statement, parameters)) as Value;
    assert.equal(error.tag, "query-failed");
    assert.equal((error.val as Value).tag, "text");
    return String((error.val as Value).val);
  };
  assert.match(
    await failed("SELECT $1::int8", [{ tag: "int32", val: 1 }]),
    /parameter 0: cannot convert between int32 and the Postgres type `int8`/,
  );
  assert.match(await failed("SELECT $1::int8", []), /expected 1 parameters but got 0/);
  assert.match(await failed("SELECT '{{1}}'::int4[]", []), /too many dimensions/);
  assert.match(await failed("SELECT 'infinity'::date", []), /infinite date/);
  assert.equal((await connection.query("SELECT 1", [])).rows.length, 1);

  using v2 = await postgres.connection(V2).open(server.url);
  assert.deepEqual(await rejection(v2.execute("SELECT $1", [{ tag: "uint8", val: 1 }])), {
    tag: "value-conversion-failed",
    val: "Postgres does not support unsigned integers",
  });
});

postgresTest("v1 functions work without a connection of the guest", async () => {
  using postgres = createInterfaces();
  // deno-lint-ignore no-explicit-any
  const v1: any = postgres.imports["fermyon:spin/postgres"];
  assert.deepEqual(await v1.query(server.url, "SELECT $1::int4", [{ tag: "int32", val: 5 }]), {
    columns: [{ name: "int4", dataType: "int32" }],
    rows: [[{ tag: "int32", val: 5 }]],
  });
  assert.equal(await v1.execute(server.url, "SELECT 1", []), 1n);
  const error = await rejection(v1.execute(server.url, "nonsense", [])) as Value;
  assert.equal(error.tag, "query-failed");
});

postgresTest("open() says why there is no connection, without the password", async () => {
  using postgres = createInterfaces();
  const Connection = postgres.connection(V4);
  const host = `127.0.0.1:${server.port}`;
  const cases: [string, RegExp][] = [
    [server.url.replace("se%20cret", "wrong"), /password authentication failed for user "spin"/],
    [`postgres://spin@${host}/postgres`, /asks for a password; the address has none/],
    [`${server.url}x`, /database "postgresx" does not exist/],
    [`${server.url}?sslmode=require`, /does not offer TLS, which sslmode=require demands/],
    ["postgres://spin:se%20cret@127.0.0.1:1/x", /PostgreSQL server 127\.0\.0\.1:1: .*ECONNREFUSED/],
    ["host=/run/postgresql user=spin", /^Unix sockets are not supported on WebAssembly$/],
    ["nonsense", /^invalid connection string/],
  ];
  for (const [address, message] of cases) {
    const error = await rejection(Connection.open(address)) as Value;
    assert.equal(error.tag, "connection-failed", address);
    assert.match(String(error.val), message);
    assert.doesNotMatch(String(error.val), /cret/);
  }
  using blocked = createInterfaces({ outbound: { isBlocked: () => true } });
  const error = await rejection(blocked.connection(V4).open(server.url)) as Value;
  assert.match(String(error.val), /prohibited by the runtime configuration/);
});

postgresTest("open() takes pairs, several hosts, and every way to log in", async () => {
  using postgres = createInterfaces();
  const pairs = `host=localhost,127.0.0.1 hostaddr=127.0.0.1,127.0.0.1 port=1,${server.port} ` +
    "user=spin password='se cret' dbname=postgres sslmode=disable application_name=me";
  {
    using connection = await postgres.connection(V4).open(pairs);
    const { rows } = await connection.query("SHOW application_name", []);
    assert.deepEqual(rows, [[{ tag: "str", val: "me" }]]);
  }
  for (const authentication of ["md5", "password"] as const) {
    await using other = await PostgresServer.start({ authentication });
    using connection = await postgres.connection(V4).open(other.url);
    assert.equal(await connection.execute("SELECT 1", []), 1n, authentication);
    const wrong = other.url.replace("se%20cret", "wrong");
    const error = await rejection(postgres.connection(V4).open(wrong)) as Value;
    assert.match(String(error.val), /password authentication failed/, authentication);
  }
});

postgresTest("connections are used again by the same component, as new", async () => {
  using postgres = createInterfaces({ maxPerAddress: 1 });
  const Connection = postgres.connection(V4);
  const pidOf = async (connection: typeof Connection) =>
    (await connection.query("SELECT pg_backend_pid()", [])).rows[0][0].val as number;
  let pid: number;
  {
    using connection = await Connection.open(server.url);
    pid = await pidOf(connection);
    await connection.execute("BEGIN", []);
    await connection.execute("CREATE TEMP TABLE mine (n int4)", []);
    await connection.execute("SET search_path TO nowhere", []);
  }
  using connection = await Connection.open(server.url);
  assert.equal(await pidOf(connection), pid);
  const path = await connection.query("SHOW search_path", []);
  assert.deepEqual(path.rows, [[{ tag: "str", val: '"$user", public' }]]);
  const { val } = await rejection(connection.execute("TABLE mine", [])) as { val: Value };
  assert.equal((val.val as { code: string }).code, "42P01");

  using foreign = createInterfaces({
    context: { id: "other" },
    connections: postgres.connections,
  });
  connection[Symbol.dispose]();
  using theirs = await foreign.connection(V4).open(server.url);
  assert.notEqual(await pidOf(theirs), pid, "components share no connection");
});

postgresTest("a guest that is ended while it waits takes its connection with it", async () => {
  using postgres = createInterfaces();
  const connection = await postgres.connection(V4).open(server.url);
  const slept = rejection(connection.execute("SELECT pg_sleep(60)", []));
  using watching = await postgres.connection(V4).open(server.url);
  await waitUntil(async () => {
    const { rows } = await watching.query(
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND state = 'active'",
      [],
    );
    return rows.length === 1;
  }, { what: "the server to sleep" });
  connection[Symbol.dispose]();
  const error = await slept as { tag: string; val: Value };
  assert.deepEqual(error, {
    tag: "query-failed",
    val: { tag: "text", val: "the connection was closed" },
  });
});

postgresTest("limits hold, and waiting for a place has an end", async () => {
  const limits = createConnectionLimits({ postgres: 1 });
  using limited = createInterfaces({
    outbound: { openConnection: (kind) => limits.open(kind) },
  });
  const tooMany = { tag: "connection-failed", val: "too many connections" };
  {
    using held = await limited.connection(V4).open(server.url);
    await held.execute("SELECT 1", []);
    assert.deepEqual(await rejection(limited.connection(V4).open(server.url)), tooMany);
  }
  using pooled = createInterfaces({ maxPerAddress: 1, connectTimeoutMs: 300 });
  using held = await pooled.connection(V4).open(server.url);
  await held.execute("SELECT 1", []);
  assert.deepEqual(await rejection(pooled.connection(V4).open(server.url)), tooMany);
  const waiting = pooled.connection(V4).open(server.url);
  held[Symbol.dispose]();
  using next = await waiting;
  assert.equal(await next.execute("SELECT 1", []), 1n);
});

postgresTest("a result over the limit is an error", async () => {
  using postgres = createInterfaces({ maxResultBytes: 1000 });
  using connection = await postgres.connection(V4).open(server.url);
  const text = (length: number) => connection.query(`SELECT repeat('x', ${length})`, []);
  assert.equal((await text(900)).rows.length, 1);
  assert.deepEqual(await rejection(text(1000)), {
    tag: "query-failed",
    val: { tag: "text", val: "query result exceeds limit of 1000 bytes" },
  });
});

postgresTest("a server that goes away, or does not answer, is an error", async () => {
  const mortal = await PostgresServer.start();
  using postgres = createInterfaces({ connectTimeoutMs: 300, statementTimeoutMs: 300 });
  {
    await using _ = mortal;
    using connection = await postgres.connection(V4).open(mortal.url);
    using silent = await postgres.connection(V4).open(mortal.url);
    await connection.execute("SELECT 1", []);
    const late = await rejection(silent.execute("SELECT pg_sleep(10)", [])) as { val: Value };
    assert.match(String(late.val.val), /did not answer within 0\.3 s/);
    assert.equal(
      (await rejection(silent.execute("SELECT 1", [])) as Value).tag,
      "connection-failed",
    );
    mortal.signal("SIGSTOP");
    const url = mortal.url.replace("spin:", "spin :");
    const error = await rejection(postgres.connection(V4).open(url)) as Value;
    assert.match(String(error.val), /no answer within 0\.3 s/);
    mortal.signal("SIGCONT");
    mortal.signal("SIGQUIT");
    await waitUntil(async () => {
      const gone = await rejection(connection.execute("SELECT 1", [])) as Value | undefined;
      return gone !== undefined;
    }, { what: "the connection to break" });
    const lost = await rejection(connection.execute("SELECT 1", []));
    assert.deepEqual(lost, {
      tag: "connection-failed",
      val: "the connection was lost; open another one",
    });
  }
});

postgresTest("connections are encrypted, and certificates verified", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const certificate = makeCertificate(directory);
    // Without openssl there is nothing to test with.
    if (!certificate) return;
    const key = await Deno.readTextFile(certificate.keyFile);
    await using secure = await PostgresServer.start({
      certificate: { cert: certificate.cert, key },
    });
    using postgres = createInterfaces();
    const untrusted = await rejection(postgres.connection(V4).open(secure.url)) as Value;
    assert.equal(untrusted.tag, "connection-failed");
    assert.match(String(untrusted.val), /certificate|UnknownIssuer/i);

    // deno-lint-ignore no-explicit-any
    const Builder: any = postgres.imports["spin:postgres/postgres@4.1.0"]!.ConnectionBuilder;
    const builder = new Builder(secure.url);
    assert.throws(() => builder.setCaRoot("nonsense"), (error: Value) => error.tag === "other");
    builder.setCaRoot(certificate.cert);
    using connection = await builder.build();
    const { rows } = await connection.query(
      "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
      [],
    );
    assert.deepEqual(rows, [[{ tag: "boolean", val: true }]]);
    using plain = await postgres.connection(V4).open(`${secure.url}?sslmode=disable`);
    assert.equal(await plain.execute("SELECT 1", []), 1n);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

postgresTest("a guest uses two versions of the interface at once", async () => {
  const directory = await Deno.makeTempDir();
  try {
    using postgres = createInterfaces();
    await writeEntry(
      `${directory}/entry`,
      await prepareComponent(await buildSqlGuest(server.url)),
    );
    const { manifest, files } = (await readEntry(`${directory}/entry`))!;
    assert.ok(manifest.functions[V3] && manifest.functions[V4]);
    const component = await loadComponent({
      id: "guest",
      directory: `${directory}/entry`,
      manifest,
      modules: compileModules(files, { manifest, component: "guest" }),
      imports: linkImports(manifest, { component: "guest", offered: postgres.imports }),
      shared: engineShared(),
    });
    const instance = await component.instantiate();
    instance.preemption.begin();
    const run = instance.exports["wasi:cli/run@0.2.3"]!.run!;
    // An error of the guest is thrown.
    await run();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

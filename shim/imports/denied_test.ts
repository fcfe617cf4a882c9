import assert from "node:assert/strict";
import { DENIED_PREFIX, isInherited } from "./capabilities.ts";
import { createDenied } from "./denied.ts";

/** Interface → set that gives it. */
const GIVEN_BY: readonly (readonly [name: string, set: string])[] = [
  ["fermyon:spin/llm", "ai_models"],
  ["fermyon:spin/llm@2.0.0", "ai_models"],
  ["wasi:http/outgoing-handler@0.2.6", "allowed_outbound_hosts"],
  ["wasi:http/outgoing-handler@0.2.0-rc-2023-10-18", "allowed_outbound_hosts"],
  ["wasi:http/client@0.3.0", "allowed_outbound_hosts"],
  ["wasi:sockets/tcp-create-socket@0.2.0", "allowed_outbound_hosts"],
  ["wasi:sockets/udp-create-socket@0.2.0", "allowed_outbound_hosts"],
  ["wasi:sockets/ip-name-lookup@0.2.0", "allowed_outbound_hosts"],
  ["wasi:sockets/ip-name-lookup@0.3.0", "allowed_outbound_hosts"],
  ["wasi:sockets/types@0.3.0", "allowed_outbound_hosts"],
  ["fermyon:spin/http", "allowed_outbound_hosts"],
  ["fermyon:spin/redis", "allowed_outbound_hosts"],
  ["fermyon:spin/redis@2.0.0", "allowed_outbound_hosts"],
  ["spin:redis/redis@3.0.0", "allowed_outbound_hosts"],
  ["fermyon:spin/mqtt@2.0.0", "allowed_outbound_hosts"],
  ["spin:mqtt/mqtt@3.0.0", "allowed_outbound_hosts"],
  ["fermyon:spin/mysql@2.0.0", "allowed_outbound_hosts"],
  ["fermyon:spin/mysql@2.0.0", "sqlite_databases"],
  ["spin:mysql/mysql@3.0.0", "allowed_outbound_hosts"],
  ["fermyon:spin/postgres", "allowed_outbound_hosts"],
  ["fermyon:spin/postgres@2.0.0", "sqlite_databases"],
  ["spin:postgres/postgres@4.2.0", "allowed_outbound_hosts"],
  ["wasi:cli/environment@0.2.0", "environment"],
  ["wasi:cli/environment@0.3.0", "environment"],
  ["wasi:filesystem/preopens@0.2.0", "files"],
  ["fermyon:spin/key-value", "key_value_stores"],
  ["fermyon:spin/key-value@2.0.0", "key_value_stores"],
  ["spin:key-value/key-value@3.0.0", "key_value_stores"],
  ["wasi:keyvalue/store@0.2.0-draft2", "key_value_stores"],
  ["wasi:keyvalue/batch@0.2.0-draft2", "key_value_stores"],
  ["wasi:keyvalue/atomics@0.2.0-draft2", "key_value_stores"],
  ["fermyon:spin/sqlite", "sqlite_databases"],
  ["fermyon:spin/sqlite@2.0.0", "sqlite_databases"],
  ["spin:sqlite/sqlite@3.1.0", "sqlite_databases"],
  ["fermyon:spin/config", "variables"],
  ["fermyon:spin/variables@2.0.0", "variables"],
  ["spin:variables/variables@3.0.0", "variables"],
  ["wasi:config/store@0.2.0-draft-2024-09-27", "variables"],
];

/** Interfaces that nobody has to give. */
const FREE: readonly string[] = [
  "wasi:io/streams@0.2.0",
  "wasi:http/types@0.2.0",
  "wasi:clocks/wall-clock@0.2.0",
  "wasi:sockets/tcp@0.2.0",
  "wasi:filesystem/types@0.2.0",
  "wasi:cli/stdout@0.2.0",
  "fermyon:spin/rdbms-types@2.0.0",
  "constructor:x/y",
];

Deno.test("isInherited() asks for the set that gives an interface", () => {
  for (const [name, set] of GIVEN_BY) {
    assert.ok(isInherited(name, "All"), name);
    assert.ok(isInherited(name, ["other", set]), name);
    assert.ok(!isInherited(name, []), name);
    assert.ok(!isInherited(name, ["targets", "tool"]), name);
  }
  for (const name of FREE) assert.ok(isInherited(name, []), name);
});

Deno.test("createDenied() has an answer for every interface that can be withheld", () => {
  const names = GIVEN_BY.map(([name]) => DENIED_PREFIX + name);
  assert.deepEqual(Object.keys(createDenied([...names, "wasi:io/streams@0.2.0"])), [
    ...new Set(names),
  ]);
  assert.deepEqual(createDenied(FREE.map((name) => DENIED_PREFIX + name)), {});
});

/** Interface and function (`Class.function` of a resource) → what it throws. */
const REFUSALS: readonly (readonly [name: string, item: string, error: unknown])[] = [
  [
    "wasi:http/outgoing-handler@0.2.0",
    "handle",
    { tag: "internal-error", val: '"wasi:http/outgoing-handler" is not permitted' },
  ],
  [
    "wasi:http/outgoing-handler@0.2.0-rc-2023-11-10",
    "handle",
    { tag: "internal-error", val: '"wasi:http/outgoing-handler" is not permitted' },
  ],
  [
    "wasi:http/outgoing-handler@0.2.0-rc-2023-10-18",
    "handle",
    { tag: "unexpected-error", val: '"wasi:http/outgoing-handler" is not permitted' },
  ],
  [
    "wasi:http/client@0.3.0",
    "send",
    { tag: "internal-error", val: '"wasi:http/client" is not permitted' },
  ],
  ["wasi:sockets/tcp-create-socket@0.2.0", "createTcpSocket", "access-denied"],
  ["wasi:sockets/udp-create-socket@0.2.0", "createUdpSocket", "access-denied"],
  ["wasi:sockets/ip-name-lookup@0.2.0", "resolveAddresses", "access-denied"],
  ["wasi:sockets/ip-name-lookup@0.3.0", "resolveAddresses", { tag: "access-denied" }],
  ["wasi:sockets/types@0.3.0", "TcpSocket.create", { tag: "access-denied" }],
  ["wasi:sockets/types@0.3.0", "UdpSocket.create", { tag: "access-denied" }],
  [
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "getAll",
    { tag: "io", val: '"wasi:config/store" is not permitted' },
  ],
  ["wasi:keyvalue/store@0.2.0-draft2", "open", { tag: "access-denied" }],
  ["wasi:keyvalue/batch@0.2.0-draft2", "getMany", { tag: "access-denied" }],
  ["wasi:keyvalue/atomics@0.2.0-draft2", "increment", { tag: "access-denied" }],
  ["wasi:keyvalue/atomics@0.2.0-draft2", "Cas.new", { tag: "access-denied" }],
  ["fermyon:spin/http", "sendRequest", "destination-not-allowed"],
  [
    "fermyon:spin/config",
    "getConfig",
    { tag: "other", val: '"fermyon:spin/config" is not permitted' },
  ],
  ["fermyon:spin/variables@2.0.0", "get", { tag: "undefined", val: "x" }],
  ["spin:variables/variables@3.0.0", "get", { tag: "undefined", val: "x" }],
  ["fermyon:spin/llm", "infer", { tag: "model-not-supported" }],
  ["fermyon:spin/llm@2.0.0", "generateEmbeddings", { tag: "model-not-supported" }],
  ["fermyon:spin/key-value", "open", { tag: "access-denied" }],
  ["fermyon:spin/key-value", "getKeys", { tag: "access-denied" }],
  ["fermyon:spin/key-value@2.0.0", "Store.open", { tag: "access-denied" }],
  ["spin:key-value/key-value@3.0.0", "Store.open", { tag: "access-denied" }],
  ["fermyon:spin/sqlite", "open", { tag: "access-denied" }],
  ["fermyon:spin/sqlite", "execute", { tag: "access-denied" }],
  ["fermyon:spin/sqlite@2.0.0", "Connection.open", { tag: "access-denied" }],
  ["spin:sqlite/sqlite@3.1.0", "Connection.openAsync", { tag: "access-denied" }],
  ["fermyon:spin/redis", "publish", "error"],
  ["fermyon:spin/redis", "execute", "error"],
  [
    "fermyon:spin/redis@2.0.0",
    "Connection.open",
    { tag: "other", val: '"fermyon:spin/redis" is not permitted' },
  ],
  [
    "spin:redis/redis@3.0.0",
    "Connection.open",
    { tag: "other", val: '"spin:redis/redis" is not permitted' },
  ],
  [
    "fermyon:spin/mqtt@2.0.0",
    "Connection.open",
    { tag: "other", val: '"fermyon:spin/mqtt" is not permitted' },
  ],
  [
    "fermyon:spin/mysql",
    "query",
    { tag: "other-error", val: '"fermyon:spin/mysql" is not permitted' },
  ],
  [
    "fermyon:spin/postgres",
    "execute",
    { tag: "other-error", val: '"fermyon:spin/postgres" is not permitted' },
  ],
  [
    "fermyon:spin/postgres@2.0.0",
    "Connection.open",
    { tag: "other", val: '"fermyon:spin/postgres" is not permitted' },
  ],
  [
    "spin:postgres/postgres@4.2.0",
    "Connection.openAsync",
    { tag: "other", val: '"spin:postgres/postgres" is not permitted' },
  ],
];

Deno.test("createDenied() refuses as Spin's deny adapter does", () => {
  for (const [name, item, error] of REFUSALS) {
    const [owner, method] = item.split(".") as [string, string | undefined];
    // deno-lint-ignore no-explicit-any
    const members = createDenied([DENIED_PREFIX + name])[DENIED_PREFIX + name] as any;
    const refuse = method === undefined ? members[owner] : members[owner][method];
    assert.throws(() => refuse("x"), (thrown: unknown) => {
      assert.deepEqual(thrown, error, `${name}#${item}`);
      return true;
    });
  }
});

Deno.test("createDenied() gives an empty environment and no directories", () => {
  const names = ["wasi:cli/environment@0.2.0", "wasi:filesystem/preopens@0.2.0"]
    .map((name) => DENIED_PREFIX + name);
  const [environment, preopens] = Object.values(createDenied(names)) as Record<
    string,
    () => unknown
  >[];
  assert.deepEqual(environment!.getEnvironment!(), []);
  assert.deepEqual(environment!.getArguments!(), []);
  assert.equal(environment!.initialCwd!(), undefined);
  assert.deepEqual(preopens!.getDirectories!(), []);
});

Deno.test("createDenied() takes the settings of a PostgreSQL builder, and refuses to connect", () => {
  const name = `${DENIED_PREFIX}spin:postgres/postgres@4.2.0`;
  const { ConnectionBuilder } = createDenied([name])[name] as {
    ConnectionBuilder: new (address: string) => {
      setCaRoot(certificate: string): void;
      build(): void;
      buildAsync(): void;
    };
  };
  const builder = new ConnectionBuilder("postgres://x");
  assert.equal(builder.setCaRoot("PEM"), undefined);
  for (const method of ["build", "buildAsync"] as const) {
    assert.throws(() => builder[method](), (thrown: unknown) => {
      assert.deepEqual(thrown, {
        tag: "other",
        val: '"spin:postgres/postgres" is not permitted',
      });
      return true;
    });
  }
});

import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { ImportObject, OutboundPolicy } from "./component_context.ts";
import { createSpinMysql } from "./spin_mysql.ts";
import { createSpinPostgres } from "./spin_postgres.ts";
import { SqlConnections } from "./sql_connections.ts";

function create(outbound: Partial<OutboundPolicy>): ImportObject {
  const context = testContext({ outbound: { ...testContext().outbound, ...outbound } });
  return {
    ...createSpinPostgres(context, new SqlConnections("postgres")),
    ...createSpinMysql(context, new SqlConnections("mysql")),
  };
}

// deno-lint-ignore no-explicit-any
async function openError(imports: ImportObject, name: string, address: string): Promise<any> {
  // deno-lint-ignore no-explicit-any
  const offered = imports[name] as any;
  try {
    if (offered.Connection) await offered.Connection.open(address);
    else await offered.query(address, "SELECT 1", []);
  } catch (error) {
    return error;
  }
  return undefined;
}

const POSTGRES = [
  "fermyon:spin/postgres",
  "fermyon:spin/postgres@2.0.0",
  ...["3.0.0", "4.0.0", "4.1.0", "4.2.0"].map((version) => `spin:postgres/postgres@${version}`),
];
const MYSQL = ["fermyon:spin/mysql", "fermyon:spin/mysql@2.0.0"];

Deno.test("open() refuses hosts that are not allowed, in Spin's words", async () => {
  const cases: [readonly string[], string, string][] = [
    [POSTGRES, "postgres://spin:spin@localhost:5432/db", "address postgres://localhost:5432"],
    [POSTGRES, "host=localhost user=spin password=spin", "address postgres://localhost"],
    [POSTGRES, "postgres://spin@[::1]:1", "address postgres://[::1]:1"],
    [
      MYSQL,
      "mysql://spin:spin@localhost:3306/spin_dev",
      "address mysql://spin:spin@localhost:3306/spin_dev",
    ],
  ];
  for (const check of [() => false, () => Promise.resolve(false)]) {
    const imports = create({ check });
    for (const [names, address, text] of cases) {
      for (const name of names) {
        assert.deepEqual(await openError(imports, name, address), {
          tag: "connection-failed",
          val: `${text} is not permitted`,
        }, name);
      }
    }
  }
});

Deno.test("open() asks for every host, and for what it is said to stand for", async () => {
  const asked: string[] = [];
  const allowed = ["postgres://a:1", "postgres://b:1", "postgres://c:1"];
  const imports = create({
    check(url, scheme) {
      asked.push(`${scheme} ${url}`);
      return allowed.includes(url);
    },
  });
  const address = "host=a,c hostaddr=,10.0.0.1 port=1 user=me";
  assert.deepEqual(await openError(imports, POSTGRES[3]!, address), {
    tag: "connection-failed",
    val: "address postgres://10.0.0.1:1 is not permitted",
  });
  assert.deepEqual(asked, [
    "postgres postgres://a:1",
    "postgres postgres://c:1",
    "postgres postgres://10.0.0.1:1",
  ]);
});

Deno.test("createSpinPostgres() offers the builder from 4.1 on", () => {
  const imports = create({});
  for (const name of POSTGRES) {
    const hasBuilder = "ConnectionBuilder" in imports[name]!;
    assert.equal(hasBuilder, /4\.[12]\.0$/.test(name), name);
  }
});

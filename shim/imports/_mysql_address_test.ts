import assert from "node:assert/strict";
import { type MysqlAddress, parseMysqlAddress } from "./_mysql_address.ts";

const LOCAL: MysqlAddress = {
  host: "localhost",
  port: undefined,
  user: "",
  password: "",
  database: "",
  isTls: false,
};

Deno.test("parseMysqlAddress() reads every part", () => {
  const cases: [string, Partial<MysqlAddress>][] = [
    ["mysql://localhost", {}],
    ["mysql://me:p%40s:s@localhost:3307/db", {
      user: "me",
      password: "p@s:s",
      port: 3307,
      database: "db",
    }],
    ["mysql://me@[::1]/", { host: "::1", user: "me" }],
    ["mysql://localhost?ssl-mode=DISABLED&pool_max=10", {}],
    ["mysql://localhost/db?SsLmOdE=VERIFY_CA", { database: "db", isTls: true }],
    ["mysql://localhost?require_ssl=true", { isTls: true }],
  ];
  for (const [text, expected] of cases) {
    assert.deepEqual(parseMysqlAddress(text), { ...LOCAL, ...expected }, text);
  }
});

Deno.test("parseMysqlAddress() refuses what is no address, or could be read in two ways", () => {
  const cases: [string, RegExp][] = [
    ["", /not in the form/],
    ["localhost", /not in the form/],
    ["postgres://localhost", /not in the form/],
    ["mysql://", /not in the form/],
    ["mysql://evil?@good", /unknown parameter/],
    ["mysql://evil#@good", /not in the form/],
    ["mysql://evil\\@good%2F", /not in the form/],
    ["mysql://localhost:99999", /port/],
    ["mysql://:%zz@localhost", /percent-encoding/],
    ["mysql://me%00x@localhost", /NUL/],
    ["mysql://localhost?socket=/run/mysqld.sock", /Unix sockets/],
    ["mysql://localhost?colour=red", /unknown parameter `colour`/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseMysqlAddress(text), { name: "SyntaxError", message }, text);
  }
});

import assert from "node:assert/strict";
import { parsePgAddress, type PgAddress, UnixSocketError } from "./_pg_address.ts";

const LOCAL: PgAddress = {
  hosts: [{ host: "localhost", hostAddress: undefined, port: undefined }],
  user: "me",
  password: undefined,
  database: "me",
  sslMode: "prefer",
  connectTimeoutMs: undefined,
  startup: {},
};

const host = (name: string, port?: number, hostAddress?: string) => ({
  host: name,
  hostAddress,
  port,
});

Deno.test("parsePgAddress() reads URLs and pairs", () => {
  const cases: [string, Partial<PgAddress>][] = [
    ["postgres://me@localhost", {}],
    ["postgresql://me@localhost/", {}],
    ["postgres://me:p%40s:s@localhost/db", { password: "p@s:s", database: "db" }],
    ["postgres://me:a@b@localhost", { password: "a@b" }],
    ["postgres://me@a:1,[::1]:2,c/db", {
      hosts: [host("a", 1), host("::1", 2), host("c")],
      database: "db",
    }],
    ["postgres://me@localhost?sslmode=disable&connect_timeout=5&keepalives=1", {
      sslMode: "disable",
      connectTimeoutMs: 5_000,
    }],
    ["postgres://me@localhost?hostaddr=10.0.0.1", {
      hosts: [host("localhost", undefined, "10.0.0.1")],
    }],
    ["host=localhost user=me", {}],
    ["  host = localhost  user='me' ", {}],
    ["host=localhost user=me password='it\\'s a \\\\' dbname=db", {
      password: "it's a \\",
      database: "db",
    }],
    ["host=a,b port=7 user=me", { hosts: [host("a", 7), host("b", 7)] }],
    ["hostaddr=::1 user=me", { hosts: [host("::1", undefined, "::1")] }],
    ["host=localhost user=me options='-c x=y' application_name=app sslmode=verify-full", {
      startup: { options: "-c x=y", application_name: "app" },
      sslMode: "require",
    }],
  ];
  for (const [text, expected] of cases) {
    assert.deepEqual(parsePgAddress(text), { ...LOCAL, ...expected }, text);
  }
});

Deno.test("parsePgAddress() refuses what is no address", () => {
  const cases: [string, RegExp][] = [
    ["", /names no host/],
    ["nonsense", /expected key=value/],
    ["mysql://me@localhost", /expected key=value/],
    ["postgres://localhost", /names no user/],
    ["postgres://me@", /names no host/],
    ["postgres://me@localhost:99999", /option `port`/],
    ["postgres://me@localhost?sslmode=maybe", /option `sslmode`/],
    ["postgres://me@localhost?colour=red", /unknown option `colour`/],
    ["postgres://me:%zz@localhost", /percent-encoding/],
    ["postgres://me%00database%00x@localhost", /NUL/],
    ["host=good/evil user=me", /option `host`/],
    ["host=evil@good user=me", /option `host`/],
    ["host=good hostaddr=evil user=me", /option `hostaddr`/],
    ["host=a,b hostaddr=1.1.1.1 user=me", /option `hostaddr`/],
    ["host=a,b,c port=1,2 user=me", /option `port`/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parsePgAddress(text), { name: "SyntaxError", message }, text);
  }
  for (const text of ["postgres://me@%2Frun/db", "host=/run user=me", "host=@abstract user=me"]) {
    assert.throws(() => parsePgAddress(text), UnixSocketError, text);
  }
});

import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { OutboundPolicy } from "./component_context.ts";
import { RedisConnections } from "./redis_connections.ts";
import { createSpinRedis } from "./spin_redis.ts";

// deno-lint-ignore no-explicit-any
function create(outbound: Partial<OutboundPolicy>): { Connection: any; v1: any } {
  const context = testContext();
  const imports = createSpinRedis(
    { ...context, outbound: { ...context.outbound, check: () => true, ...outbound } },
    new RedisConnections({ connectTimeoutMs: 1000 }),
  );
  return {
    Connection: imports["fermyon:spin/redis@2.0.0"]!.Connection,
    v1: imports["fermyon:spin/redis"],
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

Deno.test("Connection.open() refuses addresses that are not allowed or none", async () => {
  const invalid = { tag: "invalid-address" };
  const cases: [Partial<OutboundPolicy>, string][] = [
    [{ check: () => false }, "redis://127.0.0.1:1"],
    [{ check: () => Promise.resolve(false) }, "redis://127.0.0.1:1"],
    [{}, "127.0.0.1:1"],
    [{}, "http://127.0.0.1:1"],
    [{}, ""],
  ];
  for (const [outbound, address] of cases) {
    const { Connection, v1 } = create(outbound);
    assert.deepEqual(await rejection(Connection.open(address)), invalid, address);
    assert.equal(await rejection(v1.get(address, "k")), "error", address);
  }
});

Deno.test("Connection.open() asks the policy for the address as it is, with redis as scheme", async () => {
  const asked: string[][] = [];
  const { Connection } = create({
    check(...args) {
      asked.push(args);
      return false;
    },
  });
  await rejection(Connection.open("redis://:secret@db:1/2"));
  assert.deepEqual(asked, [["redis://:secret@db:1/2", "redis"]]);
});

Deno.test("Connection.open() says why there is no connection, without the password", async () => {
  const where = "Cannot connect to the Redis server 127.0.0.1:1: ";
  const address = "redis://:secret@127.0.0.1:1";
  const refused = await rejection(create({}).Connection.open(address)) as { val: string };
  assert.ok(refused.val.startsWith(where), refused.val);
  assert.match(refused.val, /ECONNREFUSED/);
  assert.doesNotMatch(refused.val, /secret/);

  for (const host of ["127.0.0.1", "localhost"]) {
    const { Connection } = create({ isBlocked: () => true });
    assert.deepEqual(await rejection(Connection.open(`redis://${host}:1`)), {
      tag: "other",
      val: `Cannot connect to the Redis server ${host}:1: ` +
        "its address is prohibited by the runtime configuration",
    });
  }
});

Deno.test("Connection.open() refuses when there is no room for a connection", async () => {
  const { Connection } = create({ openConnection: () => undefined });
  assert.deepEqual(await rejection(Connection.open("redis://127.0.0.1:1")), {
    tag: "too-many-connections",
  });
});

Deno.test("Connection.open() gives up the place of a connection that fails", async () => {
  let open = 0;
  const { Connection } = create({
    openConnection() {
      open++;
      return () => open--;
    },
  });
  await rejection(Connection.open("redis://127.0.0.1:1"));
  assert.equal(open, 0);
});

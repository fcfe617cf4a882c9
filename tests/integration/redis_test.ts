/**
 * The Redis interface against a real server: through its functions, and from a guest.
 *
 * @module
 */

import assert from "node:assert/strict";
import { testContext } from "../../shim/imports/_context_fixture.ts";
import type { ComponentContext, OutboundPolicy } from "../../shim/imports/component_context.ts";
import { createConnectionLimits } from "../../shim/imports/connection_limits.ts";
import { RedisConnections } from "../../shim/imports/redis_connections.ts";
import type { RedisConnectionsOptions } from "../../shim/imports/redis_connections.ts";
import { createSpinRedis } from "../../shim/imports/spin_redis.ts";
import { samplePath } from "../support/fixtures.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil } from "../support/wait.ts";

const isAbsent = !hasRedisServer();

/** A test that needs a server; its name says so if there is none. */
function redisTest(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: isAbsent ? `${name} (needs redis-server, which is not installed)` : name,
    ignore: isAbsent,
    fn: run,
  });
}

const encode = (text: string) => new TextEncoder().encode(text);
const binary = (text: string) => ({ tag: "binary", val: encode(text) });
const int64 = (val: bigint) => ({ tag: "int64", val });
const status = (val: string) => ({ tag: "status", val });
const other = (val: string) => ({ tag: "other", val });

function outboundPolicy(overrides: Partial<OutboundPolicy> = {}): OutboundPolicy {
  return { ...testContext().outbound, check: () => true, ...overrides };
}

interface Interfaces {
  // deno-lint-ignore no-explicit-any
  readonly v1: any;
  // deno-lint-ignore no-explicit-any
  readonly Connection: any;
  readonly connections: RedisConnections;
  [Symbol.dispose](): void;
}

function createInterfaces(
  options: RedisConnectionsOptions & {
    context?: Partial<ComponentContext>;
    connections?: RedisConnections;
  } = {},
): Interfaces {
  const connections = options.connections ?? new RedisConnections(options);
  const context = testContext({ outbound: outboundPolicy(), ...options.context });
  const imports = createSpinRedis(context, connections);
  return {
    v1: imports["fermyon:spin/redis"],
    Connection: imports["fermyon:spin/redis@2.0.0"]!.Connection,
    connections,
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

async function clients(server: RedisServer): Promise<number> {
  // The one that asks is listed too.
  return (await server.cli("CLIENT", "LIST")).split("\n").length - 1;
}

redisTest("Connection does what redis@2.0.0 says", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  using connection = await redis.Connection.open(server.url);
  assert.equal(await connection.get("k"), undefined);
  const view = new Uint8Array([0, 255, 13, 10, 7]).subarray(0, 4);
  const writing = connection.set("k", view);
  view[0] = 9;
  await writing;
  assert.deepEqual([...await connection.get("k")], [0, 255, 13, 10], "binary, and copied");
  await connection.set("max", encode("9223372036854775806"));
  assert.equal(await connection.incr("max"), 9223372036854775807n);
  assert.equal(await connection.sadd("s", ["a", "ü", "a"]), 2);
  assert.deepEqual((await connection.smembers("s")).sort(), ["a", "ü"]);
  assert.deepEqual(await connection.smembers("none"), []);
  assert.equal(await connection.srem("s", ["ü", "x"]), 1);
  assert.equal(await connection.del(["k", "max", "none"]), 2);
  await connection.publish("channel", new Uint8Array([1]));
});

redisTest("Connection reports what the server refuses in Spin's words", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  using connection = await redis.Connection.open(server.url);
  await connection.set("text", encode("x"));
  const wrongType = other(
    "WRONGTYPE: Operation against a key holding the wrong kind of value",
  );
  assert.deepEqual(await rejection(connection.sadd("text", ["a"])), wrongType);
  const notInteger = other("ERR: value is not an integer or out of range");
  assert.deepEqual(await rejection(connection.incr("text")), notInteger);
  const noMember = other("ERR: wrong number of arguments for 'del' command");
  assert.deepEqual(await rejection(connection.del([])), noMember);
  await connection.execute("SADD", [binary("bytes"), { tag: "binary", val: Uint8Array.of(255) }]);
  assert.deepEqual(await rejection(connection.smembers("bytes")), { tag: "type-error" });
  await connection.set("text", encode("still usable"));
});

redisTest("Connection.execute() tells the kinds of reply apart and flattens lists", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  using connection = await redis.Connection.open(server.url);
  const lua = (script: string) => ["EVAL", [binary(script), int64(0n)]] as const;
  const cases: [string, readonly unknown[], unknown[]][] = [
    ["SET", [binary("k"), binary("Eureka!")], [status("OK")]],
    ["append", [binary("k"), binary(" I've got it!")], [int64(20n)]],
    ["GET", [binary("k")], [binary("Eureka! I've got it!")]],
    ["GET", [binary("none")], [{ tag: "nil" }]],
    ["SET", [binary("n"), int64(-(2n ** 63n))], [status("OK")]],
    ["INCRBY", [binary("n"), int64(1n)], [int64(-(2n ** 63n) + 1n)]],
    ["MGET", [binary("k"), binary("none")], [binary("Eureka! I've got it!"), { tag: "nil" }]],
    ["LRANGE", [binary("none"), int64(0n), int64(-1n)], []],
    [...lua("return {1, {'a', {ok='42'}}, false}"), [
      int64(1n),
      binary("a"),
      status("42"),
      { tag: "nil" },
    ]],
    [...lua("redis.setresp(3); return {double=1.5}"), [binary("1.5")]],
  ];
  for (const [command, parameters, expected] of cases) {
    assert.deepEqual(await connection.execute(command, parameters), expected, command);
  }
  assert.deepEqual(
    await rejection(connection.execute("NOSUCH", [])),
    other("ERR: unknown command 'NOSUCH', with args beginning with: "),
  );
});

redisTest("Connection.execute() reads RESP3, whose maps it refuses", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  using connection = await redis.Connection.open(server.url);
  const map = await rejection(connection.execute("HELLO", [int64(3n)]));
  assert.deepEqual(map, other("the reply has a map, which this interface cannot hold"));
  await connection.execute("ZADD", [binary("z"), binary("0.25"), binary("m")]);
  assert.deepEqual(await connection.execute("ZSCORE", [binary("z"), binary("m")]), [
    binary("0.25"),
  ]);
  await connection.sadd("s", ["a"]);
  assert.deepEqual(await connection.smembers("s"), ["a"]);
});

redisTest("Connection.execute() refuses commands that are answered more than once", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  using connection = await redis.Connection.open(server.url);
  const commands: [string, unknown[]][] = [
    ["subscribe", [binary("c")]],
    ["MONITOR", []],
    ["CLIENT", [binary("reply"), binary("off")]],
  ];
  for (const [command, parameters] of commands) {
    const expected = other(`${command} is not possible here: it is answered more than once`);
    assert.deepEqual(await rejection(connection.execute(command, parameters)), expected);
  }
});

redisTest("v1 functions work without a handle and only say error", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  const { v1 } = redis;
  const { url } = server;
  assert.deepEqual(await v1.get(url, "none"), new Uint8Array(0));
  await v1.set(url, "k", encode("1"));
  assert.equal(await v1.incr(url, "k"), 2n);
  assert.deepEqual(await v1.get(url, "k"), encode("2"));
  assert.equal(await v1.sadd(url, "s", ["a", "b"]), 2n);
  assert.equal(await v1.srem(url, "s", ["a"]), 1n);
  assert.deepEqual(await v1.smembers(url, "s"), ["b"]);
  assert.deepEqual(await v1.execute(url, "GET", [binary("k")]), [binary("2")]);
  assert.equal(await v1.del(url, ["k", "s"]), 2n);
  await v1.publish(url, "channel", encode("x"));
  await v1.execute(url, "SELECT", [int64(3n)]);
  await v1.set(url, "database", encode("0"));
  assert.equal(await server.cli("GET", "database"), "0", "no call sees another one's database");
  assert.equal(await rejection(v1.incr("redis://127.0.0.1:1", "k")), "error");
  assert.equal(await rejection(v1.incr("nonsense", "k")), "error");
});

redisTest("Connection.open() logs in and selects the database", async () => {
  await using server = await RedisServer.start();
  await server.cli("ACL", "SETUSER", "me", "on", ">secret", "~*", "+@all");
  await server.cli("CONFIG", "SET", "requirepass", "p@ss");
  using redis = createInterfaces();
  const { Connection } = redis;
  const host = `127.0.0.1:${server.port}`;
  {
    using connection = await Connection.open(`redis://:p%40ss@${host}/3`);
    await connection.set("where", encode("three"));
  }
  {
    using connection = await Connection.open(`redis://me:secret@${host}/3`);
    assert.deepEqual(await connection.get("where"), encode("three"));
  }
  const wrong = other(
    `Cannot connect to the Redis server ${host}: ` +
      "WRONGPASS: invalid username-password pair or user is disabled.",
  );
  assert.deepEqual(await rejection(Connection.open(`redis://:wrong@${host}`)), wrong);
  const range = other(
    `Cannot connect to the Redis server ${host}: ERR: DB index is out of range`,
  );
  assert.deepEqual(await rejection(Connection.open(`redis://:p%40ss@${host}/99`)), range);
});

redisTest("connections are used again by the same component, unless they carry state", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  const id = async (action?: string, ...parameters: unknown[]): Promise<string> => {
    using connection = await redis.Connection.open(server.url);
    if (action) await connection.execute(action, parameters);
    await connection.set("k", encode("v"));
    return (await server.cli("CLIENT", "LIST", "TYPE", "NORMAL")).split("\n")
      .find((line) => line.includes("cmd=set"))!.split(" ")[0]!;
  };
  const first = await id();
  assert.equal(await id(), first);
  await id("SELECT", int64(5n));
  assert.notEqual(await id(), first, "the one in another database was closed");
  await waitUntil(async () => await clients(server) === 1, { what: "one connection" });

  const { Connection } = createInterfaces({
    connections: redis.connections,
    context: { id: "another" },
  });
  using _foreign = await Connection.open(server.url);
  assert.equal(await clients(server), 2, "components share no connection");
});

redisTest("a connection serves one guest at a time", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  using waiting = await redis.Connection.open(server.url);
  const popped = waiting.execute("BLPOP", [binary("queue"), int64(0n)]);
  using pushing = await redis.Connection.open(server.url);
  await pushing.execute("RPUSH", [binary("queue"), binary("job")]);
  assert.deepEqual(await popped, [binary("queue"), binary("job")]);
});

redisTest("a guest that is ended while it waits takes its connection with it", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces();
  const connection = await redis.Connection.open(server.url);
  const popped = rejection(connection.execute("BLPOP", [binary("queue"), int64(0n)]));
  await waitUntil(async () => (await server.cli("CLIENT", "LIST")).includes("cmd=blpop"), {
    what: "the server to wait",
  });
  connection[Symbol.dispose]();
  assert.deepEqual(await popped, other("the connection was closed"));
  await waitUntil(async () => await clients(server) === 0, { what: "no connection" });
});

redisTest("idle connections are closed after a while, and all of them at the end", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces({ idleMs: 50 });
  (await redis.Connection.open(server.url))[Symbol.dispose]();
  await waitUntil(async () => await clients(server) === 0, { what: "the idle one to go" });

  using held = await redis.Connection.open(server.url);
  await held.get("k");
  redis.connections.close();
  await waitUntil(async () => await clients(server) === 0, { what: "the held one to go" });
  assert.equal((await rejection(held.get("k")) as { tag: string }).tag, "other");
});

redisTest(
  "a server that goes away is an error once, and state is not lost in silence",
  async () => {
    let server = await RedisServer.start();
    const { port, url } = server;
    using redis = createInterfaces();
    using connection = await redis.Connection.open(url);
    using selected = await redis.Connection.open(url);
    await connection.set("k", encode("v"));
    await selected.execute("SELECT", [int64(2n)]);
    await server[Symbol.asyncDispose]();
    const refused = await rejection(connection.get("k")) as { tag: string; val: string };
    assert.equal(refused.tag, "other");
    assert.match(refused.val, /closed|ECONN/);
    server = await RedisServer.start({ port });
    await using _ = server;
    assert.equal(await connection.get("k"), undefined, "connected anew");
    const lost = other("the connection was lost, and its state with it");
    assert.deepEqual(await rejection(selected.set("k", encode("v"))), lost);
  },
);

redisTest("a server that does not answer is given up", async () => {
  await using server = await RedisServer.start({ args: ["--requirepass", "x"] });
  using redis = createInterfaces({ connectTimeoutMs: 100 });
  server.signal("SIGSTOP");
  const late = await rejection(redis.Connection.open(`redis://:x@127.0.0.1:${server.port}`));
  const expected = other(
    `Cannot connect to the Redis server 127.0.0.1:${server.port}: no answer within 0.1 s`,
  );
  assert.deepEqual(late, expected);
});

redisTest("a reply over the limit is an error, and the next call works", async () => {
  await using server = await RedisServer.start();
  using redis = createInterfaces({ maxReplyBytes: 1000 });
  using connection = await redis.Connection.open(server.url);
  await connection.set("large", new Uint8Array(1001));
  const expected = other("query result exceeds limit of 1000 bytes");
  assert.deepEqual(await rejection(connection.get("large")), expected);
  assert.equal(await connection.get("none"), undefined);
});

redisTest("limits make room by closing idle connections, then refuse", async () => {
  await using server = await RedisServer.start();
  const limits = createConnectionLimits({ redis: 2 });
  const outbound = outboundPolicy({ openConnection: (kind) => limits.open(kind) });
  using redis = createInterfaces({ context: { outbound } });
  const { Connection } = redis;
  const open = async (database: number) => {
    const connection = await Connection.open(`${server.url}/${database}`);
    await connection.get("k");
    return connection;
  };
  (await open(0))[Symbol.dispose]();
  (await open(1))[Symbol.dispose]();
  using _a = await open(2);
  using _b = await open(3);
  assert.deepEqual(await rejection(open(4)), { tag: "too-many-connections" });
  await redis.v1.get(`${server.url}/2`, "k").then(
    () => assert.fail("no room for v1 either"),
    (error: unknown) => assert.equal(error, "error"),
  );
});

redisTest("the Rust sample uses Redis", async () => {
  await using server = await RedisServer.start();
  const suite = new TestSuite();
  try {
    const app = await suite.start({
      from: samplePath("rust-api"),
      args: ["--variable", `redis_url=${server.url}`],
    });
    const post = (path: string, body = "") => app.get(path, { method: "POST", body });
    assert.deepEqual(await app.get("/redis/counter"), { status: 404, body: "no such key\n" });
    for (const count of [1, 2, 3]) {
      assert.deepEqual(await post("/redis/counter"), { status: 200, body: `${count}` });
    }
    assert.deepEqual(await app.get("/redis/counter"), { status: 200, body: "3" });
    const many = await Promise.all(Array.from({ length: 20 }, () => post("/redis/many")));
    assert.deepEqual(
      many.map(({ body }) => Number(body)).sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );

    using subscriber = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await subscriber.write(encode("SUBSCRIBE orders\r\n"));
    const received = collectUntil(subscriber, "hello");
    await waitUntil(async () => (await server.cli("PUBSUB", "NUMSUB", "orders")).endsWith("1"), {
      what: "the subscription",
    });
    assert.equal((await post("/publish/orders", "hello")).status, 202);
    assert.match(await received, /message\r\n\$6\r\norders\r\n\$5\r\nhello/);

    await server.cli("SET", "text", "x");
    assert.equal((await post("/redis/text")).status, 500, "a guest's error");
    assert.deepEqual(await app.get("/redis/text"), { status: 200, body: "x" });
  } finally {
    await suite.close();
  }
});

async function collectUntil(connection: Deno.Conn, end: string): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.endsWith(`${end}\r\n`)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}

/**
 * The triggers beside HTTP, with real servers.
 *
 * @module
 */

import assert from "node:assert/strict";
import { MqttClient } from "mqtt";
import { createConnection } from "node:net";
import { triggerSample } from "../support/fixtures.ts";
import { hasMqttBroker, MqttBroker } from "../support/mqtt_broker.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import { TestSuite } from "../support/test_suite.ts";
import { UpProgram } from "../support/up_program.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();

Deno.test.afterAll(() => suite.close());

Deno.test("up runs a command, with arguments, output and exit code", async (t) => {
  const cases: [words: string[], code: number, stdout: RegExp, stderr: RegExp][] = [
    [["show", "a b"], 0, /^arguments: \["job", "show", "a b"\]\nenvironment: .*"job"/, /^/],
    [["fail", "7"], 7, /^$/, /^/],
    [["panic"], 1, /^$/, /component "job" trapped/],
    [["unknown"], 2, /^$/, /no such command: unknown/],
    [["count"], 0, /^run 1\n$/, /^/],
  ];
  for (const [words, code, stdout, stderr] of cases) {
    await t.step(words.join(" "), async () => {
      await using program = new UpProgram(suite, triggerSample("job"), { words });
      assert.equal(await program.code(), code, program.stderr);
      assert.match(program.stdout, stdout);
      assert.match(program.stderr, stderr);
    });
  }
});

Deno.test("up stops a command on SIGTERM", async () => {
  await using program = new UpProgram(suite, triggerSample("job"), {
    words: ["sleep", "60000"],
    args: ["--grace-period", "100ms"],
  });
  await waitUntil(() => program.stderr.includes("key-value"), { what: "the program to begin" });
  await new Promise((resolve) => setTimeout(resolve, 500));
  program.kill();
  assert.equal(await program.code(), 0, program.stderr);
});

Deno.test("up calls a component when its schedule says so", async () => {
  await using program = new UpProgram(suite, triggerSample("cron-tick"));
  await waitUntil(() => Number(program.value("ticks")) >= 2, { what: "two ticks" });
  assert.match(program.stdout, /Cron schedules:\n\tcron-tick: \*\/2 \* \* \* \* \*/);
  program.kill();
  assert.equal(await program.code(), 0, program.stderr);
});

const hasRedis = hasRedisServer();

Deno.test({
  name: "up hands on messages of Redis channels, through losses of the connection" +
    (hasRedis ? "" : " (needs redis-server, which is not installed)"),
  ignore: !hasRedis,
  async fn(t) {
    let server = await RedisServer.start();
    const { port } = server;
    const publish = async (message: string): Promise<number> => {
      const { stdout } = await new Deno.Command("redis-cli", {
        args: ["-p", String(port), "publish", "sample-in", message],
      }).output();
      return Number(new TextDecoder().decode(stdout));
    };
    try {
      await using app = await suite.start({
        from: triggerSample("redis-sub"),
        args: ["--variable", `redis_url=redis://127.0.0.1:${port}`],
      });
      const count = async () => (await app.get("/kv/messages")).body.trim();
      await t.step("messages are counted beside an HTTP server", async () => {
        await waitUntil(async () => await publish("one") === 1, { what: "the subscription" });
        await waitUntil(async () => await count() === "1", { what: "a message" });
        assert.equal((await app.get("/kv/last-message")).body.trim(), "one");
      });
      await t.step("an error and a trap are told, and harm nobody", async () => {
        await publish("fail");
        await publish("panic");
        await waitUntil(() => app.stderr.includes("trapped"), { what: "the trap" });
        await app.waitForStderr(/Error handling a message of channel "sample-in": component/);
        const before = Number(await count());
        await publish("after");
        await waitUntil(async () => Number(await count()) > before, { what: "the next message" });
      });
      await t.step("a server that was away is used again", async () => {
        await server[Symbol.asyncDispose]();
        await waitUntil(() => app.stderr.includes("no connection to the Redis server"), {
          what: "the loss to be told",
        });
        server = await RedisServer.start({ port });
        await waitUntil(async () => await publish("back") === 1, { what: "the subscription" });
        await waitUntil(async () => (await app.get("/kv/last-message")).body.includes("back"), {
          what: "the message",
        });
      });
    } finally {
      await server[Symbol.asyncDispose]();
    }
  },
});

Deno.test({
  name: "up ends if a Redis server does not let it in" +
    (hasRedis ? "" : " (needs redis-server, which is not installed)"),
  ignore: !hasRedis,
  async fn() {
    await using server = await RedisServer.start({ args: ["--requirepass", "right"] });
    await using program = new UpProgram(suite, triggerSample("redis-sub"), {
      args: [
        ...["--variable", `redis_url=redis://:wr0ng@127.0.0.1:${server.port}`],
        ...["--listen", "127.0.0.1:0"],
      ],
    });
    assert.equal(await program.code(), 1, program.stderr);
    assert.match(program.stderr, /^Error: .*WRONGPASS/m);
    assert.doesNotMatch(program.stderr, /wr0ng/);
  },
});

const hasMqtt = hasMqttBroker();

Deno.test({
  name: "up hands on messages of MQTT topics, and confirms them when they are handled" +
    (hasMqtt ? "" : " (needs mosquitto, which is not installed)"),
  ignore: !hasMqtt,
  async fn() {
    await using broker = await MqttBroker.start();
    await using program = new UpProgram(suite, triggerSample("mqtt-log"), {
      args: ["--variable", `mqtt_address=mqtt://127.0.0.1:${broker.port}?client_id=guest`],
    });
    const client = new MqttClient(
      () => createConnection({ host: "127.0.0.1", port: broker.port }),
      { reconnectPeriod: 0, protocolVersion: 4, clientId: "publisher" },
    );
    const copies = new Map<string, string>();
    client.on("message", (topic, message) => copies.set(topic, message.toString()));
    try {
      await client.subscribeAsync("copy/#", { qos: 1 });
      await waitUntil(async () => {
        await client.publishAsync("sample/a", "first", { qos: 1 });
        return Number(program.value("sample/a")) >= 1;
      }, { what: "the subscription" });
      for (const qos of [0, 1, 2] as const) {
        await client.publishAsync(`sample/q${qos}`, `with ${qos}`, { qos });
      }
      await waitUntil(() => program.value("sample/q2") === "1", { what: "all messages" });
      assert.equal(program.value("sample/q0"), "1");
      assert.match(program.stderr, /^sample\/q1: with 1$/m);
      // The guest publishes, too.
      await waitUntil(() => copies.has("copy/sample/q2"), { what: "the copies" });
      assert.equal(copies.get("copy/sample/q0"), "with 0");
      await client.publishAsync("sample/empty", "", { qos: 1 });
      await waitUntil(() => program.stderr.includes('message of topic "sample/empty"'), {
        what: "the error",
      });
      await client.publishAsync("sample/last", "still there", { qos: 1 });
      await waitUntil(() => program.value("sample/last") === "1", { what: "the last" });
    } finally {
      await client.endAsync(true);
    }
    program.kill();
    assert.equal(await program.code(), 0, program.stderr);
  },
});

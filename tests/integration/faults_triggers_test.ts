/**
 * Triggers whose servers are away, lie, refuse, or send more than can be handled.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { MqttClient } from "mqtt";
import { BadServer } from "../support/bad_server.ts";
import { triggerSample } from "../support/fixtures.ts";
import { hasMqttBroker, MqttBroker } from "../support/mqtt_broker.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import { TestSuite } from "../support/test_suite.ts";
import { UpProgram } from "../support/up_program.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

function serverTest(
  name: string,
  options: { needs: string; isThere: boolean; run: (t: Deno.TestContext) => Promise<void> },
): void {
  Deno.test({
    name: options.isThere ? name : `${name} (needs ${options.needs}, which is not installed)`,
    ignore: !options.isThere,
    fn: options.run,
  });
}

function redisTest(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  serverTest(name, { needs: "redis-server", isThere: hasRedisServer(), run });
}

function mqttTest(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  serverTest(name, { needs: "mosquitto", isThere: hasMqttBroker(), run });
}

function startRedisSub(port: number, args: readonly string[] = []) {
  return suite.start({
    from: triggerSample("redis-sub"),
    args: ["--variable", `redis_url=redis://127.0.0.1:${port}`, ...args],
  });
}

redisTest(
  "the redis trigger waits for a server that is away, or is none, when it starts",
  async () => {
    await using bad = new BadServer();
    await using app = await startRedisSub(bad.port);
    await app.waitForStderr(
      /^Warning: no connection to the Redis server redis:\/\/127\.0\.0\.1:\d+: ./m,
    );
    await bad.become("garbage");
    await app.waitForStderr(
      /^Warning: no connection to the Redis server \S+ .*does not speak the protocol/m,
      20_000,
    );
    await bad.become("absent");
    await using server = await RedisServer.start({ port: bad.port });
    await waitUntil(async () => await server.cli("publish", "sample-in", "hello") === "1", {
      what: "the subscription",
      timeoutMs: 30_000,
    });
    await waitUntil(async () => (await app.get("/kv/last-message")).body.trim() === "hello", {
      what: "the message",
    });
    await app.waitForStderr(/^Connected to the Redis server \S+ again$/m);
  },
);

redisTest("the redis trigger notices a server that has frozen", async () => {
  await using server = await RedisServer.start();
  await using app = await startRedisSub(server.port);
  await waitUntil(async () => await server.cli("publish", "sample-in", "one") === "1", {
    what: "the subscription",
  });
  server.signal("SIGSTOP");
  // The HTTP trigger of the same app does not care.
  assert.equal((await app.get("/kv/messages")).status, 200);
  server.signal("SIGCONT");
  await server.cli("publish", "sample-in", "two");
  await waitUntil(async () => (await app.get("/kv/last-message")).body.trim() === "two", {
    what: "the message",
  });
});

redisTest("the redis trigger survives more messages than it can handle", async () => {
  await using server = await RedisServer.start();
  await using app = await startRedisSub(server.port);
  await waitUntil(async () => await server.cli("publish", "sample-in", "one") === "1", {
    what: "the subscription",
  });
  const before = app.rssBytes();
  // As many as Redis sends to a slow client before it hangs up, faster than anybody can handle them.
  const flood = "local m = string.rep('x', 200) for i = 1, 20000 do redis.call('publish', " +
    "'sample-in', m) end";
  await server.cli("eval", flood, "0");
  await server.cli("publish", "sample-in", "after");
  const [, lost] = await app.waitForStderr(
    /^Warning: the redis trigger lost (\d+) message\(s\): they came faster than the components handle them$/m,
    30_000,
  );
  assert.ok(Number(lost) > 0);
  // Redis keeps nothing for who is slow: this one may be lost too, and a later one is not.
  await waitUntil(async () => {
    await server.cli("publish", "sample-in", "later");
    return (await app.get("/kv/last-message")).body.trim() === "later";
  }, { what: "a message of after the flood", timeoutMs: 30_000 });
  // 200 MB: Redis hangs up.
  const torrent = "local m = string.rep('x', 10000) for i = 1, 20000 do redis.call('publish', " +
    "'sample-in', m) end";
  await server.cli("eval", torrent, "0");
  await app.waitForStderr(/^Connected to the Redis server \S+ again$/m, 30_000);
  const grown = app.rssBytes() - before;
  assert.ok(grown < 300 << 20, `${grown >> 20} MiB more`);
});

redisTest("the redis trigger goes on after every message that a component fails on", async () => {
  await using server = await RedisServer.start();
  await using app = await startRedisSub(server.port);
  await waitUntil(async () => await server.cli("publish", "sample-in", "one") === "1", {
    what: "the subscription",
  });
  const panics = "for i = 1, 100 do redis.call('publish', 'sample-in', 'panic') end";
  await server.cli("eval", panics, "0");
  await server.cli("publish", "sample-in", "after");
  await waitUntil(async () => (await app.get("/kv/last-message")).body.trim() === "after", {
    what: "the message after them",
    timeoutMs: 20_000,
  });
  await waitUntil(() => app.stderr.match(/component "redis-sub" trapped/g)?.length === 100, {
    what: "all traps to be told",
    timeoutMs: 20_000,
  });
});

function startMqttLog(
  port: number,
  { parameters = "client_id=guest", ...options }: {
    parameters?: string;
    stateDir?: string;
    args?: readonly string[];
  } = {},
): UpProgram {
  return new UpProgram(suite, triggerSample("mqtt-log"), {
    ...options,
    args: [
      ...["--variable", `mqtt_address=mqtt://127.0.0.1:${port}?${parameters}`],
      ...options.args ?? [],
    ],
  });
}

/** Publishes to a broker; ready when this resolves. The caller ends it. */
async function connectPublisher(broker: MqttBroker): Promise<MqttClient> {
  const client = new MqttClient(
    () => createConnection({ host: "127.0.0.1", port: broker.port }),
    { reconnectPeriod: 0, protocolVersion: 4, clientId: "publisher" },
  );
  await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  return client;
}

async function untilSubscribed(client: MqttClient, program: UpProgram): Promise<void> {
  await waitUntil(async () => {
    await client.publishAsync("sample/ready", "ready", { qos: 1 });
    return Number(program.value("sample/ready")) >= 1;
  }, { what: "the subscription", timeoutMs: 30_000, explain: () => program.stderr });
}

mqttTest(
  "the mqtt trigger waits for a broker that is away, or is none, when it starts",
  async () => {
    await using bad = new BadServer();
    await using program = startMqttLog(bad.port);
    await waitUntil(() => /no connection to the MQTT broker/.test(program.stderr), {
      what: "the failure to be told",
    });
    await bad.become("garbage");
    await waitUntil(
      () => (program.stderr.match(/no connection to the MQTT broker/g)?.length ?? 0) >= 2,
      { what: "the other failure to be told", timeoutMs: 20_000, explain: () => program.stderr },
    );
    await bad.become("absent");
    await using broker = await MqttBroker.start({ port: bad.port });
    const client = await connectPublisher(broker);
    try {
      await untilSubscribed(client, program);
    } finally {
      await client.endAsync(true);
    }
  },
);

mqttTest("the mqtt trigger ends if a broker does not let it in", async () => {
  await using broker = await MqttBroker.start({ user: { name: "me", password: "right" } });
  await using program = startMqttLog(broker.port);
  assert.equal(await program.code(), 1, program.stderr);
  assert.match(program.stderr, /^Error: .*not authorized/mi);
});

mqttTest("the mqtt trigger handles every message of a flood, in little memory", async () => {
  await using broker = await MqttBroker.start({ settings: ["max_queued_messages 0"] });
  await using program = startMqttLog(broker.port);
  const client = await connectPublisher(broker);
  try {
    await untilSubscribed(client, program);
    const before = program.rssBytes();
    const payload = "x".repeat(20_000);
    const count = 2_000;
    await Promise.all(
      Array.from({ length: count }, () => client.publishAsync("sample/flood", payload, { qos: 1 })),
    );
    await waitUntil(() => program.value("sample/flood") === String(count), {
      what: "all messages",
      timeoutMs: 60_000,
      explain: () => String(program.value("sample/flood")),
    });
    const grown = program.rssBytes() - before;
    assert.ok(grown < 250 << 20, `${grown >> 20} MiB more`);
  } finally {
    await client.endAsync(true);
  }
});

mqttTest("the mqtt trigger gets what a broker has kept for it", async () => {
  await using broker = await MqttBroker.start({ settings: ["max_queued_messages 0"] });
  const stateDir = suite.directory();
  const parameters = "client_id=guest&clean_session=false";
  const client = await connectPublisher(broker);
  const topics = Array.from({ length: 300 }, (_, index) => `sample/kept${index}`);
  try {
    {
      await using program = startMqttLog(broker.port, { stateDir, parameters });
      await untilSubscribed(client, program);
      await Promise.all(
        topics.slice(0, 200).map((topic) => client.publishAsync(topic, "x", { qos: 1 })),
      );
      // In the middle of the messages, without a goodbye.
      program.kill("SIGKILL");
    }
    for (const topic of topics.slice(200)) await client.publishAsync(topic, "x", { qos: 1 });
    await using program = startMqttLog(broker.port, { stateDir, parameters });
    const missing = () => topics.filter((topic) => !(Number(program.value(topic)) >= 1));
    await waitUntil(() => missing().length === 0, {
      what: "all messages",
      timeoutMs: 60_000,
      explain: () => `${missing().join(" ")}\n${program.stderr}`,
    });
  } finally {
    await client.endAsync(true);
  }
});

mqttTest("the mqtt trigger goes on when a broker that went away or froze is back", async () => {
  let broker = await MqttBroker.start();
  const { port } = broker;
  await using program = startMqttLog(port);
  try {
    let client = await connectPublisher(broker);
    try {
      await untilSubscribed(client, program);
    } finally {
      await client.endAsync(true);
    }
    await broker[Symbol.asyncDispose]();
    await waitUntil(() => /Warning: .*MQTT broker/.test(program.stderr), {
      what: "the loss to be told",
      timeoutMs: 20_000,
      explain: () => program.stderr,
    });
    broker = await MqttBroker.start({ port });
    client = await connectPublisher(broker);
    try {
      const before = Number(program.value("sample/ready"));
      await waitUntil(async () => {
        await client.publishAsync("sample/ready", "ready", { qos: 1 });
        return Number(program.value("sample/ready")) > before;
      }, { what: "a message of the new broker", timeoutMs: 30_000, explain: () => program.stderr });
      assert.match(program.stderr, /^Connected to the MQTT broker \S+ again$/m);
      broker.signal("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 500));
      broker.signal("SIGCONT");
      await client.publishAsync("sample/after", "after", { qos: 1 });
      await waitUntil(() => program.value("sample/after") === "1", {
        what: "the message after the pause",
        timeoutMs: 30_000,
        explain: () => program.stderr,
      });
    } finally {
      await client.endAsync(true);
    }
  } finally {
    await broker[Symbol.asyncDispose]();
  }
});

mqttTest("the mqtt trigger goes on after every message that a component traps on", async () => {
  await using broker = await MqttBroker.start();
  // The guest has no room for a large message, and traps.
  const args = ["--max-instance-memory", String(4 << 20)];
  await using program = startMqttLog(broker.port, { args });
  const client = await connectPublisher(broker);
  try {
    await untilSubscribed(client, program);
    const large = "x".repeat(5 << 20);
    for (let count = 0; count < 10; count++) {
      await client.publishAsync("sample/large", large, { qos: 1 });
    }
    await client.publishAsync("sample/small", "after", { qos: 1 });
    await waitUntil(() => program.value("sample/small") === "1", {
      what: "the message after them",
      timeoutMs: 30_000,
      explain: () => program.stderr,
    });
    await waitUntil(() => program.stderr.match(/component "mqtt-log" trapped/g)?.length === 10, {
      what: "all traps to be told",
      timeoutMs: 20_000,
      explain: () => program.stderr.slice(0, 2_000),
    });
  } finally {
    await client.endAsync(true);
  }
});

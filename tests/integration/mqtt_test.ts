/**
 * The MQTT interface against a real broker.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { testContext } from "../../shim/imports/_context_fixture.ts";
import type { ComponentContext, OutboundPolicy } from "../../shim/imports/component_context.ts";
import { createConnectionLimits } from "../../shim/imports/connection_limits.ts";
import {
  MqttConnections,
  type MqttConnectionsOptions,
} from "../../shim/imports/mqtt_connections.ts";
import { createSpinMqtt } from "../../shim/imports/spin_mqtt.ts";
import { hasMqttBroker, MqttBroker, MqttSubscriber } from "../support/mqtt_broker.ts";
import { waitUntil } from "../support/wait.ts";

const isAbsent = !hasMqttBroker();

/** A test that needs a broker; its name says so if there is none. */
function mqttTest(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: isAbsent ? `${name} (needs mosquitto, which is not installed)` : name,
    ignore: isAbsent,
    fn: run,
  });
}

function testdata(file: string): string {
  return fileURLToPath(new URL(`testdata/${file}`, import.meta.url));
}

const encode = (text: string) => new TextEncoder().encode(text);

interface Interface {
  // deno-lint-ignore no-explicit-any
  readonly Connection: any;
  readonly connections: MqttConnections;
  /** Opens a connection without credentials and publishes `text` to the topic `t`. */
  publish(address: string, text: string): Promise<void>;
  [Symbol.dispose](): void;
}

function createInterface(
  options: MqttConnectionsOptions & {
    context?: Partial<ComponentContext>;
    connections?: MqttConnections;
    outbound?: Partial<OutboundPolicy>;
    maxPayloadBytes?: number;
  } = {},
): Interface {
  const connections = options.connections ?? new MqttConnections(options);
  const outbound = { ...testContext().outbound, check: () => true, ...options.outbound };
  const component = testContext({ outbound, ...options.context });
  const imports = createSpinMqtt(component, {
    connections,
    maxPayloadBytes: options.maxPayloadBytes,
  });
  // deno-lint-ignore no-explicit-any
  const Connection = imports["fermyon:spin/mqtt@2.0.0"]!.Connection as any;
  return {
    Connection,
    connections,
    async publish(address, text) {
      const connection = await Connection.open(address, "", "", 30n);
      await connection.publish("t", encode(text), "at-least-once");
    },
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

/** The broker's log of those who connected. */
function logins(log: string): string[] {
  return [...log.matchAll(/New client connected from \S+ as (\S+)/g)].map((match) => match[1]!);
}

mqttTest("Connection publishes with each quality of service", async () => {
  await using broker = await MqttBroker.start();
  await using subscriber = await MqttSubscriber.subscribe(broker, "a/#");
  using mqtt = createInterface();
  const connection = await mqtt.Connection.open(broker.url("guest"), "", "", 30n);
  const payload = encode("zero!").subarray(0, 4);
  const publishing = connection.publish("a/0", payload, "at-most-once");
  payload.fill(0);
  await publishing;
  await connection.publish("a/1", encode("one"), "at-least-once");
  await connection.publish("a/ü", new Uint8Array(0), "exactly-once");
  await connection.publish("a/large", new Uint8Array(200_000).fill(120), "at-least-once");
  await waitUntil(() => subscriber.messages.length === 4, { what: "four messages" });
  const received = subscriber.messages.map(({ topic, text, qos }) =>
    `${topic} ${qos} ${text.length > 9 ? text.length : text}`
  );
  assert.deepEqual(received.sort(), ["a/0 0 zero", "a/1 1 one", "a/large 1 200000", "a/ü 2 "]);
});

mqttTest("guests of one component share a connection, so that none is thrown out", async () => {
  await using broker = await MqttBroker.start();
  await using subscriber = await MqttSubscriber.subscribe(broker, "t");
  using mqtt = createInterface();
  const address = broker.url("shared");
  await Promise.all(Array.from({ length: 50 }, (_, i) => mqtt.publish(address, `${i}`)));
  await waitUntil(() => subscriber.messages.length === 50, { what: "50 messages" });
  using other = createInterface({ connections: mqtt.connections, context: { id: "other" } });
  await other.publish(broker.url("other"), "x");
  assert.deepEqual(logins(await broker.stop()), ["subscriber", "shared", "other"]);
});

mqttTest("isolates that take the client id from each other lose no confirmed message", async () => {
  await using broker = await MqttBroker.start();
  await using subscriber = await MqttSubscriber.subscribe(broker, "t");
  using one = createInterface();
  using two = createInterface();
  const address = broker.url("same");
  const sent: Promise<void>[] = [];
  for (let i = 0; i < 10; i++) {
    sent.push(one.publish(address, `one ${i}`), two.publish(address, `two ${i}`));
    if (i % 3 === 2) await Promise.all(sent);
  }
  await Promise.all(sent);
  const received = () => new Set(subscriber.messages.map(({ text }) => text)).size;
  await waitUntil(() => received() === 20, { what: "20 messages" });
});

mqttTest("Connection logs in, and says what the broker refuses without the password", async () => {
  await using broker = await MqttBroker.start({ user: { name: "me", password: "s3cret" } });
  using mqtt = createInterface();
  const { Connection } = mqtt;
  const right = await Connection.open(broker.url("a"), "me", "s3cret", 30n);
  await right.publish("t", encode("x"), "at-least-once");
  const inAddress = `mqtt://me:s3cret@127.0.0.1:${broker.port}?client_id=b`;
  await mqtt.publish(inAddress, "x");
  for (const [username, password] of [["me", "wr0ng"], ["", ""]]) {
    const wrong = await Connection.open(broker.url("c"), username, password, 30n);
    assert.deepEqual(await rejection(wrong.publish("t", encode("x"), "at-most-once")), {
      tag: "connection-failed",
      val: `Cannot connect to the MQTT broker 127.0.0.1:${broker.port}: ` +
        "Connection refused: Not authorized",
    });
  }
});

mqttTest("a broker that goes away is an error, and the next message connects anew", async () => {
  let broker = await MqttBroker.start();
  const { port } = broker;
  using mqtt = createInterface();
  const connection = await mqtt.Connection.open(broker.url("guest"), "", "", 30n);
  await connection.publish("t", encode("x"), "exactly-once");
  await broker[Symbol.asyncDispose]();
  const gone = await rejection(connection.publish("t", encode("x"), "exactly-once"));
  assert.equal((gone as { tag: string }).tag, "connection-failed");
  const refused = await rejection(connection.publish("t", encode("x"), "at-least-once"));
  assert.match(
    (refused as { val: string }).val,
    /^Cannot connect to the MQTT broker 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
  );
  broker = await MqttBroker.start({ port });
  await using _ = broker;
  await connection.publish("t", encode("x"), "exactly-once");
});

mqttTest("a broker that does not answer is given up", async () => {
  await using broker = await MqttBroker.start();
  using mqtt = createInterface({ connectTimeoutMs: 100, confirmTimeoutMs: 100 });
  const known = await mqtt.Connection.open(broker.url("known"), "", "", 30n);
  await known.publish("t", encode("x"), "at-least-once");
  broker.signal("SIGSTOP");
  assert.deepEqual(await rejection(known.publish("t", encode("x"), "at-least-once")), {
    tag: "connection-failed",
    val: "the MQTT broker did not answer within 0.1 s",
  });
  assert.deepEqual(await rejection(mqtt.publish(broker.url("new"), "x")), {
    tag: "connection-failed",
    val: `Cannot connect to the MQTT broker 127.0.0.1:${broker.port}: no answer within 0.1 s`,
  });
  broker.signal("SIGCONT");
});

mqttTest("idle connections are closed after a while, and all of them at the end", async () => {
  await using broker = await MqttBroker.start();
  let open = 0;
  const openConnection = () => {
    open++;
    return () => open--;
  };
  using mqtt = createInterface({ idleMs: 50, outbound: { openConnection } });
  await mqtt.publish(broker.url("a"), "x");
  await waitUntil(() => open === 0, { what: "the idle one to go" });
  await mqtt.publish(broker.url("b"), "x");
  mqtt.connections.close();
  assert.equal(open, 0);
  const log = await broker.stop();
  assert.deepEqual(logins(log), ["a", "b"]);
  assert.match(log, /Client a disconnected/, "it has said goodbye");
});

mqttTest("limits make room by closing idle connections, then refuse", async () => {
  await using broker = await MqttBroker.start();
  const limits = createConnectionLimits({ mqtt: 1 });
  using mqtt = createInterface({ outbound: { openConnection: (kind) => limits.open(kind) } });
  await mqtt.publish(broker.url("a"), "x");
  await mqtt.publish(broker.url("b"), "x");
  const results = await Promise.all([
    rejection(mqtt.publish(broker.url("c"), "x")),
    rejection(mqtt.publish(broker.url("d"), "x")),
  ]);
  assert.deepEqual(results, [undefined, { tag: "too-many-connections" }]);
});

mqttTest("mqtts:// is TLS, and the broker has to prove its name", async () => {
  const tls = {
    cert: testdata("localhost.cert.pem"),
    key: testdata("localhost.key.pem"),
  };
  await using broker = await MqttBroker.start({ tls });
  using mqtt = createInterface();
  const address = `mqtts://localhost:${broker.port}?client_id=tls`;
  const failure = await rejection(mqtt.publish(address, "x")) as { tag: string; val: string };
  assert.equal(failure.tag, "connection-failed");
  assert.match(failure.val, /certificate|UnknownIssuer/i);
  const plain = await rejection(mqtt.publish(broker.url("plain"), "x")) as { tag: string };
  assert.equal(plain.tag, "connection-failed");
});

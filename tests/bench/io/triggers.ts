/**
 * Triggers: messages through a guest that counts them in a key-value store, beside a bare subscriber
 * with the same client.
 *
 * @module
 */

import { MqttClient } from "mqtt";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { createMqttSubscription } from "../../../shim/imports/mqtt_subscription.ts";
import { subscribeRedis } from "../../../shim/imports/redis_subscription.ts";
import { triggerSample, writeManifest } from "../../support/fixtures.ts";
import { MqttBroker } from "../../support/mqtt_broker.ts";
import { RedisServer } from "../../support/redis_server.ts";
import { measureFlow, type MessageFlow, waitForSubscriber } from "./messages.ts";
import { MeasuredApp, type ProgramPlace } from "./program.ts";

/** Rates of the two sides, round by round. */
export interface Rates {
  readonly ours: number[];
  readonly reference: number[];
}

/** How much is measured. */
export interface Amount {
  readonly rounds: number;
  readonly messages: number;
}

/** Payload of every message. */
export const PAYLOAD: string = "x".repeat(100);

/** The Redis trigger. */
export async function measureRedisTrigger(place: ProgramPlace, amount: Amount): Promise<Rates> {
  await using server = await RedisServer.start();
  const address = `redis://127.0.0.1:${server.port}`;
  await using app = await MeasuredApp.start(triggerSample("redis-sub"), place, [
    ...["--variable", `redis_url=${address}`, "--listen", "127.0.0.1:0"],
  ]);
  let received = 0;
  using subscription = await subscribed(address, () => received++);
  void subscription;
  using ours = await publisher(server.port, "sample-in");
  using reference = await publisher(server.port, "bare");
  return await alternate(amount, {
    ours: { publish: ours.publish, handled: () => app.handled() },
    reference: { publish: reference.publish, handled: () => received },
  });
}

async function subscribed(address: string, onMessage: () => void): Promise<Disposable> {
  const subscription = await subscribeRedis(address, { channels: ["bare"], onMessage });
  return { [Symbol.dispose]: () => subscription.close() };
}

/** Publishes on one connection, without waiting for each answer. */
async function publisher(
  port: number,
  channel: string,
): Promise<Disposable & Pick<MessageFlow, "publish">> {
  const socket = createConnection(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.resume();
  const parts = ["PUBLISH", channel, PAYLOAD].map((part) => `$${part.length}\r\n${part}\r\n`);
  const command = `*3\r\n${parts.join("")}`;
  return {
    publish: (count) =>
      new Promise((resolve) => socket.write(command.repeat(count), () => resolve())),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** The MQTT trigger, with acknowledged messages. */
export async function measureMqttTrigger(
  place: ProgramPlace,
  { directory, ...amount }: Amount & { directory: string },
): Promise<Rates> {
  await using broker = await MqttBroker.start();
  const address = `mqtt://127.0.0.1:${broker.port}`;
  const from = writeManifest(directory, mqttManifest(address));
  await using app = await MeasuredApp.start(from, place, []);
  let received = 0;
  const connect = createMqttSubscription({
    ...{ address, username: "", password: "", keepAliveSeconds: 30 },
    topic: "bare",
    qos: 1,
    onMessage: () => {
      received++;
      return Promise.resolve();
    },
  });
  const subscription = await connect();
  const client = new MqttClient(
    () => createConnection(broker.port, "127.0.0.1"),
    { clientId: "publisher", reconnectPeriod: 0 },
  );
  await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  const publish = (topic: string) => async (count: number): Promise<void> => {
    const sent = Array.from(
      { length: count },
      () => client.publishAsync(topic, PAYLOAD, { qos: 1 }),
    );
    await Promise.all(sent);
  };
  try {
    return await alternate(amount, {
      ours: { publish: publish("sample/a"), handled: () => app.handled() },
      reference: { publish: publish("bare"), handled: () => received },
    });
  } finally {
    subscription.close();
    await client.endAsync(true);
  }
}

/** Like the sample's, but the guest is not told of the broker, to which it would send a copy. */
function mqttManifest(address: string): string {
  const wasm = join(dirname(triggerSample("mqtt-log")), "../dist/mqtt-log.wasm");
  return `
spin_manifest_version = 2
[application]
name = "mqtt"
[application.trigger.mqtt]
address = "${address}"
[[trigger.mqtt]]
component = "log"
topic = "sample/#"
qos = "1"
[component.log]
source = ${JSON.stringify(wasm)}
key_value_stores = ["default"]
`;
}

/** Both sides by turns, after a round that does not count. */
export async function alternate(
  { rounds, messages }: Amount,
  flows: { ours: MessageFlow; reference: MessageFlow },
): Promise<Rates> {
  const rates: Rates = { ours: [], reference: [] };
  for (const side of ["ours", "reference"] as const) {
    await waitForSubscriber(flows[side]);
    await measureFlow(flows[side], messages);
  }
  for (let round = 0; round < rounds; round++) {
    for (const side of ["ours", "reference"] as const) {
      rates[side].push(await measureFlow(flows[side], messages));
    }
  }
  return rates;
}

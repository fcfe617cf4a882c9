import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { OutboundPolicy } from "./component_context.ts";
import { createConnectionLimits } from "./connection_limits.ts";
import { createBlockedNetworks } from "./ip_networks.ts";
import { MqttConnections } from "./mqtt_connections.ts";
import { createOutboundPolicy } from "./outbound_policy.ts";
import { createSpinMqtt } from "./spin_mqtt.ts";

// deno-lint-ignore no-explicit-any
function create(outbound: Partial<OutboundPolicy>, maxPayloadBytes?: number): any {
  const context = testContext();
  const imports = createSpinMqtt(
    { ...context, outbound: { ...context.outbound, check: () => true, ...outbound } },
    { connections: new MqttConnections({ connectTimeoutMs: 1000 }), maxPayloadBytes },
  );
  return imports["fermyon:spin/mqtt@2.0.0"]!.Connection;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

const ADDRESS = "mqtt://127.0.0.1:1?client_id=spintest";

Deno.test("Connection.open() refuses what is not permitted before what is no address", async () => {
  const asked: string[][] = [];
  const Connection = create({
    check(...args) {
      asked.push(args);
      return false;
    },
  });
  for (const address of [ADDRESS, "nonsense"]) {
    assert.deepEqual(await rejection(Connection.open(address, "", "", 30n)), {
      tag: "connection-failed",
      val: `address ${address} is not permitted`,
    });
  }
  assert.deepEqual(asked, [[ADDRESS, "mqtt"], ["nonsense", "mqtt"]], "as they are");
  const invalid = await rejection(create({}).open("mqtt://127.0.0.1:1", "", "", 30n));
  assert.deepEqual(invalid, { tag: "invalid-address" }, "no client_id");
});

Deno.test("Connection.open() checks the host that it would connect to", async () => {
  const policy = createOutboundPolicy({
    entries: ["mqtt://good.example:1883"],
    componentIds: [],
    resolve: () => "",
    blocked: createBlockedNetworks([]),
    limits: createConnectionLimits({}),
    keepsConnections: true,
    report() {},
  });
  const { open } = create(policy);
  for (const host of ["good.example", "good.example:1883", "a@good.example", "GOOD.example"]) {
    await open(`mqtt://${host}?client_id=a`, "", "", 30n);
  }
  const evil = [
    "evil.example?client_id=a@good.example",
    "evil.example?client_id=a#@good.example",
    "evil.example/?client_id=a@good.example",
    "good.example@evil.example?client_id=a",
    "good.example:1884?client_id=a",
    "good.example%2F@evil.example?client_id=a",
  ];
  for (const rest of evil) {
    assert.deepEqual(await rejection(open(`mqtt://${rest}`, "", "", 30n)), {
      tag: "connection-failed",
      val: `address mqtt://${rest} is not permitted`,
    });
  }
});

Deno.test("Connection.open() refuses keep-alive intervals that are too short", async () => {
  const Connection = create({});
  for (const seconds of [0n, 5n, 2n ** 64n - 1n]) await Connection.open(ADDRESS, "", "", seconds);
  assert.deepEqual(await rejection(Connection.open(ADDRESS, "", "", 4n)), {
    tag: "other",
    val: "keep-alive interval of 4 s is too short; it must be at least 5 s",
  });
});

Deno.test("Connection.publish() refuses topics and payloads that no broker takes", async () => {
  const connection = await create({}, 10).open(ADDRESS, "", "", 30n);
  const publish = (topic: string, size: number) =>
    rejection(connection.publish(topic, new Uint8Array(size), "at-most-once"));
  assert.deepEqual(await publish("t", 11), {
    tag: "other",
    val: "payload size 11 exceeds the maximum allowed size of 10 bytes",
  });
  for (const topic of ["", "a/#", "a/+/b", "a\0b", "x".repeat(65_536)]) {
    const { tag, val } = await publish(topic, 1) as { tag: string; val: string };
    assert.equal(tag, "other");
    assert.match(val, /^invalid topic "/);
  }
});

Deno.test("Connection.publish() says why there is no connection", async () => {
  const payload = new Uint8Array(1);
  const publish = async (outbound: Partial<OutboundPolicy>) => {
    const connection = await create(outbound).open(ADDRESS, "me", "s3cret", 30n);
    return await rejection(connection.publish("t", payload, "at-least-once"));
  };
  let open = 0;
  const openConnection = () => {
    open++;
    return () => open--;
  };
  const refused = await publish({ openConnection }) as { tag: string; val: string };
  assert.equal(refused.tag, "connection-failed");
  assert.match(refused.val, /^Cannot connect to the MQTT broker 127\.0\.0\.1:1: .*ECONNREFUSED/);
  assert.doesNotMatch(refused.val, /s3cret/);
  assert.equal(open, 0, "its place is free again");
  assert.deepEqual(await publish({ isBlocked: () => true }), {
    tag: "connection-failed",
    val: "Cannot connect to the MQTT broker 127.0.0.1:1: " +
      "its address is prohibited by the runtime configuration",
  });
  const full = await publish({ openConnection: () => undefined });
  assert.deepEqual(full, { tag: "too-many-connections" });
});

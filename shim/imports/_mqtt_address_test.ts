import assert from "node:assert/strict";
import { type MqttAddress, parseMqttAddress } from "./_mqtt_address.ts";

const PLAIN: Omit<MqttAddress, "origin"> = {
  host: "localhost",
  port: 1883,
  isTls: false,
  clientId: "spintest",
  isCleanSession: true,
  username: "",
  password: "",
};

Deno.test("parseMqttAddress() reads what Spin's client reads", () => {
  const cases: [string, Partial<MqttAddress>][] = [
    ["mqtt://localhost:1883?client_id=spintest", {}],
    ["mqtt://localhost?client_id=spintest", {}],
    ["tcp://localhost/?client_id=spintest", {}],
    ["mqtts://localhost?client_id=spintest", { isTls: true, port: 8883 }],
    ["ssl://localhost:1?client_id=spintest", { isTls: true, port: 1 }],
    ["mqtt://[::1]:9?client_id=spintest", { host: "::1", port: 9 }],
    ["mqtt://me:p%40ss@localhost?client_id=spintest", { username: "me", password: "p@ss" }],
    ["mqtt://localhost?client_id=a%20b&clean_session=false", {
      clientId: "a b",
      isCleanSession: false,
    }],
    ["mqtt://localhost?client_id=spintest&keep_alive_secs=60&inflight_num=2", {}],
  ];
  for (const [text, expected] of cases) {
    const { origin, ...address } = parseMqttAddress(text)!;
    assert.deepEqual(address, { ...PLAIN, ...expected }, text);
    assert.equal(origin, text.replace(/[/?]*client_id=.*/, "").replace(/\/\/.*@/, "//"), text);
  }
});

Deno.test("parseMqttAddress() refuses what is no address of a broker", () => {
  const cases = [
    "",
    "localhost:1883",
    "http://localhost?client_id=a",
    "ws://localhost?client_id=a",
    "mqtt://localhost",
    "mqtt://localhost?client_id=",
    "mqtt://?client_id=a",
    "mqtt://localhost:99999?client_id=a",
    "mqtt://%zz@localhost?client_id=a",
    "mqtt://localhost?client_id=a&unknown=1",
    "mqtt://localhost?client_id=a&clean_session=yes",
    "mqtt://localhost?client_id=a&keep_alive_secs=-1",
  ];
  for (const text of cases) assert.equal(parseMqttAddress(text), undefined, text);
});

import assert from "node:assert/strict";
import { CONFIG_MAPS, configMap, failure, startApiDouble } from "./_api_double.ts";
import { EventRecorder, type KubeEvent } from "./event_recorder.ts";

Deno.test("EventRecorder writes an event once, and then its count", async () => {
  const sent: { method: string; body: Partial<KubeEvent> }[] = [];
  await using api = startApiDouble(async (request) => {
    const body = await request.json();
    sent.push({ method: request.method, body });
    return Response.json(body);
  });
  let now = 1_700_000_000_000;
  const recorder = new EventRecorder(api.client, {
    component: "test",
    onTrouble: (error) => assert.fail(String(error)),
    now: () => now,
  });
  const text = { type: "Warning", reason: "Missing", message: "x".repeat(2_000) } as const;
  const object = configMap("a", 7);
  await recorder.record(CONFIG_MAPS, object, text);
  now += 60_000;
  await recorder.record(CONFIG_MAPS, object, text);
  await recorder.record(CONFIG_MAPS, object, { ...text, reason: "Other" });
  now += 3_600_000;
  await recorder.record(CONFIG_MAPS, object, text);
  assert.deepEqual(sent.map(({ method }) => method), ["POST", "PATCH", "POST", "POST"]);
  const { involvedObject, message, firstTimestamp, metadata } = sent[0]!.body;
  assert.deepEqual(involvedObject, {
    apiVersion: "v1",
    kind: "ConfigMap",
    name: "a",
    namespace: "default",
    uid: "uid-a",
    resourceVersion: "7",
  });
  assert.equal(message!.length, 1024);
  assert.equal(firstTimestamp, "2023-11-14T22:13:20Z");
  assert.match(metadata!.name, /^a\.[0-9a-f]+$/);
  assert.deepEqual(sent[1]!.body, { count: 2, lastTimestamp: "2023-11-14T22:14:20Z" });
});

Deno.test("EventRecorder does not flood, and survives a server that refuses", async () => {
  let isRefusing = true;
  await using api = startApiDouble(() => isRefusing ? failure(403) : Response.json({}));
  const troubles: unknown[] = [];
  const recorder = new EventRecorder(api.client, {
    component: "test",
    onTrouble: (error) => troubles.push(error),
    now: () => 0,
  });
  const record = (message: string) =>
    recorder.record(CONFIG_MAPS, configMap("a", 1), { type: "Normal", reason: "R", message });
  await record("refused");
  assert.equal(troubles.length, 1);
  isRefusing = false;
  for (let i = 0; i < 100; i++) await record(`message ${i}`);
  assert.equal(api.requests.length, 25);
});

import assert from "node:assert/strict";
import { openEventStream } from "./event_stream.ts";
import { LiveHub } from "./live_hub.ts";
import { type LiveRequest, MAX_LINES, MAX_REQUESTS } from "./live_report.ts";

function request(number: number): LiveRequest {
  return {
    at: number,
    method: "GET",
    path: `/${number}`,
    component: "c",
    status: "200",
    durationMs: 1,
  };
}

interface Event {
  readonly type: string;
  readonly paths: string[];
}

async function readEvent(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Promise<Event> {
  const { value } = await reader.read();
  const text = new TextDecoder().decode(value);
  const [, type = "", data = ""] = /^event: (\w+)\nretry: \d+\ndata: (.*)\n\n$/.exec(text) ?? [];
  const { requests } = JSON.parse(data) as { requests: LiveRequest[] };
  return { type, paths: requests.map(({ path }) => path) };
}

Deno.test("a stream begins with everything that is known, then tells what is new", async () => {
  const hub = new LiveHub();
  hub.requests.push(request(1));
  let ended = 0;
  const stream = openEventStream(hub, { onEnd: () => ended++ });
  const reader = stream.body.getReader();
  assert.deepEqual(await readEvent(reader), { type: "snapshot", paths: ["/1"] });
  hub.requests.push(request(2));
  assert.deepEqual(await readEvent(reader), { type: "update", paths: ["/2"] });
  stream.close();
  stream.close();
  assert.equal((await reader.read()).done, true);
  assert.equal(ended, 1);
});

Deno.test("a stream queues nothing for a reader that is slow", async () => {
  const hub = new LiveHub();
  const stream = openEventStream(hub, { onEnd() {} });
  const reader = stream.body.getReader();
  assert.equal((await readEvent(reader)).type, "snapshot");
  for (let i = 0; i < 10 * MAX_REQUESTS; i++) {
    hub.requests.push(request(i));
    hub.lines.push({ at: i, component: "c", stream: "stdout", text: "x" });
    // Each change of the status would be an event for a reader that keeps up.
    if (i % 100 === 0) hub.setPhase("loading");
  }
  hub.setPhase("building");
  const events = [await readEvent(reader), await readEvent(reader)];
  assert.deepEqual(events.map(({ paths }) => paths.length), [1, MAX_REQUESTS]);
  assert.equal(events[1]!.paths.at(-1), `/${10 * MAX_REQUESTS - 1}`);
  assert.equal(hub.lines.since(0).length, MAX_LINES);
  await reader.cancel();
});

Deno.test("a stream that its reader leaves stops asking", async () => {
  const hub = new LiveHub();
  let ended = 0;
  const stream = openEventStream(hub, { onEnd: () => ended++ });
  const reader = stream.body.getReader();
  await readEvent(reader);
  await reader.cancel();
  assert.equal(ended, 1);
  stream.close();
  assert.equal(ended, 1);
});

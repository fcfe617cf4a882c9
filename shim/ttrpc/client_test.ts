import assert from "node:assert/strict";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import { REQUEST, RESPONSE } from "../proto/ttrpc.ts";
import { RawConnection, remote, startServer, TEXT } from "./_server_fixture.ts";
import { listen } from "./address.ts";
import { ConnectionLostError, TtrpcClient } from "./client.ts";
import { FRAME_TYPE, MAX_MESSAGE_BYTES } from "./frame.ts";

/** A client, and its server's end of the connection. */
async function connectedPair() {
  const directory = await Deno.makeTempDir();
  const listener = listen(`${directory}/s`);
  const accepted = listener.accept();
  const client = await TtrpcClient.connect(`${directory}/s`);
  const server = new RawConnection(await accepted);
  return {
    client,
    server,
    async [Symbol.asyncDispose]() {
      client.close();
      server.close();
      listener.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function answer(text: string): Uint8Array {
  return encodeMessage(RESPONSE, { payload: encodeMessage(TEXT, { text }) });
}

Deno.test("call() numbers its streams 1, 3, 5, and sends service, method, time and metadata", async () => {
  await using pair = await connectedPair();
  const metadata = new Map([["containerd-namespace-ttrpc", ["ns"]]]);
  const calls = [
    pair.client.call(remote("a"), { text: "x" }, { timeoutMs: 5000, metadata }),
    pair.client.call(remote("b"), {}),
  ];
  const first = (await pair.server.next())!;
  const second = (await pair.server.next())!;
  assert.deepEqual([first.streamId, second.streamId], [1, 3]);
  assert.deepEqual([first.type, first.flags], [FRAME_TYPE.request, 0]);
  assert.deepEqual(decodeMessage(REQUEST, first.data), {
    service: "test.Service",
    method: "a",
    payload: encodeMessage(TEXT, { text: "x" }),
    timeoutNano: 5_000_000_000n,
    metadata: [{ key: "containerd-namespace-ttrpc", value: "ns" }],
  });
  assert.equal(decodeMessage(REQUEST, second.data).timeoutNano, 0n);
  await pair.server.send({ streamId: 3, type: FRAME_TYPE.response, data: answer("b") });
  await pair.server.send({ streamId: 1, type: FRAME_TYPE.response, data: answer("a") });
  assert.deepEqual((await Promise.all(calls)).map(({ text }) => text), ["a", "b"]);
});

Deno.test("call() takes a status with code 0 for success, and an empty frame for an empty answer", async () => {
  await using pair = await connectedPair();
  const calls = [pair.client.call(remote("a"), {}), pair.client.call(remote("b"), {})];
  await pair.server.send({
    streamId: 1,
    type: FRAME_TYPE.response,
    data: encodeMessage(RESPONSE, { status: {}, payload: encodeMessage(TEXT, { text: "x" }) }),
  });
  await pair.server.send({ streamId: 3, type: FRAME_TYPE.response, data: new Uint8Array(0) });
  assert.deepEqual((await Promise.all(calls)).map(({ text }) => text), ["x", ""]);
});

Deno.test("call() fails with the code and message of the server", async () => {
  await using pair = await connectedPair();
  const calls = [pair.client.call(remote("a"), {}), pair.client.call(remote("b"), {})];
  const [known, unknown] = calls.map((call) => call.catch((error) => error));
  for (const [streamId, code] of [[1, 6], [3, 99]] as const) {
    const data = encodeMessage(RESPONSE, { status: { code, message: "x: already exists" } });
    await pair.server.send({ streamId, type: FRAME_TYPE.response, data });
  }
  assert.equal((await known).code, "ALREADY_EXISTS");
  assert.equal((await known).message, "x: already exists");
  assert.equal((await unknown).code, "UNKNOWN");
});

Deno.test("call() gives up when its time is over, and ignores the answer that comes later", async () => {
  await using pair = await connectedPair();
  await assert.rejects(pair.client.call(remote("a"), {}, { timeoutMs: 10 }), {
    name: "StatusError",
    code: "DEADLINE_EXCEEDED",
    message: "context deadline exceeded",
  });
  await pair.server.send({ streamId: 1, type: FRAME_TYPE.response, data: answer("late") });
  const next = pair.client.call(remote("b"), {});
  await pair.server.send({ streamId: 3, type: FRAME_TYPE.response, data: answer("b") });
  assert.equal((await next).text, "b");
});

Deno.test("call() gives up when its signal fires", async () => {
  await using pair = await connectedPair();
  const controller = new AbortController();
  const call = pair.client.call(remote("a"), {}, { signal: controller.signal });
  controller.abort(new Error("no more"));
  await assert.rejects(call, { message: "no more" });
  const later = pair.client.call(remote("a"), {}, { signal: controller.signal });
  await assert.rejects(later, { message: "no more" });
});

Deno.test("call() refuses a request of more than 4 MiB before sending it", async () => {
  await using pair = await connectedPair();
  const raw = new Uint8Array(MAX_MESSAGE_BYTES);
  await assert.rejects(pair.client.call(remote("a"), { raw }), { code: "RESOURCE_EXHAUSTED" });
  void pair.client.call(remote("b"), {}).catch(() => {/* Ends with the test. */});
  assert.equal(decodeMessage(REQUEST, (await pair.server.next())!.data).method, "b");
});

const BAD_ANSWERS = [
  { name: "a frame of another type", type: FRAME_TYPE.data, wire: "", error: "StatusError" },
  { name: "no message", type: FRAME_TYPE.response, wire: "0a05", error: "DecodeError" },
  {
    name: "no message of the method",
    type: FRAME_TYPE.response,
    wire: "1202 0a05",
    error: "DecodeError",
  },
];

for (const { name, type, wire, error } of BAD_ANSWERS) {
  Deno.test(`call() fails if the answer is ${name}, and the next one works`, async () => {
    await using pair = await connectedPair();
    const call = pair.client.call(remote("a"), {}).catch((thrown) => thrown);
    await pair.server.send({ streamId: 1, type, data: wireBytes(wire) });
    assert.equal((await call).name, error);
    const next = pair.client.call(remote("b"), {});
    await pair.server.send({ streamId: 3, type: FRAME_TYPE.response, data: answer("b") });
    assert.equal((await next).text, "b");
  });
}

Deno.test("call() fails with RESOURCE_EXHAUSTED if the answer has more than 4 MiB", async () => {
  await using pair = await connectedPair();
  const call = pair.client.call(remote("a"), {}).catch((thrown) => thrown);
  await pair.server.write(wireBytes("00400001 00000001 02 00"));
  await pair.server.write(new Uint8Array(MAX_MESSAGE_BYTES + 1));
  assert.equal((await call).code, "RESOURCE_EXHAUSTED");
});

Deno.test("call() fails with ConnectionLostError when the server goes away, during it and after", async () => {
  await using pair = await connectedPair();
  const call = pair.client.call(remote("a"), {});
  await pair.server.next();
  await pair.server.write(wireBytes("000000"));
  pair.server.close();
  await assert.rejects(call, ConnectionLostError);
  await pair.client.closed;
  await assert.rejects(pair.client.call(remote("a"), {}), ConnectionLostError);
});

Deno.test("close() fails the calls under way, and may be called twice", async () => {
  await using server = await startServer();
  const client = await server.client();
  const call = client.call(remote("echo"), {});
  client.close();
  client.close();
  await assert.rejects(call, ConnectionLostError);
  await client.closed;
});

Deno.test("TtrpcClient.connect() fails if nobody listens", async () => {
  const directory = await Deno.makeTempDir();
  await assert.rejects(TtrpcClient.connect(`${directory}/s`), Deno.errors.NotFound);
  await Deno.remove(directory, { recursive: true });
});

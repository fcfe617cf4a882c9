import assert from "node:assert/strict";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import { REQUEST, RESPONSE } from "../proto/ttrpc.ts";
import { remote, startServer, TEXT, TEXT_METHOD } from "./_server_fixture.ts";
import type { Call } from "./call.ts";
import { encodeFrame, type Frame, FRAME_FLAG, FRAME_TYPE, MAX_MESSAGE_BYTES } from "./frame.ts";
import { type ServerFault, TtrpcServer, unary } from "./server.ts";
import { STATUS_CODES, type StatusCode, StatusError } from "./status.ts";

const RAW = new Uint8Array(0);

function requestData(method: string, text = "", service = "test.Service"): Uint8Array {
  return encodeMessage(REQUEST, { service, method, payload: encodeMessage(TEXT, { text }) });
}

function statusIn(frame: Frame | undefined): string {
  const { status } = decodeMessage(RESPONSE, frame!.data);
  const code = Object.entries(STATUS_CODES).find(([, number]) => number === status?.code)?.[0];
  return `${frame!.streamId} ${code} ${status?.message}`;
}

Deno.test("TtrpcServer answers calls of one connection as they finish", async () => {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  await using server = await startServer({
    hold: unary(TEXT_METHOD, async ({ text }) => {
      const gate = Promise.withResolvers<void>();
      gates.set(text, gate);
      await gate.promise;
      return { text };
    }),
  });
  const client = await server.client();
  const order: string[] = [];
  const names = ["a", "b", "c"];
  const calls = names.map(async (text) => {
    order.push((await client.call(remote("hold"), { text })).text);
  });
  assert.equal((await client.call(remote("echo"), { text: "x" })).text, "x");
  assert.deepEqual([...gates.keys()], names);
  for (const [index, name] of ["c", "a", "b"].entries()) {
    gates.get(name)!.resolve();
    while (order.length <= index) await client.call(remote("echo"), {});
  }
  await Promise.all(calls);
  assert.deepEqual(order, ["c", "a", "b"]);
});

Deno.test("TtrpcServer answers many calls on many connections", async () => {
  await using server = await startServer({
    later: unary(TEXT_METHOD, async ({ text }) => {
      await new Promise((resolve) => setTimeout(resolve, Number(text) % 7));
      return { text };
    }),
  });
  const clients = await Promise.all([1, 2, 3, 4, 5].map(() => server.client()));
  await Promise.all(
    clients.flatMap((client, one) =>
      Array.from({ length: 200 }, async (_, index) => {
        const text = String(one * 1000 + index);
        const method = index % 2 ? "later" : "echo";
        assert.equal((await client.call(remote(method), { text })).text, text);
      })
    ),
  );
  assert.equal(server.server.connectionCount, 5);
  assert.deepEqual(server.faults, []);
});

const FAILURES: readonly { thrown: unknown; code: StatusCode; message: string }[] = [
  {
    thrown: new StatusError("NOT_FOUND", "process already finished: not found"),
    code: "NOT_FOUND",
    message: "process already finished: not found",
  },
  { thrown: new StatusError("UNAUTHENTICATED", ""), code: "UNAUTHENTICATED", message: "" },
  { thrown: new TypeError("Cannot do that"), code: "UNKNOWN", message: "Cannot do that" },
  { thrown: new Deno.errors.NotFound("no file"), code: "UNKNOWN", message: "no file" },
  { thrown: new DOMException("stopped", "AbortError"), code: "CANCELLED", message: "stopped" },
  { thrown: new DOMException("late", "TimeoutError"), code: "DEADLINE_EXCEEDED", message: "late" },
  { thrown: "a text", code: "UNKNOWN", message: "a text" },
];

for (const { thrown, code, message } of FAILURES) {
  Deno.test(`TtrpcServer answers ${code} "${message}" if a handler throws it`, async () => {
    await using server = await startServer({
      fail: unary(TEXT_METHOD, () => {
        throw thrown;
      }),
    });
    const client = await server.client();
    await assert.rejects(client.call(remote("fail"), {}), { name: "StatusError", code, message });
    assert.equal((await client.call(remote("echo"), { text: "x" })).text, "x");
  });
}

Deno.test("TtrpcServer answers UNIMPLEMENTED for services and methods that it does not have", async () => {
  await using server = await startServer();
  const client = await server.client();
  await assert.rejects(client.call(remote("echo", "test.Other"), {}), {
    code: "UNIMPLEMENTED",
    message: "service test.Other",
  });
  for (const method of ["Nothing", "constructor", "__proto__", ""]) {
    await assert.rejects(client.call(remote(method), {}), {
      code: "UNIMPLEMENTED",
      message: `method ${method}`,
    });
  }
  // What opens a stream gets the same answer.
  const connection = await server.connection();
  const data = requestData("Stream");
  const flags = FRAME_FLAG.remoteOpen;
  await connection.send({ streamId: 1, type: FRAME_TYPE.request, flags, data });
  assert.equal(statusIn(await connection.next()), "1 UNIMPLEMENTED method Stream");
});

Deno.test("TtrpcServer answers INTERNAL if a payload is no message of the method", async () => {
  await using server = await startServer();
  const connection = await server.connection();
  const data = encodeMessage(REQUEST, {
    service: "test.Service",
    method: "echo",
    payload: wireBytes("0a05"),
  });
  await connection.send({ streamId: 1, type: FRAME_TYPE.request, data });
  assert.equal(
    statusIn(await connection.next()),
    "1 INTERNAL ttrpc: error unmarshalling payload: Cannot decode test.Text: " +
      "a field is longer than its message, at byte 2",
  );
});

const BAD_FRAMES = [
  {
    name: "an even stream",
    frame: { streamId: 2, type: FRAME_TYPE.request, data: requestData("echo") },
    answer: "2 INVALID_ARGUMENT StreamID must be odd for client initiated streams",
  },
  {
    name: "a stream that was used",
    frame: { streamId: 5, type: FRAME_TYPE.request, data: requestData("echo") },
    answer: "5 INVALID_ARGUMENT StreamID cannot be re-used and must increment",
  },
  {
    name: "a stream lower than one that was used",
    frame: { streamId: 3, type: FRAME_TYPE.request, data: requestData("echo") },
    answer: "3 INVALID_ARGUMENT StreamID cannot be re-used and must increment",
  },
  {
    name: "data",
    frame: { streamId: 5, type: FRAME_TYPE.data, data: RAW },
    answer: "5 INVALID_ARGUMENT StreamID is no longer active",
  },
  {
    name: "a request that is none",
    frame: { streamId: 7, type: FRAME_TYPE.request, data: wireBytes("0a05") },
    answer: "7 INVALID_ARGUMENT unmarshal request error: Cannot decode ttrpc.Request: " +
      "a field is longer than its message, at byte 2",
  },
];

for (const { name, frame, answer } of BAD_FRAMES) {
  Deno.test(`TtrpcServer refuses ${name}, and goes on`, async () => {
    await using server = await startServer();
    const connection = await server.connection();
    await connection.send({
      streamId: 5,
      type: FRAME_TYPE.request,
      data: requestData("echo", "a"),
    });
    assert.equal((await connection.next())!.streamId, 5);
    await connection.send(frame);
    assert.equal(statusIn(await connection.next()), answer);
    await connection.send({
      streamId: 9,
      type: FRAME_TYPE.request,
      data: requestData("echo", "b"),
    });
    const { payload } = decodeMessage(RESPONSE, (await connection.next())!.data);
    assert.equal(decodeMessage(TEXT, payload).text, "b");
  });
}

Deno.test("TtrpcServer ignores frames of unknown types", async () => {
  await using server = await startServer();
  const connection = await server.connection();
  await connection.send({ streamId: 1, type: 77, data: RAW });
  await connection.send({ streamId: 1, type: FRAME_TYPE.response, data: RAW });
  await connection.send({ streamId: 1, type: FRAME_TYPE.request, data: requestData("echo") });
  assert.equal((await connection.next())!.streamId, 1);
});

Deno.test("TtrpcServer sends an empty message as a frame of length zero", async () => {
  await using server = await startServer();
  const connection = await server.connection();
  await connection.send({ streamId: 1, type: FRAME_TYPE.request, data: requestData("echo") });
  assert.deepEqual(await connection.next(), {
    streamId: 1,
    type: FRAME_TYPE.response,
    flags: 0,
    length: 0,
    data: RAW,
  });
});

Deno.test("TtrpcServer takes and gives messages of 4 MiB, and refuses longer ones", async () => {
  await using server = await startServer({
    twice: unary(TEXT_METHOD, ({ raw }) => ({ raw: new Uint8Array(raw.length * 2) })),
  });
  const client = await server.client();
  const raw = seededRandom().bytes(MAX_MESSAGE_BYTES - 100);
  assert.deepEqual((await client.call(remote("echo"), { raw })).raw, raw);
  await assert.rejects(client.call(remote("twice"), { raw }), {
    code: "RESOURCE_EXHAUSTED",
    message: /^message length 83884\d\d exceed maximum message size of 4194304$/,
  });

  const connection = await server.connection();
  await connection.write(wireBytes("00400001 00000001 01 00"));
  await connection.write(new Uint8Array(MAX_MESSAGE_BYTES + 1));
  await connection.send({ streamId: 3, type: FRAME_TYPE.request, data: requestData("echo") });
  assert.equal(
    statusIn(await connection.next()),
    "1 RESOURCE_EXHAUSTED message length 4194305 exceed maximum message size of 4194304",
  );
  assert.equal((await connection.next())!.streamId, 3);
});

Deno.test("TtrpcServer tells handlers the caller's metadata, namespace and time", async () => {
  const calls: Call[] = [];
  await using server = await startServer({
    look: unary(TEXT_METHOD, (request, call) => {
      calls.push(call);
      return request;
    }),
  });
  const client = await server.client();
  await client.call(remote("look"), {});
  await client.call(remote("look"), {}, {
    timeoutMs: 2500,
    metadata: new Map([["Containerd-Namespace-TTRPC", ["ns"]], ["traceparent", ["a", "b"]]]),
  });
  assert.deepEqual(
    calls.map((
      { service, method, namespace, timeoutMs },
    ) => [service, method, namespace, timeoutMs]),
    [["test.Service", "look", undefined, undefined], ["test.Service", "look", "ns", 2500]],
  );
  assert.deepEqual(
    [...calls[1]!.metadata],
    [["containerd-namespace-ttrpc", ["ns"]], ["traceparent", ["a", "b"]]],
  );
});

/** Waits for its signal, and says why it fired. */
const waitForSignal = unary(TEXT_METHOD, async (_request, { signal }) => {
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  throw signal.reason;
});

Deno.test("TtrpcServer fires the signal of a call when its time is over", async () => {
  await using server = await startServer({ wait: waitForSignal });
  const connection = await server.connection();
  const data = encodeMessage(REQUEST, {
    service: "test.Service",
    method: "wait",
    timeoutNano: 20_000_000,
  });
  await connection.send({ streamId: 1, type: FRAME_TYPE.request, data });
  assert.equal(
    statusIn(await connection.next()),
    "1 DEADLINE_EXCEEDED context deadline exceeded",
  );
});

Deno.test("TtrpcServer does not fire signals that nobody has, nor after the call", async () => {
  let kept: AbortSignal | undefined;
  await using server = await startServer({
    keep: unary(TEXT_METHOD, (request, { signal }) => {
      kept = signal;
      return request;
    }),
  });
  const client = await server.client();
  await client.call(remote("keep"), {}, { timeoutMs: 20 });
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(kept!.aborted, false);
});

Deno.test("TtrpcServer lets handlers finish when their connection is cut", async () => {
  const gate = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<unknown>();
  const finished = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  await using server = await startServer({
    work: unary(TEXT_METHOD, async (request, { signal }) => {
      signal.addEventListener("abort", () => cancelled.resolve(signal.reason));
      started.resolve();
      await gate.promise;
      finished.resolve();
      return request;
    }),
  });
  const cut = await server.connection();
  await cut.send({ streamId: 1, type: FRAME_TYPE.request, data: requestData("work") });
  await started.promise;
  cut.close();
  await server.idle();
  const reason = await cancelled.promise;
  assert.ok(reason instanceof StatusError && reason.code === "CANCELLED");
  gate.resolve();
  await finished.promise;
  const other = await server.client();
  assert.equal((await other.call(remote("echo"), { text: "x" })).text, "x");
});

Deno.test("TtrpcServer survives connections that end anywhere and bring anything", async () => {
  const random = seededRandom();
  await using server = await startServer();
  const good = await server.client();
  const frame = { streamId: 1, type: FRAME_TYPE.request, data: requestData("echo", "x") };
  for (let round = 0; round < 60; round++) {
    const connection = await server.connection();
    const kind = random.below(3);
    const bytes = kind === 2 ? encodeFrame(frame) : random.bytes(random.below(300));
    // A length that is possible, and a frame that is cut off.
    if (kind === 1) bytes.fill(0, 0, 2);
    await connection.write(bytes.subarray(0, random.below(bytes.length + 1)));
    connection.close();
    assert.equal((await good.call(remote("echo"), { text: "y" })).text, "y", `seed ${random.seed}`);
  }
  for (const { doing } of server.faults) assert.equal(doing, "receiving");
});

Deno.test("TtrpcServer stops reading from a client that does not take its answers", async () => {
  let calls = 0;
  await using server = await startServer({
    big: unary(TEXT_METHOD, () => {
      calls++;
      return { raw: new Uint8Array(1 << 20) };
    }),
  });
  const greedy = await server.connection();
  const sending = (async () => {
    for (let streamId = 1; streamId < 20_000; streamId += 2) {
      await greedy.send({
        streamId,
        type: FRAME_TYPE.request,
        data: requestData("big", "x".repeat(500)),
      });
    }
  })();
  const polite = await server.client();
  const stopped = await Promise.race([
    sending.then(() => false, () => false),
    (async () => {
      for (let before = -1; before !== calls;) {
        before = calls;
        for (let turn = 0; turn < 20; turn++) await polite.call(remote("echo"), {});
      }
      return true;
    })(),
  ]);
  assert.equal(stopped, true);
  assert.ok(calls < 2000, `${calls} answers of 1 MiB wait in memory`);
  greedy.close();
  await sending.catch(() => {/* The connection was closed while it was sending. */});
});

Deno.test("shutdown() lets calls finish, sends their answers, and accepts no more", async () => {
  const gate = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  await using server = await startServer({
    work: unary(TEXT_METHOD, async (request) => {
      started.resolve();
      await gate.promise;
      return request;
    }),
  });
  const [busy, idle] = [await server.client(), await server.client()];
  const call = busy.call(remote("work"), { text: "done" });
  await started.promise;
  const shutdown = server.server.shutdown({ graceMs: 60_000 });
  await idle.closed;
  await assert.rejects(server.client());
  gate.resolve();
  assert.equal((await call).text, "done");
  await shutdown;
  await busy.closed;
});

Deno.test("shutdown() may be called by a handler, whose answer is still sent", async () => {
  let shutdown: Promise<void> | undefined;
  await using server = await startServer({
    Shutdown: unary(TEXT_METHOD, () => {
      shutdown = server.server.shutdown({ graceMs: 60_000 });
      return { text: "bye" };
    }),
  });
  const client = await server.client();
  assert.equal((await client.call(remote("Shutdown"), {})).text, "bye");
  await shutdown;
});

Deno.test("shutdown() cuts off calls after its grace period", async () => {
  await using server = await startServer({ wait: waitForSignal });
  const client = await server.client();
  const call = client.call(remote("wait"), {});
  call.catch(() => {/* Looked at below. */});
  await client.call(remote("echo"), {});
  await server.server.shutdown({ graceMs: 10 });
  await assert.rejects(call, { name: "ConnectionLostError" });
});

Deno.test("register() refuses a service that exists", () => {
  const server = new TtrpcServer();
  server.register("a", {});
  assert.throws(() => server.register("a", {}), {
    name: "TypeError",
    message: "Service a is registered twice",
  });
});

Deno.test("serve() goes on accepting after a failure", async () => {
  const faults: ServerFault[] = [];
  const server = new TtrpcServer({ report: (fault) => faults.push(fault) });
  const closed = Promise.withResolvers<never>();
  let attempts = 0;
  const accepting = Promise.withResolvers<void>();
  const listener = {
    accept(): Promise<never> {
      if (++attempts < 3) return Promise.reject(new Error("Too many open files (os error 24)"));
      accepting.resolve();
      return closed.promise;
    },
    close: () => closed.reject(new Deno.errors.BadResource("closed")),
  } as unknown as Deno.UnixListener;
  const serving = server.serve(listener);
  await accepting.promise;
  assert.deepEqual(faults.map(({ doing }) => doing), ["accepting", "accepting"]);
  await server.shutdown({ graceMs: 0 });
  await serving;
});

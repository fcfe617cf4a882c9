import assert from "node:assert/strict";
import { BodyBuffer, IncompleteBody, OutgoingBody } from "./http_body.ts";
import { Fields, latin1Bytes } from "./http_fields.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function fieldsOf(fields: Record<string, string>): Fields {
  return Fields.fromList(
    Object.entries(fields).map(([name, value]) => [name, latin1Bytes(value)]),
  );
}

function responseBody(fields: Record<string, string> = {}): OutgoingBody {
  return new OutgoingBody(fieldsOf(fields), "HTTP-response-body-size");
}

function listenTo(buffer: BodyBuffer): string[] {
  const events: string[] = [];
  buffer.listener = {
    onEnd: () => events.push("end"),
    onOverflow: () => events.push("overflow"),
  };
  return events;
}

Deno.test("BodyBuffer has all of a small body at its end", () => {
  const body = responseBody();
  const events = listenTo(body.buffer);
  const stream = body.write();
  stream.blockingWriteAndFlush(bytes("hello "));
  stream.blockingWriteAndFlush(bytes("world"));
  assert.deepEqual(events, []);
  OutgoingBody.finish(body, undefined);
  assert.deepEqual(events, ["end"]);
  assert.ok(body.buffer.isEnded);
  assert.deepEqual(body.buffer.bytes(), bytes("hello world"));
});

Deno.test("BodyBuffer tells its listener when a body gets large, until it is streamed", async () => {
  const body = responseBody();
  const events = listenTo(body.buffer);
  const stream = body.write();
  assert.equal(stream.checkWrite(), 65536n);
  stream.write(new Uint8Array(65535));
  assert.deepEqual(events, []);
  const blocked = stream.blockingWriteAndFlush(new Uint8Array(100));
  assert.deepEqual(events, ["overflow"]);
  assert.equal(stream.checkWrite(), 0n, "not less than nothing");
  const reader = body.buffer.stream().getReader();
  assert.equal((await reader.read()).value?.length, 65635);
  await blocked;
  stream.blockingWriteAndFlush(bytes("rest"));
  OutgoingBody.finish(body, undefined);
  assert.deepEqual(events, ["overflow"]);
  assert.deepEqual((await reader.read()).value, bytes("rest"));
  assert.ok((await reader.read()).done);
});

Deno.test("BodyBuffer wakes everybody who waits for room, by one promise", async () => {
  const buffer = new BodyBuffer();
  buffer.push(new Uint8Array(70_000));
  const waits = [buffer.wait(), buffer.wait()];
  assert.equal(waits[0], waits[1], "a guest that polls without end does not pile up promises");
  await buffer.stream().getReader().read();
  await Promise.all(waits);
  buffer.push(new Uint8Array(70_000));
  assert.notEqual(buffer.wait(), waits[0]);
});

Deno.test("BodyBuffer.stream() breaks after what was written if the body is incomplete", async (t) => {
  const ways: Record<string, (body: OutgoingBody) => void> = {
    "dropped without finish": (body) => body[Symbol.dispose](),
    "the guest ended": (body) => body.buffer.fail(),
    "fewer bytes than announced": (body) =>
      assert.throws(() => OutgoingBody.finish(body, undefined)),
  };
  for (const [name, breakOff] of Object.entries(ways)) {
    await t.step(name, async () => {
      const body = responseBody({ "content-length": "100" });
      const events = listenTo(body.buffer);
      body.write().blockingWriteAndFlush(bytes("partial"));
      breakOff(body);
      assert.deepEqual(events, ["end"]);
      assert.ok(body.buffer.isFailed);
      const reader = body.buffer.stream().getReader();
      assert.deepEqual((await reader.read()).value, bytes("partial"));
      await assert.rejects(reader.read(), IncompleteBody);
    });
  }
});

Deno.test("BodyBuffer.stream() that is cancelled stops the guest", async (t) => {
  await t.step("in the middle of the body", async () => {
    const body = responseBody();
    const events = listenTo(body.buffer);
    const stream = body.write();
    let cancellations = 0;
    const readable = body.buffer.stream(() => cancellations++);
    const waiting = (async () => {
      await stream.blockingWriteAndFlush(new Uint8Array(70_000));
    })();
    await readable.cancel();
    await assert.rejects(waiting, { tag: "closed" });
    assert.equal(cancellations, 1);
    assert.throws(() => stream.checkWrite(), { tag: "closed" });
    OutgoingBody.finish(body, undefined);
    body[Symbol.dispose]();
    assert.deepEqual(events, []);
  });
  await t.step("after its end", async () => {
    const body = responseBody();
    let cancellations = 0;
    const readable = body.buffer.stream(() => cancellations++);
    OutgoingBody.finish(body, undefined);
    await readable.cancel();
    assert.equal(cancellations, 0);
  });
});

Deno.test("OutgoingBody can be written once", () => {
  const body = responseBody();
  body.write();
  assert.throws(() => body.write(), (error) => error === undefined);
});

Deno.test("OutgoingBody.finish() compares with the content-length", async (t) => {
  const cases: [string, Record<string, string>, string, bigint | undefined][] = [
    ["no length", {}, "hello", undefined],
    ["the right one", { "content-length": "5" }, "hello", undefined],
    ["too few bytes", { "Content-Length": "6" }, "hello", 5n],
    ["too many bytes", { "content-length": "3" }, "hello", 5n],
    ["nothing written", { "content-length": "1" }, "", 0n],
    ["nothing announced or written", { "content-length": "0" }, "", undefined],
    ["not a number", { "content-length": "five" }, "hello", undefined],
  ];
  for (const [name, fields, text, written] of cases) {
    await t.step(name, () => {
      for (const tag of ["HTTP-response-body-size", "HTTP-request-body-size"] as const) {
        const body = new OutgoingBody(fieldsOf(fields), tag);
        if (text !== "") body.write().blockingWriteAndFlush(bytes(text));
        if (written === undefined) OutgoingBody.finish(body, undefined);
        else assert.throws(() => OutgoingBody.finish(body, undefined), { tag, val: written });
        assert.equal(body.buffer.isEnded, written === undefined);
      }
    });
  }
});

Deno.test("OutgoingBody that was never written is empty", () => {
  const body = responseBody();
  OutgoingBody.finish(body, undefined);
  assert.equal(body.buffer.bytes(), null);
  assert.ok(body.buffer.isEnded);
  body[Symbol.dispose]();
  assert.ok(body.buffer.isEnded, "a drop after finish changes nothing");
});

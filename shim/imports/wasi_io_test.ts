import assert from "node:assert/strict";
import {
  type ByteSink,
  bytesSource,
  InputStream,
  operationFailed,
  OutputStream,
  poll,
  Pollable,
  promisePollable,
  readableSource,
  readyPollable,
  WRITE_BUDGET,
} from "./wasi_io.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

function isClosed(error: unknown): boolean {
  return (error as { tag?: string }).tag === "closed";
}

/** A sink with room for `room` bytes until it is emptied. */
function testSink(room: number) {
  const waiting: (() => void)[] = [];
  const sink = {
    taken: "",
    used: 0,
    isGone: false,
    closed: 0,
    capacity(): number {
      if (sink.isGone) throw { tag: "closed" };
      return Math.max(0, room - sink.used);
    },
    push(chunk: Uint8Array): void {
      sink.taken += text(chunk);
      sink.used += chunk.length;
    },
    wait: () => new Promise<void>((resolve) => waiting.push(resolve)),
    close: () => void sink.closed++,
    empty(): void {
      sink.used = 0;
      for (const wake of waiting.splice(0)) wake();
    },
  } satisfies ByteSink & Record<string, unknown>;
  return sink;
}

Deno.test("InputStream reads bytes that are there, then is closed", () => {
  const stream = new InputStream(bytesSource(bytes("hello world")));
  assert.equal(stream.subscribe().ready(), true);
  assert.equal(text(stream.read(5n)), "hello");
  assert.equal(stream.read(0n).length, 0);
  assert.equal(stream.skip(1n), 1n);
  assert.equal(text(stream.blockingRead(0xffff_ffff_ffff_ffffn) as Uint8Array), "world");
  assert.throws(() => stream.read(1n), isClosed);
  assert.throws(() => stream.blockingRead(1n), isClosed);
  assert.throws(() => stream.skip(1n), isClosed);
  assert.equal(stream.subscribe().ready(), true, "a closed stream is ready: the read says so");
});

Deno.test("InputStream gives at most a mebibyte at once", () => {
  const stream = new InputStream(bytesSource(new Uint8Array(3 << 20)));
  assert.equal(stream.read(0xffff_ffff_ffff_ffffn).length, 1 << 20);
});

Deno.test("InputStream of a web stream waits for what comes", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const stream = new InputStream(readableSource(readable));
  assert.equal(stream.subscribe().ready(), false);
  assert.equal(stream.read(10n).length, 0, "a read that need not block gives nothing");
  const blocked = stream.blockingRead(3n) as Promise<Uint8Array>;
  assert.ok(blocked instanceof Promise);
  await writer.write(bytes("hello"));
  assert.equal(text(await blocked), "hel");
  assert.equal(text(stream.blockingRead(10n) as Uint8Array), "lo");
  const end = stream.subscribe().block();
  const closing = writer.close();
  await end;
  await closing;
  assert.throws(() => stream.read(1n), isClosed);
});

Deno.test("InputStream of a web stream reports a failure after what came before", async () => {
  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes("partial"));
    },
    pull(controller) {
      controller.error(new Error("cut off"));
    },
  }, { highWaterMark: 0 });
  const cause = { tag: "HTTP-protocol-error" };
  const stream = new InputStream(
    readableSource(readable, (error) => operationFailed(String(error), cause)),
  );
  assert.equal(text(await stream.blockingRead(100n)), "partial");
  await assert.rejects(async () => await stream.blockingRead(1n), (error: unknown) => {
    const { tag, val } = error as ReturnType<typeof operationFailed> & { val: { cause: unknown } };
    assert.equal(tag, "last-operation-failed");
    assert.equal(val.cause, cause);
    return true;
  });
});

Deno.test("InputStream skips empty chunks of a web stream", async () => {
  const stream = new InputStream(
    readableSource(ReadableStream.from([bytes(""), bytes(""), bytes("x")])),
  );
  assert.equal(text(await stream.blockingRead(10n)), "x");
});

Deno.test("InputStream cancels the web stream when it is dropped, and only then", async (t) => {
  const cases: [string, (stream: InputStream) => unknown, boolean][] = [
    ["never read", () => {}, true],
    ["while a read is under way", (stream) => stream.subscribe().block(), true],
    ["read to the end", async (stream) => {
      await stream.blockingRead(10n);
      await assert.rejects(async () => await stream.blockingRead(10n), isClosed);
    }, false],
  ];
  for (const [name, use, expected] of cases) {
    await t.step(name, async () => {
      let isCancelled = false;
      const readable = new ReadableStream<Uint8Array>({
        start(controller) {
          if (expected) return;
          controller.enqueue(bytes("all"));
          controller.close();
        },
        cancel() {
          isCancelled = true;
          throw new Error("nobody is to hear of this");
        },
      });
      const stream = new InputStream(readableSource(readable));
      const using = use(stream);
      if (!expected) await using;
      stream[Symbol.dispose]();
      await using;
      assert.equal(isCancelled, expected);
      assert.throws(() => stream.read(1n), isClosed);
    });
  }
});

Deno.test("OutputStream.write() takes what check-write permitted, and traps beyond", () => {
  const sink = testSink(10);
  const stream = new OutputStream(sink);
  assert.throws(() => stream.write(bytes("x")), /exceed the 0 that check-write permitted/);
  assert.equal(stream.checkWrite(), 10n);
  stream.write(bytes("hello"));
  stream.write(bytes("world"));
  assert.throws(() => stream.write(bytes("!")), /exceed the 0/);
  assert.equal(stream.checkWrite(), 0n);
  assert.equal(sink.taken, "helloworld");
});

Deno.test("OutputStream.write() keeps a copy", () => {
  const chunks: Uint8Array[] = [];
  const stream = new OutputStream({
    capacity: () => 100,
    push: (chunk) => chunks.push(chunk),
    wait: () => Promise.resolve(),
  });
  const data = bytes("abc");
  stream.checkWrite();
  stream.write(data);
  stream.blockingWriteAndFlush(data);
  data.fill(0);
  assert.deepEqual(chunks.map(text), ["abc", "abc"]);
});

Deno.test("OutputStream permits no more than its budget", () => {
  const stream = new OutputStream(testSink(1 << 30));
  assert.equal(stream.checkWrite(), BigInt(WRITE_BUDGET));
  assert.throws(() => stream.writeZeroes(BigInt(WRITE_BUDGET) + 1n), /exceed/);
});

Deno.test("OutputStream.blockingWriteAndFlush() waits for room", async () => {
  const sink = testSink(4);
  const stream = new OutputStream(sink);
  assert.equal(stream.blockingWriteAndFlush(bytes("abc")), undefined);
  const second = stream.blockingWriteAndFlush(bytes("d"));
  assert.ok(second instanceof Promise, "the sink is full");
  assert.equal(stream.subscribe().ready(), false);
  assert.ok(stream.blockingFlush() instanceof Promise);
  sink.empty();
  await second;
  assert.equal(stream.subscribe().ready(), true);
  assert.equal(stream.blockingFlush(), undefined);
  assert.equal(sink.taken, "abcd");
});

Deno.test("OutputStream whose receiver is gone says so, and is ready", async (t) => {
  const operations: Record<string, (stream: OutputStream) => unknown> = {
    "check-write": (stream) => stream.checkWrite(),
    "flush": (stream) => stream.flush(),
    "blocking-flush": (stream) => stream.blockingFlush(),
    "blocking-write-and-flush": (stream) => stream.blockingWriteAndFlush(bytes("x")),
    "blocking-write-zeroes-and-flush": (stream) => stream.blockingWriteZeroesAndFlush(3n),
    "splice": (stream) => stream.splice(new InputStream(bytesSource(bytes("x"))), 1n),
    "blocking-splice": (stream) => stream.blockingSplice(new InputStream(), 1n),
  };
  for (const [name, operation] of Object.entries(operations)) {
    await t.step(name, async () => {
      const sink = testSink(10);
      sink.isGone = true;
      const stream = new OutputStream(sink);
      await assert.rejects(async () => await operation(stream), isClosed);
      assert.equal(stream.subscribe().ready(), true);
    });
  }
  await t.step("write, after permission", () => {
    const sink = testSink(10);
    const stream = new OutputStream(sink);
    stream.checkWrite();
    sink.isGone = true;
    assert.throws(() => stream.write(bytes("x")), isClosed);
  });
});

Deno.test("OutputStream.splice() moves what fits", async () => {
  const sink = testSink(4);
  const stream = new OutputStream(sink);
  const source = new InputStream(bytesSource(bytes("abcdefgh")));
  assert.equal(stream.splice(source, 3n), 3n);
  assert.equal(stream.splice(source, 3n), 1n);
  assert.equal(stream.splice(source, 3n), 0n);
  const moved = stream.blockingSplice(source, 3n);
  sink.empty();
  assert.equal(await moved, 3n);
  assert.equal(sink.taken, "abcdefg");
});

Deno.test("OutputStream closes its sink when it is dropped", () => {
  const sink = testSink(1);
  new OutputStream(sink)[Symbol.dispose]();
  assert.equal(sink.closed, 1);
});

Deno.test("poll() lists what is ready, and waits if nothing is", async () => {
  const gate = Promise.withResolvers<void>();
  const never = new Pollable(() => false, () => new Promise(() => {}));
  const later = promisePollable(gate.promise);
  assert.deepEqual([...poll([never, readyPollable(), later, readyPollable()]) as Uint32Array], [
    1,
    3,
  ]);
  const waiting = poll([never, later]);
  assert.ok(waiting instanceof Promise);
  gate.resolve();
  assert.deepEqual([...await waiting], [1]);
  assert.throws(() => poll([]), /empty poll list/);
});

Deno.test("poll() waits on after a false alarm", async () => {
  let alarms = 0;
  const pollable = new Pollable(() => alarms > 2, () => {
    alarms++;
    return Promise.resolve();
  });
  assert.deepEqual([...await poll([pollable])], [0]);
  assert.equal(alarms, 3);
});

Deno.test("promisePollable() becomes ready by a rejection too", async () => {
  const pollable = promisePollable(Promise.reject(new Error("reported elsewhere")));
  assert.equal(pollable.ready(), false);
  await pollable.block();
  assert.equal(pollable.ready(), true);
  assert.equal(pollable.block(), undefined);
});

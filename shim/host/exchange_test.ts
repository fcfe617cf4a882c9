import assert from "node:assert/strict";
import { IncompleteBody, OutgoingBody } from "../imports/http_body.ts";
import type { HttpErrorCode } from "../imports/http_error_code.ts";
import { Fields, latin1Bytes } from "../imports/http_fields.ts";
import { OutgoingResponse } from "../imports/wasi_http.ts";
import { Exchange, UnusableResponse } from "./exchange.ts";

function exchangeFor(
  options: {
    isHead?: boolean;
    onCancel?: () => void;
    onWhole?: (bytes: number) => void;
  } = {},
) {
  const slow: Exchange[] = [];
  const exchange = new Exchange({
    component: "hello",
    isHead: options.isHead ?? false,
    onSlow: (waiting) => slow.push(waiting),
    onCancel: options.onCancel ?? (() => {}),
    onWhole: options.onWhole,
  });
  return { exchange, slow };
}

function answer(
  options: { status?: number; headers?: [string, string][] } = {},
): { response: OutgoingResponse; set: { tag: "ok"; val: OutgoingResponse } } {
  const response = new OutgoingResponse(
    Fields.fromList((options.headers ?? []).map(([name, value]) => [name, latin1Bytes(value)])),
  );
  response.setStatusCode(options.status ?? 200);
  return { response, set: { tag: "ok", val: response } };
}

function write(body: OutgoingBody, text: string): void {
  body.write().blockingWriteAndFlush(new TextEncoder().encode(text));
}

Deno.test("Exchange sends a finished body in one piece", async (t) => {
  const orders: Record<string, (set: () => void, finish: () => void) => void> = {
    "finished before the response is set": (set, finish) => {
      finish();
      set();
    },
    "finished after": (set, finish) => {
      set();
      finish();
    },
  };
  for (const [name, order] of Object.entries(orders)) {
    await t.step(name, async () => {
      const { exchange } = exchangeFor();
      const { response, set } = answer({ status: 201, headers: [["x-a", "1"], ["x-a", "2"]] });
      const body = response.body();
      write(body, "hello");
      order(() => exchange.set(set), () => OutgoingBody.finish(body, undefined));
      assert.ok(exchange.isSettled);
      const sent = await exchange.response;
      assert.equal(sent.status, 201);
      assert.equal(sent.headers.get("x-a"), "1, 2");
      assert.equal(sent.headers.get("content-type"), null, "nothing is made up");
      assert.equal(await sent.text(), "hello");
    });
  }
});

Deno.test("Exchange tells the length of a body that is whole", async () => {
  const lengths: number[] = [];
  const onWhole = (bytes: number) => lengths.push(bytes);
  for (const text of ["hello", undefined, "unfinished"]) {
    const { exchange } = exchangeFor({ onWhole });
    const { response, set } = answer();
    const body = text === undefined ? undefined : response.body();
    if (body && text !== undefined) write(body, text);
    exchange.set(set);
    if (body && text === "hello") OutgoingBody.finish(body, undefined);
    else exchange.startStreaming();
    await (await exchange.response).body?.cancel();
  }
  assert.deepEqual(lengths, [5, 0]);
});

Deno.test("Exchange keeps repeated set-cookie apart and bytes beyond ASCII", async () => {
  const { exchange } = exchangeFor();
  const { set } = answer({ headers: [["set-cookie", "a"], ["set-cookie", "b"], ["x", "caf\xe9"]] });
  exchange.set(set);
  const { headers } = await exchange.response;
  assert.deepEqual(headers.getSetCookie(), ["a", "b"]);
  assert.equal(headers.get("x"), "caf\xe9");
});

Deno.test("Exchange sends a response without a body", async () => {
  const { exchange, slow } = exchangeFor();
  exchange.set(answer({ status: 404 }).set);
  const sent = await exchange.response;
  assert.deepEqual([sent.status, sent.body, slow.length], [404, null, 0]);
});

Deno.test("Exchange streams what is slow or large", async (t) => {
  await t.step("slow", async () => {
    const { exchange, slow } = exchangeFor();
    const { response, set } = answer();
    const body = response.body();
    exchange.set(set);
    assert.deepEqual([slow.length, exchange.isSettled, exchange.hasAnswer], [1, false, true]);
    write(body, "first ");
    slow[0]!.startStreaming();
    assert.ok(exchange.isSettled);
    const text = exchange.response.then((sent) => sent.text());
    body.buffer.push(new TextEncoder().encode("second"));
    OutgoingBody.finish(body, undefined);
    slow[0]!.startStreaming();
    assert.equal(await text, "first second");
  });
  await t.step("large", async () => {
    const { exchange } = exchangeFor();
    const { response, set } = answer();
    const body = response.body();
    exchange.set(set);
    body.buffer.push(new Uint8Array(70_000));
    assert.ok(exchange.isSettled);
    OutgoingBody.finish(body, undefined);
    assert.equal((await (await exchange.response).bytes()).length, 70_000);
  });
});

Deno.test("Exchange.fail() without a response rejects with the reason", async () => {
  const { exchange } = exchangeFor();
  const reason = new Error("trapped");
  exchange.fail(reason);
  exchange.fail(new Error("again"));
  exchange.set(answer().set);
  await assert.rejects(exchange.response, (error) => error === reason);
});

Deno.test("Exchange.fail() breaks off a body that is not finished", async (t) => {
  const cases: Record<string, (exchange: Exchange) => void> = {
    "nothing has been sent yet": () => {},
    "it is being streamed": (exchange) => exchange.startStreaming(),
  };
  for (const [name, before] of Object.entries(cases)) {
    await t.step(name, async () => {
      const { exchange } = exchangeFor();
      const { response, set } = answer();
      const body = response.body();
      exchange.set(set);
      write(body, "partial");
      before(exchange);
      exchange.fail(undefined);
      const sent = await exchange.response;
      assert.equal(sent.status, 200);
      const reader = sent.body!.getReader();
      assert.equal(new TextDecoder().decode((await reader.read()).value), "partial");
      await assert.rejects(reader.read(), IncompleteBody);
    });
  }
  await t.step("a finished one stays whole", async () => {
    const { exchange } = exchangeFor();
    const { response, set } = answer();
    const body = response.body();
    exchange.set(set);
    write(body, "all");
    OutgoingBody.finish(body, undefined);
    exchange.fail(new Error("trapped afterwards"));
    assert.equal(await (await exchange.response).text(), "all");
  });
  await t.step("one that was dropped before the response was set", async () => {
    const { exchange } = exchangeFor();
    const { response, set } = answer();
    const body = response.body();
    body[Symbol.dispose]();
    exchange.set(set);
    await assert.rejects((await exchange.response).text(), IncompleteBody);
  });
});

Deno.test("Exchange rejects what cannot be sent", async (t) => {
  const cases: [string, Parameters<Exchange["set"]>[0], RegExp][] = [
    ["an error", { tag: "err", val: { tag: "loop-detected" } }, /the error loop-detected$/],
    [
      "an error with detail",
      { tag: "err", val: { tag: "internal-error", val: "disk full" } },
      /the error internal-error \(disk full\)$/,
    ],
    [
      "an error with a record",
      { tag: "err", val: { tag: "DNS-error", val: { rcode: "x", infoCode: 1 } } },
      /the error DNS-error \(\{"rcode":"x","infoCode":1\}\)$/,
    ],
    [
      "an error with a number",
      { tag: "err", val: { tag: "HTTP-request-body-size", val: 5n } satisfies HttpErrorCode },
      /HTTP-request-body-size \(5\)$/,
    ],
    ["status 100", answer({ status: 100 }).set, /status 100, which cannot be sent/],
    ["status 101", answer({ status: 101 }).set, /status 101/],
    ["status 600", answer({ status: 600 }).set, /status 600/],
  ];
  for (const [name, result, message] of cases) {
    await t.step(name, async () => {
      const { exchange } = exchangeFor();
      exchange.set(result);
      await assert.rejects(exchange.response, (error: unknown) => {
        assert.ok(error instanceof UnusableResponse);
        assert.match(error.message, /^component "hello" answered with /);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

Deno.test("Exchange sends no body where HTTP has none, and lets the guest write it", async (t) => {
  for (const status of [204, 205, 304]) {
    await t.step(`status ${status}`, async () => {
      const { exchange } = exchangeFor();
      const { response, set } = answer({ status });
      const body = response.body();
      exchange.set(set);
      const stream = body.write();
      await stream.blockingWriteAndFlush(new Uint8Array(70_000));
      await stream.blockingWriteAndFlush(new Uint8Array(70_000));
      OutgoingBody.finish(body, undefined);
      const sent = await exchange.response;
      assert.deepEqual([sent.status, sent.body], [status, null]);
      assert.equal(sent.headers.get("content-length"), null);
    });
  }
});

Deno.test("Exchange takes all that the guest writes for HEAD, though nobody reads it", async () => {
  const { exchange, slow } = exchangeFor({ isHead: true });
  const { response, set } = answer();
  const body = response.body();
  exchange.set(set);
  slow[0]!.startStreaming();
  const stream = body.write();
  for (let chunk = 0; chunk < 4; chunk++) {
    await stream.blockingWriteAndFlush(new Uint8Array(70_000));
  }
  OutgoingBody.finish(body, undefined);
  assert.equal((await exchange.response).status, 200);
});

Deno.test("Exchange leaves a small body to the server for HEAD, which tells its length", async () => {
  const { exchange } = exchangeFor({ isHead: true });
  const { response, set } = answer();
  const body = response.body();
  write(body, "hello");
  OutgoingBody.finish(body, undefined);
  exchange.set(set);
  assert.equal(await (await exchange.response).text(), "hello");
});

Deno.test("Exchange tells when the client gives up in the middle", async () => {
  let cancellations = 0;
  const { exchange } = exchangeFor({ onCancel: () => cancellations++ });
  const { response, set } = answer();
  const body = response.body();
  exchange.set(set);
  exchange.startStreaming();
  await (await exchange.response).body!.cancel();
  assert.equal(cancellations, 1);
  assert.throws(() => body.write().checkWrite(), { tag: "closed" });
});

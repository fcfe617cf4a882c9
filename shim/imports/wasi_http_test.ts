import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { OutgoingBody } from "./http_body.ts";
import { Fields, latin1Bytes, latin1Text } from "./http_fields.ts";
import {
  createWasiHttp,
  IncomingBody,
  IncomingRequest,
  OutgoingResponse,
  type RequestHead,
  ResponseOutparam,
} from "./wasi_http.ts";
import { type InputStream, IoError, type Pollable } from "./wasi_io.ts";

/** What a `result` without a payload throws. */
function isPlainError(error: unknown): boolean {
  return error === undefined;
}

function requestOf(head: Partial<RequestHead> = {}): IncomingRequest {
  return new IncomingRequest({
    method: "GET",
    pathWithQuery: "/a?b",
    authority: "example.com:3000",
    headers: () => [],
    body: () => null,
    ...head,
  });
}

function streamOf(...texts: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(texts).pipeThrough(new TextEncoderStream());
}

Deno.test("IncomingRequest tells method, path and authority as received", () => {
  const methods: [string, { tag: string; val?: string }][] = [
    ["GET", { tag: "get" }],
    ["PATCH", { tag: "patch" }],
    ["CONNECT", { tag: "connect" }],
    ["get", { tag: "other", val: "get" }],
    ["QUERY", { tag: "other", val: "QUERY" }],
  ];
  for (const [method, expected] of methods) {
    assert.deepEqual(requestOf({ method }).method(), expected);
  }
  const request = requestOf();
  assert.equal(request.pathWithQuery(), "/a?b");
  assert.equal(request.authority(), "example.com:3000");
  assert.deepEqual(request.scheme(), { tag: "HTTP" });
});

Deno.test("IncomingRequest.headers() hides the connection's fields and cannot be changed", () => {
  const request = requestOf({
    headers: () => [
      ["host", "example.com"],
      ["x-a", "1"],
      ["connection", "close"],
      ["x-a", "caf\xe9"],
      ["transfer-encoding", "chunked"],
      ["content-length", "5"],
    ],
  });
  const headers = request.headers();
  assert.deepEqual(headers.entries().map(([name, value]) => [name, latin1Text(value)]), [
    ["x-a", "1"],
    ["x-a", "caf\xe9"],
    ["content-length", "5"],
  ]);
  assert.throws(() => headers.append("x-b", latin1Bytes("2")), { tag: "immutable" });
});

Deno.test("IncomingRequest.consume() and IncomingBody.stream() succeed once", async () => {
  const request = requestOf({ body: () => streamOf("hello") });
  const body = request.consume();
  assert.throws(() => request.consume(), isPlainError);
  const stream = body.stream();
  assert.throws(() => body.stream(), isPlainError);
  assert.deepEqual(await stream.blockingRead(10n), latin1Bytes("hello"));
  assert.throws(() => requestOf().consume().stream().read(1n), { tag: "closed" });
});

Deno.test("IncomingBody lets go of a body that is not read", async (t) => {
  const ways: Record<string, (body: IncomingBody) => void> = {
    "finished": (body) => void IncomingBody.finish(body),
    "dropped": (body) => body[Symbol.dispose](),
    "its stream dropped": (body) => body.stream()[Symbol.dispose](),
  };
  for (const [name, letGo] of Object.entries(ways)) {
    await t.step(name, () => {
      let cancellations = 0;
      letGo(new IncomingBody(new ReadableStream({ cancel: () => void cancellations++ })));
      assert.equal(cancellations, 1);
    });
  }
});

Deno.test("IncomingBody.finish() gives trailers once, and there are none", () => {
  const trailers = IncomingBody.finish(new IncomingBody());
  assert.equal(trailers.subscribe().ready(), true);
  assert.deepEqual(trailers.get(), { tag: "ok", val: { tag: "ok", val: undefined } });
  assert.deepEqual(trailers.get(), { tag: "err", val: undefined });
});

Deno.test("IncomingBody tells why it broke off, as an error-code", async () => {
  const { httpErrorCode } = createWasiHttp(testContext())["wasi:http/types@0.2"] as {
    httpErrorCode: (error: IoError) => unknown;
  };
  const failing = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("connection reset by peer")),
  }, { highWaterMark: 0 });
  const stream = new IncomingBody(failing).stream();
  await assert.rejects(async () => await stream.blockingRead(1n), (error: unknown) => {
    const { tag, val } = error as { tag: string; val: IoError };
    assert.equal(tag, "last-operation-failed");
    assert.deepEqual(httpErrorCode(val), { tag: "HTTP-protocol-error" });
    return true;
  });
  assert.equal(httpErrorCode(new IoError("something else")), undefined);
  assert.equal(httpErrorCode(new IoError("a file", "no-entry")), undefined);
});

Deno.test("OutgoingResponse.setStatusCode() takes three digits", () => {
  const response = new OutgoingResponse(new Fields());
  assert.equal(response.statusCode(), 200);
  for (const status of [100, 418, 999]) {
    response.setStatusCode(status);
    assert.equal(response.statusCode(), status);
  }
  for (const status of [0, 99, 1000, 65535]) {
    assert.throws(() => response.setStatusCode(status), isPlainError);
    assert.equal(response.statusCode(), 999);
  }
});

Deno.test("OutgoingResponse owns its headers and has one body", () => {
  const fields = Fields.fromList([["x-a", latin1Bytes("1")]]);
  const response = new OutgoingResponse(fields);
  assert.throws(() => fields.delete("x-a"), { tag: "immutable" });
  assert.throws(() => response.headers().delete("x-a"), { tag: "immutable" });
  assert.equal(response.buffer, undefined);
  const body = response.body();
  assert.equal(response.buffer, body.buffer);
  assert.throws(() => response.body(), isPlainError);
});

Deno.test("ResponseOutparam.set() reports the first answer only", () => {
  const answers: unknown[] = [];
  const outparam = new ResponseOutparam((result) => answers.push(result));
  const first = { tag: "ok", val: new OutgoingResponse(new Fields()) } as const;
  ResponseOutparam.set(outparam, first);
  ResponseOutparam.set(outparam, { tag: "err", val: { tag: "loop-detected" } });
  assert.deepEqual(answers, [first]);
});

/** The resource of an outgoing request, as far as these tests use it. */
interface OutgoingRequest {
  method(): unknown;
  setMethod(method: { tag: string; val?: string }): void;
  pathWithQuery(): string | undefined;
  setPathWithQuery(path: string | undefined): void;
  scheme(): unknown;
  setScheme(scheme: { tag: string; val?: string } | undefined): void;
  authority(): string | undefined;
  setAuthority(authority: string | undefined): void;
  headers(): Fields;
  body(): OutgoingBody;
}

interface FutureResponse {
  subscribe(): Pollable;
  get(): { tag: "ok" | "err"; val?: { tag: "ok" | "err"; val: unknown } } | undefined;
  [Symbol.dispose](): void;
}

interface IncomingResponse {
  status(): number;
  headers(): Fields;
  consume(): { stream(): InputStream };
  [Symbol.dispose](): void;
}

function outgoing(context: Parameters<typeof testContext>[0] = {}) {
  const imports = createWasiHttp(testContext(context));
  const types = imports["wasi:http/types@0.2"] as {
    OutgoingRequest: new (headers: Fields) => OutgoingRequest;
    RequestOptions: new () => Record<string, (duration?: bigint) => bigint | undefined>;
  };
  const { handle } = imports["wasi:http/outgoing-handler@0.2"] as {
    handle: (request: OutgoingRequest, options: unknown) => FutureResponse;
  };
  return { ...types, handle };
}

Deno.test("OutgoingRequest refuses parts that a request cannot have", () => {
  const { OutgoingRequest } = outgoing();
  const request = new OutgoingRequest(new Fields());
  assert.deepEqual(request.method(), { tag: "get" });
  const refused: (() => void)[] = [
    () => request.setMethod({ tag: "other", val: "a b" }),
    () => request.setMethod({ tag: "other", val: "" }),
    () => request.setPathWithQuery("/a b"),
    () => request.setPathWithQuery("/a#b"),
    () => request.setScheme({ tag: "other", val: "1x" }),
    () => request.setAuthority("a/b"),
    () => request.setAuthority("a b"),
  ];
  for (const set of refused) assert.throws(set, isPlainError);
  request.setMethod({ tag: "other", val: "QUERY" });
  request.setPathWithQuery("/a?b");
  request.setScheme({ tag: "other", val: "ftp" });
  request.setAuthority("user@example.com:80");
  assert.deepEqual(
    [request.method(), request.pathWithQuery(), request.scheme(), request.authority()],
    [{ tag: "other", val: "QUERY" }, "/a?b", { tag: "other", val: "ftp" }, "user@example.com:80"],
  );
  request.setPathWithQuery(undefined);
  request.setScheme(undefined);
  request.setAuthority(undefined);
  assert.deepEqual([request.pathWithQuery(), request.scheme(), request.authority()], [
    undefined,
    undefined,
    undefined,
  ]);
  assert.throws(() => request.headers().append("x-a", latin1Bytes("1")), { tag: "immutable" });
  request.body();
  assert.throws(() => request.body(), isPlainError);
});

Deno.test("RequestOptions keeps what was set", () => {
  const options = new (outgoing().RequestOptions)();
  for (const name of ["ConnectTimeout", "FirstByteTimeout", "BetweenBytesTimeout"]) {
    const getter = name[0]!.toLowerCase() + name.slice(1);
    assert.equal(options[getter]!(), undefined);
    options[`set${name}`]!(5n);
    assert.equal(options[getter]!(), 5n);
    options[`set${name}`]!(undefined);
    assert.equal(options[getter]!(), undefined);
  }
});

Deno.test("handle() reports a refusal through the future, once", async () => {
  const { OutgoingRequest, handle } = outgoing();
  const request = new OutgoingRequest(new Fields());
  request.setAuthority("example.com");
  const future = handle(request, undefined);
  assert.equal(future.get(), undefined);
  const pollable = future.subscribe();
  await pollable.block();
  assert.deepEqual(future.get(), {
    tag: "ok",
    val: { tag: "err", val: { tag: "HTTP-request-denied" } },
  });
  assert.deepEqual(future.get(), { tag: "err", val: undefined });
  future[Symbol.dispose]();
});

/** Allows everything, and answers requests to `other.spin.internal` with `respond`. */
function chained(respond: () => Promise<Response>) {
  return outgoing({
    outbound: {
      check: () => true,
      checkSelf: () => true,
      isBlocked: () => false,
      mayResolve: () => true,
    },
    internal: { component: () => respond, selfUrl: () => "http://127.0.0.1:1" },
  });
}

Deno.test("handle() gives the response, its headers cleaned and its body once", async () => {
  const { OutgoingRequest, handle } = chained(() =>
    Promise.resolve(
      new Response(streamOf("hi"), { status: 201, headers: { "x-a": "1", connection: "close" } }),
    )
  );
  const request = new OutgoingRequest(new Fields());
  request.setScheme({ tag: "HTTP" });
  request.setAuthority("other.spin.internal");
  const future = handle(request, undefined);
  await future.subscribe().block();
  const response = future.get()!.val!.val as IncomingResponse;
  assert.equal(response.status(), 201);
  assert.deepEqual(response.headers().entries().map(([name]) => name), ["x-a"]);
  assert.throws(() => response.headers().delete("x-a"), { tag: "immutable" });
  const body = response.consume();
  assert.throws(() => response.consume(), isPlainError);
  assert.deepEqual(await body.stream().blockingRead(10n), latin1Bytes("hi"));
  future[Symbol.dispose]();
  response[Symbol.dispose]();
});

Deno.test("handle() lets go of a response that nobody takes", async (t) => {
  const ways: Record<string, (future: FutureResponse) => void> = {
    "the future dropped": (future) => future[Symbol.dispose](),
    "the response dropped": (future) => {
      (future.get()!.val!.val as IncomingResponse)[Symbol.dispose]();
      future[Symbol.dispose]();
    },
  };
  for (const [name, letGo] of Object.entries(ways)) {
    await t.step(name, async () => {
      const cancelled = Promise.withResolvers<void>();
      const { OutgoingRequest, handle } = chained(() =>
        Promise.resolve(new Response(new ReadableStream({ cancel: () => cancelled.resolve() })))
      );
      const request = new OutgoingRequest(new Fields());
      request.setScheme({ tag: "HTTP" });
      request.setAuthority("other.spin.internal");
      const future = handle(request, undefined);
      await future.subscribe().block();
      letGo(future);
      await cancelled.promise;
    });
  }
});

import assert from "node:assert/strict";
import { testContext } from "../_context_fixture.ts";
import { BodyBuffer } from "../http_body.ts";
import { latin1Bytes } from "../http_fields.ts";
import { readAll, writtenStream } from "./_guest_fixture.ts";
import { createHttp, createNextHandler } from "./http.ts";
import { Fields } from "./http_fields.ts";
import { Request, RequestOptions, Response } from "./http_types.ts";

const NO_TRAILERS = Promise.resolve({ tag: "ok", val: undefined } as const);
const DONE = Promise.resolve({ tag: "ok", val: undefined } as const);

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("Fields of 0.3 has the functions and errors of its version", () => {
  const fields = Fields.fromList([["A", bytes("1")], ["a", bytes("2")], ["b", bytes("3")]]);
  assert.deepEqual(fields.getAndDelete("a"), [bytes("1"), bytes("2")]);
  assert.deepEqual(fields.copyAll(), [["b", bytes("3")]]);
  assert.throws(() => fields.append("host", bytes("x")), { tag: "forbidden" });
  assert.throws(() => fields.append("c", new Uint8Array(2 << 20).fill(0x61)), {
    tag: "size-exceeded",
  });
  const copy = fields.clone();
  copy.set("b", [bytes("4")]);
  assert.deepEqual(fields.get("b"), [bytes("3")]);
  assert.throws(() => fields.immutableView().delete("b"), { tag: "immutable" });
});

Deno.test("RequestOptions that a request has cannot be changed", () => {
  const options = new RequestOptions();
  options.setConnectTimeout(5n);
  const [request] = Request.new(new Fields(), undefined, NO_TRAILERS, options);
  const own = request.getOptions()!;
  assert.equal(own.getConnectTimeout(), 5n);
  assert.throws(() => own.setConnectTimeout(1n), { tag: "immutable" });
  const copy = own.clone();
  copy.setConnectTimeout(1n);
  assert.equal(own.getConnectTimeout(), 5n);
});

Deno.test("Request.fromHead() shows what the server received", async () => {
  const request = Request.fromHead({
    method: "PUT",
    scheme: "https",
    authority: "example.com",
    pathWithQuery: "/a?b",
    headers: () => [["host", "example.com"], ["connection", "close"], ["x", "é"]],
    body: () => new globalThis.Response("body").body,
  });
  assert.deepEqual(request.getMethod(), { tag: "put" });
  assert.deepEqual(request.getScheme(), { tag: "HTTPS" });
  assert.equal(request.getAuthority(), "example.com");
  assert.equal(request.getPathWithQuery(), "/a?b");
  assert.deepEqual(request.getHeaders().copyAll(), [
    ["host", bytes("example.com")],
    ["x", latin1Bytes("é")],
  ]);
  const [stream, trailers] = Request.consumeBody(request, DONE);
  assert.equal(await readAll(stream), "body");
  assert.deepEqual(await trailers, { tag: "ok", val: undefined });
});

Deno.test("setters of a request refuse what is not valid", () => {
  const [request] = Request.new(new Fields(), undefined, NO_TRAILERS, undefined);
  const refused: (() => void)[] = [
    () => request.setMethod({ tag: "other", val: "a b" }),
    () => request.setPathWithQuery("/a b"),
    () => request.setScheme({ tag: "other", val: "1" }),
    () => request.setAuthority("a/b"),
  ];
  for (const set of refused) {
    let thrown: unknown = "nothing";
    try {
      set();
    } catch (error) {
      thrown = error;
    }
    assert.equal(thrown, undefined, String(set));
  }
});

Deno.test("a body that fails ends its stream, and says why instead of trailers", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error({ tag: "connection-read-timeout" });
    },
  });
  const response = Response.fromOutbound({ status: 200, headers: [], body });
  const [stream, trailers] = Response.consumeBody(response, DONE);
  assert.equal(await readAll(stream), "");
  assert.deepEqual(await trailers, { tag: "err", val: { tag: "connection-read-timeout" } });
});

Deno.test("a message that is dropped lets go of its body", async () => {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    cancel() {
      isCancelled = true;
    },
  });
  Response.fromOutbound({ status: 200, headers: [], body })[Symbol.dispose]();
  assert.ok(isCancelled);
  const contents = writtenStream(["never read"], { staysOpen: true });
  const [response, transmitted] = Response.new(new Fields(), contents, NO_TRAILERS);
  response[Symbol.dispose]();
  assert.ok(contents.isDropped);
  assert.deepEqual(await transmitted, { tag: "err", val: { tag: "connection-terminated" } });
});

/** A response's body as the host sends it, and what its guest is told. */
async function send(
  chunks: readonly string[],
  options: { contentLength?: string; trailers?: Parameters<typeof Response.new>[2] } = {},
): Promise<{ body: string; isComplete: boolean; told: unknown }> {
  const headers = new Fields();
  if (options.contentLength !== undefined) {
    headers.append("content-length", bytes(options.contentLength));
  }
  const [response, transmitted] = Response.new(
    headers,
    writtenStream(chunks),
    options.trailers ?? NO_TRAILERS,
  );
  const { body } = response.take();
  assert.ok(body.kind === "guest");
  const buffer = new BodyBuffer();
  await body.writeTo(buffer, { headers, lengthError: "HTTP-response-body-size" });
  const sent = buffer.bytes();
  return {
    body: sent ? new TextDecoder().decode(sent) : "",
    isComplete: buffer.isEnded,
    told: await transmitted,
  };
}

Deno.test("writeTo() sends a guest's body and tells it the outcome", async () => {
  const ok = { tag: "ok", val: undefined };
  assert.deepEqual(await send(["a", "", "bc"]), { body: "abc", isComplete: true, told: ok });
  assert.deepEqual(await send(["abc"], { contentLength: "3" }), {
    body: "abc",
    isComplete: true,
    told: ok,
  });
  assert.deepEqual(await send(["abc"], { contentLength: "5" }), {
    body: "abc",
    isComplete: false,
    told: { tag: "err", val: { tag: "HTTP-response-body-size", val: 3n } },
  });
  const trailers = Promise.resolve({ tag: "err", val: { tag: "HTTP-protocol-error" } } as const);
  assert.deepEqual(await send(["abc"], { trailers }), {
    body: "abc",
    isComplete: false,
    told: { tag: "err", val: { tag: "HTTP-protocol-error" } },
  });
});

Deno.test("writeTo() waits for the reader, and stops when that is gone", async () => {
  const chunk = "x".repeat(60_000);
  const contents = writtenStream([chunk, chunk, chunk, chunk], { staysOpen: true });
  const [response, transmitted] = Response.new(new Fields(), contents, NO_TRAILERS);
  const { body, headers } = response.take();
  assert.ok(body.kind === "guest");
  const buffer = new BodyBuffer();
  const writing = body.writeTo(buffer, { headers, lengthError: "HTTP-response-body-size" });
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(buffer.writtenBytes, 120_000, "no more than is buffered");
  await buffer.stream().cancel();
  await writing;
  assert.ok(contents.isDropped);
  assert.deepEqual(await transmitted, { tag: "err", val: { tag: "connection-terminated" } });
});

Deno.test("send() is subject to the component's policy", async () => {
  const { "wasi:http/client@0.3": client } = createHttp(testContext());
  const sendRequest = client!.send as (request: Request) => Promise<Response>;
  const contents = writtenStream(["never sent"], { staysOpen: true });
  const [request, transmitted] = Request.new(new Fields(), contents, NO_TRAILERS, undefined);
  request.setAuthority("example.com");
  await assert.rejects(sendRequest(request), { tag: "HTTP-request-denied" });
  assert.equal((await transmitted).tag, "err");
  assert.ok(contents.isDropped);
});

Deno.test("createNextHandler() passes a request on, and its answer back", async () => {
  const { "wasi:http/handler@0.3": handler } = createNextHandler(async (head) => {
    const body = await new globalThis.Response(head.body()).text();
    const headers = new Headers(head.headers());
    return new globalThis.Response(`${head.method} ${head.pathWithQuery} ${body}`, {
      status: 202,
      headers: { "x-seen": headers.get("x-mine") ?? "" },
    });
  });
  const handle = handler!.handle as (request: Request) => Promise<Response>;
  const fields = new Fields();
  fields.append("x-mine", bytes("1"));
  const [request, transmitted] = Request.new(
    fields,
    writtenStream(["content"]),
    NO_TRAILERS,
    undefined,
  );
  request.setMethod({ tag: "post" });
  request.setPathWithQuery("/next");
  const response = await handle(request);
  assert.equal(response.getStatusCode(), 202);
  assert.deepEqual(response.getHeaders().get("x-seen"), [bytes("1")]);
  const [stream] = Response.consumeBody(response, DONE);
  assert.equal(await readAll(stream), "POST /next content");
  assert.equal((await transmitted).tag, "ok");
});

Deno.test("createNextHandler() gives the guest an error code if there is no answer", async () => {
  const { "wasi:http/handler@0.3": handler } = createNextHandler(() =>
    Promise.reject(new Error("broken"))
  );
  const handle = handler!.handle as (request: Request) => Promise<Response>;
  const [request] = Request.new(new Fields(), undefined, NO_TRAILERS, undefined);
  await assert.rejects(handle(request), { tag: "internal-error", val: "broken" });
});

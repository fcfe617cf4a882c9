import assert from "node:assert/strict";
import type { InternalRequest } from "../imports/component_context.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import type { GuestCaller } from "./guest_caller.ts";
import { createInternalRequests } from "./internal_requests.ts";

function recorder() {
  const calls: { head: RequestHead; clientGone: () => AbortSignal }[] = [];
  const caller = {
    component: "b",
    call(head: RequestHead, clientGone: () => AbortSignal) {
      calls.push({ head, clientGone });
      return Promise.resolve(new Response("from b"));
    },
  } as unknown as GuestCaller;
  const internal = createInternalRequests({
    caller: (id) => id === "b" ? caller : undefined,
    selfUrl: () => "http://127.0.0.1:3000",
  });
  return { calls, internal };
}

Deno.test("createInternalRequests() knows the components with a trigger", () => {
  const { internal } = recorder();
  assert.equal(internal.component("a"), undefined);
  assert.equal(typeof internal.component("b"), "function");
  assert.equal(internal.selfUrl(), "http://127.0.0.1:3000");
});

Deno.test("createInternalRequests() delivers a request as by the route of everything", async () => {
  const { calls, internal } = recorder();
  const body = new ReadableStream<Uint8Array>();
  const gone = new AbortController();
  const request: InternalRequest = {
    method: "POST",
    authority: "b.spin.internal",
    pathWithQuery: "/x/../y%2e?q=/",
    headers: [["x-a", "1"], ["x-a", "2"], ["spin-path-info", "forged"]],
    body,
    signal: gone.signal,
  };
  const response = await internal.component("b")!(request);
  assert.equal(await response.text(), "from b");
  const { head, clientGone } = calls[0]!;
  assert.deepEqual([head.method, head.authority, head.pathWithQuery], [
    "POST",
    "b.spin.internal",
    "/x/../y%2e?q=/",
  ]);
  assert.deepEqual(head.headers(), [
    ["x-a", "1"],
    ["x-a", "2"],
    ["spin-path-info", "/x/../y%2e"],
    ["spin-full-url", "http://localhost/x/../y%2e?q=/"],
    ["spin-matched-route", "/..."],
    ["spin-base-path", "/"],
    ["spin-raw-component-route", "/..."],
    ["spin-component-route", ""],
    ["spin-client-addr", "0.0.0.0:0"],
  ]);
  assert.equal(head.body(), body);
  assert.equal(clientGone(), gone.signal);
});

import assert from "node:assert/strict";
import type { RequestHead } from "../../imports/wasi_http.ts";
import type { Guest } from "../guest.ts";
import type { Guests } from "../guests.ts";
import type { HttpGuest } from "../http_guest.ts";
import type { ObservedRequest } from "../observer.ts";
import { MAX_REQUESTS } from "./live_report.ts";
import { LiveRecorder } from "./live_recorder.ts";

const NO_GUESTS = { all: [] } as unknown as Guests;

function observed(path: string, component?: string): ObservedRequest {
  return {
    method: "GET",
    address: { pathWithQuery: path },
    match: component === undefined ? undefined : { target: { component } },
  } as unknown as ObservedRequest;
}

function guestThat(call: HttpGuest["call"]): HttpGuest {
  return { call };
}

function headOf(): RequestHead {
  return { method: "GET" } as unknown as RequestHead;
}

function neverGone(): AbortSignal {
  return new AbortController().signal;
}

Deno.test("request() records what became of a request, and take() gives it once", async () => {
  const recorder = new LiveRecorder();
  const guest = { nextInstance: "reused" } as unknown as Guest;
  const caller = recorder.watchGuest(
    guestThat((head) => {
      recorder.whole(head, 12);
      return Promise.resolve(new Response("", { status: 201 }));
    }),
    guest,
  );
  await recorder.request(observed("/a", "c"), () => caller.call(headOf(), neverGone));
  await recorder.request(
    observed("/b"),
    () => Promise.resolve(new Response(null, { status: 404 })),
  );
  const { requests, requestCount, inFlight } = recorder.take(NO_GUESTS);
  assert.deepEqual([requestCount, inFlight], [2, 0]);
  assert.deepEqual(requests.map(({ at: _at, durationMs: _ms, ...request }) => request), [
    { method: "GET", path: "/a", component: "c", status: "201", instance: "reused", bytes: 12 },
    { method: "GET", path: "/b", component: "", status: "404" },
  ]);
  assert.deepEqual(recorder.take(NO_GUESTS).requests, []);
});

Deno.test("request() tells requests apart that run at the same time", async () => {
  const recorder = new LiveRecorder();
  const heads: RequestHead[] = [];
  const ends: ((response: Response) => void)[] = [];
  const caller = recorder.watchGuest(
    guestThat((head) => {
      heads.push(head);
      return new Promise((resolve) => ends.push(resolve));
    }),
    undefined,
  );
  const both = ["/1", "/2"].map((path) =>
    recorder.request(observed(path, "c"), () => caller.call(headOf(), neverGone))
  );
  assert.equal(recorder.take(NO_GUESTS).inFlight, 2);
  // A component that is called later belongs to no request that has just come.
  await recorder.watchGuest(guestThat(() => Promise.resolve(new Response())), undefined)
    .call(headOf(), neverGone);
  recorder.whole(heads[1]!, 2);
  recorder.whole(heads[0]!, 1);
  ends.forEach((end) => end(new Response()));
  await Promise.all(both);
  assert.deepEqual(
    recorder.take(NO_GUESTS).requests.map(({ path, bytes }) => [path, bytes]),
    [["/1", 1], ["/2", 2]],
  );
});

Deno.test("request() counts all and keeps the last", async () => {
  const recorder = new LiveRecorder();
  for (let i = 0; i < MAX_REQUESTS + 50; i++) {
    await recorder.request(observed(`/${i}`), () => Promise.resolve(new Response()));
  }
  const { requests, requestCount } = recorder.take(NO_GUESTS);
  assert.deepEqual([requestCount, requests.length], [MAX_REQUESTS + 50, MAX_REQUESTS]);
  assert.equal(requests[0]!.path, "/50");
});

Deno.test("message() records messages, and failures pass through", async () => {
  const recorder = new LiveRecorder();
  const message = { trigger: "redis", component: "c", source: "news" };
  assert.equal(await recorder.message(message, () => Promise.resolve(5)), 5);
  await assert.rejects(
    recorder.message(message, () => Promise.reject(new Error("no"))),
    /^Error: no$/,
  );
  assert.deepEqual(
    recorder.take(NO_GUESTS).requests.map(({ method, path, status }) => [method, path, status]),
    [["redis", "news", "ok"], ["redis", "news", "error"]],
  );
});

Deno.test("take() brings the output of components and the lines of the host into one order", async () => {
  const recorder = new LiveRecorder();
  recorder.output("c", "stderr", new TextEncoder().encode("first\n"));
  await new Promise((resolve) => setTimeout(resolve, 5));
  recorder.report(["second"]);
  assert.deepEqual(
    recorder.take(NO_GUESTS).lines.map(({ component, stream, text }) => [component, stream, text]),
    [["c", "stderr", "first"], ["", "host", "second"]],
  );
  assert.deepEqual(recorder.take(NO_GUESTS).lines, []);
});

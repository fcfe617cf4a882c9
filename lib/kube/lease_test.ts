import assert from "node:assert/strict";
import { failure, startApiDouble } from "./_api_double.ts";
import { holdLease, type Lease, type LeaseOptions } from "./lease.ts";

/** A server with one Lease, which it changes as the API server does. */
function leaseServer() {
  let lease: Lease | undefined;
  let version = 0;
  const state = {
    isDown: false,
    get lease() {
      return lease;
    },
    set lease(value: Lease | undefined) {
      lease = value;
    },
  };
  const api = startApiDouble(async (request) => {
    if (state.isDown) return failure(400);
    if (request.method === "GET") {
      return lease ? Response.json(lease) : failure(404, { reason: "NotFound" });
    }
    const sent = await request.json() as Lease;
    if (request.method === "POST" && lease) return failure(409, { reason: "AlreadyExists" });
    if (
      request.method === "PUT" && sent.metadata.resourceVersion !== lease?.metadata.resourceVersion
    ) {
      return failure(409, { reason: "Conflict" });
    }
    lease = { ...sent, metadata: { ...sent.metadata, resourceVersion: `${++version}` } };
    return Response.json(lease);
  });
  return { api, state };
}

function options(identity: string, signal: AbortSignal): LeaseOptions {
  return {
    namespace: "spin",
    name: "leader",
    identity,
    signal,
    durationMs: 300,
    renewDeadlineMs: 200,
    retryMs: 20,
  };
}

Deno.test("holdLease() lets one hold it, and the next when it is given back", async () => {
  const { api, state } = leaseServer();
  await using _api = api;
  const first = new AbortController();
  const second = new AbortController();
  const held = (await holdLease(api.client, options("a", first.signal)))!;
  const waiting = holdLease(api.client, options("b", second.signal));
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(state.lease?.spec?.holderIdentity, "a");
  first.abort();
  await held.released;
  assert.ok(held.lost.aborted);
  const next = (await waiting)!;
  assert.equal(state.lease?.spec?.holderIdentity, "b");
  assert.equal(state.lease?.spec?.leaseTransitions, 1);
  second.abort();
  await next.released;
});

Deno.test("holdLease() takes over from a holder that is gone", async () => {
  const { api, state } = leaseServer();
  await using _api = api;
  const dead = new AbortController();
  const held = (await holdLease(api.client, options("dead", dead.signal)))!;
  // The holder dies: its record stays as it is.
  const record = state.lease!;
  dead.abort();
  await held.released;
  state.lease = { ...record, metadata: { ...state.lease!.metadata } };
  const stop = new AbortController();
  const start = performance.now();
  const next = (await holdLease(api.client, options("b", stop.signal)))!;
  assert.ok(performance.now() - start >= 290);
  stop.abort();
  await next.released;
});

Deno.test("holdLease() says so when the lease is lost", async (t) => {
  await t.step("to another one", async () => {
    const { api, state } = leaseServer();
    await using _api = api;
    const stop = new AbortController();
    const held = (await holdLease(api.client, options("a", stop.signal)))!;
    const { metadata, spec } = state.lease!;
    state.lease = {
      metadata: { ...metadata, resourceVersion: "other" },
      spec: { ...spec, holderIdentity: "thief" },
    };
    await held.released;
    assert.match(String(held.lost.reason), /held by "thief"/);
  });
  await t.step("because the server cannot be asked", async () => {
    const { api, state } = leaseServer();
    await using _api = api;
    const stop = new AbortController();
    const held = (await holdLease(api.client, options("a", stop.signal)))!;
    state.isDown = true;
    const start = performance.now();
    await held.released;
    const took = performance.now() - start;
    assert.ok(took >= 150 && took < 290, `${took} ms`);
    assert.ok(held.lost.aborted);
  });
});

Deno.test("holdLease() ends when it is told to", async () => {
  const { api } = leaseServer();
  await using _api = api;
  const first = new AbortController();
  const held = (await holdLease(api.client, options("a", first.signal)))!;
  const second = new AbortController();
  const waiting = holdLease(api.client, options("b", second.signal));
  second.abort();
  assert.equal(await waiting, undefined);
  first.abort();
  await held.released;
});

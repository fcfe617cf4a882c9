import assert from "node:assert/strict";
import { Lifetime } from "./lifetime.ts";

/** A lifetime whose end is counted. */
function create({ isEmpty = true, unusedMs = 60_000 } = {}) {
  const state = { isEmpty, ends: 0 };
  const lifetime = new Lifetime({
    isEmpty: () => state.isEmpty,
    onEnd: () => void state.ends++,
    unusedMs,
  });
  return { state, lifetime, [Symbol.dispose]: () => lifetime.close() };
}

async function pass(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

Deno.test("Lifetime.check() ends a server that has nothing and expects nothing", () => {
  using empty = create();
  empty.lifetime.check();
  assert.equal(empty.state.ends, 1);
  using busy = create({ isEmpty: false });
  busy.lifetime.check();
  assert.equal(busy.state.ends, 0);
});

Deno.test("Lifetime.check() does not end a server while a container is announced", () => {
  using server = create();
  const { lifetime, state } = server;
  lifetime.expect("a");
  lifetime.expect("b");
  lifetime.arrived("a");
  lifetime.check();
  assert.equal(state.ends, 0);
  lifetime.arrived("b");
  lifetime.check();
  assert.equal(state.ends, 1);
});

Deno.test("Lifetime ends a server by itself when an announced container does not come", async () => {
  using server = create({ unusedMs: 20 });
  server.lifetime.expect("a");
  assert.equal(server.lifetime.isOver, false);
  await pass(100);
  assert.equal(server.state.ends, 1);
  assert.ok(server.lifetime.isOver);
});

Deno.test("Lifetime waits again after each use, and leaves a server alone that has containers", async () => {
  using server = create({ isEmpty: false, unusedMs: 20 });
  await pass(60);
  assert.equal(server.state.ends, 0);
  server.state.isEmpty = true;
  server.lifetime.used();
  assert.equal(server.state.ends, 0);
  await pass(60);
  assert.equal(server.state.ends, 1);
});

Deno.test("Lifetime.end() is final: nothing is expected behind it", () => {
  using server = create();
  const { lifetime } = server;
  assert.ok(lifetime.expect("a"));
  assert.equal(lifetime.end(), false);
  lifetime.arrived("a");
  assert.ok(lifetime.end());
  assert.equal(lifetime.expect("b"), false);
  assert.ok(lifetime.end());
});

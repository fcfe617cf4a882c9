import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { KeyValueStore } from "./component_context.ts";
import { createSpinKeyValue } from "./spin_key_value.ts";

/** A store in memory; `isSlow` makes it answer with promises. */
function memoryStore(isSlow = false): KeyValueStore {
  const entries = new Map<string, Uint8Array>();
  const answer = <T>(value: T) => isSlow ? Promise.resolve(value) : value;
  return {
    get: (key) => answer(entries.get(key)),
    set: (key, value) => answer(void entries.set(key, value)),
    delete: (key) => answer(void entries.delete(key)),
    exists: (key) => answer(entries.has(key)),
    keys: () => answer([...entries.keys()]),
  };
}

function failingStore(): KeyValueStore {
  const fail = () => {
    throw new Error("disk full");
  };
  return {
    get: fail,
    set: () => Promise.reject(new Error("disk full")),
    delete: fail,
    exists: fail,
    keys: fail,
  };
}

function create(stores: Record<string, KeyValueStore>, labels = Object.keys(stores)) {
  const imports = createSpinKeyValue(testContext({
    keyValueLabels: labels,
    keyValueStore: (label) => stores[label],
  }));
  return {
    // deno-lint-ignore no-explicit-any
    v1: imports["fermyon:spin/key-value"] as any,
    // deno-lint-ignore no-explicit-any
    Store: imports["fermyon:spin/key-value@2.0.0"]!.Store as any,
  };
}

function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test("Store does what key-value@2.0.0 says, at once or later", async () => {
  for (const isSlow of [false, true]) {
    const { Store } = create({ default: memoryStore(isSlow) });
    const store = Store.open("default");
    assert.equal(await store.get("k"), undefined);
    const view = new Uint8Array([1, 2, 3]).subarray(0, 2);
    await store.set("k", view);
    view[0] = 9;
    assert.deepEqual(await store.get("k"), new Uint8Array([1, 2]), "the value was copied");
    assert.equal(await store.exists("k"), true);
    assert.deepEqual(await store.getKeys(), ["k"]);
    await store.delete("k");
    await store.delete("k");
    assert.equal(await store.exists("k"), false);
  }
});

Deno.test("Store.open() refuses labels that are not permitted before those not configured", () => {
  const { Store, v1 } = create({}, ["listed"]);
  for (const open of [Store.open, v1.open]) {
    assert.deepEqual(thrown(() => open("forbidden")), { tag: "access-denied" });
    assert.deepEqual(thrown(() => open("listed")), { tag: "no-such-store" });
  }
});

Deno.test("Store reports failures as other, v1 as io", async () => {
  const { Store, v1 } = create({ default: failingStore() });
  const store = Store.open("default");
  assert.deepEqual(thrown(() => store.get("k")), { tag: "other", val: "disk full" });
  const rejected = await store.set("k", new Uint8Array()).catch((error: unknown) => error);
  assert.deepEqual(rejected, { tag: "other", val: "disk full" });
  assert.deepEqual(thrown(() => v1.get(v1.open("default"), "k")), { tag: "io", val: "disk full" });
});

Deno.test("v1 functions work on handles and miss keys with an error", async () => {
  for (const isSlow of [false, true]) {
    const { v1 } = create({ a: memoryStore(isSlow), b: memoryStore(isSlow) });
    const [a, b] = [v1.open("a"), v1.open("b")];
    await v1.set(a, "k", new Uint8Array([1]));
    assert.deepEqual(await v1.get(a, "k"), new Uint8Array([1]));
    const missing = await (async () => await v1.get(b, "k"))().catch((error: unknown) => error);
    assert.deepEqual(missing, { tag: "no-such-key" });
    assert.deepEqual(await v1.getKeys(b), []);
    assert.deepEqual(thrown(() => v1.exists(7, "k")), { tag: "invalid-store" });
    v1.close(a);
  }
});

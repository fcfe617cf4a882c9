import assert from "node:assert/strict";
import { join } from "node:path";
import { testContext } from "./_context_fixture.ts";
import type { KeyValueStore } from "./component_context.ts";
import { createSqliteKeyValueStore } from "./key_value_sqlite.ts";
import { createWasiKeyvalue } from "./wasi_keyvalue.ts";

interface Interfaces {
  // deno-lint-ignore no-explicit-any
  readonly store: any;
  // deno-lint-ignore no-explicit-any
  readonly atomics: any;
  // deno-lint-ignore no-explicit-any
  readonly batch: any;
}

function create(stores: Record<string, KeyValueStore>, labels = Object.keys(stores)): Interfaces {
  const imports = createWasiKeyvalue(testContext({
    keyValueLabels: labels,
    keyValueStore: (label) => stores[label],
  }));
  return {
    store: imports["wasi:keyvalue/store@0.2.0-draft2"],
    atomics: imports["wasi:keyvalue/atomics@0.2.0-draft2"],
    batch: imports["wasi:keyvalue/batch@0.2.0-draft2"],
  };
}

/** Makes a store answer with promises. */
function slow(store: Required<KeyValueStore>): KeyValueStore {
  return Object.fromEntries(
    Object.entries(store).map(([name, method]) => [
      name,
      (...args: unknown[]) =>
        Promise.resolve().then(() => (method as (...args: unknown[]) => unknown)(...args)),
    ]),
  ) as unknown as KeyValueStore;
}

/** Runs `action` over a real store, once as it is and once with promises. */
async function withStores(action: (interfaces: Interfaces) => Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync();
  try {
    for (const isSlow of [false, true]) {
      const path = join(directory, `${isSlow}.db`);
      using store = createSqliteKeyValueStore({ path, label: "default" });
      await action(create({ default: isSlow ? slow(store) : store }));
    }
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

async function failure(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return undefined;
}

const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("open() refuses labels that are not permitted before those not configured", async () => {
  const { store } = create({}, ["listed"]);
  assert.deepEqual(await failure(() => store.open("forbidden")), { tag: "access-denied" });
  assert.deepEqual(await failure(() => store.open("listed")), { tag: "no-such-store" });
});

Deno.test("Bucket does what wasi:keyvalue/store says, at once or later", async () => {
  await withStores(async ({ store }) => {
    const bucket = store.open("default");
    assert.equal(await bucket.get("k"), undefined);
    assert.equal(await bucket.exists("k"), false);
    const view = bytes(1, 2);
    const setting = bucket.set("k", view);
    view.fill(9);
    await setting;
    assert.deepEqual(await bucket.get("k"), bytes(1, 2), "the value was copied");
    assert.equal(await bucket.exists("k"), true);
    assert.deepEqual(await bucket.listKeys(undefined), { keys: ["k"], cursor: undefined });
    const cursor = await failure(() => bucket.listKeys("1"));
    assert.deepEqual(cursor, { tag: "other", val: "list_keys: cursor not supported" });
    await bucket.delete("k");
    await bucket.delete("k");
    assert.equal(await bucket.exists("k"), false);
  });
});

Deno.test("batch functions name every key and set all or nothing", async () => {
  await withStores(async ({ store, batch }) => {
    const bucket = store.open("default");
    await batch.setMany(bucket, [["a", bytes(1)], ["b", bytes(2)], ["a", bytes(3)]]);
    assert.deepEqual(await batch.getMany(bucket, ["b", "none", "a", "b"]), [
      ["b", bytes(2)],
      ["none", undefined],
      ["a", bytes(3)],
      ["b", bytes(2)],
    ]);
    assert.deepEqual(await batch.getMany(bucket, []), []);
    await batch.deleteMany(bucket, ["a", "none"]);
    assert.deepEqual((await bucket.listKeys()).keys, ["b"]);
  });
});

Deno.test("increment() counts in eight bytes, the lowest first", async () => {
  await withStores(async ({ store, atomics }) => {
    const bucket = store.open("default");
    assert.equal(await atomics.increment(bucket, "n", 5n), 5n);
    assert.equal(await atomics.increment(bucket, "n", -300n), -295n);
    assert.deepEqual(await bucket.get("n"), bytes(0xd9, 0xfe, 255, 255, 255, 255, 255, 255));
    await atomics.increment(bucket, "max", 2n ** 63n - 1n);
    assert.deepEqual(await failure(() => atomics.increment(bucket, "max", 1n)), {
      tag: "other",
      val: 'cannot increment "max": the sum is out of range',
    });
    await bucket.set("text", bytes(1, 2, 3));
    assert.deepEqual(await failure(() => atomics.increment(bucket, "text", 1n)), {
      tag: "other",
      val: 'cannot increment "text": its value has 3 bytes, a number has 8',
    });
    assert.deepEqual(await bucket.get("text"), bytes(1, 2, 3));
  });
});

Deno.test("swap() succeeds only over the value that current() read", async () => {
  await withStores(async ({ store, atomics }) => {
    const bucket = store.open("default");
    const first = atomics.Cas.new(bucket, "k");
    assert.equal(await first.current(), undefined);
    await atomics.swap(first, bytes(1));
    const second = atomics.Cas.new(bucket, "k");
    assert.deepEqual(await second.current(), bytes(1));
    await bucket.set("k", bytes());

    const failed = await failure(() => atomics.swap(second, bytes(2))) as {
      tag: string;
      val: unknown;
    };
    assert.equal(failed.tag, "cas-failed");
    assert.ok(failed.val instanceof atomics.Cas, "a fresh handle");
    assert.notEqual(failed.val, second);
    await atomics.swap(failed.val, bytes(2));
    assert.deepEqual(await bucket.get("k"), bytes(2), "which expects the present value");

    const third = atomics.Cas.new(bucket, "k");
    await third.current();
    await bucket.delete("k");
    const gone = await failure(() => atomics.swap(third, bytes(3))) as { tag: string };
    assert.equal(gone.tag, "cas-failed", "the value is gone");
    await bucket.set("k", bytes(4));
    const blind = await failure(() => atomics.swap(atomics.Cas.new(bucket, "k"), bytes(5)));
    assert.equal(
      (blind as { tag: string }).tag,
      "cas-failed",
      "nothing was read, so none expected",
    );
    assert.deepEqual(await bucket.get("k"), bytes(4));
  });
});

Deno.test("failures of the store are other, those of a swap store-error", async () => {
  const fail = () => {
    throw new Error("disk full");
  };
  const broken = { get: fail, set: fail, delete: fail, exists: fail, keys: fail };
  const later = () => Promise.reject(new Error("disk full"));
  const full = { tag: "other", val: "disk full" };
  const { store, atomics, batch } = create({
    a: { ...broken, increment: fail, compareAndSwap: fail, setMany: fail },
    b: { ...broken, get: later, increment: later, compareAndSwap: later, setMany: later },
    simple: broken,
  });
  for (const label of ["a", "b"]) {
    const bucket = store.open(label);
    assert.deepEqual(await failure(() => bucket.get("k")), full);
    assert.deepEqual(await failure(() => bucket.listKeys()), full);
    assert.deepEqual(await failure(() => batch.getMany(bucket, ["k"])), full);
    assert.deepEqual(await failure(() => batch.setMany(bucket, [])), full);
    assert.deepEqual(await failure(() => atomics.increment(bucket, "k", 1n)), full);
    const cas = atomics.Cas.new(bucket, "k");
    assert.deepEqual(await failure(() => cas.current()), full);
    const swap = await failure(() => atomics.swap(cas, bytes()));
    assert.deepEqual(swap, { tag: "store-error", val: full });
  }
  assert.deepEqual(await failure(() => atomics.increment(store.open("simple"), "k", 1n)), {
    tag: "other",
    val: "increment is not supported by this store",
  });
});

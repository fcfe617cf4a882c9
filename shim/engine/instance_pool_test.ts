import assert from "node:assert/strict";
import type { ArtifactManifest } from "./artifact.ts";
import type { ComponentInstance, LoadedComponent } from "./component.ts";
import { MemoryCollector } from "./garbage.ts";
import { type BudgetLimits, InstanceBudget, InstanceLimitReached } from "./instance_budget.ts";
import { InstancePool, type InstanceStrategy, type PoolShared } from "./instance_pool.ts";

const MANIFEST: ArtifactManifest = {
  engine: "test",
  source: "sha256:00",
  bindings: "sync",
  files: {},
  modules: [],
  imports: [],
  exports: [],
  functions: {},
  startReadsEnvironment: false,
};

interface FakeOptions {
  readonly notResettable?: string;
  /** Throws instead of making an instance, from the second one on. */
  readonly failure?: Error;
  readonly dispose?: () => boolean;
  readonly restore?: () => void;
}

/** A component whose instances have a memory of a page and a global. */
function fakeComponent(options: FakeOptions = {}): LoadedComponent {
  let made = 0;
  return {
    id: "fake",
    manifest: options.notResettable === undefined
      ? MANIFEST
      : { ...MANIFEST, notResettable: options.notResettable },
    instantiate() {
      if (made++ > 0 && options.failure) return Promise.reject(options.failure);
      return Promise.resolve({
        exports: {},
        preemption: undefined as unknown as ComponentInstance["preemption"],
        memories: [new WebAssembly.Memory({ initial: 1 })],
        globals: [new WebAssembly.Global({ value: "i32", mutable: true }, 7)],
        disposeResources: options.dispose ?? (() => true),
        restoreResources: options.restore ?? (() => {}),
        abandon() {},
      });
    },
  };
}

function sharedWith(limits: Partial<BudgetLimits> = {}): PoolShared {
  return {
    budget: new InstanceBudget({
      maxInstances: 10,
      maxBytes: 1 << 30,
      maxWaitMs: 1_000,
      ...limits,
    }),
    collector: new MemoryCollector(),
    copyOnWrite: undefined,
  };
}

async function createPool(
  shared: PoolShared,
  options: FakeOptions & { strategy?: InstanceStrategy } = {},
): Promise<InstancePool> {
  const component = fakeComponent(options);
  return InstancePool.create(component, {
    first: await component.instantiate(),
    strategy: options.strategy ?? "auto",
    shared,
  });
}

Deno.test("InstancePool.acquire() answers at once while it has instances", async () => {
  const shared = sharedWith();
  const pool = await createPool(shared);
  const instance = pool.acquire();
  assert.ok(!(instance instanceof Promise));
  const another = pool.acquire();
  assert.ok(another instanceof Promise);
  assert.notEqual(await another, instance);
  assert.equal(shared.budget.instances, 2);
  pool.release(instance, true);
  assert.equal(pool.acquire(), instance);
  pool.close();
});

Deno.test("InstancePool.release() puts memories and globals back", async () => {
  const pool = await createPool(sharedWith());
  const instance = await pool.acquire();
  new Uint8Array(instance.memories[0]!.buffer)[10] = 1;
  instance.globals[0]!.value = 8;
  pool.release(instance, true);
  assert.equal(new Uint8Array(instance.memories[0]!.buffer)[10], 0);
  assert.equal(instance.globals[0]!.value, 7);
  pool.close();
});

Deno.test("InstancePool.release() gives the share of what it drops back", async (t) => {
  const cases: [string, FakeOptions & { strategy?: InstanceStrategy }, boolean][] = [
    ["a bad request", {}, false],
    ["a component that cannot be rewound", { notResettable: "it uses table.set" }, true],
    ["the strategy fresh", { strategy: "fresh" }, true],
    ["a resource that cannot be let go of", { dispose: () => false }, true],
    ["a resource that cannot be had again", {
      restore() {
        throw new Error("gone");
      },
    }, true],
  ];
  for (const [name, options, isGood] of cases) {
    await t.step(name, async () => {
      const shared = sharedWith();
      const pool = await createPool(shared, options);
      const instance = await pool.acquire();
      assert.equal(shared.budget.instances, 1);
      pool.release(instance, isGood);
      assert.deepEqual([shared.budget.instances, shared.budget.bytes], [0, 0]);
      assert.deepEqual(pool.counters, { created: 1, reset: 0, discarded: 1 });
      pool.close();
    });
  }
});

Deno.test("InstancePool.acquire() gives the share back when instantiation fails", async () => {
  const shared = sharedWith();
  const pool = await createPool(shared, { failure: new Error("no memory") });
  const first = await pool.acquire();
  await assert.rejects(Promise.resolve(pool.acquire()), /no memory/);
  assert.equal(shared.budget.instances, 1);
  pool.release(first, true);
  pool.close();
  assert.deepEqual([shared.budget.instances, shared.budget.bytes], [0, 0]);
});

Deno.test("InstancePool.release() hands a rewound instance to the request that waits", async () => {
  const pool = await createPool(sharedWith({ maxInstances: 1 }));
  const instance = await pool.acquire();
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (number) => {
    const handedOver = await pool.acquire();
    assert.equal(handedOver, instance);
    order.push(number);
    pool.release(handedOver, true);
  });
  pool.release(instance, true);
  await Promise.all(waiting);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(pool.counters.created, 1);
  pool.close();
});

Deno.test("InstancePool.release() serves another pool that waited longer", async () => {
  const shared = sharedWith({ maxInstances: 1 });
  const [busy, other] = [await createPool(shared), await createPool(shared)];
  // The second pool found no room for its first instance, or took the first one's.
  const [holder, waiter] = busy.idleCount > 0 ? [busy, other] : [other, busy];
  const instance = await holder.acquire();
  const order: string[] = [];
  const waiting = [
    Promise.resolve(waiter.acquire()).then((mine) => {
      order.push("waiter");
      waiter.release(mine, true);
    }),
    Promise.resolve(holder.acquire()).then((mine) => {
      order.push("holder");
      holder.release(mine, true);
    }),
  ];
  holder.release(instance, true);
  await Promise.all(waiting);
  assert.deepEqual(order, ["waiter", "holder"]);
  assert.equal(shared.budget.instances, 1);
  busy.close();
  other.close();
  assert.equal(shared.budget.instances, 0);
});

Deno.test("InstancePool.acquire() gives up in time, and leaves nothing behind", async () => {
  const shared = sharedWith({ maxInstances: 1, maxWaitMs: 10 });
  const pool = await createPool(shared);
  const instance = await pool.acquire();
  await assert.rejects(Promise.resolve(pool.acquire()), InstanceLimitReached);
  assert.ok(!shared.budget.isContended);
  pool.release(instance, true);
  assert.equal(pool.idleCount, 1);
  pool.close();
});

Deno.test("InstancePool.acquire() takes room from idle instances of other pools", async () => {
  const shared = sharedWith({ maxInstances: 2 });
  const [first, second] = [await createPool(shared), await createPool(shared)];
  assert.deepEqual([first.idleCount, second.idleCount], [1, 1]);
  const one = await second.acquire();
  const two = await second.acquire();
  assert.notEqual(one, two);
  assert.deepEqual([first.idleCount, shared.budget.instances], [0, 2]);
  second.release(one, true);
  second.release(two, true);
  first.close();
  second.close();
});

Deno.test("InstancePool.close() drops instances that come back later", async () => {
  const shared = sharedWith();
  const pool = await createPool(shared);
  const instance = await pool.acquire();
  pool.close();
  assert.equal(shared.budget.instances, 1);
  pool.release(instance, true);
  assert.deepEqual([pool.idleCount, shared.budget.instances], [0, 0]);
});

Deno.test("InstancePool chooses how instances are made fresh", async (t) => {
  const cases: [InstanceStrategy, FakeOptions, string][] = [
    ["auto", {}, "copy"],
    ["copy", {}, "copy"],
    // Without copy-on-write on this system.
    ["copy-on-write", {}, "copy"],
    ["fresh", {}, "fresh"],
    ["auto", { notResettable: "it uses table.set" }, "fresh"],
    ["copy", { notResettable: "it uses table.set" }, "fresh"],
  ];
  for (const [strategy, options, expected] of cases) {
    await t.step(`${strategy}, ${options.notResettable ?? "resettable"}`, async () => {
      const pool = await createPool(sharedWith(), { ...options, strategy });
      assert.equal(pool.strategy, expected);
      pool.close();
    });
  }
});

import assert from "node:assert/strict";
import { askGuest, callGuest, type GuestRequest, loadGuest, poolShared } from "./_guest_fixture.ts";
import type { ComponentInstance, LoadedComponent } from "./component.ts";
import { InstancePool } from "./instance_pool.ts";
import { openCopyOnWrite } from "./reset_copy_on_write.ts";

const STRATEGIES = ["copy", "copy-on-write"] as const;

/** A body that arrives in pieces. */
function chunks(...texts: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(texts).pipeThrough(new TextEncoderStream());
}

/** Requests of every kind that a guest knows: plain, with a body, streaming, sleeping. */
const REQUESTS: Record<string, () => (GuestRequest & { expect?: RegExp })[]> = {
  torture: () => [
    { path: "/", expect: /^hello from C\n$/ },
    { path: "/echo", method: "POST", body: chunks("one, ", "two"), expect: /^one, two$/ },
    { path: "/env", expect: /COLOR=green/ },
    { path: "/headers", headers: [["x-a", "1"], ["x-a", "2"]], expect: /x-a: 1\nx-a: 2/ },
    { path: "/drip?n=3&ms=1", expect: /^drop 0\ndrop 1\ndrop 2\n$/ },
    { path: "/sleep?ms=5", expect: /^slept\n$/ },
    { path: "/bytes?n=200000", expect: /^[^]{200000}$/ },
    { path: "/log?x", expect: /^logged\n$/ },
    { path: "/random", expect: /^[0-9a-f]{32}\n$/ },
    { path: "/ls", expect: /./ },
    // The body stays open, so it has no text.
    { path: "/no-body-end" },
  ],
  "tiny-js": () => [
    { path: "/", expect: /^tiny, request 1 of this instance\n$/ },
    { path: "/echo", method: "POST", body: chunks("ignored"), expect: /request 1/ },
    { path: "/count", expect: /^\d+\n$/ },
    { path: "/var/greeting", expect: /^value of greeting\n$/ },
    { path: "/env", expect: /request 1/ },
  ],
  "rust-api": () => [
    { path: "/", expect: /^hello from rust\n$/ },
    { path: "/echo", method: "POST", body: chunks("one, ", "two"), expect: /^one, two$/ },
    { path: "/upper", method: "POST", body: chunks("one, ", "two"), expect: /^ONE, TWO$/ },
    { path: "/env", expect: /"COLOR":"green"/ },
    { path: "/headers", headers: [["x-a", "1"], ["x-a", "2"]], expect: /"x-a":/ },
    { path: "/stream?n=3&ms=1", expect: /^line 0\nline 1\nline 2\n$/ },
    { path: "/sleep?ms=5", expect: /^slept true\n$/ },
    { path: "/count", expect: /^1\n$/ },
    { path: "/time", expect: /"after_2024":true/ },
  ],
};

/** Everything that has state in an instance. */
interface State {
  readonly memories: Uint8Array[];
  readonly globals: unknown[];
  readonly handles: unknown;
}

/** What adapted bindings save of their tables. */
interface SavedTables {
  readonly handles: number[][];
  readonly captures: [number, object][][];
  readonly counters: number[];
}

function stateOf(instance: ComponentInstance): State {
  const { $save } = instance.exports as unknown as { $save(): SavedTables };
  const { handles, captures, counters } = $save();
  return {
    memories: instance.memories.map((memory) => new Uint8Array(memory.buffer).slice()),
    globals: instance.globals.map((global) => global.value),
    handles: {
      handles,
      // The objects are other ones each time; which number has one of which class is state.
      captures: captures.map((table) => table.map(([rep, item]) => [rep, item.constructor.name])),
      counters,
    },
  };
}

function assertSameState(actual: State, expected: State, message: string): void {
  assert.deepEqual(actual.globals, expected.globals, `${message}: globals`);
  assert.deepEqual(actual.handles, expected.handles, `${message}: handle tables`);
  assert.equal(actual.memories.length, expected.memories.length);
  actual.memories.forEach((memory, index) => {
    const image = expected.memories[index]!;
    // The guest reads the size from a global; what lies behind must look like new memory.
    assert.ok(memory.length >= image.length, `${message}: size of memory ${index}`);
    const different = memory.findIndex((byte, offset) => byte !== (image[offset] ?? 0));
    assert.equal(different, -1, `${message}: memory ${index} at ${different}`);
  });
}

/** Runs `test` with a pool of the guest for each strategy that this system has. */
async function withPools(
  t: Deno.TestContext,
  guest: string,
  test: (pool: InstancePool, component: LoadedComponent) => Promise<void>,
): Promise<void> {
  const component = await loadGuest(guest);
  const copyOnWrite = openCopyOnWrite();
  for (const strategy of STRATEGIES) {
    await t.step({
      name: `${guest}, ${strategy}`,
      ignore: strategy === "copy-on-write" && !copyOnWrite,
      fn: async () => {
        const pool = InstancePool.create(component, {
          first: await component.instantiate(),
          strategy,
          shared: poolShared(copyOnWrite ? { copyOnWrite } : {}),
        });
        assert.equal(pool.strategy, strategy);
        try {
          await test(pool, component);
        } finally {
          pool.close();
        }
      },
    });
  }
  copyOnWrite?.close();
}

Deno.test("InstancePool.release() rewinds everything that a request may have changed", async (t) => {
  for (const [guest, requests] of Object.entries(REQUESTS)) {
    await withPools(t, guest, async (pool, component) => {
      const image = stateOf(await component.instantiate());
      // Twice, so that a second round starts from what the first one left.
      for (const { expect, ...request } of [...requests(), ...requests()]) {
        const instance = await pool.acquire();
        assertSameState(stateOf(instance), image, `before ${request.path}`);
        if (expect) assert.match((await askGuest(instance, request)).body, expect, request.path);
        else await callGuest(instance, request).returned;
        pool.release(instance, true);
        assert.equal(pool.idleCount, 1, request.path);
        assertSameState(stateOf(instance), image, `after ${request.path}`);
      }
      assert.equal(pool.counters.created, 1);
    });
  }
});

Deno.test("InstancePool.release() never uses an instance again that trapped", async (t) => {
  const requests: { path: string; error: RegExp }[] = [
    { path: "/trap", error: /unreachable/ },
    { path: "/late-trap", error: /unreachable/ },
    { path: "/abort", error: /unreachable/ },
    { path: "/exit?code=0", error: /exited with code 0/ },
    { path: "/deep", error: /call stack|out of bounds/ },
  ];
  await withPools(t, "torture", async (pool) => {
    const seen = new Set<unknown>();
    for (const { path, error } of requests) {
      const instance = await pool.acquire();
      assert.ok(!seen.has(instance.exports), path);
      seen.add(instance.exports);
      await assert.rejects(callGuest(instance, { path }).returned, error, path);
      pool.release(instance, false);
      assert.equal(pool.idleCount, 0, path);
    }
    assert.equal(pool.counters.discarded, requests.length);
    const { headers } = await askGuest(await pool.acquire(), { path: "/" });
    assert.equal(headers["x-requests"], "1");
  });
});

Deno.test("InstancePool.release() never uses an instance again that was cancelled", async (t) => {
  const states: Record<string, () => GuestRequest> = {
    "while it runs": () => ({ path: "/loop" }),
    "while it sleeps": () => ({ path: "/sleep?ms=60000" }),
    "while it waits for the body": () => ({
      path: "/echo",
      method: "POST",
      body: new ReadableStream<Uint8Array>(),
    }),
  };
  await withPools(t, "torture", async (pool) => {
    for (const [name, request] of Object.entries(states)) {
      const instance = await pool.acquire();
      const { returned } = callGuest(instance, request());
      // A guest that sleeps is never woken again; the others end by a trap.
      returned.catch(() => {});
      // It starts in a microtask, and gives way or waits soon after.
      await new Promise((resolve) => setTimeout(resolve, 10));
      instance.preemption.cancel();
      pool.release(instance, false);
      assert.equal(pool.idleCount, 0, name);
    }
    assert.equal(pool.counters.discarded, 3);
  });
});

Deno.test("InstancePool.release() lets go of what a guest left open", async () => {
  const component = await loadGuest("torture");
  const pool = InstancePool.create(component, {
    first: await component.instantiate(),
    strategy: "copy",
    shared: poolShared(),
  });
  const instance = await pool.acquire();
  const cancelled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  const { returned } = callGuest(instance, { path: "/echo", method: "POST", body });
  await new Promise((resolve) => setTimeout(resolve, 10));
  instance.preemption.cancel();
  pool.release(instance, false);
  await cancelled.promise;
  await assert.rejects(returned, "the guest does not go on without its resources");
  pool.close();
});

Deno.test("InstancePool.release() rewinds memory that grew, up to a bound", async (t) => {
  await withPools(t, "torture", async (pool, component) => {
    const fresh = stateOf(await component.instantiate());
    const instance = await pool.acquire();
    for (let round = 1; round <= 2; round++) {
      assert.equal((await askGuest(instance, { path: "/alloc?mb=8" })).status, 200);
      pool.release(instance, true);
      assert.equal(await pool.acquire(), instance);
      assertSameState(stateOf(instance), fresh, `round ${round}`);
    }
    assert.equal((await askGuest(instance, { path: "/alloc?mb=64" })).status, 200);
    pool.release(instance, true);
    assert.equal(pool.idleCount, 0, "so much memory is not kept");
    assert.deepEqual(pool.counters, { created: 1, reset: 2, discarded: 1 });
  });
});

Deno.test("InstancePool.release() reuses a Rust guest, which grows its memory at once", async (t) => {
  await withPools(t, "rust-api", async (pool) => {
    for (let round = 1; round <= 3; round++) {
      const instance = await pool.acquire();
      assert.equal((await askGuest(instance, { path: "/count" })).body, "1\n");
      pool.release(instance, true);
    }
    assert.deepEqual(pool.counters, { created: 1, reset: 3, discarded: 0 });
  });
});

Deno.test("prepareComponent() proves which guests can be rewound", async () => {
  for (const guest of ["torture", "tiny-js", "rust-api"]) {
    assert.equal((await loadGuest(guest)).manifest.notResettable, undefined, guest);
  }
  const { manifest } = await loadGuest("go-hello");
  assert.match(manifest.notResettable!, /^it calls wasi:[a-z/-]+#\w+ while it starts$/);
});

Deno.test("InstancePool gives a guest that cannot be rewound a new instance each time", async () => {
  const component = await loadGuest("go-hello");
  const pool = InstancePool.create(component, {
    first: await component.instantiate(),
    strategy: "copy",
    shared: poolShared(),
  });
  try {
    assert.equal(pool.strategy, "fresh");
    const seen = new Set<unknown>();
    for (let round = 1; round <= 3; round++) {
      const instance = await pool.acquire();
      seen.add(instance.exports);
      assert.equal((await askGuest(instance, { path: "/count" })).body, "1\n");
      pool.release(instance, true);
      assert.equal(seen.size, round);
    }
    assert.deepEqual(pool.counters, { created: 3, reset: 0, discarded: 3 });
  } finally {
    pool.close();
  }
});

Deno.test("InstancePool shows every request an instance that has seen none", async (t) => {
  await withPools(t, "torture", async (pool) => {
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 8 }, async (_, index) => {
        const instance = await pool.acquire();
        const { headers } = await askGuest(instance, { path: index % 2 ? "/" : "/sleep?ms=1" });
        assert.equal(headers["x-requests"], "1");
        pool.release(instance, true);
      }));
    }
    assert.equal(pool.counters.created, 8);
  });
});

import assert from "node:assert/strict";
import { type AsyncGuest, loadAsyncGuest } from "../engine/_async_guest_fixture.ts";
import { ConcurrentInstances } from "../engine/concurrent_instances.ts";
import { MemoryCollector } from "../engine/garbage.ts";
import { InstanceBudget } from "../engine/instance_budget.ts";
import { TerminalError } from "../../lib/errors.ts";
import { Guest } from "./guest.ts";
import { GuestFailure } from "./guest_failure.ts";
import { DEFAULT_REUSE } from "./host_options.ts";

async function asyncGuest(): Promise<Guest & { [Symbol.dispose](): void }> {
  const pool = await ConcurrentInstances.create(await loadAsyncGuest(), {
    limits: DEFAULT_REUSE,
    budget: new InstanceBudget({ maxInstances: 10, maxBytes: 2 ** 30, maxWaitMs: 100 }),
    collector: new MemoryCollector(),
  });
  const guest = new Guest({ id: "guest", exports: [], pool });
  return Object.assign(guest, { [Symbol.dispose]: () => guest.close() });
}

function invoke(
  guest: Guest,
  call: (exports: AsyncGuest) => Promise<number>,
  signal?: AbortSignal,
): Promise<number> {
  return guest.invoke(
    (exports) => call(exports as unknown as AsyncGuest),
    signal ? { signal } : {},
  );
}

Deno.test("invoke() calls a component of WASI 0.3 in an instance that calls share", async () => {
  using guest = await asyncGuest();
  assert.equal(await invoke(guest, (exports) => exports.count(0)), 1);
  const counts = [1, 2, 3].map(() => invoke(guest, (exports) => exports.count(20)));
  assert.deepEqual(await Promise.all(counts), [4, 4, 4]);
});

Deno.test("invoke() says what a component of WASI 0.3 failed of", async () => {
  using guest = await asyncGuest();
  await assert.rejects(invoke(guest, (exports) => exports.fail(0)), (error) => {
    assert.ok(error instanceof GuestFailure);
    assert.match(error.message, /^component "guest" trapped: .*unreachable/);
    return true;
  });
});

Deno.test("invoke() ends a component of WASI 0.3 if its signal fires", async () => {
  using guest = await asyncGuest();
  await assert.rejects(
    invoke(guest, (exports) => exports.count(60_000), AbortSignal.timeout(50)),
    /component "guest" was stopped/,
  );
  await assert.rejects(
    invoke(guest, (exports) => exports.burn(1_000_000), AbortSignal.timeout(50)),
    /component "guest" was stopped/,
  );
  await assert.rejects(
    invoke(guest, (exports) => exports.count(60_000), AbortSignal.abort()),
    /component "guest" was stopped/,
  );
  assert.equal(await invoke(guest, (exports) => exports.count(0)), 1);
});

Deno.test("pool is refused for a component of WASI 0.3", async () => {
  using guest = await asyncGuest();
  assert.throws(() => guest.pool, TerminalError);
  assert.ok(guest.concurrent);
});

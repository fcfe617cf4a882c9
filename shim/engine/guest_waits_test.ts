import assert from "node:assert/strict";
import { GuestAbandoned, GuestWaits } from "./guest_waits.ts";
import { wat } from "./wasm/_wat_fixture.ts";

const { promising } = WebAssembly as unknown as {
  promising(fn: unknown): (...args: unknown[]) => Promise<unknown>;
};

/** An export that calls the import `h.wait` twice and adds the results. */
async function load(
  waits: GuestWaits,
  wait: () => Promise<number>,
): Promise<() => Promise<unknown>> {
  const bytes = await wat(`(module (import "h" "wait" (func $wait (result i32)))
    (func (export "run") (result i32) (i32.add (call $wait) (call $wait))))`);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), {
    h: { wait: waits.suspending(wait) },
  });
  return promising(exports.run);
}

Deno.test("GuestWaits.suspending() gives the guest what its promise resolves to", async () => {
  const run = await load(new GuestWaits(), () => Promise.resolve(21));
  assert.equal(await run(), 42);
});

Deno.test("GuestWaits.suspending() ends the guest with what its promise rejects with", async () => {
  const error = new Error("no");
  const run = await load(new GuestWaits(), () => Promise.reject(error));
  await assert.rejects(run(), (thrown) => thrown === error);
});

Deno.test("GuestWaits.abandon() ends a guest whose promise never settles", async () => {
  const waits = new GuestWaits();
  const run = await load(waits, () => new Promise(() => {}));
  const result = run();
  waits.abandon();
  await assert.rejects(result, GuestAbandoned);
});

Deno.test("GuestWaits.abandon() ends all waits to come, and changes none that is over", async () => {
  const waits = new GuestWaits();
  const over = waits.promise<number>((resolve) => resolve(1));
  waits.abandon();
  assert.equal(await over, 1);
  await assert.rejects(waits.promise(() => assert.fail("begun all the same")), GuestAbandoned);
});

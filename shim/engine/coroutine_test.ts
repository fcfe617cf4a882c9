import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { type CallContexts, compileCoroutineHelper, suspendable } from "./coroutine.ts";
import { GuestWaits } from "./guest_waits.ts";
import { wat } from "./wasm/_wat_fixture.ts";

const { Suspending } = WebAssembly as unknown as {
  Suspending: new (fn: (...args: number[]) => unknown) => WebAssembly.ImportValue;
};

/** The export `run` of a module whose import `h.wait` may suspend. */
async function load(
  body: string,
  wait: (...args: number[]) => unknown,
  contexts?: CallContexts,
): Promise<(...args: unknown[]) => Promise<unknown>> {
  const bytes = await wat(`(module (import "h" "wait" (func $wait (param i32) (result i32)))
    (global $sum (export "sum") (mut i32) (i32.const 0)) ${body})`);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), {
    h: { wait: new Suspending(wait) },
  });
  const helper = compileCoroutineHelper({ hasContexts: contexts !== undefined });
  return suspendable(exports.run, { helper, waits: new GuestWaits(), contexts });
}

const ADD_UP = `(func (export "run") (param i32 i32) (global.set $sum (i32.add (global.get $sum)
  (i32.mul (call $wait (local.get 0)) (local.get 1)))))`;

Deno.test("suspendable() passes both arguments, call after call", async () => {
  const seen: number[] = [];
  const run = await load(ADD_UP, (first) => {
    seen.push(first!);
    return new Promise((resolve) => setTimeout(() => resolve(first), 1));
  });
  for (const first of [1, -2, 3]) assert.equal(await run(first, 10), undefined);
  assert.deepEqual(seen, [1, -2, 3]);
});

Deno.test("suspendable() runs each call in its own context, before and after a wait", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  const run = await load(
    `(func (export "run") (param i32 i32)
      (drop (call $wait (local.get 0))) (drop (call $wait (local.get 0))))`,
    (first) => {
      seen.push(`${first} in ${storage.getStore()}`);
      return new Promise((resolve) => setTimeout(() => resolve(first), 1));
    },
    {
      capture() {
        const store = storage.getStore()!;
        return () => storage.enterWith(store);
      },
    },
  );
  for (const first of [1, 2, 3]) await storage.run(`call ${first}`, () => run(first, 0));
  assert.deepEqual(
    seen,
    [1, 2, 3].flatMap((first) => Array(2).fill(`${first} in call ${first}`)),
  );
  assert.equal(storage.getStore(), undefined);
});

Deno.test("suspendable() starts the guest only when the event loop goes on", async () => {
  let calls = 0;
  const run = await load(ADD_UP, () => ++calls);
  const call = run(1, 1);
  assert.equal(calls, 0);
  await call;
  assert.equal(calls, 1);
});

Deno.test("suspendable() rejects the call in which the guest ends", async (t) => {
  const cases: [string, string, (...args: number[]) => unknown, RegExp][] = [
    [
      "a trap at once",
      `(func (export "run") (param i32 i32) unreachable)`,
      () => 0,
      /unreachable/,
    ],
    [
      "a trap after a wait",
      `(func (export "run") (param i32 i32) (drop (call $wait (i32.const 0))) unreachable)`,
      () => Promise.resolve(0),
      /unreachable/,
    ],
    ["a rejected import", ADD_UP, () => Promise.reject(new Error("no answer")), /no answer/],
    [
      "endless recursion",
      `(func $f (export "run") (param i32 i32) (call $f (i32.const 0)
      (i32.const 0)) (call $f (i32.const 0) (i32.const 0)))`,
      () => 0,
      /call stack/,
    ],
  ];
  for (const [name, body, wait, expected] of cases) {
    await t.step(name, async () => {
      const run = await load(body, wait);
      await assert.rejects(run(1, 2), expected);
    });
  }
});

Deno.test("suspendable() ends only the second call if that is the one that traps", async () => {
  const run = await load(
    `(func (export "run") (param i32 i32) (if (local.get 1) (then unreachable)))`,
    () => 0,
  );
  await run(0, 0);
  await assert.rejects(run(0, 1), WebAssembly.RuntimeError);
});

Deno.test("suspendable() serves exports of another form", async () => {
  const run = await load(
    `(func (export "run") (result i32) (call $wait (i32.const 20)))`,
    (first) => Promise.resolve(first! + 1),
  );
  assert.equal(await run(), 21);
  assert.equal(await run(), 21);
});

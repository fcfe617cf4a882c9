import assert from "node:assert/strict";
import { SharedStacks, StackHelpers, type StackHost } from "./shared_stacks.ts";
import { wat } from "./wasm/_wat_fixture.ts";

/** A host that lets everybody in at once. */
class OpenHost implements StackHost {
  readonly waits = new Set<(reason: Error) => void>();

  enter(wake: () => void): void {
    wake();
  }

  onEnd(reject: (reason: Error) => void): () => void {
    this.waits.add(reject);
    return () => this.waits.delete(reject);
  }
}

async function load(): Promise<WebAssembly.Exports> {
  const module = await wat(`(module
    (import "h" "wait" (func $wait (param i32) (result i32)))
    (func (export "none") (result i32) (i32.const 7))
    (func (export "add") (param i32 i32 i32) (result i32)
      (i32.add (local.get 0) (i32.add (local.get 1) (local.get 2))))
    (func (export "wait") (param i32) (result i32) (call $wait (local.get 0)))
    (func (export "fail") (param i32) (result i32) (unreachable))
    (func (export "float") (param f32) (result i32) (i32.const 1))
    (func (export "nothing") (param i32)))`);
  const { Suspending } = WebAssembly as unknown as {
    Suspending: new (fn: (ms: number) => Promise<number>) => WebAssembly.ImportValue;
  };
  const wait = new Suspending((ms) => new Promise((resolve) => setTimeout(() => resolve(ms), ms)));
  return new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource), {
    h: { wait },
  }).exports;
}

Deno.test("SharedStacks calls exports of any number of parameters, again and again", async () => {
  const exports = await load();
  const options = { helpers: new StackHelpers(), host: new OpenHost() };
  const none = SharedStacks.create(exports.none, options)!;
  const add = SharedStacks.create(exports.add, options)!;
  for (let i = 0; i < 3; i++) {
    assert.equal(await none.call([]), 7);
    assert.equal(await add.call([i, 10, 100]), 110 + i);
  }
});

Deno.test("SharedStacks has a stack for each call that goes on", async () => {
  const exports = await load();
  const host = new OpenHost();
  const stacks = SharedStacks.create(exports.wait, { helpers: new StackHelpers(), host })!;
  const calls = [30, 10, 20].map((ms) => stacks.call([ms]));
  assert.deepEqual(await Promise.all(calls), [30, 10, 20]);
  assert.equal(host.waits.size, 3, "all wait for their next call");
});

Deno.test("SharedStacks passes a trap on, and takes another stack from then on", async () => {
  const exports = await load();
  const options = { helpers: new StackHelpers(), host: new OpenHost() };
  const stacks = SharedStacks.create(exports.fail, options)!;
  for (let i = 0; i < 2; i++) await assert.rejects(stacks.call([1]), /unreachable/);
});

Deno.test("create() refuses what the component model does not export", async () => {
  const exports = await load();
  const options = { helpers: new StackHelpers(), host: new OpenHost() };
  assert.equal(SharedStacks.create(exports.float, options), undefined);
  assert.equal(SharedStacks.create(exports.nothing, options), undefined);
});

Deno.test("a stack that waits for its next call ends with its host", async () => {
  const exports = await load();
  const host = new OpenHost();
  const stacks = SharedStacks.create(exports.none, { helpers: new StackHelpers(), host })!;
  await stacks.call([]);
  for (const reject of host.waits) reject(new Error("over"));
  // Nobody is told; the rejection is not an unhandled one.
  await new Promise((resolve) => setTimeout(resolve, 10));
});

import assert from "node:assert/strict";
import {
  compileInterruptHelper,
  CpuLimitExceeded,
  Preemption,
  RequestCancelled,
  TurnQueue,
} from "./preemption.ts";
import { wat } from "./wasm/_wat_fixture.ts";
import { rewriteModule } from "./wasm/rewrite.ts";

const { promising } = WebAssembly as unknown as {
  promising(fn: unknown): (...args: unknown[]) => Promise<unknown>;
};

const COUNT = `(global $n (export "n") (mut i64) (i64.const 0))
  (func (export "run") (loop (global.set $n (i64.add (global.get $n) (i64.const 1))) (br 0)))
  (func (export "short") (param $left i32) (loop
    (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))`;

async function load(cpuLimitMs: number) {
  const { bytes } = rewriteModule(await wat(`(module ${COUNT})`));
  const preemption = new Preemption({
    helper: compileInterruptHelper(),
    turns: new TurnQueue(),
    cpuLimitMs,
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  preemption.attach(exports);
  const guest = exports as Record<string, (...args: unknown[]) => unknown>;
  return { preemption, guest, counter: exports.n as WebAssembly.Global };
}

Deno.test("Preemption lets the event loop go on while a guest runs", async () => {
  const { preemption, guest } = await load(150);
  preemption.begin();
  let ticks = 0;
  const interval = setInterval(() => ticks++, 1);
  await assert.rejects(promising(guest.run)(), CpuLimitExceeded);
  clearInterval(interval);
  assert.ok(ticks > 3, `${ticks} timers fired`);
});

Deno.test("Preemption shares the time among guests", async () => {
  const turns = new TurnQueue();
  const { bytes } = rewriteModule(await wat(`(module ${COUNT})`));
  const helper = compileInterruptHelper();
  const counts = await Promise.all([0, 1, 2].map(async () => {
    const preemption = new Preemption({ helper, turns, cpuLimitMs: 60 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    preemption.attach(exports);
    preemption.begin();
    await assert.rejects(promising(exports.run)(), CpuLimitExceeded);
    return Number((exports.n as WebAssembly.Global).value);
  }));
  assert.ok(Math.min(...counts) * 20 > Math.max(...counts), `uneven: ${counts}`);
});

Deno.test("Preemption.cancel() ends a guest that runs", async () => {
  const { preemption, guest, counter } = await load(10_000);
  preemption.begin();
  const run = promising(guest.run)();
  setTimeout(() => preemption.cancel(), 20);
  await assert.rejects(run, RequestCancelled);
  const reached = counter.value;
  await assert.rejects(promising(guest.run)(), RequestCancelled, "it stays cancelled");
  assert.ok(counter.value - reached <= 1n << 18n);
});

Deno.test("Preemption.cancel() ends a guest at its next loop, not after a slice", async () => {
  const { preemption, guest } = await load(10_000);
  preemption.begin();
  preemption.cancel();
  assert.throws(() => guest.short!(10), RequestCancelled);
});

Deno.test("Preemption.begin() starts anew", async () => {
  const { preemption, guest } = await load(40);
  preemption.begin();
  await assert.rejects(promising(guest.run)(), CpuLimitExceeded);
  preemption.begin();
  await promising(guest.short)(100_000);
  preemption.cancel();
  preemption.begin();
  await promising(guest.short)(100_000);
});

Deno.test("Preemption without a limit never ends a guest", async () => {
  const { preemption, guest } = await load(0);
  preemption.begin();
  await promising(guest.short)(30_000_000);
});

Deno.test("Preemption.guard() keeps a guest from being suspended under JavaScript", async () => {
  const { preemption, guest } = await load(60);
  preemption.begin();
  // Not through promising(): a suspension would throw SuspendError.
  assert.throws(() => preemption.guard(guest.run!)(), CpuLimitExceeded);
  preemption.begin();
  const add = preemption.guard((a: number, b: number) => a + b);
  assert.equal(add(2, 3), 5);
});

Deno.test("Preemption.attach() ignores modules that have nothing to preempt", () => {
  const preemption = new Preemption({
    helper: compileInterruptHelper(),
    turns: new TurnQueue(),
    cpuLimitMs: 1,
  });
  preemption.attach({});
  preemption.begin();
  preemption.cancel();
});

Deno.test("TurnQueue gives turns in order, one per turn of the event loop", async () => {
  const turns = new TurnQueue();
  const events: string[] = [];
  const [first, ...others] = ["a", "b", "c"].map(async (name) => {
    await turns.turn();
    events.push(name);
  });
  assert.deepEqual(events, []);
  await first;
  assert.deepEqual(events, ["a"]);
  await Promise.all(others);
  assert.deepEqual(events, ["a", "b", "c"]);
});

import assert from "node:assert/strict";
import { CpuLimitExceeded, Preemption, TurnQueue } from "../preemption.ts";
import { compileInterruptHelper } from "../preemption.ts";
import { seededRandom, wat } from "./_wat_fixture.ts";
import { GLOBAL_EXPORT, MEMORY_EXPORT, rewriteModule, rewriteModules } from "./rewrite.ts";

const FIXTURES = new URL("../../../tests/fixtures/apps/", import.meta.url);

function run(bytes: Uint8Array<ArrayBuffer>, options: { cpuLimitMs?: number } = {}) {
  const preemption = new Preemption({
    helper: compileInterruptHelper(),
    turns: new TurnQueue(),
    cpuLimitMs: options.cpuLimitMs ?? 100,
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  preemption.attach(exports);
  return exports as Record<string, (...args: unknown[]) => unknown>;
}

Deno.test("rewriteModule() lets the host end what never ends", async (t) => {
  const endless: Record<string, string> = {
    "a loop": `(func (export "run") (loop (br 0)))`,
    "a loop without a memory in between others":
      `(func (export "run") (loop (loop (br 1)) (br 0)))`,
    "exponential recursion":
      `(func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))
         (call $f (i32.sub (local.get 0) (i32.const 1))))))
       (func (export "run") (call $f (i32.const 60)))`,
    "mutual recursion through a table":
      `(memory 1) (table 1 funcref) (elem (i32.const 0) $f) (type $t (func (param i32)))
       (func $f (param i32) (if (local.get 0) (then
         (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
         (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
       (func (export "run") (call $f (i32.const 60)))`,
    "tail calls": `(memory 1) (func $f (export "run") (return_call $f))`,
  };
  for (const [name, body] of Object.entries(endless)) {
    await t.step(name, async () => {
      const { bytes, isInterruptible } = rewriteModule(await wat(`(module ${body})`));
      assert.ok(isInterruptible);
      assert.throws(() => run(bytes).run!(), CpuLimitExceeded);
    });
  }
});

Deno.test("rewriteModule() keeps what a module computes", async () => {
  const source = await wat(`(module
    (memory (export "memory") 1)
    (global $count (mut i32) (i32.const 7))
    (func $fib (export "fib") (param i32) (result i32)
      (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                       (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "sum") (param i32) (result i64) (local $i i32) (local $s i64)
      (block (loop
        (br_if 1 (i32.ge_u (local.get $i) (local.get 0)))
        (local.set $s (i64.add (local.get $s) (i64.extend_i32_u (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br 0)))
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (local.get $s))
    (func (export "simd") (param i32) (result i32)
      (i32x4.extract_lane 2 (i32x4.mul (i32x4.splat (local.get 0)) (v128.const i32x4 1 2 3 4))))
    (func (export "switch") (param i32) (result i32)
      (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 10)))
        (return (i32.const 20))) (i32.const 30)))`);
  const { bytes, notResettable } = rewriteModule(source);
  assert.equal(notResettable, undefined);
  const before = new WebAssembly.Instance(new WebAssembly.Module(source as BufferSource)).exports;
  const after = run(bytes, { cpuLimitMs: 60_000 });
  const calls: [string, number][] = [
    ["fib", 20],
    ["sum", 1_000_000],
    ["simd", 5],
    ["switch", 0],
    ["switch", 1],
    ["switch", 9],
  ];
  for (const [name, argument] of calls) {
    const original = before[name] as (argument: number) => unknown;
    assert.equal(after[name]!(argument), original(argument), name);
  }
  assert.equal((after[`${GLOBAL_EXPORT}0`] as unknown as WebAssembly.Global).value, 8);
  assert.ok((after[`${MEMORY_EXPORT}0`] as unknown) instanceof WebAssembly.Memory);
});

Deno.test("rewriteModule() keeps the size of a memory in a global", async () => {
  const source = await wat(`(module (memory (export "memory") 70 80)
    (func (export "size") (result i32) (memory.size))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);
  const { bytes, isShrinkable } = rewriteModule(source);
  assert.ok(isShrinkable);
  const exports = run(bytes);
  const memory = exports.memory as unknown as WebAssembly.Memory;
  const size = exports[`${GLOBAL_EXPORT}1`] ?? exports[`${GLOBAL_EXPORT}0`];
  const global = size as unknown as WebAssembly.Global;
  assert.equal(exports.size!(), 70);
  assert.equal(exports.grow!(5), 70);
  assert.equal(exports.size!(), 75);
  assert.equal(memory.buffer.byteLength, 75 * 65536);
  global.value = 70; // as rewinding does
  assert.equal(exports.size!(), 70);
  assert.equal(exports.grow!(3), 70, "what is there is used again");
  assert.equal(memory.buffer.byteLength, 75 * 65536);
  assert.equal(exports.grow!(7), 73);
  assert.equal(memory.buffer.byteLength, 80 * 65536);
  assert.equal(exports.grow!(1), -1, "the module's own limit holds");
  assert.equal(exports.grow!(-1), -1);
  assert.equal(exports.grow!(0), 80);
});

Deno.test("rewriteModules() leaves memory alone that another module grows", async () => {
  const modules = await Promise.all([
    wat(`(module (memory (export "memory") 1) (func (export "size") (result i32) (memory.size)))`),
    wat(`(module (import "env" "memory" (memory 0))
      (func (export "grow") (result i32) (memory.grow (i32.const 1))))`),
  ]);
  assert.deepEqual(rewriteModules(modules).map((module) => module.isShrinkable), [false, false]);
});

Deno.test("rewriteModule() says what cannot be rewound", async (t) => {
  const cases: [string, string, RegExp | undefined][] = [
    ["plain", `(memory 1) (global (mut i64) (i64.const 1))`, undefined],
    [
      "table.set",
      `(table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func)))`,
      /table\.set/,
    ],
    [
      "table.grow",
      `(table 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 1))))`,
      /table\.grow/,
    ],
    ["data.drop", `(memory 1) (data $d "x") (func (data.drop $d))`, /data\.drop/],
    ["a vector global", `(global (mut v128) (v128.const i32x4 0 0 0 0))`, /global/],
    ["a shared memory", `(memory 1 1 shared)`, /shared/],
    ["a 64-bit memory", `(memory i64 1)`, /64-bit/],
  ];
  for (const [name, body, expected] of cases) {
    await t.step(name, async () => {
      const { notResettable } = rewriteModule(await wat(`(module ${body})`));
      if (expected) assert.match(notResettable ?? "", expected);
      else assert.equal(notResettable, undefined);
    });
  }
});

Deno.test("rewriteModule() refuses damaged modules and never hangs", async () => {
  const seed = Date.now() >>> 0;
  const random = seededRandom(seed);
  const source = await Deno.readFile(new URL("torture/dist/torture-core.wasm", FIXTURES));
  for (let round = 0; round < 60; round++) {
    const bytes = source.slice(0, Math.floor(random() * source.length));
    for (let flips = 0; flips < 4; flips++) {
      if (bytes.length > 8) bytes[8 + Math.floor(random() * (bytes.length - 8))] = random() * 256;
    }
    try {
      rewriteModule(bytes);
    } catch (error) {
      assert.ok(error instanceof RangeError, `seed ${seed}, round ${round}: ${error}`);
    }
  }
});

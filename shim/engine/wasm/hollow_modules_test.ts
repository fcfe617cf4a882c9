import assert from "node:assert/strict";
import { wat } from "./_wat_fixture.ts";
import { fillModules, hollowComponent } from "./hollow_modules.ts";

const MODULE = `(core module
  (import "a" "b" (func (param i32)))
  (memory (export "m") 1)
  (table (export "t") 1 funcref)
  (global $g (export "g") (mut i32) (i32.const 8))
  (func (export "run") (param i32 i64) (result f64 i32) (local i32) (f64.const 1) (i32.const 2))
  (func $start (data.drop 1))
  (start $start)
  (elem (i32.const 0) func $start)
  (data (i32.const 16) "${"x".repeat(300)}")
  (data "passive")
  (data (memory 0) (i32.const 0) "y"))`;

async function component(text: string): Promise<Uint8Array> {
  return await wat(`(component ${text})`);
}

Deno.test("hollowComponent() keeps all of a module but what its functions do and its data is", async () => {
  const original = await component(MODULE);
  const { bytes, modules } = hollowComponent(original);
  assert.equal(modules.length, 1);
  assert.ok(bytes.length < original.length - 300);
  const [before, after] = [modules[0]!.original, modules[0]!.hollow]
    .map((module) => new WebAssembly.Module(module as BufferSource));
  assert.deepEqual(WebAssembly.Module.imports(after!), WebAssembly.Module.imports(before!));
  assert.deepEqual(WebAssembly.Module.exports(after!), WebAssembly.Module.exports(before!));
});

Deno.test("hollowComponent() goes into components in a component, in order", async () => {
  const bytes = await component(`
    (core module (func (export "first")))
    (component (core module (func (export "second"))) (component (core module)))
    (core module (func (export "last")))`);
  const hollow = hollowComponent(bytes);
  const names = hollow.modules.map(({ original }) =>
    WebAssembly.Module.exports(new WebAssembly.Module(original as BufferSource))[0]?.name
  );
  assert.deepEqual(names, ["first", "second", undefined, "last"]);
  // It is a component as before.
  assert.equal(hollowComponent(hollow.bytes).modules.length, 4);
});

Deno.test("fillModules() puts the real modules in, and keeps those of the generator", async () => {
  const hollow = hollowComponent(await component(`${MODULE} (core module (func))`));
  const [first, second] = hollow.modules;
  const own = new Uint8Array([1, 2, 3]);
  const [a, b, c] = ["x.core.wasm", "x.core2.wasm", "x.core10.wasm"] as const;
  assert.deepEqual(
    fillModules([[a, first!.hollow], [c, own], [b, second!.hollow]], hollow),
    [[a, first!.original], [c, own], [b, second!.original]],
  );
  // A module that nothing makes an instance of may be left out.
  assert.deepEqual(fillModules([[b, second!.hollow]], hollow), [[b, second!.original]]);
  assert.equal(fillModules([[a, second!.hollow], [b, first!.hollow]], hollow), undefined);
  assert.equal(fillModules([[a, own], [b, second!.hollow]], hollow), undefined);
  assert.deepEqual(fillModules([["x.js", own]], hollow), [["x.js", own]]);
});

Deno.test("hollowComponent() refuses what ends too early", async () => {
  const bytes = await component(MODULE);
  for (const length of [9, 40, bytes.length - 1]) {
    assert.throws(() => hollowComponent(bytes.subarray(0, length)), RangeError);
  }
});

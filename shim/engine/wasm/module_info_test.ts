import assert from "node:assert/strict";
import { wat } from "./_wat_fixture.ts";
import { KIND, readModule, type WasmModuleInfo } from "./module_info.ts";

Deno.test("readModule() counts index spaces and finds declarations", async (t) => {
  const cases: [string, string, Partial<WasmModuleInfo>][] = [
    ["an empty module", "", {
      typeCount: 0,
      functionCount: 0,
      tableCount: 0,
      memories: [],
      globals: [],
      exports: [],
      hasStart: false,
    }],
    [
      "imports of every kind",
      `(import "a" "f" (func (param i32))) (import "a" "t" (table 1 2 funcref))
       (import "a" "m" (memory 1)) (import "a" "g" (global i32)) (import "b" "e" (tag (param i32)))
       (import "a" "r" (table 0 (ref null func))) (import "a" "h" (global (mut (ref null extern))))
       (func) (table 1 funcref) (global f64 (f64.const 1)) (memory 2 3)`,
      {
        imports: [
          { module: "a", name: "f", kind: KIND.function },
          { module: "a", name: "t", kind: KIND.table },
          { module: "a", name: "m", kind: KIND.memory },
          { module: "a", name: "g", kind: KIND.global },
          { module: "b", name: "e", kind: KIND.tag },
          { module: "a", name: "r", kind: KIND.table },
          { module: "a", name: "h", kind: KIND.global },
        ],
        importedFunctions: 1,
        importedTables: 2,
        importedGlobals: 2,
        functionCount: 1,
        tableCount: 1,
        memories: [{ index: 1, minimum: 2, maximum: 3, isShared: false, is64: false }],
        globals: [{ index: 2, type: 0x7c, isMutable: false }],
      },
    ],
    [
      "memories with and without a limit",
      "(memory 1) (memory 1 2 shared) (memory i64 5 6)",
      {
        memories: [
          { index: 0, minimum: 1, maximum: undefined, isShared: false, is64: false },
          { index: 1, minimum: 1, maximum: 2, isShared: true, is64: false },
          { index: 2, minimum: 0, maximum: 0, isShared: false, is64: true },
        ],
      },
    ],
    [
      "globals of every type",
      `(global (mut i32) (i32.const -1)) (global i64 (i64.const 9223372036854775807))
       (global (mut v128) (v128.const i32x4 1 2 3 4)) (global (mut funcref) (ref.null func))
       (global f32 (f32.const 0.5)) (global i32 (i32.add (i32.const 1) (i32.mul (i32.const 2)
         (i32.const 3))))`,
      {
        globals: [
          { index: 0, type: 0x7f, isMutable: true },
          { index: 1, type: 0x7e, isMutable: false },
          { index: 2, type: 0x7b, isMutable: true },
          { index: 3, type: 0x70, isMutable: true },
          { index: 4, type: 0x7d, isMutable: false },
          { index: 5, type: 0x7f, isMutable: false },
        ],
      },
    ],
    [
      "exports and a start function",
      `(func $f (export "f")) (memory (export "m") 1) (start $f)`,
      {
        exports: [
          { name: "f", kind: KIND.function, index: 0 },
          { name: "m", kind: KIND.memory, index: 0 },
        ],
        hasStart: true,
      },
    ],
  ];
  for (const [name, body, expected] of cases) {
    await t.step(name, async () => {
      const info = readModule(await wat(`(module ${body})`));
      for (const [key, value] of Object.entries(expected)) {
        assert.deepEqual(info[key as keyof WasmModuleInfo], value, key);
      }
    });
  }
});

Deno.test("readModule() knows whose address may be taken", async (t) => {
  const functions = "(func $a) (func $b) (func $c) (func $d)";
  const cases: [string, string, number[]][] = [
    ["nobody", "", []],
    ["exports", `(export "x" (func $c))`, [2]],
    ["an active segment", "(table 4 funcref) (elem (i32.const 0) $a $b)", [0, 1]],
    [
      "a segment for another table",
      `(table 1 funcref) (table 4 funcref)
      (elem (table 1) (i32.const 0) func $d)`,
      [3],
    ],
    ["a passive segment", "(elem func $a)", [0]],
    ["a declarative segment", "(elem declare func $b)", [1]],
    ["a segment of expressions", "(elem funcref (ref.func $c) (ref.null func))", [2]],
    [
      "an active segment of expressions",
      "(table 4 funcref) (elem (table 0) (offset (i32.const 1)) funcref (ref.func $d))",
      [3],
    ],
  ];
  for (const [name, body, expected] of cases) {
    await t.step(name, async () => {
      const { addressTaken } = readModule(await wat(`(module ${functions} ${body})`));
      assert.deepEqual([...addressTaken].sort(), expected);
    });
  }
});

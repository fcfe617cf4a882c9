import assert from "node:assert/strict";
import { wat } from "./_wat_fixture.ts";
import { OP, readInstruction, skipValueType } from "./instructions.ts";
import { findSection } from "./module_info.ts";
import { readSections, SECTION, WasmReader } from "./reader.ts";

const END = 0x0b;

/** The opcodes of the last function of a module. */
async function opcodesOf(module: string): Promise<number[]> {
  const bytes = await wat(module);
  const reader = new WasmReader(bytes, findSection(readSections(bytes), SECTION.code)!.content);
  let opcodes: number[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    const end = reader.u32() + reader.position;
    for (let groups = reader.u32(); groups > 0; groups--) {
      reader.skipLeb();
      skipValueType(reader);
    }
    opcodes = [];
    while (reader.position < end) opcodes.push(readInstruction(reader));
    assert.equal(reader.position, end, "an instruction's length was misjudged");
  }
  return opcodes;
}

const CONTEXT = `(memory $m 1) (memory $n 1) (table $t 10 funcref) (table $u 10 funcref)
  (type $p (func (param i32) (result i32))) (type $s (struct (field (mut i32)) (field i64)))
  (type $a (array (mut i32))) (type $v (func)) (tag $e (param i32)) (global $g (mut i32) (i32.const 0))
  (data $d "abc") (elem $l func $callee) (elem declare func $callee)
  (func $callee (param i32) (result i32) (local.get 0))`;

Deno.test("readInstruction() knows the length of every kind of instruction", async (t) => {
  const cases: Record<string, { body: string; opcodes: number[] }> = {
    "numbers": {
      body: `(drop (i32.const -2147483648)) (drop (i64.const 0x7fffffffffffffff))
        (drop (f32.const 0x1p-3)) (drop (f64.const 1e300))`,
      opcodes: [0x41, 0x1a, 0x42, 0x1a, 0x43, 0x1a, 0x44, 0x1a, END],
    },
    "blocks with types and parameters": {
      body: `(drop (block (result i32) (i32.const 1)))
        (drop (loop (type $p) (i32.const 1) (br_if 0 (i32.const 0))))`,
      opcodes: [],
    },
    "branches": {
      body: `(block (block (br_table 0 1 0 1 0 (i32.const 3)))) (br 0)`,
      opcodes: [0x02, 0x02, 0x41, 0x0e, END, END, 0x0c, END],
    },
    "calls": {
      body: `(drop (call $callee (i32.const 1)))
        (drop (call_indirect $u (type $p) (i32.const 1) (i32.const 2)))
        (drop (call_ref $p (i32.const 1) (ref.func $callee)))`,
      opcodes: [0x41, OP.call, 0x1a, 0x41, 0x41, OP.callIndirect, 0x1a]
        .concat([0x41, 0xd2, OP.callRef, 0x1a, END]),
    },
    "memory access in several memories": {
      body: `(i64.store32 $n offset=0x7fffffff align=1 (i32.const 0) (i64.load $n offset=300
        (i32.const 1))) (i32.store8 (i32.const 0) (memory.grow $n (memory.size $m)))
        (memory.copy $n $m (i32.const 0) (i32.const 1) (i32.const 2))
        (memory.fill $n (i32.const 0) (i32.const 1) (i32.const 2))
        (memory.init $n $d (i32.const 0) (i32.const 1) (i32.const 2)) (data.drop $d)`,
      opcodes: [],
    },
    "tables": {
      body: `(table.set $u (i32.const 0) (table.get $t (i32.const 1)))
        (table.copy $u $t (i32.const 0) (i32.const 1) (i32.const 2))
        (table.init $u $l (i32.const 0) (i32.const 1) (i32.const 2)) (elem.drop $l)
        (table.fill $u (i32.const 0) (ref.null func) (i32.const 1))
        (drop (table.grow $u (ref.null func) (i32.const 1))) (drop (table.size $u))`,
      opcodes: [],
    },
    "references": {
      body: `(drop (ref.is_null (ref.null extern))) (drop (ref.as_non_null (ref.func $callee)))
        (block (drop (br_on_null 0 (ref.null $p))))
        (drop (select (result funcref) (ref.null func) (ref.null func) (i32.const 0)))
        (drop (block (result (ref null $p)) (ref.null $p)))`,
      opcodes: [],
    },
    "saturating conversions": {
      body: "(drop (i32.trunc_sat_f32_s (f32.const 1))) (drop (i64.trunc_sat_f64_u (f64.const 1)))",
      opcodes: [0x43, 0xfc0000, 0x1a, 0x44, 0xfc0007, 0x1a, END],
    },
    "vectors": {
      body: `(drop (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15))
        (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31 (v128.load (i32.const 0))
          (v128.load32_splat offset=4 (i32.const 0))))
        (drop (i8x16.extract_lane_s 15 (i8x16.replace_lane 3 (i8x16.splat (i32.const 1)) (i32.const 2))))
        (drop (v128.load16_lane offset=8 7 (i32.const 0) (i8x16.splat (i32.const 0))))
        (v128.store64_lane 1 (i32.const 0) (i8x16.splat (i32.const 0)))
        (drop (v128.load32_zero (i32.const 0)))
        (drop (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (f32.const 1))))`,
      opcodes: [],
    },
    "exceptions": {
      body: `(drop (block (result i32) (try_table (catch $e 0) (catch_all 1)
        (throw $e (i32.const 1))) (i32.const 2)))
        (drop (block (result exnref) (try_table (catch_all_ref 0) (nop)) (unreachable)))`,
      opcodes: [],
    },
    "garbage collection": {
      body: `(drop (struct.get $s 0 (struct.new $s (i32.const 1) (i64.const 2))))
        (struct.set $s 0 (struct.new_default $s) (i32.const 1))
        (drop (array.get $a (array.new_fixed $a 3 (i32.const 1) (i32.const 2) (i32.const 3))
          (i32.const 0)))
        (drop (array.len (array.new_data $a $d (i32.const 0) (i32.const 0))))
        (array.copy $a $a (array.new_default $a (i32.const 1)) (i32.const 0)
          (array.new_default $a (i32.const 1)) (i32.const 0) (i32.const 1))
        (array.fill $a (array.new_default $a (i32.const 1)) (i32.const 0) (i32.const 1) (i32.const 0))
        (drop (i31.get_u (ref.i31 (i32.const 1)))) (drop (ref.test (ref $s) (struct.new_default $s)))
        (drop (ref.cast (ref null $a) (array.new_default $a (i32.const 1))))
        (drop (block (result (ref any)) (br_on_cast 0 (ref any) (ref $s) (struct.new_default $s))))
        (drop (any.convert_extern (ref.null extern)))
        (drop (ref.eq (ref.i31 (i32.const 1)) (ref.i31 (i32.const 1))))`,
      opcodes: [],
    },
    "threads": {
      body: `(atomic.fence) (drop (memory.atomic.notify offset=4 (i32.const 0) (i32.const 1)))
        (drop (i32.atomic.rmw8.cmpxchg_u (i32.const 0) (i32.const 1) (i32.const 2)))
        (i64.atomic.store $n (i32.const 0) (i64.const 1))`,
      opcodes: [],
    },
    "tail calls": {
      body: "(return_call $tail)",
      opcodes: [OP.returnCall, END],
    },
  };
  for (const [name, { body, opcodes }] of Object.entries(cases)) {
    await t.step(name, async () => {
      const found = await opcodesOf(`(module ${CONTEXT} (func $tail ${body}))`);
      assert.equal(found.at(-1), END);
      if (opcodes.length > 0) assert.deepEqual(found, opcodes);
    });
  }
});

Deno.test("readInstruction() takes legacy exceptions", () => {
  const cases: [string, number[]][] = [
    ["try", [0x06, 0x40]],
    ["catch", [0x07, 0x80, 0x01]],
    ["rethrow", [0x09, 0x00]],
    ["delegate", [0x18, 0x01]],
    ["catch_all", [0x19]],
  ];
  for (const [name, bytes] of cases) {
    const reader = new WasmReader(Uint8Array.from([...bytes, 0x01]));
    assert.equal(readInstruction(reader), bytes[0], name);
    assert.equal(reader.position, bytes.length, name);
  }
});

Deno.test("readInstruction() refuses what it does not know", () => {
  const unknown: number[][] = [
    [0x16],
    [0x17],
    [0x27],
    [0xc5],
    [0xe0],
    [0xfa],
    [0xff],
    [0xfc, 0x12],
    [0xfb, 0x1f],
    [0xfd, 0x94, 0x02],
    [0xfe, 0x04],
    [0xfe, 0x4f],
  ];
  for (const bytes of unknown) {
    const reader = new WasmReader(Uint8Array.from([...bytes, 0, 0, 0, 0]));
    assert.throws(() => readInstruction(reader), RangeError, bytes.join(" "));
  }
});

Deno.test("readInstruction() notices the end of the binary", () => {
  const cut: number[][] = [[], [0x41], [0x41, 0x80], [0x44, 0, 0], [0x0e, 0xff, 0xff, 0x7f], [
    0xfd,
  ]];
  for (const bytes of cut) {
    const reader = new WasmReader(Uint8Array.from(bytes));
    assert.throws(() => readInstruction(reader), RangeError, bytes.join(" "));
  }
});

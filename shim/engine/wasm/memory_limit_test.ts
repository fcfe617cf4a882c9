import assert from "node:assert/strict";
import { wat } from "./_wat_fixture.ts";
import { limitMemory } from "./memory_limit.ts";

const GROW = `(func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))`;

Deno.test("limitMemory() caps growth", async () => {
  const bytes = limitMemory(await wat(`(module (memory 2) ${GROW})`), 4);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource));
  const grow = exports.grow as (pages: number) => number;
  assert.equal(grow(2), 2);
  assert.equal(grow(1), -1);
});

Deno.test("limitMemory() keeps a lower maximum and modules without memory", async () => {
  const bytes = limitMemory(await wat(`(module (memory 1 3) ${GROW})`), 100);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource));
  assert.equal((exports.grow as (pages: number) => number)(3), -1);
  const none = await wat(`(module (func))`);
  assert.equal(limitMemory(none, 1), none);
});

Deno.test("limitMemory() refuses a memory that starts above the limit", async () => {
  const module = await wat(`(module (memory 5))`);
  assert.throws(() => limitMemory(module, 4), /starts with 327680 bytes.*limit is 262144/);
});

/**
 * Components of the asynchronous component model that call each other inside a composition.
 *
 * @module
 */

import assert from "node:assert/strict";
import { buildAsyncComponent } from "../../tests/support/spin_compositions.ts";
import { loadAsyncComponent } from "./_async_guest_fixture.ts";
import { encodeComposition } from "./compose/encode_composition.ts";
import type { LoadedSharedComponent } from "./shared_component.ts";
import { readShape } from "./wasm/component_shape.ts";

const MEMORY = `(memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))`;

/** Adds one, by a function that is `async` or not. */
async function buildAdder(isAsync: boolean): Promise<Uint8Array> {
  const sum = "(i32.add (local.get 0) (i32.const 1))";
  return await buildAsyncComponent(
    isAsync
      ? `(module
          (import "[export]a:b/adds" "[task-return]add" (func $return (param i32)))
          ${MEMORY}
          (func (export "[async-lift]a:b/adds#add") (param i32) (result i32)
            (call $return ${sum}) (i32.const 0))
          (func (export "[callback][async-lift]a:b/adds#add") (param i32 i32 i32) (result i32)
            unreachable))`
      : `(module (func (export "a:b/adds#add") (param i32) (result i32) ${sum}))`,
    `package t:t; world guest { export a:b/adds; } ${wit(isAsync)}`,
  );
}

function wit(isAsync: boolean): string {
  return `package a:b { interface adds { add: ${isAsync ? "async " : ""}func(x: u32) -> u32; } }`;
}

interface Way {
  readonly isAsync: boolean;
  readonly lowersAsync: boolean;
  /** It calls when it starts, too. */
  readonly callsAtStart?: boolean;
}

/** Has one added, in one of the ways in which a guest can call. */
async function buildCaller(
  { isAsync, lowersAsync, callsAtStart = false }: Way,
): Promise<Uint8Array> {
  const call = lowersAsync
    ? `(drop (call $add (local.get 0) (i32.const 64))) (call $return (i32.load (i32.const 64)))`
    : `(call $return (call $add (local.get 0)))`;
  return await buildAsyncComponent(
    `(module
      (import "a:b/adds" "${lowersAsync ? "[async-lower]" : ""}add"
        (func $add (param i32 ${lowersAsync ? "i32" : ""}) (result i32)))
      (import "[export]$root" "[task-return]go" (func $return (param i32)))
      ${MEMORY}
      ${callsAtStart ? "(func $start (drop (call $add (i32.const 1)))) (start $start)" : ""}
      (func (export "[async-lift]go") (param i32) (result i32) ${call} (i32.const 0))
      (func (export "[callback][async-lift]go") (param i32 i32 i32) (result i32) unreachable))`,
    `package t:t; world guest { import a:b/adds; export go: async func(x: u32) -> u32; }
     ${wit(isAsync)}`,
  );
}

/** A caller with what adds for it. */
async function composed(way: Way): Promise<LoadedSharedComponent> {
  const [adder, caller] = await Promise.all([buildAdder(way.isAsync), buildCaller(way)]);
  return await loadAsyncComponent(encodeComposition([
    { shape: readShape(adder), given: new Map(), outerName: (item) => item },
    {
      shape: readShape(caller),
      given: new Map([["a:b/adds", { part: 0, export: "a:b/adds" }]]),
      outerName: (item) => item,
    },
  ]));
}

Deno.test("a guest calls a dependency whose functions", async (t) => {
  const ways = [
    { name: "are synchronous", isAsync: false, lowersAsync: false },
    { name: "are async, and waits for it", isAsync: true, lowersAsync: false },
    { name: "are async, and goes on", isAsync: true, lowersAsync: true },
  ];
  for (const { name, ...way } of ways) {
    await t.step(name, async () => {
      const instance = await (await composed(way)).instantiate();
      for (let round = 0; round < 3; round++) {
        const { result, finished } = instance.call((exports) =>
          (exports.go as unknown as (x: number) => Promise<number>)(41)
        );
        assert.equal(await result, 42);
        await finished;
      }
      instance.end();
    });
  }
});

Deno.test("a guest that calls a dependency while it starts does not start, and it is said why", async () => {
  const loaded = await composed({ isAsync: false, lowersAsync: false, callsAtStart: true });
  await assert.rejects(() => loaded.instantiate(), {
    message: "components in it call each other while they start, which this version does not run",
  });
});

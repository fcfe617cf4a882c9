import assert from "node:assert/strict";
import { buildComponent } from "../../../tests/support/composed_guests.ts";
import { engineShared } from "../_guest_fixture.ts";
import { compileModules, type ComponentInstance, loadComponent } from "../component.ts";
import { linkImports } from "../link.ts";
import { prepareComponent } from "../prepare.ts";
import { readEntry, writeEntry } from "../prepared_store.ts";
import { readShape } from "../wasm/component_shape.ts";
import { type CompositionPart, encodeComposition } from "./encode_composition.ts";

const WIT = `
  package a:b {
    interface things {
      resource thing { constructor(); }
      touch: func(x: borrow<thing>) -> u32;
      touched: func() -> u32;
    }
    interface lends {
      use things.{thing};
      lend: func(x: borrow<thing>) -> u32;
      lend-all: func(x: borrow<thing>, y: borrow<thing>, z: borrow<thing>);
      keep: func(x: thing);
    }
    interface holds {
      use things.{thing};
      hold: func(x: thing) -> u32;
    }
  }`;

/** Has the things, and counts how often they are touched and dropped (by tens). */
function buildThings(): Promise<Uint8Array> {
  return buildComponent(
    `(module
      (import "[export]a:b/things" "[resource-new]thing" (func $new (param i32) (result i32)))
      (global $touched (mut i32) (i32.const 0))
      (func (export "a:b/things#[constructor]thing") (result i32) (call $new (i32.const 7)))
      (func (export "a:b/things#[dtor]thing") (param i32)
        (global.set $touched (i32.add (global.get $touched) (i32.const 10))))
      (func (export "a:b/things#touch") (param i32) (result i32)
        (if (i32.ne (local.get 0) (i32.const 7)) (then unreachable))
        (global.set $touched (i32.add (global.get $touched) (i32.const 1)))
        (global.get $touched))
      (func (export "a:b/things#touched") (result i32) (global.get $touched)))`,
    `package t:t; world guest { export a:b/things; } ${WIT}`,
  );
}

/** Lends things on: what it is lent itself, twice, to the one who has them. */
function buildLender(): Promise<Uint8Array> {
  return buildComponent(
    `(module
      (import "a:b/things" "touch" (func $touch (param i32) (result i32)))
      (import "a:b/things" "[resource-drop]thing" (func $drop (param i32)))
      (func (export "a:b/lends#lend") (param i32) (result i32) (local $touched i32)
        (drop (call $touch (local.get 0)))
        (local.set $touched (call $touch (local.get 0)))
        (call $drop (local.get 0))
        (local.get $touched))
      (func $touch_and_drop (param i32)
        (drop (call $touch (local.get 0)))
        (call $drop (local.get 0)))
      (func (export "a:b/lends#lend-all") (param i32 i32 i32)
        (call $touch_and_drop (local.get 0))
        (call $touch_and_drop (local.get 1))
        (call $touch_and_drop (local.get 2)))
      (func (export "a:b/lends#keep") (param i32) (call $drop (local.get 0))))`,
    `package t:t; world guest { import a:b/things; export a:b/lends; } ${WIT}`,
  );
}

/** Keeps what it gets, and tells the number of its handle. */
function buildHolder(): Promise<Uint8Array> {
  return buildComponent(
    `(module
      (func (export "a:b/holds#hold") (param i32) (result i32) (local.get 0)))`,
    `package t:t; world guest { import a:b/things; export a:b/holds; } ${WIT}`,
  );
}

/** Makes three things, lends them, and gives all of them away. */
function buildUser(): Promise<Uint8Array> {
  return buildComponent(
    `(module
      (import "a:b/things" "[constructor]thing" (func $thing (result i32)))
      (import "a:b/things" "touched" (func $touched (result i32)))
      (import "a:b/lends" "lend" (func $lend (param i32) (result i32)))
      (import "a:b/lends" "lend-all" (func $lend_all (param i32 i32 i32)))
      (import "a:b/lends" "keep" (func $keep (param i32)))
      (import "a:b/holds" "hold" (func $hold (param i32) (result i32)))
      (func (export "use-things") (result i32)
        (local $first i32) (local $second i32) (local $third i32) (local $round i32)
        (local.set $first (call $thing))
        (local.set $second (call $thing))
        (local.set $third (call $thing))
        (loop $again
          (call $lend_all (local.get $third) (local.get $second) (local.get $first))
          (local.set $round (i32.add (local.get $round) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $round) (i32.const 4))))
        (drop (call $lend (local.get $second)))
        (call $keep (local.get $second))
        (drop (call $lend (local.get $third)))
        (drop (call $lend (local.get $third)))
        (call $keep (local.get $third))
        (i32.add (call $touched)
          (i32.mul (i32.const 100) (call $hold (local.get $first))))))`,
    `package t:t;
     world guest {
       import a:b/things;
       import a:b/lends;
       import a:b/holds;
       export use-things: func() -> u32;
     }
     ${WIT}`,
  );
}

/** Loads a component that imports nothing of the host. */
async function instantiate(component: Uint8Array): Promise<ComponentInstance> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    const entry = `${directory}/entry`;
    await writeEntry(entry, await prepareComponent(component));
    const { manifest, files } = (await readEntry(entry))!;
    const loaded = await loadComponent({
      id: "web",
      directory: entry,
      manifest,
      modules: compileModules(files, { manifest, component: "web" }),
      imports: linkImports(manifest, { component: "web", offered: {} }),
      shared: engineShared(),
    });
    return await loaded.instantiate();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function buildParts(): Promise<CompositionPart[]> {
  return [
    part(await buildThings()),
    part(await buildLender(), [["a:b/things", 0]]),
    part(await buildHolder(), [["a:b/things", 0]]),
    part(await buildUser(), [["a:b/things", 0], ["a:b/lends", 1], ["a:b/holds", 2]]),
  ];
}

function part(
  bytes: Uint8Array,
  given: readonly (readonly [name: string, part: number])[] = [],
): CompositionPart {
  return {
    shape: readShape(bytes),
    given: new Map(given.map(([name, from]) => [name, { part: from, export: name }])),
    outerName: (name) => name,
  };
}

Deno.test("encodeComposition() lets parts lend and give resources to each other", async () => {
  const instance = await instantiate(encodeComposition(await buildParts()));
  const useThings = instance.exports.useThings as unknown as () => number;
  const image = instance.globals.map((global) => global.value);
  for (let round = 0; round < 3; round++) {
    instance.preemption.begin();
    // Four times three touches, three times two, two things dropped, and the first handle held.
    assert.equal(useThings(), 12 + 6 + 20 + 100);
    // As the pool does it: nothing of a round is left for the next.
    assert.equal(instance.disposeResources(), true);
    instance.globals.forEach((global, i) => global.value = image[i]);
    instance.restoreResources();
  }
});

Deno.test("encodeComposition() exports what the last part does, types and functions included", async () => {
  const parts = await buildParts();
  const composed = encodeComposition(parts);
  assert.deepEqual(readShape(composed).exports, parts.at(-1)!.shape.exports);
  assert.deepEqual(readShape(composed).imports, []);
});

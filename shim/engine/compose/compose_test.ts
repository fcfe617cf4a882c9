import assert from "node:assert/strict";
import {
  buildAnswerer,
  buildAsker,
  buildComponent,
  buildPassThrough,
} from "../../../tests/support/composed_guests.ts";
import { readGuest } from "../_guest_fixture.ts";
import { prepareComponent } from "../prepare.ts";
import { wat } from "../wasm/_wat_fixture.ts";
import { readComponent } from "../wasm/component_binary.ts";
import { composeComponent, type ComposedDependency } from "./compose.ts";

function dependency(
  name: string,
  bytes: Uint8Array,
  options: Partial<ComposedDependency> = {},
): ComposedDependency {
  return { name, bytes, export: null, inherit: [], ...options };
}

/** The imports of a composition that the binding generator has found valid. */
async function composedImports(
  component: Uint8Array,
  dependencies: readonly ComposedDependency[],
): Promise<readonly string[]> {
  const files = await prepareComponent(component, { component: "web", dependencies });
  return JSON.parse(new TextDecoder().decode(files.get("manifest.json"))).imports;
}

Deno.test("composeComponent() leaves a component without dependencies alone", async () => {
  const bytes = await buildPassThrough();
  assert.equal(composeComponent(bytes, { component: "web", dependencies: [] }), bytes);
});

Deno.test("composeComponent() gives the component's exports and what nobody satisfies", async () => {
  const [asker, answerer] = await Promise.all([buildAsker(), buildAnswerer()]);
  const composed = composeComponent(asker, {
    component: "web",
    dependencies: [dependency("test:dep", answerer)],
  });
  assert.deepEqual(readComponent(composed).exports, ["wasi:http/incoming-handler@0.2.0"]);
  assert.deepEqual([...readComponent(composed).imports].sort(), [
    "wasi:clocks/monotonic-clock@0.2.0",
    "wasi:http/types@0.2.0",
    "wasi:io/error@0.2.0",
    "wasi:io/poll@0.2.0",
    "wasi:io/streams@0.2.0",
  ]);
});

Deno.test("composeComponent() makes a dependency's instance once for each name", async () => {
  const [asker, answerer] = await Promise.all([buildAsker(), buildAnswerer()]);
  const composed = composeComponent(asker, {
    component: "web",
    dependencies: [
      dependency("test:dep/answers@1.0.0", answerer),
      dependency("test:dep/counts", answerer),
    ],
  });
  assert.ok(composed.length > asker.length + 2 * answerer.length);
});

Deno.test("composeComponent() imports an interface once, in its newest patch version", async () => {
  const [component, go] = await Promise.all([buildPassThrough(), readGuest("go-hello")]);
  const imports = await composedImports(component, [
    dependency("wasi:http/incoming-handler", go, { inherit: "All" }),
  ]);
  const types = imports.filter((name) => name.startsWith("wasi:http/types@"));
  assert.deepEqual(types, ["wasi:http/types@0.2.3"]);
  assert.equal(new Set(imports).size, imports.length);
});

Deno.test("composeComponent() renames what a dependency has not inherited", async () => {
  const [component, script] = await Promise.all([buildPassThrough(), readGuest("script-js")]);
  const all = await composedImports(component, [
    dependency("wasi:http/incoming-handler@0.2.3", script, { inherit: "All" }),
  ]);
  assert.deepEqual(all.filter((name) => name.startsWith("denied-")), []);
  const some = await composedImports(component, [
    dependency("wasi:http/incoming-handler@0.2.3", script, { inherit: ["key_value_stores"] }),
  ]);
  const cases: [name: string, isDenied: boolean][] = [
    ["fermyon:spin/key-value@2.0.0", false],
    ["fermyon:spin/key-value", false],
    ["wasi:keyvalue/atomics@0.2.0-draft2", false],
    ["fermyon:spin/variables@2.0.0", true],
    ["fermyon:spin/sqlite@2.0.0", true],
    ["wasi:http/outgoing-handler@0.2.3", true],
    ["wasi:http/types@0.2.3", false],
    ["wasi:random/random@0.2.3", false],
  ];
  for (const [name, isDenied] of cases) {
    assert.equal(some.includes(name), !isDenied, name);
    assert.equal(some.includes(`denied-${name}`), isDenied, name);
  }
});

Deno.test("composeComponent() takes functions of a plain name", async () => {
  const component = await buildComponent(
    `(module (import "$root" "greet" (func $f (param i32) (result i32)))
       (func (export "go") (result i32) (call $f (i32.const 1))))`,
    `package t:t;
     world guest { import greet: func(x: u32) -> u32; export go: func() -> u32; }`,
  );
  const greeter = await buildComponent(
    `(module (func (export "greet") (param i32) (result i32) (i32.const 7)))`,
    "package t:t; world guest { export greet: func(x: u32) -> u32; }",
  );
  assert.deepEqual(await composedImports(component, [dependency("greet", greeter)]), []);
});

Deno.test("composeComponent() keeps functions and types that the world itself imports", async () => {
  const component = await buildComponent(
    `(module (import "a:b/c" "f" (func $f (result i32)))
       (import "$root" "make" (func $make (param i32 i32)))
       (memory (export "memory") 1)
       (func (export "go") (result i32) (call $f)))`,
    `package t:t;
     world guest {
       use a:b/types.{point};
       import a:b/c;
       import make: func(x: s32) -> point;
       export go: func() -> u32;
     }
     package a:b {
       interface types { record point { x: s32, y: s32 } }
       interface c { f: func() -> u32; }
     }`,
  );
  const other = await buildComponent(
    `(module (func (export "a:b/c#f") (result i32) (i32.const 7)))`,
    "package t:t; world guest { export a:b/c; } package a:b { interface c { f: func() -> u32; } }",
  );
  const imports = await composedImports(component, [dependency("a:b/c", other)]);
  assert.deepEqual(imports.filter((name) => name !== "point"), ["a:b/types", "make"]);
});

const CONSUMER_WIT = `package t:t;
  world guest { import a:b/c; export go: func() -> u32; }
  package a:b { interface c { f: func(x: u32) -> u32; } }`;

async function consumer(): Promise<Uint8Array> {
  return await buildComponent(
    `(module (import "a:b/c" "f" (func $f (param i32) (result i32)))
       (func (export "go") (result i32) (call $f (i32.const 1))))`,
    CONSUMER_WIT,
  );
}

Deno.test("composeComponent() says which dependency has an export of another type", async () => {
  const wrong = await buildComponent(
    `(module (func (export "a:b/c#f") (param i64) (result i32) (i32.const 7)))`,
    `package t:t; world guest { export a:b/c; }
     package a:b { interface c { f: func(x: u64) -> u32; } }`,
  );
  await assert.rejects(composedImports(await consumer(), [dependency("a:b/c", wrong)]), {
    name: "TerminalError",
    reason: "CannotCompose",
    message:
      /^dependency 'a:b\/c' exports 'a:b\/c' which is not compatible with import 'a:b\/c': .*expected primitive `u32` found primitive `u64`/,
  });
});

Deno.test("composeComponent() names the dependency that is no component", async () => {
  const cases: [bytes: Uint8Array, message: RegExp][] = [
    [new TextEncoder().encode("no Wasm at all"), /^its dependency 'a:b\/c': ./],
    [
      await wat("(component)"),
      /^dependency 'a:b\/c' doesn't export 'a:b\/c' .*it exports nothing$/,
    ],
    [(await consumer()).subarray(0, 400), /dependency 'a:b\/c'/],
  ];
  for (const [bytes, message] of cases) {
    await assert.rejects(composedImports(await consumer(), [dependency("a:b/c", bytes)]), {
      name: "TerminalError",
      message,
    });
  }
});

Deno.test("composeComponent() refuses what it cannot express, and says what to do", async () => {
  // A dependency cannot have the types of an interface that the host offers.
  const component = await buildComponent(
    `(module (import "a:b/uses" "f" (func $f (param i32)))
       (import "a:b/types" "[resource-drop]thing" (func $drop (param i32)))
       (func (export "go") (call $f (i32.const 1)) (call $drop (i32.const 1))))`,
    `package t:t;
     world guest { import a:b/types; import a:b/uses; export go: func(); }
     package a:b {
       interface types { resource thing; }
       interface uses { use types.{thing}; f: func(x: borrow<thing>); }
     }`,
  );
  const types = await buildComponent(
    `(module (import "[export]a:b/types" "[resource-drop]thing" (func (param i32))))`,
    `package t:t; world guest { export a:b/types; }
     package a:b { interface types { resource thing; } }`,
  );
  await assert.rejects(composedImports(component, [dependency("a:b/types", types)]), {
    name: "TerminalError",
    message:
      /other imports use types of "a:b\/types", which is taken from a dependency; have that dependency satisfy them too\. Compose it beforehand/,
  });
});

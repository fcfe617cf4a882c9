import assert from "node:assert/strict";
import { wat } from "../wasm/_wat_fixture.ts";
import { isComposition } from "../wasm/component_binary.ts";
import { UnsupportedComponent } from "../wasm/component_types.ts";
import { readComposition } from "./read_composition.ts";

/** Exports what its import is, under another name. */
const PASSES = (from: string, to: string): string => `
  (import "${from}" (instance $i (export "f" (func))))
  (export "${to}" (instance $i))`;

/** Written as wac does: types and imports, components, instances, aliases, exports. */
const NESTED = `(component $whole
  (type $t (instance (export "f" (func))))
  (import "host:a/x" (instance $x (type $t)))
  (component $outer
    (import "host:a/x" (instance $x (export "f" (func))))
    (component $first ${PASSES("host:a/x", "test:first/y")})
    (component $second ${PASSES("test:first/y", "test:second/z")})
    (instance $a (instantiate $first (with "host:a/x" (instance $x))))
    (alias export $a "test:first/y" (instance $y))
    (instance $b (instantiate $second (with "test:first/y" (instance $y))))
    (alias export $b "test:second/z" (instance $z))
    (export "test:outer/z" (instance $z)))
  (component $last ${PASSES("test:outer/z", "test:last/w")})
  (instance $o (instantiate $outer (with "host:a/x" (instance $x))))
  (alias export $o "test:outer/z" (instance $z))
  (instance $l (instantiate $last (with "test:outer/z" (instance $z))))
  (alias export $l "test:last/w" (instance $w))
  (export $e "test:last/w" (instance $w) (instance (type $t)))
)`;

Deno.test("readComposition() takes compositions in compositions apart", async () => {
  const bytes = await wat(NESTED);
  assert.equal(isComposition(bytes), true);
  const { parts, exports } = readComposition(bytes);
  assert.deepEqual(parts.map(({ sources }) => [...sources]), [
    [["host:a/x", { kind: "import", name: "host:a/x" }]],
    [["test:first/y", { kind: "part", part: 0, export: "test:first/y" }]],
    [["test:outer/z", { kind: "part", part: 1, export: "test:second/z" }]],
  ]);
  assert.deepEqual([...exports], [
    ["test:last/w", { kind: "part", part: 2, export: "test:last/w" }],
  ]);
});

Deno.test("readComposition() counts each instance, and knows functions as well as interfaces", async () => {
  const { parts, exports } = readComposition(
    await wat(`(component
      (import "go" (func $go))
      (component $c (import "g" (func $g)) (export "h" (func $g)))
      (instance $a (instantiate $c (with "g" (func $go))))
      (instance $b (instantiate $c (with "g" (func $a "h"))))
      (export "go-twice" (func $b "h")))`),
  );
  assert.deepEqual(parts.map(({ sources }) => sources.get("g")), [
    { kind: "import", name: "go" },
    { kind: "part", part: 0, export: "h" },
  ]);
  assert.deepEqual([...exports], [["go-twice", { kind: "part", part: 1, export: "h" }]]);
});

Deno.test("readComposition() refuses what is more than components and what connects them", async () => {
  const cases: readonly (readonly [text: string, problem: RegExp])[] = [
    [
      `(component
        (import "c" (component $c))
        (component (export "d" (component $c))))`,
      /imports a component/,
    ],
    [
      `(component
        (import "go" (func $go))
        (component $c ${PASSES("x", "y")})
        (instance $made (export "f" (func $go)))
        (instance (instantiate $c (with "x" (instance $made)))))`,
      /"x" is neither an import nor/,
    ],
  ];
  for (const [text, message] of cases) {
    const bytes = await wat(text);
    assert.throws(() => readComposition(bytes), (error) => {
      assert.ok(error instanceof UnsupportedComponent, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("readComposition() ends at any number of instances", async () => {
  // Each level has two of the one below: 2^12 in a kilobyte.
  let text = `(component (import "g" (func $g)) (export "h" (func $g)))`;
  for (let level = 0; level < 12; level++) {
    text = `(component
      (import "g" (func $g))
      ${text.replace("(component", "(component $c")}
      (instance $a (instantiate $c (with "g" (func $g))))
      (instance $b (instantiate $c (with "g" (func $a "h"))))
      (export "h" (func $b "h")))`;
  }
  const bytes = await wat(text);
  assert.throws(() => readComposition(bytes), /more than 1000 components/);
});

Deno.test("isComposition() is false for components that have code", async () => {
  for (
    const text of [
      "(component)",
      `(component (core module (func)) (component))`,
      `(component (import "g" (func $g)) (export "h" (func $g)))`,
    ]
  ) assert.equal(isComposition(await wat(text)), false, text);
});

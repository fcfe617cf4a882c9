import assert from "node:assert/strict";
import {
  buildDenyAdapter,
  chainComponents,
  denyAll,
  HANDLER,
  middlewareComponent,
} from "../../../tests/support/spin_compositions.ts";
import { TerminalError } from "../../../lib/errors.ts";
import { seededRandom, wat } from "../wasm/_wat_fixture.ts";
import { isComposition, readComponent } from "../wasm/component_binary.ts";
import { isDenyAdapter } from "./deny_adapter.ts";
import { type SplitComposition, splitComposition } from "./split_composition.ts";

/** A component in the text format that imports and exports functions only. */
function component(imports: readonly string[], exports: readonly string[], name = ""): string {
  return `(component ${name}
    (import "own" (func $own))
    ${imports.map((item) => `(import "${item}" (instance (export "f" (func))))`).join(" ")}
    (instance $made (export "f" (func $own)))
    ${exports.map((item) => `(export "${item}" (instance $made))`).join(" ")})`;
}

/** What a component exports that refuses everything, in the versions of today and before. */
const REFUSED = [
  "fermyon:spin/llm@2.0.0",
  "fermyon:spin/key-value@2.0.0",
  "fermyon:spin/sqlite@2.0.0",
  "fermyon:spin/variables@2.0.0",
  "wasi:cli/environment@0.2.6",
  "wasi:filesystem/preopens@0.2.6",
  "wasi:sockets/tcp@0.2.6",
  "wasi:http/outgoing-handler@0.2.6",
];

function importsOf(split: SplitComposition): (readonly string[])[] {
  return [...split.middleware, split.component].map((bytes) => readComponent(bytes).imports);
}

Deno.test("isDenyAdapter() knows it by the interfaces of all permissions, in any version", () => {
  assert.equal(isDenyAdapter(REFUSED), true);
  assert.equal(isDenyAdapter(REFUSED.map((name) => name.split("@")[0]!)), true);
  // What stands in for files and the network, or for all of Spin's stores.
  assert.equal(isDenyAdapter(REFUSED.filter((name) => name.startsWith("wasi:"))), false);
  assert.equal(isDenyAdapter(REFUSED.filter((name) => name.startsWith("fermyon:"))), false);
});

Deno.test("splitComposition() leaves alone what the engine runs as it is", async () => {
  const cases = [
    component([], [HANDLER]),
    `(component (import "own" (func $own))
      ${component([], ["a:b/c"], "$a")} ${component(["a:b/c"], [HANDLER], "$b")}
      (instance $x (instantiate $a (with "own" (func $own))))
      (instance $y (instantiate $b
        (with "own" (func $own)) (with "a:b/c" (instance $x "a:b/c"))))
      (export "${HANDLER}" (instance $y "${HANDLER}")))`,
  ];
  for (const text of cases) assert.equal(splitComposition(await wat(text)), undefined, text);
});

Deno.test("splitComposition() splits middleware of an app, and denies it what was denied", async () => {
  const [adapter, adder, stasher, echo] = await Promise.all([
    buildDenyAdapter(),
    middlewareComponent("header-adder"),
    middlewareComponent("kv-stasher"),
    middlewareComponent("echo"),
  ]);
  const allowed = ["wasi:cli/environment@0.2.3"];
  const split = splitComposition(
    chainComponents([adder, denyAll(stasher, { adapter, allowed }), echo]),
  )!;
  assert.equal(split.middleware.length, 2);
  assert.deepEqual(split.middleware[0], adder);
  assert.deepEqual(split.component, echo);
  const denied = importsOf(split)[1]!.filter((name) => name.startsWith("denied-"));
  assert.deepEqual(denied, [
    "denied-spin:key-value/key-value@3.0.0",
    "denied-wasi:filesystem/preopens@0.2.3",
  ]);
  assert.deepEqual(
    importsOf(split)[1]!.map((name) => name.replace(/^denied-/, "")),
    readComponent(stasher).imports,
  );
});

Deno.test("splitComposition() keeps what a link of the chain is composed with", async () => {
  const split = splitComposition(
    await wat(`(component
      (import "own" (func $own))
      (import "wasi:http/types@0.3.0" (instance $types (export "f" (func))))
      ${component([HANDLER, "a:b/c", "wasi:http/types@0.3.0"], [HANDLER], "$guard")}
      ${component([], ["a:b/c"], "$helper")}
      ${component([], [HANDLER, "x:y/z"], "$app")}
      (instance $a (instantiate $app (with "own" (func $own))))
      (instance $h (instantiate $helper (with "own" (func $own))))
      (instance $g (instantiate $guard
        (with "own" (func $own))
        (with "a:b/c" (instance $h "a:b/c"))
        (with "wasi:http/types@0.3.0" (instance $types))
        (with "${HANDLER}" (instance $a "${HANDLER}"))))
      (export "${HANDLER}" (instance $g "${HANDLER}")))`),
  )!;
  assert.deepEqual(importsOf(split), [["own", HANDLER, "wasi:http/types@0.3.0"], ["own"]]);
  assert.deepEqual(readComponent(split.middleware[0]!).exports, [HANDLER]);
  assert.deepEqual(readComponent(split.component).exports, [HANDLER, "x:y/z"]);
});

Deno.test("splitComposition() refuses on behalf of the deny adapter of a dependency", async () => {
  const split = splitComposition(
    await wat(`(component
      (import "own" (func $own))
      (component $dependency
        (import "own" (func $own))
        ${component([], REFUSED, "$deny")}
        ${component(["wasi:sockets/tcp@0.2.6", "wasi:cli/environment@0.2.0"], ["a:b/c"], "$d")}
        (instance $no (instantiate $deny (with "own" (func $own))))
        (instance $x (instantiate $d
          (with "own" (func $own))
          (with "wasi:sockets/tcp@0.2.6" (instance $no "wasi:sockets/tcp@0.2.6"))
          (with "wasi:cli/environment@0.2.0" (instance $no "wasi:cli/environment@0.2.6"))))
        (export "a:b/c" (instance $x "a:b/c")))
      ${component(["a:b/c"], ["wasi:http/incoming-handler@0.2.3"], "$app")}
      (instance $x (instantiate $dependency (with "own" (func $own))))
      (instance $y (instantiate $app
        (with "own" (func $own)) (with "a:b/c" (instance $x "a:b/c"))))
      (export "wasi:http/incoming-handler@0.2.3"
        (instance $y "wasi:http/incoming-handler@0.2.3")))`),
  )!;
  assert.deepEqual(split.middleware, []);
  assert.deepEqual(readComponent(split.component), {
    // A socket cannot be had without what makes it; its type is needed all the same.
    imports: ["own", "wasi:sockets/tcp@0.2.6", "denied-wasi:cli/environment@0.2.0"],
    exports: ["wasi:http/incoming-handler@0.2.3"],
  });
});

Deno.test("splitComposition() says why middleware cannot be taken apart, and what to do", async () => {
  const types = "wasi:http/types@0.3.0";
  const cases: readonly (readonly [items: string, problem: RegExp])[] = [
    [
      `${component(["a:b/c"], [HANDLER], "$app")} ${
        component(["a:b/c", HANDLER], [HANDLER], "$guard")
      }
      (instance $a (instantiate $app
        (with "own" (func $own)) (with "a:b/c" (instance $h "a:b/c"))))
      (instance $g (instantiate $guard
        (with "own" (func $own))
        (with "a:b/c" (instance $h "a:b/c"))
        (with "${HANDLER}" (instance $a "${HANDLER}"))))`,
      /: they share an instance of a third component\. Name the middleware in the app's manifest/,
    ],
    [
      `${component([], [HANDLER], "$app")} ${component([types, HANDLER], [HANDLER], "$guard")}
      (instance $a (instantiate $app (with "own" (func $own))))
      (instance $g (instantiate $guard
        (with "own" (func $own))
        (with "${types}" (instance $h "${types}"))
        (with "${HANDLER}" (instance $a "${HANDLER}"))))`,
      /: one of them gets "wasi:http\/types@0\.3\.0" from a component\. Name/,
    ],
  ];
  for (const [items, message] of cases) {
    const bytes = await wat(`(component
      (import "own" (func $own))
      ${component([], ["a:b/c", types], "$helper")}
      (instance $h (instantiate $helper (with "own" (func $own))))
      ${items}
      (export "${HANDLER}" (instance $g "${HANDLER}")))`);
    assert.throws(() => splitComposition(bytes), {
      name: "TerminalError",
      reason: "CannotSplit",
      message,
    });
  }
});

Deno.test("splitComposition() ends well on damaged compositions", async () => {
  const bytes = await wat(`(component
    (import "own" (func $own))
    ${component([], REFUSED, "$deny")}
    ${component([HANDLER, "wasi:cli/environment@0.2.6"], [HANDLER], "$guard")}
    ${component([], [HANDLER], "$app")}
    (instance $no (instantiate $deny (with "own" (func $own))))
    (instance $a (instantiate $app (with "own" (func $own))))
    (instance $g (instantiate $guard
      (with "own" (func $own))
      (with "wasi:cli/environment@0.2.6" (instance $no "wasi:cli/environment@0.2.6"))
      (with "${HANDLER}" (instance $a "${HANDLER}"))))
    (export "${HANDLER}" (instance $g "${HANDLER}")))`);
  assert.equal(splitComposition(bytes)?.middleware.length, 1);
  const random = seededRandom(20261125);
  let understood = 0;
  for (let round = 0; round < 3_000; round++) {
    const damaged = bytes.slice(
      0,
      random() < 0.2 ? Math.floor(random() * bytes.length) : undefined,
    );
    for (let count = 1 + Math.floor(random() * 3); count > 0; count--) {
      damaged[8 + Math.floor(random() * (damaged.length - 8))] = Math.floor(random() * 256);
    }
    try {
      if (isComposition(damaged) && splitComposition(damaged)) understood++;
    } catch (error) {
      // The first is what reading sections throws before anything is taken apart.
      assert.ok(
        error instanceof RangeError || error instanceof TerminalError,
        `${round}: ${error}`,
      );
    }
  }
  assert.ok(understood > 100, `${understood}`);
});

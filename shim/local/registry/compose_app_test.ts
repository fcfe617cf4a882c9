import assert from "node:assert/strict";
import { join } from "node:path";
import {
  buildAnswerer,
  buildAsker,
  buildComponent,
} from "../../../tests/support/composed_guests.ts";
import { readComponent } from "../../engine/wasm/component_binary.ts";
import { loadApp, type LockedApp } from "../../loader/mod.ts";
import { composeApp } from "./compose_app.ts";

/** An app of a component that asks a dependency, and of one that has none. */
function manifestOf(dependency: string): string {
  return `spin_manifest_version = 2
[application]
name = "asked"
[[trigger.http]]
route = "/..."
component = "asker"
[component.asker]
source = "asker.wasm"
variables = { a = "b" }
dependencies."test:dep" = ${dependency}
[[trigger.http]]
route = "/plain"
component = "plain"
[component.plain]
source = "answerer.wasm"
`;
}

/** A dependency that reads the environment, or that counts in another type. */
async function buildOther(kind: "curious" | "different"): Promise<Uint8Array> {
  const isCurious = kind === "curious";
  return await buildComponent(
    `(module
      ${
      isCurious ? '(import "wasi:cli/environment@0.2.0" "initial-cwd" (func $cwd (param i32)))' : ""
    }
      (import "[export]test:dep/answers@1.0.0" "[resource-new]counter"
        (func $new (param i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "test:dep/answers@1.0.0#[constructor]counter") (param i32) (result i32)
        (call $new (i32.const 8)))
      (func (export "test:dep/answers@1.0.0#[method]counter.add") (param i32 i32) (result i32)
        (i32.const 0))
      (func (export "test:dep/answers@1.0.0#answer") (param i32 i32) (result i32)
        ${isCurious ? "(call $cwd (i32.const 64))" : ""} (i32.const 16))
      (func (export "test:dep/counts@1.0.0#count") (result ${isCurious ? "i32" : "i64"})
        (${isCurious ? "i32" : "i64"}.const 0)))`,
    `package test:guest;
    world guest {
      ${isCurious ? "import wasi:cli/environment@0.2.0;" : ""}
      export test:dep/answers@1.0.0;
      export test:dep/counts@1.0.0;
    }
    package wasi:cli@0.2.0 {
      interface environment { initial-cwd: func() -> option<string>; }
    }
    package test:dep@1.0.0 {
      interface answers {
        resource counter { constructor(start: u32); add: func(n: u32) -> u32; }
        answer: func(question: string) -> string;
      }
      interface counts { count: func() -> ${isCurious ? "u32" : "u64"}; }
    }`,
  );
}

/** Composes the app whose asker has `dependency`: TOML. */
async function compose(
  dependency: string,
  use: (result: { app: LockedApp; loaded: LockedApp; lines: string[] }) => Promise<void> | void,
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  try {
    const all = {
      "asker.wasm": await buildAsker(),
      "answerer.wasm": await buildAnswerer(),
      ...files,
    };
    for (const [name, bytes] of Object.entries(all)) await Deno.writeFile(join(root, name), bytes);
    await Deno.writeTextFile(join(root, "spin.toml"), manifestOf(dependency));
    const { app: loaded } = await loadApp({ kind: "manifest", path: join(root, "spin.toml") }, {
      workingDir: join(root, "work"),
      cacheDir: join(root, "cache"),
      cwd: root,
    });
    const lines: string[] = [];
    const report = (line: string): void => void lines.push(line);
    const app = await composeApp(loaded, { scratchDir: root, report });
    await use({ app, loaded, lines });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("composeApp() makes one Wasm file of a component and its dependencies", async () => {
  await compose('{ path = "answerer.wasm" }', async ({ app, loaded, lines }) => {
    const [asker, plain] = app.components;
    assert.deepEqual(lines, []);
    assert.deepEqual(plain, loaded.components[1]);
    assert.deepEqual(Object.keys(asker!), ["id", "source", "config"]);
    assert.deepEqual(Object.keys(asker!.source), ["content_type", "source"]);
    const { imports } = readComponent(await Deno.readFile(new URL(asker!.source.source!)));
    assert.deepEqual(imports.filter((name) => name.startsWith("test:")), []);
  });
});

Deno.test("composeApp() gives equal bytes for equal apps", async () => {
  const built: Uint8Array[] = [];
  for (const _ of [1, 2]) {
    await compose('{ path = "answerer.wasm" }', async ({ app }) => {
      built.push(await Deno.readFile(new URL(app.components[0]!.source.source!)));
    });
  }
  assert.deepEqual(built[0], built[1]);
});

for (
  const [inherit, isComposed] of [
    ["false", false],
    ['["variables"]', false],
    ['["environment"]', true],
    ["true", true],
  ] as const
) {
  const verb = isComposed ? "composes" : "leaves apart";
  Deno.test(`composeApp() ${verb} what wants the environment and inherits ${inherit}`, async () => {
    const dependency = `{ path = "other.wasm", inherit_configuration = ${inherit} }`;
    const note = "Note: Component asker is pushed with its dependencies beside it, and hosts put " +
      "them together: they have not inherited wasi:cli/environment@0.2.0.";
    await compose(dependency, ({ app, loaded, lines }) => {
      assert.equal(app.components[0]!.dependencies === undefined, isComposed);
      assert.deepEqual(lines, isComposed ? [] : [note]);
      if (!isComposed) assert.deepEqual(app, loaded);
    }, { "other.wasm": await buildOther("curious") });
  });
}

const REFUSED: readonly (readonly [
  what: string,
  dependency: string,
  files: () => Promise<Readonly<Record<string, Uint8Array>>>,
  message: RegExp,
])[] = [
  [
    "a dependency that is no Wasm",
    '{ path = "other.wasm" }',
    () => Promise.resolve({ "other.wasm": new TextEncoder().encode("(component)") }),
    /^Component asker dependency test:dep source is not a valid \.wasm file: "/,
  ],
  [
    "a dependency without the export",
    '{ path = "asker.wasm" }',
    () => Promise.resolve({}),
    /^Cannot compose component asker: dependency 'test:dep' doesn't export 'test:dep\/answers@1\.0\.0'[^]*With --compose=false it is pushed with its dependencies beside it$/,
  ],
  [
    "a dependency whose export has another type",
    '{ path = "other.wasm" }',
    async () => ({ "other.wasm": await buildOther("different") }),
    /^Cannot compose component asker: dependency 'test:dep' exports 'test:dep\/counts@1\.0\.0' which is not compatible with import 'test:dep\/counts@1\.0\.0': /,
  ],
  [
    "a component that is no Wasm",
    '{ path = "answerer.wasm" }',
    () => Promise.resolve({ "asker.wasm": new TextEncoder().encode("<html>") }),
    /^Component asker source is not a valid \.wasm file: "/,
  ],
];

for (const [what, dependency, files, message] of REFUSED) {
  Deno.test(`composeApp() refuses ${what}`, async () => {
    await assert.rejects(
      compose(dependency, () => assert.fail("it was composed"), await files()),
      { name: "TerminalError", message },
    );
  });
}

import assert from "node:assert/strict";
import { classifySource, type SourceKind } from "./classify.ts";
import { wat } from "./wasm/_wat_fixture.ts";

const APPS = new URL("../../tests/fixtures/apps/", import.meta.url);

async function app(path: string): Promise<Uint8Array> {
  return await Deno.readFile(new URL(path, APPS));
}

Deno.test("classifySource() tells the kinds of Wasm apart", async () => {
  const cases: [Uint8Array, SourceKind][] = [
    [await app("torture/dist/torture.wasm"), "component"],
    [await app("torture/dist/torture-core.wasm"), "adaptable-module"],
    [await app("rust-api/dist/rust-api.wasm"), "adaptable-module"],
    [await app("wagi/dist/wagi.wasm"), "command"],
    [await wat(`(module (func (export "handle-http-request")))`), "spin-module"],
    [await wat(`(module (func (export "handle-redis-message")))`), "spin-module"],
  ];
  for (const [bytes, kind] of cases) {
    assert.deepEqual(classifySource(bytes), { kind, warnings: [] });
  }
});

Deno.test("classifySource() says why other binaries cannot run and what to build", async (t) => {
  const component = await app("torture/dist/torture.wasm");
  const cases: [string, Uint8Array, RegExp][] = [
    ["nothing", new Uint8Array(0), /the file is empty; build/],
    ["text", new TextEncoder().encode("hello world"), /unable to determine wasm binary encoding/],
    ["a cut component", component.slice(0, 5000), /truncated or damaged \(5000 bytes\)/],
    ["a cut header", component.slice(0, 6), /unable to determine/],
    ["a bare module", await wat("(module)"), /without a `component-type` section/],
  ];
  for (const [name, bytes, expected] of cases) {
    await t.step(name, () => {
      assert.throws(() => classifySource(bytes), { name: "TerminalError", message: expected });
    });
  }
});

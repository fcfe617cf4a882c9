import assert from "node:assert/strict";
import { classifySource } from "./classify.ts";
import { wat } from "./wasm/_wat_fixture.ts";

const APPS = new URL("../../tests/fixtures/apps/", import.meta.url);

async function app(path: string): Promise<Uint8Array> {
  return await Deno.readFile(new URL(path, APPS));
}

Deno.test("classifySource() tells components from adaptable modules", async () => {
  assert.equal(classifySource(await app("torture/dist/torture.wasm")), "component");
  assert.equal(classifySource(await app("torture/dist/torture-core.wasm")), "adaptable-module");
  assert.equal(classifySource(await app("rust-api/dist/rust-api.wasm")), "adaptable-module");
});

Deno.test("classifySource() says why other binaries cannot run and what to build", async (t) => {
  const component = await app("torture/dist/torture.wasm");
  const cases: [string, Uint8Array, RegExp][] = [
    ["nothing", new Uint8Array(0), /the file is empty; build/],
    ["text", new TextEncoder().encode("hello world"), /unable to determine wasm binary encoding/],
    ["a cut component", component.slice(0, 5000), /truncated or damaged \(5000 bytes\)/],
    ["a cut header", component.slice(0, 6), /unable to determine/],
    ["a command", await app("wagi/dist/wagi.wasm"), /WASI command.*WAGI.*build a component/],
    ["a bare module", await wat("(module)"), /without a `component-type` section/],
    [
      "Spin's first ABI",
      await wat(`(module (func (export "handle-http-request")))`),
      /first ABI.*rebuild it with a current Spin SDK/,
    ],
  ];
  for (const [name, bytes, expected] of cases) {
    await t.step(name, () => {
      assert.throws(() => classifySource(bytes), { name: "TerminalError", message: expected });
    });
  }
});

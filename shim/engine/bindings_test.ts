import assert from "node:assert/strict";
import { adaptBindings, BindingShapeError } from "./bindings.ts";

const HEADER =
  "export function instantiate(getCoreModule, imports, instantiateCore = WebAssembly.instantiate) {";

Deno.test("adaptBindings() lists what is imported, by version-less interface", () => {
  const { imports } = adaptBindings([
    HEADER,
    "  const { getStdout } = imports['wasi:cli/stdout'];",
    "  const { InputStream, OutputStream } = imports['wasi:io/streams'];",
    "  const { now: now$1, Connection: Connection$2 } = imports['a:b/c'];",
    "  return { };",
    "}",
  ].join("\n"));
  assert.deepEqual(imports, {
    "wasi:cli/stdout": ["getStdout"],
    "wasi:io/streams": ["InputStream", "OutputStream"],
    "a:b/c": ["now", "Connection"],
  });
});

Deno.test("adaptBindings() refuses text of another shape", () => {
  const texts: [string, string][] = [
    ["nothing", ""],
    ["no instantiate()", "export function run() {\n  return { };\n}"],
    ["no exports", `${HEADER}\n}`],
  ];
  for (const [name, text] of texts) {
    assert.throws(() => adaptBindings(text), BindingShapeError, name);
  }
});

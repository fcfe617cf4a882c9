import assert from "node:assert/strict";
import { evaluateBindings } from "./evaluate_bindings.ts";

const URL_OF_BINDINGS = "file:///prepared/component.js";

const BINDINGS = `export function instantiate(getCoreModule, imports) {
  if (!getCoreModule) return new URL("./a.wasm", import.meta.url).href;
  if (imports.trap) throw new Error("trapped");
  return this;
}
export const _util = {};
`;

interface Evaluated {
  readonly instantiate: (getCoreModule: unknown, imports: { trap?: boolean }) => unknown;
}

Deno.test("evaluateBindings() gives what the module exports", () => {
  const { instantiate } = evaluateBindings<Evaluated>(BINDINGS, URL_OF_BINDINGS);
  assert.equal(instantiate(undefined, {}), "file:///prepared/a.wasm");
  // Modules are strict.
  assert.equal(instantiate(() => {}, {}), undefined);
});

Deno.test("evaluateBindings() names the file in stack traces", () => {
  const { instantiate } = evaluateBindings<Evaluated>(BINDINGS, URL_OF_BINDINGS);
  assert.throws(
    () => instantiate(() => {}, { trap: true }),
    (error: Error) => error.stack!.includes(URL_OF_BINDINGS),
  );
});

Deno.test("evaluateBindings() refuses what exports something else", () => {
  for (const text of ["", "export const a = 1;", "function instantiate() {}"]) {
    assert.throws(() => evaluateBindings(text, URL_OF_BINDINGS), {
      message: `The bindings ${URL_OF_BINDINGS} export no instantiate()`,
    });
  }
});

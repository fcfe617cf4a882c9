import assert from "node:assert/strict";
import { wat } from "./_wat_fixture.ts";
import { readComponent } from "./component_binary.ts";

Deno.test("readComponent() lists imports and exports with their versions", async () => {
  const component = await wat(`(component
    (import "wasi:cli/environment@0.2.3" (instance
      (export "get-arguments" (func (result (list string))))))
    (import "plain" (func $f (param "x" u32)))
    (import "t" (type (sub resource)))
    (instance $i (export "f" (func $f)))
    (export "my:pkg/thing@1.0.0" (instance $i))
    (export "again" (func $f)))`);
  assert.deepEqual(readComponent(component), {
    imports: ["wasi:cli/environment@0.2.3", "plain", "t"],
    exports: ["my:pkg/thing@1.0.0", "again"],
  });
});

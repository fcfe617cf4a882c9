import assert from "node:assert/strict";
import { wat } from "./_wat_fixture.ts";
import { readComponent } from "./component_binary.ts";
import { readShape } from "./component_shape.ts";
import { renameImports } from "./rename_imports.ts";

const TEXT = `(component
  (import "a:b/c@1.0.0" (instance $c (export "t" (type (sub resource)))))
  (alias export $c "t" (type $t))
  (import "f" (func $f (param "x" (borrow $t))))
  (export "g" (func $f)))`;

Deno.test("renameImports() changes names, and nothing else", async () => {
  const bytes = await wat(TEXT);
  const long = "denied-".repeat(30);
  const renamed = renameImports(bytes, (name) => name === "f" ? name : long + name);
  assert.deepEqual(readComponent(renamed), {
    imports: [`${long}a:b/c@1.0.0`, "f"],
    exports: ["g"],
  });
  assert.deepEqual(
    readShape(renamed).imports.map(({ sort, type }) => [sort, type]),
    readShape(bytes).imports.map(({ sort, type }) => [sort, type]),
  );
  assert.deepEqual(renameImports(renamed, (name) => name.replace(long, "")), bytes);
});

Deno.test("renameImports() leaves a component alone whose names stay", async () => {
  const bytes = await wat(TEXT);
  assert.equal(renameImports(bytes, (name) => name), bytes);
});

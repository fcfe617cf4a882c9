import assert from "node:assert/strict";
import { toFileUrl } from "../../lib/file_url.ts";
import { wat } from "../engine/wasm/_wat_fixture.ts";
import { reportComponent } from "./component_report.ts";

async function report(bytes: Uint8Array, dependencies: readonly string[] = []) {
  const path = await Deno.makeTempFile({ suffix: ".wasm" });
  try {
    await Deno.writeFile(path, bytes);
    const source = { content_type: "application/wasm", source: toFileUrl(path).href };
    return await reportComponent({
      id: "a",
      source,
      dependencies: Object.fromEntries(
        dependencies.map((name) => [name, { source, export: null }]),
      ),
    });
  } finally {
    await Deno.remove(path);
  }
}

const COMPONENT = `(component
  (import "wasi:random/random@0.2.3" (instance))
  (import "fermyon:spin/key-value@2.0.0" (instance))
  (import "example:none/thing@1.0.0" (instance))
  (import "wasi:http/types@0.2.9" (instance))
  (import "fermyon:spin/key-value-types@2.0.0" (instance))
)`;

Deno.test("reportComponent() tells which interfaces this host does not offer", async () => {
  const { kind, imports, missing } = await report(await wat(COMPONENT));
  assert.equal(kind, "component");
  assert.equal(imports.length, 5);
  assert.deepEqual(missing, ["example:none/thing@1.0.0"]);
});

for (const name of ["example:none/thing@1.0.0", "example:none/thing", "example:none@1.0.0"]) {
  Deno.test(`reportComponent() takes the dependency ${name} into account`, async () => {
    assert.deepEqual((await report(await wat(COMPONENT), [name])).missing, []);
  });
}

Deno.test("reportComponent() says why something cannot be run", async () => {
  const { kind, problem } = await report(new TextEncoder().encode("no wasm"));
  assert.equal(kind, undefined);
  assert.match(problem!, /unable to determine wasm binary encoding/);
});

Deno.test("reportComponent() reads core modules", async () => {
  const module = `(module
    (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")))`;
  const { kind, imports, exports, missing } = await report(await wat(module));
  assert.deepEqual({ kind, imports, exports, missing }, {
    kind: "command",
    imports: ["wasi_snapshot_preview1"],
    exports: ["memory", "_start"],
    missing: [],
  });
});

import assert from "node:assert/strict";
import type { LockedDependency } from "./locked_app.ts";
import { middlewareOf } from "./middleware.ts";

const SOURCE = { content_type: "application/wasm", source: "file:///m.wasm" };

Deno.test("middlewareOf() makes a chain that ends with the component", () => {
  const middleware: LockedDependency[] = [
    { source: SOURCE, export: null },
    { source: SOURCE, export: null, inherit: "All" },
    { source: SOURCE, export: null, inherit: { Some: ["variables"] } },
  ];
  const chain = middlewareOf({ id: "c", source: SOURCE, trigger_dependencies: { middleware } });
  assert.deepEqual(chain.map(({ component, ...rest }) => [component.id, rest]), [
    ["c (middleware 1)", { owner: "c", inherit: [], next: "c (middleware 2)" }],
    ["c (middleware 2)", { owner: "c", inherit: "All", next: "c (middleware 3)" }],
    ["c (middleware 3)", { owner: "c", inherit: ["variables"], next: "c" }],
  ]);
  assert.deepEqual(chain[0]!.component, { id: "c (middleware 1)", source: SOURCE });
});

Deno.test("middlewareOf() is empty when a component has none", () => {
  assert.deepEqual(middlewareOf({ id: "c", source: SOURCE }), []);
});

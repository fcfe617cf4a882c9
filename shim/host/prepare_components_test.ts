import assert from "node:assert/strict";
import { type CompiledComponent, withMiddleware } from "./prepare_components.ts";

const SOURCE = { content_type: "application/wasm", source: "file:///c.wasm" };

/** A component that is told apart by its directory. */
function compiled(directory: string, before: readonly CompiledComponent[] = []): CompiledComponent {
  const manifest = {} as CompiledComponent["manifest"];
  return { directory, manifest, modules: new Map(), before };
}

Deno.test("withMiddleware() leaves a component alone that has none", () => {
  const [only, ...others] = withMiddleware({ id: "c", source: SOURCE }, {
    compiled: compiled("/c"),
    chain: [],
  });
  assert.deepEqual(others, []);
  assert.deepEqual(only, { id: "c", directory: "/c", manifest: {}, modules: new Map() });
});

Deno.test("withMiddleware() puts the manifest's before what was composed, each with its own", () => {
  const chain = [1, 2].map((number) => ({
    component: { id: `c (middleware ${number})`, source: SOURCE },
    owner: "c",
    inherit: [`set-${number}`],
    next: "",
    compiled: compiled(`/m${number}`, number === 2 ? [compiled("/m2-a"), compiled("/m2-b")] : []),
  }));
  const found = withMiddleware({ id: "c", source: SOURCE }, {
    compiled: compiled("/c", [compiled("/c-a")]),
    chain,
  });
  assert.deepEqual(
    found.map(({ id, directory, middleware }) => [
      id,
      directory,
      middleware?.component.id,
      middleware?.owner,
      middleware?.inherit,
      middleware?.next,
    ]),
    [
      ["c", "/c", undefined, undefined, undefined, undefined],
      link("c (middleware 1)", "/m1", ["set-1"], "c (middleware 2) (middleware 1)"),
      link(
        "c (middleware 2) (middleware 1)",
        "/m2-a",
        ["set-2"],
        "c (middleware 2) (middleware 2)",
      ),
      link("c (middleware 2) (middleware 2)", "/m2-b", ["set-2"], "c (middleware 2)"),
      link("c (middleware 2)", "/m2", ["set-2"], "c (middleware 3)"),
      link("c (middleware 3)", "/c-a", "All", "c"),
    ],
  );
});

function link(...row: [string, string, "All" | string[], string]): unknown[] {
  const [id, directory, inherit, next] = row;
  return [id, directory, id, "c", inherit, next];
}

import assert from "node:assert/strict";
import { buildOrder } from "./build_order.ts";

function order(
  components: Record<string, { source: string; needs?: readonly string[] }>,
): string[] {
  const path = (path: string) => ({ kind: "path", path }) as const;
  return buildOrder(
    new Map(
      Object.entries(components).map(([id, { source, needs = [] }]) => [id, {
        source: path(source),
        dependencies: needs.map((need) => ({ source: path(need) })),
      }]),
    ),
  );
}

Deno.test("buildOrder() puts what others depend on before them", () => {
  const cases: [name: string, components: Parameters<typeof order>[0], ids: string[]][] = [
    ["no dependencies", { b: { source: "b.wasm" }, a: { source: "a.wasm" } }, ["b", "a"]],
    [
      "a chain, written in other ways",
      {
        app: { source: "app.wasm", needs: ["./lib/x/../lib.wasm"] },
        other: { source: "other.wasm" },
        lib: { source: "lib/lib.wasm", needs: ["base.wasm", "bought.wasm"] },
        base: { source: "./base.wasm" },
      },
      ["base", "lib", "app", "other"],
    ],
    [
      "a circle",
      { a: { source: "a.wasm", needs: ["b.wasm"] }, b: { source: "b.wasm", needs: ["a.wasm"] } },
      ["b", "a"],
    ],
    ["a component that needs itself", { a: { source: "a.wasm", needs: ["a.wasm"] } }, ["a"]],
  ];
  for (const [name, components, ids] of cases) assert.deepEqual(order(components), ids, name);
});

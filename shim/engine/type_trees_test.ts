import assert from "node:assert/strict";
import { BindingShapeError } from "./bindings.ts";
import { shareTypeTrees } from "./type_trees.ts";

function bindings(body: string): string {
  return `export function instantiate() {
  const log = [];
  function _lowerFlatOption(meta) { log.push(meta.name); return (ctx) => ctx.push(meta.name, meta.of); }
  let gen = (function* _initGenerator () {
    const handleTable1 = "table";
    ${body}
  })();
  return { log, ...gen.next().value };
}`;
}

async function instantiate(source: string): Promise<Record<string, unknown>> {
  const { instantiate } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  return instantiate();
}

Deno.test("shareTypeTrees() makes equal trees once, and only when they are used", async () => {
  const tree =
    "_lowerFlatOption({ name: 'a', of: _lowerFlatOption({\n name: 'b' }) && handleTable1 })";
  const source = shareTypeTrees(bindings(`
    function call(ctx) { ${tree}(ctx); [${tree}][0](ctx); return ctx; }
    yield { call };`));
  const { log, call } = await instantiate(source) as {
    log: string[];
    call: (ctx: unknown[]) => unknown[];
  };
  assert.deepEqual(log, []);
  assert.deepEqual(call([]), ["a", "table", "a", "table"]);
  call([]);
  assert.deepEqual(log, ["b", "a"]);
});

Deno.test("shareTypeTrees() leaves a tree where it is that uses a variable of its call", async () => {
  const source = shareTypeTrees(bindings(`
    function call(handle7) { const ctx = []; _lowerFlatOption({ name: handle7 })(ctx); return ctx; }
    yield { call };`));
  const { call } = await instantiate(source) as { call: (handle: string) => unknown[] };
  assert.deepEqual([call("one")[0], call("two")[0]], ["one", "two"]);
});

Deno.test("shareTypeTrees() refuses text that it does not know", () => {
  assert.throws(() => shareTypeTrees("export function instantiate() {}"), BindingShapeError);
});

import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import { VariableError, type VariableSource } from "./component_context.ts";
import { createWasiConfig } from "./wasi_config.ts";

// deno-lint-ignore no-explicit-any
function create(variables: VariableSource): any {
  return createWasiConfig(testContext({ variables }))["wasi:config/store@0.2.0-draft-2024-09-27"];
}

/** `value of <name>`, or an error of the kind that the name says. */
function source(names: string[], isSlow: boolean): VariableSource {
  function find(name: string): string {
    const kind = (["undefined", "invalid-name", "provider", "other"] as const)
      .find((candidate) => candidate === name);
    if (kind) throw new VariableError(kind, `text of ${kind}`);
    if (name === "defect") throw new TypeError("defect");
    return `value of ${name}`;
  }
  return {
    names: () => names,
    get: (name) => isSlow ? Promise.resolve().then(() => find(name)) : find(name),
  };
}

async function failure(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test("get() gives values, none for what is no variable, and errors of providers", async () => {
  for (const isSlow of [false, true]) {
    const config = create(source([], isSlow));
    assert.equal(await config.get("a"), "value of a");
    assert.equal(await config.get("undefined"), undefined);
    assert.equal(await config.get("invalid-name"), undefined);
    const upstream = { tag: "upstream", val: "text of provider" };
    assert.deepEqual(await failure(() => config.get("provider")), upstream);
    assert.deepEqual(await failure(() => config.get("other")), { tag: "io", val: "text of other" });
    assert.ok(await failure(() => config.get("defect")) instanceof TypeError, "traps");
  }
});

Deno.test("getAll() gives every variable of the component, or the error of one", async () => {
  for (const isSlow of [false, true]) {
    const all = create(source(["a", "b"], isSlow)).getAll();
    assert.deepEqual(await all, [["a", "value of a"], ["b", "value of b"]]);
    assert.deepEqual(await create(source([], isSlow)).getAll(), []);
    const broken = await failure(() => create(source(["a", "provider"], isSlow)).getAll());
    assert.deepEqual(broken, { tag: "upstream", val: "text of provider" });
  }
});

Deno.test("get() and getAll() do not suspend the guest for values that are there", () => {
  const config = create(source(["a"], false));
  assert.equal(config.get("a"), "value of a");
  assert.deepEqual(config.getAll(), [["a", "value of a"]]);
});

import assert from "node:assert/strict";
import type { KubeObject } from "../../lib/kube/types.ts";
import {
  defaultSpinApp,
  type ExecutorNames,
  needsDefaultExecutor,
  type PatchOperation,
} from "./default_spin_app.ts";

function app(spec: unknown): KubeObject {
  return { metadata: { name: "shop" }, ...(spec === undefined ? {} : { spec }) } as KubeObject;
}

const NONE: ExecutorNames = { namespace: [], cluster: [] };

Deno.test("defaultSpinApp() names an executor where there is none", () => {
  const cases: [what: string, spec: unknown, executors: ExecutorNames, PatchOperation[]][] = [
    [
      "the only executor",
      { image: "x" },
      { namespace: ["a"], cluster: [] },
      [{ op: "add", path: "/spec/executor", value: "a" }],
    ],
    [
      "the first by name",
      { executor: "" },
      { namespace: ["c", "B", "a-b", "a"], cluster: [] },
      [{ op: "replace", path: "/spec/executor", value: "B" }],
    ],
    [
      "the namespace's before the cluster's",
      {},
      { namespace: ["z"], cluster: ["a"] },
      [{ op: "add", path: "/spec/executor", value: "z" }],
    ],
    [
      "the cluster's if the namespace has none",
      {},
      { namespace: [], cluster: ["q", "p"] },
      [{ op: "add", path: "/spec/executor", value: "p" }],
    ],
    ["empty without executors", {}, NONE, [{ op: "add", path: "/spec/executor", value: "" }]],
    [
      "null counts as empty",
      { executor: null },
      NONE,
      [{ op: "replace", path: "/spec/executor", value: "" }],
    ],
    [
      "an app without spec",
      undefined,
      { namespace: ["a"], cluster: [] },
      [{ op: "add", path: "/spec", value: { executor: "a" } }],
    ],
    ["an app without spec, no executors", undefined, NONE, []],
    ["an empty one that stays so", { executor: "" }, NONE, []],
    ["what is set", { executor: "mine" }, { namespace: ["a"], cluster: [] }, []],
    ["what the schema refuses", { executor: 1 }, { namespace: ["a"], cluster: [] }, []],
    ["a spec that is none", "x", { namespace: ["a"], cluster: [] }, []],
  ];
  for (const [what, spec, executors, expected] of cases) {
    assert.deepEqual(defaultSpinApp(app(spec), executors), expected, what);
  }
});

Deno.test("needsDefaultExecutor() spares looking for executors", () => {
  assert.equal(needsDefaultExecutor(app({ executor: "x" })), false);
  assert.equal(needsDefaultExecutor(app({})), true);
});

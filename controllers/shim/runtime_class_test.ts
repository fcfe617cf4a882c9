import assert from "node:assert/strict";
import { sampleShim } from "./_fixtures.ts";
import { buildRuntimeClass, handlersOf } from "./runtime_class.ts";

Deno.test("buildRuntimeClass() makes that of the original", () => {
  assert.deepEqual(buildRuntimeClass(sampleShim()), {
    metadata: {
      name: "wasmtime-spin-v2",
      labels: { "wasmtime-spin-v2": "true" },
      ownerReferences: [{
        apiVersion: "runtime.spinkube.dev/v1alpha1",
        kind: "Shim",
        name: "spin-v2",
        uid: "shim-uid",
        controller: true,
        blockOwnerDeletion: true,
      }],
    },
    handler: "spin-v2",
    scheduling: { nodeSelector: { spin: "true" } },
  });
});

Deno.test("buildRuntimeClass() schedules everywhere without a selector", () => {
  for (const nodeSelector of [{}, null]) {
    assert.deepEqual(buildRuntimeClass(sampleShim({ nodeSelector })).scheduling, {});
  }
});

Deno.test("buildRuntimeClass() leaves out a label that Kubernetes would refuse", () => {
  const name = "c".repeat(64);
  const { metadata } = buildRuntimeClass(sampleShim({ runtimeClass: { name, handler: "h" } }));
  assert.deepEqual([metadata.name, metadata.labels], [name, undefined]);
});

Deno.test("handlersOf() has Spin's alias for shims of Spin only", () => {
  const runtimeClass = { name: "c", handler: "own" };
  const named = (name: string) => ({ ...sampleShim({ runtimeClass }), metadata: { name } });
  const cases: [string, string[]][] = [
    ["spin-v2", ["own", "spin-v2", "spin"]],
    ["spin", ["own", "spin"]],
    ["spin-v10", ["own", "spin-v10", "spin"]],
    ["spin-v2-canary", ["own", "spin-v2-canary"]],
    ["wasmtime-v1", ["own", "wasmtime-v1"]],
  ];
  for (const [name, expected] of cases) assert.deepEqual(handlersOf(named(name)), expected);
});

import assert from "node:assert/strict";
import { schemaProblems } from "./schema_problems.ts";
import { defineShim } from "./shim.ts";

const SHIM = defineShim();
const [VERSION] = SHIM.spec.versions;
const ROOT = VERSION!.schema.openAPIV3Schema;

const SPEC = {
  fetchStrategy: {},
  runtimeClass: { name: "c", handler: "h" },
  rolloutStrategy: { type: "recreate" },
};

function problems(object: Record<string, unknown>): string[] {
  return schemaProblems({
    apiVersion: "runtime.spinkube.dev/v1alpha1",
    kind: "Shim",
    metadata: { name: "spin-v2" },
    ...object,
  }, ROOT);
}

Deno.test("defineShim() names the resource as runtime-class-manager does", () => {
  const { group, scope, names } = SHIM.spec;
  assert.deepEqual([group, scope, VERSION!.name], ["runtime.spinkube.dev", "Cluster", "v1alpha1"]);
  const { kind, listKind, plural, singular, shortNames } = names;
  assert.deepEqual([kind, listKind, plural, singular, shortNames], [
    ...["Shim", "ShimList", "shims", "shim"],
    [],
  ]);
});

Deno.test("defineShim() shows runtime-class-manager's columns, and no other unless asked for", () => {
  const shown = VERSION!.additionalPrinterColumns.filter(({ priority }) => priority === undefined);
  assert.deepEqual(shown.map(({ name, type, jsonPath }) => [name, type, jsonPath]), [
    ["RuntimeClass", "string", ".spec.runtimeClass.name"],
    ["Ready", "integer", ".status.nodesReady"],
    ["Nodes", "integer", ".status.nodes"],
  ]);
});

Deno.test("defineShim() accepts what runtime-class-manager accepts", () => {
  const platform = { os: "linux", arch: "amd64", location: "ftp://anything", sha256: "no digest" };
  const rolling = { type: "rolling", rolling: { maxUpdate: 0 } };
  const accepted: Record<string, unknown>[] = [
    {},
    { spec: SPEC },
    { spec: { ...SPEC, fetchStrategy: { type: "anonymousHttp", anonHttp: { location: "x" } } } },
    {
      spec: { ...SPEC, fetchStrategy: { platforms: [platform, { ...platform, arch: "aarch64" }] } },
    },
    { spec: { ...SPEC, rolloutStrategy: rolling } },
    { spec: { ...SPEC, rolloutStrategy: { type: "rolling", rolling: { maxUpdate: -1 } } } },
    { spec: { ...SPEC, nodeSelector: { a: "b" }, containerdRuntimeOptions: { c: "d" } } },
    { status: { nodes: 1, nodesReady: 0 } },
    // Added.
    { spec: { ...SPEC, rolloutStrategy: { type: "rolling", rolling: { maxUpdate: "10%" } } } },
  ];
  for (const object of accepted) assert.deepEqual(problems(object), [], JSON.stringify(object));
});

Deno.test("defineShim() refuses what runtime-class-manager refuses", () => {
  const platform = { os: "linux", arch: "amd64", location: "x" };
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ spec: {} }, /fetchStrategy|runtimeClass|rolloutStrategy/],
    [{ spec: { ...SPEC, runtimeClass: { name: "c" } } }, /handler/],
    [{ spec: { ...SPEC, rolloutStrategy: { type: "all" } } }, /type/],
    [{ spec: { ...SPEC, rolloutStrategy: { type: "rolling", rolling: {} } } }, /maxUpdate/],
    [{ spec: { ...SPEC, fetchStrategy: { anonHttp: {} } } }, /location/],
    [
      { spec: { ...SPEC, fetchStrategy: { platforms: [{ ...platform, os: "windows" }] } } },
      /os/,
    ],
    [{ spec: { ...SPEC, fetchStrategy: { platforms: [{ ...platform, arch: "arm" }] } } }, /arch/],
    [{ status: { nodes: 1 } }, /nodesReady/],
  ];
  for (const [object, expected] of refused) {
    assert.match(problems(object).join("\n"), expected, JSON.stringify(object));
  }
});

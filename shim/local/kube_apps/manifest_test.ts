import assert from "node:assert/strict";
import { ManifestError } from "../../../lib/errors.ts";
import { parseKubeManifest, valuesKey } from "./manifest.ts";

const APP = `apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: shop}
spec:
  image: ghcr.io/me/shop:1
  executor: containerd-shim-spin
  replicas: 1
`;

Deno.test("parseKubeManifest() takes apps, executors and values, and names the others", () => {
  const text = `# nothing but a comment
---
${APP}---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  metadata: {name: s}
  data: {a: aGk=, b: eA==}
  stringData: {b: plain}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: c, namespace: other}
  data: {k: v}
---
apiVersion: core.spinkube.dev/v1alpha1
kind: SpinAppExecutor
metadata: {name: containerd-shim-spin}
spec: {createDeployment: true, deploymentConfig: {runtimeClassName: wasmtime-spin-v2}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop-autoscaler}
`;
  const manifest = parseKubeManifest(text, { file: "app.yaml" });
  assert.deepEqual(manifest.apps.map(({ metadata }) => metadata.name), ["shop"]);
  assert.equal(manifest.executors.length, 1);
  assert.deepEqual(manifest.values.get(valuesKey("Secret", { name: "s" })), {
    a: "hi",
    b: "plain",
  });
  assert.deepEqual(
    manifest.values.get(valuesKey("ConfigMap", { namespace: "other", name: "c" })),
    { k: "v" },
  );
  assert.deepEqual(manifest.others, ['HorizontalPodAutoscaler "shop-autoscaler"']);
});

Deno.test("parseKubeManifest() reads JSON", () => {
  const json = JSON.stringify({
    apiVersion: "core.spinkube.dev/v1alpha1",
    kind: "SpinApp",
    metadata: { name: "shop" },
    spec: { image: "a/b:1", executor: "x", replicas: 1 },
  });
  assert.equal(parseKubeManifest(json, { file: "-" }).apps[0]!.spec.image, "a/b:1");
});

const WRONG: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
  ["no YAML", "a: [", /^app\.yaml:\d+:\d+: this is no YAML: /],
  ["no object", "- 1", /^app\.yaml:1:1: an object needs a kind/],
  ["no name", "kind: SpinApp\nmetadata: {}\n", /^app\.yaml:2:\d+: SpinApp: metadata\.name/],
  [
    "a wrong type",
    APP.replace("replicas: 1", 'replicas: "1"'),
    /^app\.yaml:7:\d+: SpinApp "shop": spec\.replicas: must be a whole number/,
  ],
  [
    "an unknown field",
    APP.replace("replicas: 1", "replicas: 1\n  imagee: x"),
    /^app\.yaml:8:\d+: SpinApp "shop": spec\.imagee: is unknown/,
  ],
  ["an app twice", `${APP}---\n${APP}`, /^app\.yaml:11:\d+: SpinApp "shop" is there twice/],
  [
    "a Secret that is not in base64",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: '?'}",
    /^app\.yaml:4:\d+: Secret "s": data\.a must be text in base64/,
  ],
  [
    "a ConfigMap with a number",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {a: 1}",
    /ConfigMap "s": data\.a must be a text; write it as "1"/,
  ],
];

for (const [what, text, problem] of WRONG) {
  Deno.test(`parseKubeManifest() tells the place of ${what}`, () => {
    assert.throws(
      () => parseKubeManifest(text, { file: "app.yaml" }),
      (error) => error instanceof ManifestError && problem.test(error.message),
    );
  });
}

import assert from "node:assert/strict";
import { TerminalError } from "../../../lib/errors.ts";
import { parseKubeManifest } from "./manifest.ts";
import { type ManifestPlan, planApps, type PlanOptions } from "./plan_apps.ts";

function app(name: string, spec = ""): string {
  return `apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: ${name}}
spec:
  image: ghcr.io/me/${name}:1
  executor: run
${spec}
---
`;
}

function plan(text: string, options: Partial<PlanOptions> = {}): ManifestPlan {
  return planApps(parseKubeManifest(text, { file: "app.yaml" }), {
    file: "app.yaml",
    localApps: [],
    givenVariables: [],
    hostname: "laptop",
    ...options,
  });
}

const OBJECTS = `apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: hush, .dockerconfigjson: '{"auths":{}}', runtime-config.toml: "x = 1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {url: "redis://r"}
---
apiVersion: core.spinkube.dev/v1alpha1
kind: SpinAppExecutor
metadata: {name: run}
spec:
  createDeployment: true
  deploymentConfig:
    runtimeClassName: x
    otel: {exporter_otlp_endpoint: "http://otel:4318"}
---
`;

Deno.test("planApps() makes the environment that a pod would have", () => {
  const spec = `
  components: [api]
  invocationLimits: {memory: 64Mi}
  podLabels: {tier: web}
  resources: {limits: {cpu: 1500m, memory: 1Mi}}
  imagePullSecrets: [{name: s}]
  env:
  - {name: HOST, value: "on $(SPIN_VARIABLE_A) and $(NONE) and $$(HOST)"}
  variables:
  - {name: a, value: one}
  - {name: b, valueFrom: {secretKeyRef: {name: s, key: password}}}
  - {name: c, valueFrom: {configMapKeyRef: {name: c, key: none, optional: true}}}
  - {name: d, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
  - {name: e, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
  - {name: f, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
  - {name: g, valueFrom: {resourceFieldRef: {resource: requests.memory, divisor: 1Ki}}}
  - {name: h, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
`;
  const { apps } = plan(app("shop", spec) + OBJECTS);
  assert.deepEqual(apps[0]!.environment, {
    SPIN_VARIABLE_A: "one",
    SPIN_VARIABLE_B: "hush",
    SPIN_VARIABLE_D: "default",
    SPIN_VARIABLE_E: "web",
    SPIN_VARIABLE_F: "2",
    SPIN_VARIABLE_G: "1024",
    SPIN_VARIABLE_H: "laptop",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel:4318",
    SPIN_MAX_INSTANCE_MEMORY: "67108864",
    HOST: "on one and $(NONE) and $(HOST)",
  });
  assert.deepEqual(apps[0]!.components, ["api"]);
  assert.deepEqual(apps[0]!.logins, ['{"auths":{}}']);
});

Deno.test("planApps() makes the runtime configuration, or takes that of a Secret", () => {
  const made = `
  runtimeConfig:
    keyValueStores:
    - name: default
      type: redis
      options: [{name: url, valueFrom: {configMapKeyRef: {name: c, key: url}}}]
`;
  const taken = "  runtimeConfig: {loadFromSecret: s}";
  const { apps } = plan(app("a", made) + app("b", taken) + OBJECTS);
  assert.match(
    apps[0]!.runtimeConfig,
    /\[key_value_store\.default\]\ntype = 'redis'\nurl = 'redis:\/\/r'/,
  );
  assert.equal(apps[1]!.runtimeConfig, "x = 1");
});

Deno.test("planApps() tells everything that is missing at once", () => {
  const variables = `
  variables:
  - {name: a, valueFrom: {secretKeyRef: {name: gone, key: k}}}
  - {name: b, valueFrom: {secretKeyRef: {name: s, key: gone}}}
  runtimeConfig: {loadFromSecret: lost}
`;
  const text = app("shop", variables) + OBJECTS;
  assert.throws(() => plan(text, { localApps: [["cart", "./cart"]] }), (error) => {
    assert.ok(error instanceof TerminalError);
    assert.deepEqual(error.message.split("\n").map((line) => line.slice(0, 75)), [
      '--app cart=…: "app.yaml" has no SpinApp of this name, only shop',
      'SpinApp "shop": variable "a": Secret "gone" of namespace "default" is not i',
      'SpinApp "shop": variable "b": Secret "s" of namespace "default" has no key ',
      'SpinApp "shop": runtimeConfig.loadFromSecret: the Secret "lost" with the ke',
    ]);
    return true;
  });
});

Deno.test("planApps() takes a variable that the user gives instead of a missing Secret", () => {
  const spec = "  variables: [{name: a, valueFrom: {secretKeyRef: {name: gone, key: k}}}]";
  const { apps } = plan(app("shop", spec), { givenVariables: ["a"] });
  assert.deepEqual(apps[0]!.environment, {});
});

Deno.test("planApps() refuses a manifest without apps", () => {
  assert.throws(() => plan(OBJECTS), /"app.yaml" holds no SpinApp/);
});

const NOTES: readonly (readonly [what: string, spec: string, note: RegExp])[] = [
  ["replicas", "  replicas: 3", /shop: one process serves it instead of 3 pods/],
  ["no replicas", "  replicas: 0", /shop: it is served, though it has 0 replicas/],
  ["autoscaling", "  enableAutoscaling: true", /shop: it is not scaled automatically/],
  ["resources", "  resources: {limits: {cpu: 1}}", /shop: resources do not limit it/],
  [
    "volumes",
    "  volumes: [{name: v, emptyDir: {}}]\n  volumeMounts: [{name: v, mountPath: /v}]",
    /shop: volumes are not mounted/,
  ],
  [
    "scheduling",
    "  nodeSelector: {a: b}\n  serviceAccountName: s",
    /shop: without effect here: nodeSelector, serviceAccountName/,
  ],
  [
    "pull secrets",
    "  imagePullSecrets: [{name: gone}]",
    /pull secret "gone" is not in the manifest/,
  ],
];

for (const [what, spec, note] of NOTES) {
  Deno.test(`planApps() says what this machine does otherwise about ${what}`, () => {
    const { notes } = plan(app("shop", spec));
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, note);
  });
}

Deno.test("planApps() tells apps of the same name apart by their namespaces", () => {
  const other = app("shop").replace("{name: shop}", "{name: shop, namespace: test}");
  const { apps } = plan(app("shop") + other, { localApps: [["test.shop", "./here"]] });
  assert.deepEqual(apps.map(({ name, localApp }) => [name, localApp]), [
    ["default.shop", undefined],
    ["test.shop", "./here"],
  ]);
});

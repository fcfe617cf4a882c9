import assert from "node:assert/strict";
import type { Schema } from "./openapi.ts";
import { defineSpinApp } from "./spin_app.ts";
import { defineClusterSpinAppExecutor, defineSpinAppExecutor } from "./spin_app_executor.ts";
import { schemaProblems } from "./schema_problems.ts";

const APP = defineSpinApp();
const [VERSION] = APP.spec.versions;
const ROOT = VERSION!.schema.openAPIV3Schema;

function accepts(spec: Record<string, unknown>): string[] {
  return schemaProblems({
    apiVersion: "core.spinkube.dev/v1alpha1",
    kind: "SpinApp",
    metadata: { name: "shop" },
    spec: { executor: "e", image: "i", ...spec },
  }, ROOT);
}

Deno.test("defineSpinApp() names the resource as SpinKube does", () => {
  assert.deepEqual(
    { name: APP.metadata.name, group: APP.spec.group, scope: APP.spec.scope },
    { name: "spinapps.core.spinkube.dev", group: "core.spinkube.dev", scope: "Namespaced" },
  );
  const { kind, listKind, plural, singular } = APP.spec.names;
  assert.deepEqual([kind, listKind, plural, singular], [
    "SpinApp",
    "SpinAppList",
    "spinapps",
    "spinapp",
  ]);
  assert.equal(VERSION!.name, "v1alpha1");
});

Deno.test("defineSpinApp() shows SpinKube's columns first", () => {
  const columns = VERSION!.additionalPrinterColumns;
  const shown = columns.filter(({ priority }) => priority === undefined).map(({ name }) => name);
  assert.deepEqual(shown, ["Ready", "Desired", "Executor", "Reason", "Age"]);
  assert.deepEqual(columns.slice(0, 5).map(({ name, jsonPath }) => [name, jsonPath]), [
    ["Ready", ".status.readyReplicas"],
    ["Desired", ".spec.replicas"],
    ["Executor", ".spec.executor"],
    ["Deployment", ".status.deploymentName"],
    ["Service", ".status.serviceName"],
  ]);
});

Deno.test("defineSpinApp() requires what SpinKube requires", () => {
  assert.equal(ROOT.required, undefined);
  assert.deepEqual(ROOT.properties!.spec!.required, ["executor", "image"]);
  assert.deepEqual(ROOT.properties!.status!.required, ["readyReplicas"]);
  assert.equal(ROOT.properties!.spec!.properties!.components!.minItems, 1);
  const { limits, requests, ...others } = ROOT.properties!.spec!.properties!.resources!.properties!;
  assert.deepEqual(Object.keys(others), []);
  assert.ok(limits && requests);
});

Deno.test("defineSpinApp() has SpinKube's defaults", () => {
  const presets: Record<string, unknown> = {};
  const visit = (schema: Schema, path: string): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if ("default" in field && field.default !== "") presets[`${path}${name}`] = field.default;
      // Those of volumes have a test of their own.
      if (name !== "volumes") visit(field, `${path}${name}.`);
    }
    if (schema.items) visit(schema.items, path);
  };
  visit(ROOT.properties!.spec!, "");
  const probe = (name: string) => ({
    [`checks.${name}.initialDelaySeconds`]: 10,
    [`checks.${name}.timeoutSeconds`]: 1,
    [`checks.${name}.periodSeconds`]: 10,
    [`checks.${name}.successThreshold`]: 1,
    [`checks.${name}.failureThreshold`]: 3,
  });
  assert.deepEqual(presets, {
    ...probe("readiness"),
    ...probe("liveness"),
    enableAutoscaling: false,
    "env.valueFrom.fileKeyRef.optional": false,
    "variables.valueFrom.fileKeyRef.optional": false,
  });
});

const SPECS: readonly (readonly [string, Record<string, unknown>, ...string[]])[] = [
  ["an empty executor, for which the webhook has its own words", { executor: "" }],
  ["a probe without headers", { checks: { liveness: { httpGet: { path: "/" } } } }],
  ["a probe without a request", { checks: { liveness: {} } }],
  [
    "a probe without a path",
    { checks: { liveness: { httpGet: {} } } },
    "spec.checks.liveness.httpGet.path: is required",
  ],
  ["quantities as numbers", { resources: { limits: { cpu: 1, memory: "1e3" } } }],
  [
    "a wrong quantity",
    { resources: { limits: { cpu: "much" } } },
    "spec.resources.limits.cpu: must match",
  ],
  ["no components", { components: [] }, "spec.components: needs at least 1 items"],
  [
    "a variable without a name",
    { variables: [{ value: "x" }] },
    "spec.variables[0].name: is required",
  ],
  ["a variable of any source", {
    variables: [
      { name: "a", valueFrom: { configMapKeyRef: { key: "k" } } },
      { name: "b", valueFrom: { secretKeyRef: { name: "s", key: "k", optional: true } } },
      { name: "c", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "d", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: 1 } } },
      { name: "e", valueFrom: { fileKeyRef: { key: "k", path: "p", volumeName: "v" } } },
    ],
  }],
  ["an option of another source", {
    runtimeConfig: {
      llmCompute: {
        type: "t",
        options: [{ name: "o", valueFrom: { fieldRef: { fieldPath: "x" } } }],
      },
    },
  }, "spec.runtimeConfig.llmCompute.options[0].valueFrom.fieldRef: is unknown"],
  [
    "a store without a type",
    { runtimeConfig: { keyValueStores: [{ name: "n" }] } },
    "spec.runtimeConfig.keyValueStores[0].type: is required",
  ],
  ["a volume of a later Kubernetes", { volumes: [{ name: "v", laterSource: { a: 1 } }] }],
  ["a port out of range", { port: 65_536 }, "spec.port: may be at most 65535"],
  ["a wrong pull policy", { imagePullPolicy: "Sometimes" }, "spec.imagePullPolicy: must be one of"],
  ["any invocation limits", { invocationLimits: { memory: "1Mi", "example.com/time": "1s" } }],
  ["a field that is misspelt", { imagePullSecret: [] }, "spec.imagePullSecret: is unknown"],
];

Deno.test("defineSpinApp() accepts and refuses", () => {
  for (const [what, spec, ...expected] of SPECS) {
    const problems = accepts(spec);
    assert.equal(problems.length, expected.length, `${what}: ${problems}`);
    for (const [index, text] of expected.entries()) {
      assert.equal(problems[index]!.slice(0, text.length), text, what);
    }
  }
});

Deno.test("defineSpinAppExecutor() and the cluster's have one schema", () => {
  const [own, cluster] = [defineSpinAppExecutor(), defineClusterSpinAppExecutor()];
  assert.equal(own.metadata.name, "spinappexecutors.core.spinkube.dev");
  assert.equal(cluster.metadata.name, "clusterspinappexecutors.core.spinkube.dev");
  assert.deepEqual([own.spec.scope, cluster.spec.scope], ["Namespaced", "Cluster"]);
  const specs = [own, cluster].map(({ spec }) =>
    spec.versions[0]!.schema.openAPIV3Schema.properties!.spec!
  );
  assert.deepEqual(specs[0], specs[1]);
  assert.deepEqual(specs[0]!.required, ["createDeployment"]);
  assert.deepEqual(Object.keys(specs[0]!.properties!.deploymentConfig!.properties!).sort(), [
    "caCertSecret",
    "installDefaultCACerts",
    "otel",
    "runtimeClassName",
    "spinImage",
  ]);
});

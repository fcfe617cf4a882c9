import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseDefaultExecutor } from "../../controllers/manager/default_executor.ts";
import { WorkQueue } from "../../lib/kube/work_queue.ts";
import { createManagerMetrics } from "../../controllers/manager/manager_metrics.ts";
import { readShimSettings } from "../../controllers/shim/shim_settings.ts";
import { parseManagerOptions } from "../../controllers/manager/manager_options.ts";
import { defineAll } from "../../crds/schema/generate.ts";
import { findObject, readObjects } from "../support/helm.ts";
import { schemaProblems } from "../../crds/schema/schema_problems.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);

const OBJECTS = readObjects(
  await Deno.readTextFile(new URL("manifests/install.yaml", DEPLOY)),
);
const POD = findObject(OBJECTS, "Deployment").spec.template.spec;
const [CONTAINER] = POD.containers;

/** Resources by `group/resource`, with what may be done to them. */
function rights(name: string): Record<string, string> {
  const { rules } = OBJECTS.find(({ kind, metadata }) =>
    (kind === "ClusterRole" || kind === "Role") && metadata.name === name
  )!;
  const found: Record<string, string> = {};
  for (const { apiGroups, resources, resourceNames, verbs } of rules) {
    for (const resource of resources) {
      const names = resourceNames ? `:${resourceNames}` : "";
      found[`${apiGroups[0]}/${resource}${names}`] = verbs.join(" ");
    }
  }
  return found;
}

Deno.test("install.yaml has each object once, namespaces and definitions first", () => {
  const keys = OBJECTS.map(({ kind, metadata }) =>
    `${kind} ${metadata.namespace}/${metadata.name}`
  );
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(OBJECTS.slice(0, 6).map(({ kind }) => kind), [
    "Namespace",
    ...Array(4).fill("CustomResourceDefinition"),
    "Namespace",
  ]);
  for (const { kind, metadata } of OBJECTS) {
    assert.doesNotMatch(JSON.stringify(metadata), /helm/i, kind);
  }
});

Deno.test("install.yaml starts the operator with arguments that it takes", () => {
  const options = parseManagerOptions(CONTAINER.args);
  assert.deepEqual(CONTAINER.command, ["/manager"]);
  assert.equal(options.leaderElection, true);
  assert.deepEqual([options.metricsAddress?.port, options.healthAddress?.port], [8443, 8082]);
  const { port, serviceName, secretName, mutatingConfiguration, validatingConfiguration } = options
    .webhooks!;
  assert.deepEqual(
    CONTAINER.ports.map((port: { containerPort: number }) => port.containerPort),
    [8082, 8443, port],
  );
  assert.equal(findObject(OBJECTS, "Service", serviceName).spec.ports[0].targetPort, port);
  assert.equal(secretName, "webhook-server-cert");
  findObject(OBJECTS, "MutatingWebhookConfiguration", mutatingConfiguration);
  findObject(OBJECTS, "ValidatingWebhookConfiguration", validatingConfiguration);
});

Deno.test("install.yaml brings an executor that the operator takes and the API accepts", async () => {
  const text = findObject(OBJECTS, "ConfigMap", "default-executor").data["executor.json"];
  const { object, type } = await parseDefaultExecutor(text, "executor.json");
  const definition = defineAll().find(({ spec }) => spec.names.kind === type.kind)!;
  assert.deepEqual(
    schemaProblems(object, definition.spec.versions[0]!.schema.openAPIV3Schema),
    [],
  );
  const runtimeClass = findObject(OBJECTS, "RuntimeClass");
  assert.deepEqual([runtimeClass.metadata.name, runtimeClass.handler], [
    "wasmtime-spin-v2",
    "spin",
  ]);
  assert.equal(object.spec.deploymentConfig?.runtimeClassName, runtimeClass.metadata.name);
  const path = parseManagerOptions(CONTAINER.args).defaultExecutor;
  const mount = CONTAINER.volumeMounts.find(({ name }: { name: string }) =>
    name === "default-executor"
  );
  assert.equal(path, `${mount.mountPath}/executor.json`);
});

Deno.test("install.yaml gives the operator the rights that it needs, and no more", () => {
  const all = "create delete get list patch update watch";
  assert.deepEqual(rights("spin-operator-manager-role"), {
    "/events": "create patch",
    "/secrets": all,
    "/services": all,
    "/configmaps": "get list watch",
    "/pods": "get list watch",
    "/pods/log": "get",
    "apps/deployments": all,
    "apps/deployments/status": "get",
    "core.spinkube.dev/spinapps": "get list patch update watch",
    "core.spinkube.dev/spinappexecutors": "create get list patch update watch",
    "core.spinkube.dev/clusterspinappexecutors": "create get list watch",
    "core.spinkube.dev/spinapps/finalizers": "update",
    "core.spinkube.dev/spinappexecutors/finalizers": "update",
    "core.spinkube.dev/spinapps/status": "get patch update",
    "core.spinkube.dev/spinappexecutors/status": "get patch update",
    "node.k8s.io/runtimeclasses": "get list watch",
    "admissionregistration.k8s.io/mutatingwebhookconfigurations:spin-operator-mutating-webhook-configuration":
      "get list patch update watch",
    "admissionregistration.k8s.io/validatingwebhookconfigurations:spin-operator-validating-webhook-configuration":
      "get list patch update watch",
  });
  assert.deepEqual(rights("spin-operator-shim-controller-role"), {
    "/nodes": "list patch watch",
    "/events": "create patch",
    "node.k8s.io/runtimeclasses": "create delete get patch",
    "runtime.spinkube.dev/shims": "list patch watch",
    "runtime.spinkube.dev/shims/finalizers": "update",
    "runtime.spinkube.dev/shims/status": "patch",
  });
  assert.equal(
    findObject(OBJECTS, "Role", "shim-jobs-role").metadata.namespace,
    "spin-operator-nodes",
  );
  assert.deepEqual(rights("spin-operator-shim-jobs-role"), {
    "batch/jobs": "create delete get list watch",
    "/pods": "list",
  });
  assert.deepEqual(rights("spin-operator-leader-election-role"), {
    "coordination.k8s.io/leases": "create get list patch update watch",
    "/events": "create patch",
    "/secrets": "create",
    "/secrets:webhook-server-cert": "get list patch update watch",
  });
  assert.deepEqual(rights("spin-operator-metrics-auth-role"), {
    "authentication.k8s.io/tokenreviews": "create",
    "authorization.k8s.io/subjectaccessreviews": "create",
  });
  assert.deepEqual(findObject(OBJECTS, "ClusterRole", "metrics-reader").rules, [
    { nonResourceURLs: ["/metrics"], verbs: ["get"] },
  ]);
});

Deno.test("install.yaml follows the pod security standard that its namespace enforces", () => {
  const { labels } = findObject(OBJECTS, "Namespace", "spin-operator").metadata;
  assert.equal(labels!["pod-security.kubernetes.io/enforce"], "restricted");
  assert.equal(POD.securityContext.runAsNonRoot, true);
  assert.equal(POD.securityContext.seccompProfile.type, "RuntimeDefault");
  assert.equal(CONTAINER.securityContext.allowPrivilegeEscalation, false);
  assert.equal(CONTAINER.securityContext.readOnlyRootFilesystem, true);
  assert.deepEqual(CONTAINER.securityContext.capabilities.drop, ["ALL"]);
  for (const volume of POD.volumes) assert.equal("hostPath" in volume, false);
});

Deno.test("install.yaml has a namespace for Jobs that nothing else is in", () => {
  const { name, labels } = findObject(OBJECTS, "Namespace", "-nodes").metadata;
  assert.equal(labels!["pod-security.kubernetes.io/enforce"], "privileged");
  const environment = new Map<string, string>(
    CONTAINER.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
  );
  const settings = readShimSettings((name) => environment.get(name), { ownNamespace: undefined });
  assert.deepEqual(settings, {
    namespace: name,
    downloaderImage: CONTAINER.image,
    installerImage: CONTAINER.image,
    jobTtlSeconds: 3_600,
    downloaderConfigMap: "",
    imagePullSecrets: [],
    imagePullPolicy: "IfNotPresent",
  });
  const there = OBJECTS.filter(({ metadata }) => metadata.namespace === name);
  assert.deepEqual(there.map(({ kind }) => kind).sort(), ["Role", "RoleBinding"]);
});

Deno.test("install.yaml calls the webhooks as SpinKube does", () => {
  const called = ["Mutating", "Validating"].flatMap((type) =>
    findObject(OBJECTS, `${type}WebhookConfiguration`).webhooks
  ).map(({ name, clientConfig, rules, failurePolicy, sideEffects }) => {
    assert.deepEqual([failurePolicy, sideEffects], ["Fail", "None"]);
    assert.deepEqual(rules[0].operations, ["CREATE", "UPDATE"]);
    return `${name} ${clientConfig.service.path} ${rules[0].resources}`;
  });
  assert.deepEqual(called, [
    "mspinapp.kb.io /mutate-core-spinkube-dev-v1alpha1-spinapp spinapps",
    "mspinappexecutor.kb.io /mutate-core-spinkube-dev-v1alpha1-spinappexecutor spinappexecutors",
    "vspinapp.kb.io /validate-core-spinkube-dev-v1alpha1-spinapp spinapps",
    "vspinappexecutor.kb.io /validate-core-spinkube-dev-v1alpha1-spinappexecutor spinappexecutors",
    "vclusterspinappexecutor.kb.io /validate-core-spinkube-dev-v1alpha1-clusterspinappexecutor " +
    "clusterspinappexecutors",
  ]);
});

Deno.test("the dashboard shows metrics that the operator has", async () => {
  const dashboard = parse(
    await Deno.readTextFile(new URL("chart/files/dashboards/operator.json", DEPLOY)),
  );
  const metrics = createManagerMetrics("api");
  metrics.setLeader(true);
  metrics.requests.onAnswer("GET", 200);
  metrics.webhookInFlight("/mutate", 1);
  metrics.webhookAnswered("/mutate", { code: 200, seconds: 0 });
  metrics.watchQueue("spinapp", { queue: new WorkQueue(), workers: 1 });
  metrics.controllers.started("spinapp");
  metrics.controllers.ended("spinapp", { outcome: "success", seconds: 0, isTerminal: false });
  const known = new Set([...metrics.text().matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const shown = dashboard.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => /([a-z_]+)\{/.exec(expr)![1]!.replace(/_bucket$/, ""))
  );
  assert.ok(shown.length > 10);
  assert.deepEqual(shown.filter((name: string) => !known.has(name)), []);
});

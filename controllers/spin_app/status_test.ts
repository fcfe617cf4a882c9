import assert from "node:assert/strict";
import { SPIN_APPS, type SpinApp, type SpinAppStatus } from "../../crds/spin_app.ts";
import { apiVersion } from "../../lib/kube/types.ts";
import type { Deployment, Service } from "../../lib/kube/workload_types.ts";
import { computeStatus, isSameStatus, type Observed } from "./status.ts";

const NOW = "2026-01-02T03:04:05Z";

function app(spec: Partial<SpinApp["spec"]> = {}, status?: SpinAppStatus): SpinApp {
  return {
    apiVersion: apiVersion(SPIN_APPS),
    kind: SPIN_APPS.kind,
    metadata: { name: "shop", namespace: "ns", generation: 3 },
    spec: { image: "shop:1", executor: "spin", replicas: 2, ...spec },
    ...(status ? { status } : {}),
  };
}

function deployment(status: object, replicas = 2): Deployment {
  return {
    metadata: { name: "shop", generation: 1 },
    spec: { replicas },
    status: { observedGeneration: 1, ...status },
  } as unknown as Deployment;
}

const service = { metadata: { name: "shop" } } as Service;

function ready(observed: Partial<Observed>, spec: Partial<SpinApp["spec"]> = {}) {
  const whole = { deployment: undefined, service: undefined, ...observed };
  const { conditions } = computeStatus(app(spec), whole, NOW);
  const { status, reason, message } = conditions!.find(({ type }) => type === "Ready")!;
  return { status, reason, message };
}

Deno.test("computeStatus() copies what SpinKube copies", () => {
  const available = {
    type: "Available",
    status: "True",
    reason: "MinimumReplicasAvailable",
    message: "Deployment has minimum availability.",
    lastUpdateTime: NOW,
  };
  const status = computeStatus(app(), {
    deployment: deployment({
      replicas: 3,
      readyReplicas: 2,
      updatedReplicas: 2,
      conditions: [available],
    }),
    service,
  }, NOW);
  assert.equal(status.readyReplicas, 2);
  assert.equal(status.replicas, 3);
  assert.equal(status.activeScheduler, "spin");
  assert.equal(status.deploymentName, "shop");
  assert.equal(status.serviceName, "shop");
  assert.equal(status.observedGeneration, 3);
  assert.equal(
    status.selector,
    "core.spinkube.dev/app-name=shop,core.spinkube.dev/app.shop.status=ready",
  );
  assert.deepEqual(status.conditions![0], {
    type: "Available",
    status: "True",
    reason: "MinimumReplicasAvailable",
    message: "Deployment has minimum availability.",
    lastTransitionTime: NOW,
    observedGeneration: 3,
  });
});

Deno.test("computeStatus() says without a Deployment what SpinKube says", () => {
  const { conditions } = computeStatus(app(), { deployment: undefined, service }, NOW);
  assert.deepEqual(
    conditions!.map(({ type, status, reason, message }) => ({ type, status, reason, message })),
    [
      {
        type: "Available",
        status: "Unknown",
        reason: "DeploymentNotFound",
        message: "Deployment not found",
      },
      {
        type: "Progressing",
        status: "Unknown",
        reason: "DeploymentNotFound",
        message: "Deployment not found",
      },
      {
        type: "Ready",
        status: "False",
        reason: "DeploymentNotFound",
        message: "The Deployment has not been made yet",
      },
    ],
  );
});

Deno.test("computeStatus() gives Ready the most telling reason", async (t) => {
  const problem = { reason: "AppCrashing", message: "it crashed" };
  const refused = { type: "ReplicaFailure", status: "True", message: "exceeded quota" };
  const cases: Record<string, [Partial<Observed>, string, string]> = {
    "all pods are ready": [
      { deployment: deployment({ readyReplicas: 2, updatedReplicas: 2 }) },
      "True",
      "AppReady",
    ],
    "no pods are wanted": [{ deployment: deployment({}, 0) }, "True", "ScaledToZero"],
    "pods start": [
      { deployment: deployment({ readyReplicas: 1, updatedReplicas: 2 }) },
      "False",
      "Starting",
    ],
    "pods of the old template are ready": [
      {
        deployment: deployment({ readyReplicas: 2, updatedReplicas: 2, observedGeneration: 0 }),
      },
      "False",
      "Starting",
    ],
    "a pod has a problem": [
      { deployment: deployment({}), podProblem: problem },
      "False",
      "AppCrashing",
    ],
    "pods cannot be made": [
      { deployment: deployment({ conditions: [refused] }), podProblem: problem },
      "False",
      "PodsRefused",
    ],
    "the operator failed": [
      {
        deployment: deployment({ readyReplicas: 2, updatedReplicas: 2 }),
        failure: { reason: "MissingExecutor", message: "none" },
      },
      "False",
      "MissingExecutor",
    ],
  };
  for (const [name, [observed, status, reason]] of Object.entries(cases)) {
    await t.step(name, () => {
      const found = ready(observed);
      assert.equal(found.status, status);
      assert.equal(found.reason, reason);
    });
  }
});

Deno.test("computeStatus() changes a condition's time only with its status", () => {
  const before = computeStatus(app(), { deployment: deployment({}), service }, NOW);
  const later = "2026-01-02T04:00:00Z";
  const same = computeStatus(app({}, before), {
    deployment: deployment({ readyReplicas: 1 }),
    service,
  }, later);
  const time = ({ conditions }: SpinAppStatus) =>
    conditions!.find(({ type }) => type === "Ready")!.lastTransitionTime;
  assert.equal(time(same), NOW);
  const other = computeStatus(app({}, same), {
    deployment: deployment({ readyReplicas: 2, updatedReplicas: 2 }),
    service,
  }, later);
  assert.equal(time(other), later);
});

Deno.test("isSameStatus() does not mind the order of members", () => {
  const status = computeStatus(app(), { deployment: deployment({}), service }, NOW);
  const reordered = Object.fromEntries(Object.entries(status).reverse()) as SpinAppStatus;
  assert.equal(isSameStatus(reordered, status), true);
  assert.equal(isSameStatus({ ...status, replicas: 9 }, status), false);
  assert.equal(isSameStatus(undefined, status), false);
});

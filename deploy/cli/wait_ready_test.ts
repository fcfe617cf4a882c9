import assert from "node:assert/strict";
import type { SpinApp } from "../../crds/spin_app.ts";
import type { Deployment, Pod } from "../../lib/kube/workload_types.ts";
import { type AppState, explainState, isReady } from "./wait_ready.ts";

const APP: SpinApp = {
  metadata: { name: "shop", generation: 2 },
  spec: { image: "a/b:2", executor: "e", replicas: 2 },
};

function deployment(
  status: Deployment["status"],
  { image = "a/b:2", args = [] as string[] } = {},
): Deployment {
  return {
    metadata: { name: "shop", generation: 5 },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "shop" } },
      template: { spec: { containers: [{ name: "shop", image, args }] } },
    },
    status: { observedGeneration: 5, ...status },
  };
}

const ALL = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };

function state(changes: Partial<AppState>): AppState {
  return { app: APP, deployment: deployment(ALL), pods: [], events: [], ...changes };
}

const READY: readonly (readonly [name: string, changes: Partial<AppState>, isReady: boolean])[] = [
  ["all pods are there", {}, true],
  ["Spin in a container of its own runs the app", {
    deployment: deployment(ALL, { image: "spin:3", args: ["up", "-f", "a/b:2"] }),
  }, true],
  ["there is no app", { app: undefined }, false],
  ["the pods are of an older image", { deployment: deployment(ALL, { image: "a/b:1" }) }, false],
  ["the Deployment was not seen yet", {
    deployment: deployment({ ...ALL, observedGeneration: 4 }),
  }, false],
  ["a pod is missing", { deployment: deployment({ ...ALL, availableReplicas: 1 }) }, false],
  ["old pods are still there", { deployment: deployment({ ...ALL, replicas: 3 }) }, false],
  ["there is no Deployment", { deployment: undefined }, false],
  ["the executor makes no Deployments", {
    deployment: undefined,
    app: { ...APP, status: { readyReplicas: 2 } },
  }, true],
];

for (const [name, changes, expected] of READY) {
  Deno.test(`isReady() is ${expected} if ${name}`, () => {
    assert.equal(isReady(state(changes)), expected);
  });
}

function pod(status: Pod["status"]): Pod {
  return { metadata: { name: "shop-1" }, ...(status ? { status } : {}) };
}

const REASONS: readonly (readonly [name: string, changes: Partial<AppState>, RegExp])[] = [
  ["there is no Deployment", { deployment: undefined }, /no Deployment yet.*executor "e"/],
  ["nothing is wrong yet", { deployment: deployment({ updatedReplicas: 1 }) }, /^1 of 2 pods/],
  [
    "the operator says so",
    {
      app: {
        ...APP,
        status: {
          readyReplicas: 0,
          conditions: [{
            type: "Available",
            status: "False",
            reason: "X",
            message: "no executor e",
            lastTransitionTime: "",
          }],
        },
      },
    },
    /^Available: no executor e$/,
  ],
  [
    "the image cannot be pulled",
    {
      pods: [pod({
        containerStatuses: [{
          name: "shop",
          state: { waiting: { reason: "ErrImagePull", message: "not found" } },
        }],
      })],
    },
    /^pod shop-1: ErrImagePull: not found$/,
  ],
  [
    "the app has crashed",
    {
      pods: [pod({
        containerStatuses: [{
          name: "shop",
          state: { waiting: { reason: "CrashLoopBackOff" } },
          lastState: { terminated: { exitCode: 1, message: "variable x is missing\n" } },
        }],
      })],
    },
    /^pod shop-1 has ended with 1: variable x is missing\npod shop-1: CrashLoopBackOff$/,
  ],
  [
    "no node fits",
    {
      pods: [pod({
        conditions: [{
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/3 nodes are available",
          lastTransitionTime: "",
        }],
      })],
    },
    /^pod shop-1 has no node: 0\/3 nodes are available$/,
  ],
  [
    "the node has no shim",
    {
      pods: [pod({ phase: "Pending" })],
      events: [{
        metadata: { name: "e" },
        type: "Warning",
        reason: "FailedCreatePodSandBox",
        message: 'no runtime for "spin" is configured',
        involvedObject: { kind: "Pod", name: "shop-1" },
      }],
    },
    /FailedCreatePodSandBox.*The node has no shim/,
  ],
];

for (const [name, changes, pattern] of REASONS) {
  Deno.test(`explainState() tells that ${name}`, () => {
    assert.match(explainState(state(changes)).join("\n"), pattern);
  });
}

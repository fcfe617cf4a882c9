/**
 * The whole way on a real cluster: the chart, a Shim, an app, its update, and everything taken away.
 *
 * It runs if `SPINKUBE_CLUSTER_IMAGE` names the operator's image (`deno task image`) and
 * `SPINKUBE_CLUSTER_APP` the image of an HTTP app that answers `GET /` with 200, both where the
 * cluster's nodes can pull them. `KUBECONFIG` leads to the cluster, and its account may do everything;
 * `HELM` to Helm, if it is not on the `PATH`. All Linux nodes get the runtime, and have their
 * containerd restarted: use a cluster that is there for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { NODES } from "../../controllers/shim/node_types.ts";
import { SHIMS } from "../../crds/shim.ts";
import { SPIN_APPS } from "../../crds/spin_app.ts";
import { CLUSTER_SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { DEPLOYMENTS, PODS, RUNTIME_CLASSES } from "../../lib/kube/workload_types.ts";
import { connect } from "../support/api_server.ts";
import { findHelm } from "../support/helm.ts";
import { run } from "../support/run.ts";
import { waitUntil } from "../support/wait.ts";
import { RequestLoop, requestService } from "./_requests.ts";

const CHART = fileURLToPath(new URL("../../deploy/chart", import.meta.url));
const IMAGE = Deno.env.get("SPINKUBE_CLUSTER_IMAGE");
const APP_IMAGE = Deno.env.get("SPINKUBE_CLUSTER_APP");
const KUBECONFIG = Deno.env.get("KUBECONFIG");
const HELM = await findHelm();

/** Names of what the test makes. */
const NAMESPACE = "spinkube-cluster-test";
const RELEASE = "cluster-test";
const SHIM = "spin-v2"; // Nodes that have it are labelled with its name.
const RUNTIME_CLASS = "spinkube-cluster-test";
const APP = "hello";
const NODE_LABEL = "example.com/spinkube-cluster-test";

/** Milliseconds that a step may take; nodes pull images, and are done one after the other. */
const STEP_MS = 300_000;
const PAUSE_MS = 500;

function whyNot(): string | undefined {
  if (!IMAGE || !APP_IMAGE) return "set SPINKUBE_CLUSTER_IMAGE and SPINKUBE_CLUSTER_APP";
  if (!KUBECONFIG) return "set KUBECONFIG";
  return HELM === undefined ? "there is no Helm; set HELM" : undefined;
}

const why = whyNot();

/** The installed parts. What they have made is removed in the order that a user would take. */
class Scene {
  readonly client: KubeClient;
  readonly nodes: readonly string[];

  constructor(client: KubeClient, nodes: readonly string[]) {
    this.client = client;
    this.nodes = nodes;
  }

  async installChart(): Promise<void> {
    const { repository, tag } = splitImage(IMAGE!);
    const values = {
      "controllerManager.replicas": "2",
      "controllerManager.manager.image.repository": repository,
      "controllerManager.manager.image.tag": tag,
      "rcm.namespace": `${NAMESPACE}-nodes`,
      "rcm.createNamespace": "true",
      "runtimeClass.name": RUNTIME_CLASS,
      "runtimeClass.create": "false",
      "executor.name": RELEASE,
    };
    const set = Object.entries(values).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const place = ["--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", "4m"];
    await helm(["upgrade", "--install", RELEASE, CHART, ...place, ...set]);
  }

  async installShim(): Promise<void> {
    for (const node of this.nodes) await this.#label(node, "true");
    await this.client.create(SHIMS, {
      metadata: { name: SHIM },
      spec: {
        nodeSelector: { [NODE_LABEL]: "true" },
        fetchStrategy: {},
        runtimeClass: { name: RUNTIME_CLASS, handler: "spin" },
        rolloutStrategy: { type: "rolling", rolling: { maxUpdate: 1 } },
      },
    });
    await eventually("all nodes to have the shim", async () => {
      const { status } = await this.client.get(SHIMS, { name: SHIM });
      return status?.nodesUpdated === this.nodes.length;
    });
  }

  async createApp(): Promise<void> {
    await this.client.create(SPIN_APPS, {
      metadata: { name: APP, namespace: NAMESPACE },
      spec: { image: APP_IMAGE!, executor: RELEASE, replicas: 2 },
    });
    await this.#waitForApp(0);
  }

  /** Changes the app, so that all its pods are replaced. */
  async updateApp(): Promise<void> {
    const app = { name: APP, namespace: NAMESPACE };
    const { metadata: { generation = 0 } } = await this.client.get(DEPLOYMENTS, app);
    const patch = { spec: { variables: [{ name: "cluster_test", value: "2" }] } };
    await this.client.mergePatch(SPIN_APPS, app, { patch });
    await this.#waitForApp(generation);
  }

  /** Waits until all pods are of the newest form, which comes after a generation. */
  async #waitForApp(generation: number): Promise<void> {
    await eventually("the app to be ready", async () => {
      const found = await this.client.find(DEPLOYMENTS, { name: APP, namespace: NAMESPACE });
      const { status, metadata } = found ?? {};
      return (metadata?.generation ?? 0) > generation &&
        status?.observedGeneration === metadata?.generation &&
        status?.updatedReplicas === 2 && status.replicas === 2 && status.readyReplicas === 2;
    });
  }

  /** Deletes the app, and waits until its pods are gone. */
  async deleteApp(): Promise<void> {
    await this.client.delete(SPIN_APPS, { name: APP, namespace: NAMESPACE });
    await eventually("the app's pods to go", async () => {
      const labelSelector = `core.spinkube.dev/app-name=${APP}`;
      return (await this.client.list(PODS, { namespace: NAMESPACE, labelSelector })).length === 0;
    });
  }

  /** Takes the shim off the nodes. */
  async deleteShim(): Promise<void> {
    await this.client.delete(SHIMS, { name: SHIM });
    await eventually(
      "the shim to be off the nodes",
      async () => await this.client.find(SHIMS, { name: SHIM }) === undefined,
    );
  }

  /** Removes whatever is left, also after a failure in the middle. */
  async clean(): Promise<void> {
    if (await this.client.find(SPIN_APPS, { name: APP, namespace: NAMESPACE })) {
      await this.deleteApp();
    }
    if (await this.client.find(SHIMS, { name: SHIM })) await this.deleteShim();
    for (const node of this.nodes) await this.#label(node, null);
    await helm(["uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait"]);
    // It is made by the operator, and stays as all executors do.
    if (await this.client.find(CLUSTER_SPIN_APP_EXECUTORS, { name: RELEASE })) {
      await this.client.delete(CLUSTER_SPIN_APP_EXECUTORS, { name: RELEASE });
    }
    for (const name of [NAMESPACE, `${NAMESPACE}-nodes`]) await deleteNamespace(this.client, name);
  }

  async #label(name: string, value: string | null): Promise<void> {
    const patch = { metadata: { labels: { [NODE_LABEL]: value } } };
    await this.client.mergePatch(NODES, { name }, { patch });
  }
}

async function helm(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(HELM!, args, { timeoutMs: STEP_MS });
  assert.equal(code, 0, stderr);
}

async function deleteNamespace(client: KubeClient, name: string): Promise<void> {
  const path = `/api/v1/namespaces/${name}`;
  const response = await client.transport.send({ method: "DELETE", path }).catch(() => undefined);
  await response?.body?.cancel();
}

/** `registry/name:tag` in its parts, as the chart has them. */
function splitImage(image: string): { repository: string; tag: string } {
  const colon = image.lastIndexOf(":");
  assert.ok(colon > image.lastIndexOf("/"), `"${image}" has no tag`);
  return { repository: image.slice(0, colon), tag: image.slice(colon + 1) };
}

async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  await waitUntil(async () => {
    if (await look()) return true;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    return false;
  }, { what, timeoutMs: STEP_MS });
}

Deno.test({
  name: `a cluster gets the operator, a shim and an app${why ? ` (skipped: ${why})` : ""}`,
  ignore: why !== undefined,
  async fn(t) {
    await using stack = new AsyncDisposableStack();
    const { client } = stack.use(
      await connect({
        kubeconfig: KUBECONFIG!,
        async [Symbol.asyncDispose]() {},
      }),
    );
    const nodes = await client.list(NODES, { labelSelector: "kubernetes.io/os=linux" });
    const scene = new Scene(client, nodes.map(({ metadata }) => metadata.name));
    stack.defer(() => scene.clean());

    await t.step("the chart is installed", () => scene.installChart());
    await t.step("a Shim comes to all nodes, one after the other", async () => {
      await scene.installShim();
      for (const name of scene.nodes) {
        const { metadata } = await client.get(NODES, { name });
        assert.equal(metadata.labels?.[SHIM], "provisioned", name);
      }
    });
    await t.step("an app becomes ready, and answers over its Service", async () => {
      await scene.createApp();
      assert.equal(await requestService(client, { namespace: NAMESPACE, name: APP }), 200);
    });
    await t.step("an update is noticed by nobody who asks", async () => {
      await using loop = new RequestLoop(client, { namespace: NAMESPACE, name: APP });
      await scene.updateApp();
      const { answers, failures } = await loop.stop();
      assert.deepEqual(failures, []);
      assert.ok(answers > 0);
    });
    await t.step("app and shim go, and leave nothing", async () => {
      await scene.deleteApp();
      await scene.deleteShim();
      assert.equal(await client.find(RUNTIME_CLASSES, { name: RUNTIME_CLASS }), undefined);
      for (const name of scene.nodes) {
        const { metadata } = await client.get(NODES, { name });
        assert.equal(metadata.labels?.[SHIM], undefined, name);
      }
    });
  },
});

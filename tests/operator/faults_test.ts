/** Faults between the operator and the API server: nothing is lost, and nothing is written twice. */

import assert from "node:assert/strict";
import { SPIN_APPS } from "../../crds/spin_app.ts";
import { SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import type { KubeObject } from "../../lib/kube/types.ts";
import { DEPLOYMENTS, RUNTIME_CLASSES, SERVICES } from "../../lib/kube/workload_types.ts";
import { whyNoApiServer } from "../support/api_server.ts";
import { waitUntil } from "../support/wait.ts";
import { ApiProxy, refusal } from "./_api_proxy.ts";
import {
  accountToken,
  OperatorCluster,
  readyReason,
  type RunningOperator,
  spinApp,
  startOperator,
  waitFor,
} from "./_operator.ts";

const SKIP = whyNoApiServer();
const NOTE = SKIP ? ` (ignored: ${SKIP})` : "";

interface Scene {
  readonly cluster: OperatorCluster;
  readonly proxy: ApiProxy;
  readonly operator: RunningOperator;
  readonly namespace: string;
}

const CASES: Record<string, (scene: Scene) => Promise<void>> = {
  "watches that are cut go on": async ({ cluster: { user }, proxy, namespace }) => {
    for (let round = 0; round < 3; round++) {
      proxy.cutWatches();
      await makeApp(user, { namespace, name: `app-${round}` });
    }
  },

  "a watch whose version is too old is listed again": async (
    { cluster: { user }, proxy, namespace },
  ) => {
    const gone = {
      kind: "Status",
      status: "Failure",
      code: 410,
      reason: "Expired",
      message: "old",
    };
    proxy.send("spinapps", { type: "ERROR", object: gone });
    proxy.intercept = ({ url }) => {
      const { pathname, searchParams } = new URL(url);
      // Once more when it is asked for again.
      if (!pathname.endsWith("/deployments") || !searchParams.has("watch")) return undefined;
      proxy.intercept = () => undefined;
      return refusal(410, "Expired");
    };
    proxy.cutWatches();
    await makeApp(user, { namespace, name: "app" });
  },

  "what happened while a connection hung is found": async (
    { cluster: { user }, proxy, namespace },
  ) => {
    proxy.freeze(true);
    await user.create(SPIN_APPS, spinApp(namespace));
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await user.find(DEPLOYMENTS, { name: "app", namespace }), undefined);
    proxy.freeze(false);
    await waitFor(user, { type: DEPLOYMENTS, name: { name: "app", namespace } });
  },

  "429 is waited for, and 500 tried again": async ({ cluster: { user }, proxy, namespace }) => {
    let left = 6;
    proxy.intercept = ({ method }) => {
      if (method === "GET" || left === 0) return undefined;
      left--;
      return left % 2 === 0
        ? refusal(429, "TooManyRequests", { "retry-after": "1" })
        : refusal(500, "InternalError");
    };
    await makeApp(user, { namespace, name: "app" });
    assert.equal(left, 0);
  },

  "a conflict is no failure of the app": async ({ cluster: { user }, proxy, namespace }) => {
    let left = 2;
    proxy.intercept = ({ method, url }) => {
      if (method !== "PATCH" || !url.includes("/services/") || left === 0) return undefined;
      left--;
      return refusal(409, "Conflict");
    };
    await makeApp(user, { namespace, name: "app" });
    assert.equal(left, 0);
  },

  "rights that are taken away are told, and used when they are given back": async (
    { cluster: { user }, proxy, namespace },
  ) => {
    proxy.intercept = ({ method, url }) =>
      method === "PATCH" && url.includes("/deployments/") ? refusal(403, "Forbidden") : undefined;
    await user.create(SPIN_APPS, spinApp(namespace));
    const name = { name: "app", namespace };
    const app = await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "ApplyFailed",
    });
    assert.match(
      app.status!.conditions!.find(({ type }) => type === "Ready")!.message,
      /Forbidden \(test\)/,
    );
    proxy.intercept = () => undefined;
    await waitFor(user, { type: DEPLOYMENTS, name, timeoutMs: 20_000 });
  },

  "an answer that got lost does not make a second object": async (
    { cluster: { user }, proxy, namespace },
  ) => {
    proxy.intercept = async (request) => {
      if (request.method !== "PATCH" || !request.url.includes("/deployments/")) return undefined;
      proxy.intercept = () => undefined;
      const { pathname, search } = new URL(request.url);
      // It is carried out, and nobody hears of it.
      await fetch(`${new URL(request.url).origin}${pathname}${search}`, {
        method: "PATCH",
        headers: request.headers,
        body: await request.bytes(),
      }).then((response) => response.body?.cancel());
      return refusal(504, "Timeout");
    };
    await makeApp(user, { namespace, name: "app" });
    const deployment = await user.find(DEPLOYMENTS, { name: "app", namespace });
    assert.equal(deployment?.metadata.generation, 1);
  },

  "an object of a megabyte goes through": async ({ cluster: { user }, namespace }) => {
    const variables = Array.from({ length: 500 }, (_, index) => ({
      name: `variable_${index}`,
      value: "x".repeat(1_000),
    }));
    await user.create(SPIN_APPS, spinApp(namespace, { variables }));
    const { spec } = await waitFor(user, {
      type: DEPLOYMENTS,
      name: { name: "app", namespace },
    });
    assert.equal(spec.template.spec.containers[0]!.env?.length, 501);
  },

  "nothing is asked for when nothing happens": async ({ proxy }) => {
    await waitUntil(async () => {
      const before = proxy.requests.length;
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return proxy.requests.length === before;
    }, {
      what: "three seconds without a request",
      timeoutMs: 30_000,
      explain: () => proxy.requests.slice(-20).join("\n"),
    });
  },
};

Deno.test({
  name: `the operator gets over faults of the connection${NOTE}`,
  ignore: SKIP !== undefined,
  async fn(t) {
    await using cluster = await OperatorCluster.start();
    await using proxy = new ApiProxy(cluster.kubeconfig);
    await using operator = await startOperator(proxy);
    await cluster.user.create<KubeObject>(RUNTIME_CLASSES, {
      metadata: { name: "spin" },
      ...{ handler: "spin" },
    });
    for (const [name, run] of Object.entries(CASES)) {
      await t.step(name, async () => {
        const namespace = await cluster.namespace();
        await cluster.user.create(SPIN_APP_EXECUTORS, {
          metadata: { name: "containerd-shim-spin", namespace },
          spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
        });
        try {
          await run({ cluster, proxy, operator, namespace });
        } finally {
          proxy.intercept = () => undefined;
        }
      });
    }
  },
});

Deno.test({
  name: `the operator gets over a restart of the API server, and other tokens${NOTE}`,
  ignore: SKIP !== undefined,
  async fn(t) {
    await using cluster = await OperatorCluster.start();
    const { user } = cluster;
    const tokenFile = await Deno.makeTempFile({ prefix: "spinkube-token-" });
    const config = JSON.parse(await Deno.readTextFile(cluster.kubeconfig));
    const first = await accountToken(user, "first");
    const second = await accountToken(user, "second");
    await makeAdministrators(user, ["first", "second"]);
    await Deno.writeTextFile(tokenFile, first);
    config.users[0].user = { tokenFile };
    const kubeconfig = `${tokenFile}.json`;
    await Deno.writeTextFile(kubeconfig, JSON.stringify(config));
    await user.create<KubeObject>(RUNTIME_CLASSES, {
      metadata: { name: "spin" },
      ...{ handler: "spin" },
    });
    const namespace = await cluster.namespace();
    await user.create(SPIN_APP_EXECUTORS, {
      metadata: { name: "containerd-shim-spin", namespace },
      spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
    });
    {
      await using _ = await startOperator({ kubeconfig });
      await t.step("a restart", async () => {
        await makeApp(user, { namespace, name: "before" });
        await cluster.restart();
        await makeApp(user, { namespace, name: "after" });
      });
      await t.step({
        name: "a token that is not valid any more, and the next one",
        // Other API servers take every token.
        ignore: Deno.env.get("KUBEBUILDER_ASSETS") === undefined,
        fn: async () => {
          const accounts = { group: "", version: "v1", kind: "ServiceAccount" };
          const type = { ...accounts, plural: "serviceaccounts", isNamespaced: true };
          await user.delete(type, { name: "first", namespace: "default" });
          // The server remembers what it has found out about a token.
          await cluster.restart();
          await user.create(SPIN_APPS, spinApp(namespace, { name: "late" }));
          await new Promise((resolve) => setTimeout(resolve, 3_000));
          assert.equal(await user.find(DEPLOYMENTS, { name: "late", namespace }), undefined);
          await Deno.writeTextFile(tokenFile, second);
          await waitFor(user, {
            type: DEPLOYMENTS,
            name: { name: "late", namespace },
            timeoutMs: 60_000,
          });
        },
      });
    }
    await Deno.remove(tokenFile);
    await Deno.remove(kubeconfig);
  },
});

async function makeAdministrators(
  user: OperatorCluster["user"],
  accounts: readonly string[],
): Promise<void> {
  const rbac = { group: "rbac.authorization.k8s.io", version: "v1", isNamespaced: false };
  const bindings = { kind: "ClusterRoleBinding", plural: "clusterrolebindings" };
  await user.create<KubeObject>({ ...rbac, ...bindings }, {
    metadata: { name: "administrators-of-the-test" },
    ...{
      roleRef: { apiGroup: rbac.group, kind: "ClusterRole", name: "cluster-admin" },
      subjects: accounts.map((name) => ({ kind: "ServiceAccount", name, namespace: "default" })),
    },
  });
}

async function makeApp(
  user: OperatorCluster["user"],
  { namespace, name }: { namespace: string; name: string },
): Promise<void> {
  await user.create(SPIN_APPS, spinApp(namespace, { name }));
  const place = { name: { name, namespace }, timeoutMs: 30_000 };
  await waitFor(user, { type: DEPLOYMENTS, ...place });
  await waitFor(user, { type: SERVICES, ...place });
  await waitFor(user, {
    type: SPIN_APPS,
    ...place,
    until: (app) => app.status?.serviceName === name && readyReason(app) === "Starting",
  });
}

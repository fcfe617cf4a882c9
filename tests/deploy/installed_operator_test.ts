/**
 * `install.yaml` on a real API server: every object is accepted, and the operator does all its work
 * with the rights that its account has there.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { outcomeOf } from "../../controllers/shim/job_state.ts";
import { JOBS, NODES } from "../../controllers/shim/node_types.ts";
import { SHIMS } from "../../crds/shim.ts";
import { SPIN_APPS } from "../../crds/spin_app.ts";
import { CLUSTER_SPIN_APP_EXECUTORS, SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import { ApiError } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { LEASES } from "../../lib/kube/lease.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import {
  DEPLOYMENTS,
  PODS,
  RUNTIME_CLASSES,
  SECRETS,
  SERVICES,
} from "../../lib/kube/workload_types.ts";
import { SMALL_DENO_FLAGS } from "../../lib/self_command.ts";
import { createNode, endJob, shim } from "../operator/_shim_nodes.ts";
import { connect, startApiServer } from "../support/api_server.ts";
import { PROGRAM_PATH } from "../support/fixtures.ts";
import {
  type AnyObject,
  chartObjects,
  findHelm,
  findObject,
  readObjects,
} from "../support/helm.ts";
import { waitUntil } from "../support/wait.ts";

const INSTALL = new URL("../../deploy/manifests/install.yaml", import.meta.url);
const NAMESPACE = "spin-operator";

const HELM = await findHelm();

/** A selector of no object that there is. */
const NOTHING = { matchLabels: { "example.com/selected": "never" } };

/** Milliseconds that the operator may take to end its work. */
const STOP_MS = 20_000;

// Other API servers let everybody do everything.
const ignore = Deno.env.get("KUBEBUILDER_ASSETS") === undefined;

function typeOf({ apiVersion, kind, metadata }: AnyObject): ResourceType {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  const plural = `${kind.toLowerCase()}${kind.endsWith("s") ? "es" : "s"}`;
  return { group, version, plural, kind, isNamespaced: metadata.namespace !== undefined };
}

/** A kubeconfig of the operator's own account. */
async function accountConfig(
  client: KubeClient,
  { objects, adminFile }: { objects: readonly AnyObject[]; adminFile: string },
): Promise<string> {
  const account = findObject(objects, "ServiceAccount").metadata.name;
  const { status } = await client.transport.json<{ status: { token: string } }>({
    method: "POST",
    path: `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${account}/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  });
  const config = JSON.parse(await Deno.readTextFile(adminFile));
  config.users[0].user = { token: status.token };
  return JSON.stringify(config);
}

function isWebhookConfiguration({ kind }: AnyObject): boolean {
  return kind.endsWith("WebhookConfiguration");
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The operator as its Deployment starts it, but for its ports and paths. */
async function startOperator(
  objects: readonly AnyObject[],
  { directory, kubeconfig }: { directory: string; kubeconfig: string },
) {
  const [container] = findObject(objects, "Deployment").spec.template.spec.containers;
  const executor = join(directory, "executor.json");
  await Deno.writeTextFile(
    executor,
    findObject(objects, "ConfigMap", "default-executor").data["executor.json"],
  );
  const healthPort = freePort();
  const args = (container.args as string[]).filter((arg) => !/-address=|default-exec/.test(arg));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", ...SMALL_DENO_FLAGS, PROGRAM_PATH, "controller", ...args],
      ...[`--kubeconfig=${kubeconfig}`, `--default-executor=${executor}`],
      ...["--metrics-bind-address=0", `--health-probe-bind-address=127.0.0.1:${healthPort}`],
      `--webhook-port=${freePort()}`,
    ],
    env: {
      POD_NAMESPACE: NAMESPACE,
      ...Object.fromEntries(
        container.env.flatMap(({ name, value }: { name: string; value?: string }) =>
          value === undefined ? [] : [[name, value]]
        ),
      ),
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  return {
    /** Whether it says that it is ready. */
    async isReady(): Promise<boolean> {
      try {
        const { ok, body } = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
        await body?.cancel();
        return ok;
      } catch {
        // Nobody listens yet.
        return false;
      }
    },
    /** Stops it. @returns Its log. */
    async stop(): Promise<string> {
      child.kill("SIGTERM");
      const hung = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      const { code } = await child.status;
      clearTimeout(hung);
      const log = await said;
      assert.equal(code, 0, log);
      return log;
    },
  };
}

/** Installs the objects, and has the operator do all its work in the namespace `default`. */
function installationTest(
  name: string,
  options: { ignore: boolean; load: () => Promise<AnyObject[]> },
): void {
  Deno.test({
    name,
    ignore: options.ignore,
    fn: async (t) => await install(await options.load(), t),
  });
}

async function install(objects: readonly AnyObject[], t: Deno.TestContext): Promise<void> {
  await using server = (await startApiServer())!;
  using connection = await connect(server);
  const { client } = connection;
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  for (const object of objects) await client.apply(typeOf(object), object);

  await t.step("its pod passes the admission of a restricted namespace", async () => {
    const { spec } = findObject(objects, "Deployment").spec.template;
    const pod = { metadata: { name: "operator", namespace: NAMESPACE }, spec };
    await client.apply(PODS, pod, { dryRun: true });
    const careless = structuredClone(pod);
    careless.spec.containers[0].securityContext = {};
    await assert.rejects(client.apply(PODS, careless, { dryRun: true }), /PodSecurity/);
  });

  // No Service of this API server leads anywhere: it asks the webhooks about nothing.
  for (const object of objects.filter(isWebhookConfiguration)) {
    for (const webhook of object.webhooks) webhook.objectSelector = NOTHING;
    await client.apply(typeOf(object), object);
  }
  const kubeconfig = join(directory, "kubeconfig");
  await Deno.writeTextFile(
    kubeconfig,
    await accountConfig(client, { objects, adminFile: server.kubeconfig }),
  );
  const operator = await startOperator(objects, { directory, kubeconfig });
  let log: string | undefined;
  try {
    await t.step("it makes the default executor", async () => {
      await appears(client, CLUSTER_SPIN_APP_EXECUTORS, { name: "containerd-shim-spin" });
    });

    const shop = { name: "shop", namespace: "default" };
    await t.step("it runs an app that needs all kinds of objects", async () => {
      await client.create(SECRETS, {
        metadata: { name: "redis", namespace: "default" },
        stringData: { url: "redis://redis:6379" },
      });
      await client.create(SPIN_APPS, {
        metadata: shop,
        spec: {
          image: "registry.example.com/shop:1",
          executor: "containerd-shim-spin",
          replicas: 2,
          runtimeConfig: {
            keyValueStores: [{
              name: "default",
              type: "redis",
              options: [{
                name: "url",
                valueFrom: { secretKeyRef: { name: "redis", key: "url" } },
              }],
            }],
          },
        },
      });
      await appears(client, DEPLOYMENTS, shop);
      await appears(client, SERVICES, shop);
      await appears(client, SECRETS, { name: "spin-ca", namespace: "default" });
      await waitUntil(
        async () => (await client.get(SPIN_APPS, shop)).status?.deploymentName === "shop",
        { what: "the app's status", timeoutMs: 30_000 },
      );
    });

    await t.step("it tells events, and holds executors that are in use", async () => {
      const own = { name: "containerd-shim-spin", namespace: "default" };
      await client.create(SPIN_APP_EXECUTORS, {
        metadata: own,
        spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
      });
      await waitUntil(
        async () => (await client.get(SPIN_APP_EXECUTORS, own)).metadata.finalizers?.length === 1,
        { what: "the finalizer", timeoutMs: 30_000 },
      );
      await client.delete(SPIN_APP_EXECUTORS, own);
      await waitUntil(async () => {
        const events = await client.transport.json<{ items: { reason: string }[] }>({
          method: "GET",
          path: "/api/v1/namespaces/default/events",
        });
        return events.items.some(({ reason }) => reason === "DeletionBlocked");
      }, { what: "the event", timeoutMs: 30_000 });
      await client.delete(SPIN_APPS, shop);
      await waitUntil(
        async () => await client.find(SPIN_APP_EXECUTORS, own) === undefined,
        { what: "the end of the executor", timeoutMs: 30_000 },
      );
    });

    await t.step("it puts a shim on a node, and takes it off", async () => {
      await shimComesAndGoes(client, objects);
    });

    await t.step("it keeps a certificate, and tells the API server whom to trust", async () => {
      await waitUntil(() => operator.isReady(), { what: "readiness", timeoutMs: 30_000 });
      const secret = { name: "webhook-server-cert", namespace: NAMESPACE };
      assert.ok((await client.get(SECRETS, secret)).data?.["tls.crt"]);
      for (const object of objects.filter(isWebhookConfiguration)) {
        const { webhooks } = await client.get(typeOf(object), object.metadata) as AnyObject;
        for (const { name, clientConfig } of webhooks) assert.ok(clientConfig.caBundle, name);
      }
    });

    await t.step("it leads with the lease of its namespace", async () => {
      const lease = { name: "90ba2d18.spinkube.dev", namespace: NAMESPACE };
      assert.ok((await client.get(LEASES, lease)).spec);
    });
  } finally {
    log = await operator.stop();
    await Deno.remove(directory, { recursive: true });
  }

  await t.step("it was refused nothing", () => {
    const refused = log!.split("\n").filter((line) => /forbidden|cannot \w+ resource/i.test(line));
    assert.deepEqual(refused, []);
  });
}

async function appears<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  name: { name: string; namespace?: string },
): Promise<void> {
  await waitUntil(async () => {
    try {
      return await client.find(type, name);
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }, { what: `${type.kind} ${name.name}`, timeoutMs: 30_000 });
}

installationTest("install.yaml gives the operator all the rights that its work needs", {
  ignore,
  load: async () => readObjects(await Deno.readTextFile(INSTALL)),
});

installationTest("the chart gives an operator of one namespace all the rights that it needs", {
  ignore: ignore || HELM === undefined,
  load: async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } };
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    return [
      { ...namespace, metadata: { ...namespace.metadata, labels } },
      ...await chartObjects({ helm: HELM!, values: ["watchNamespace=default"] }),
    ];
  },
});

/** The test is kubelet and Job controller; installations of one namespace leave nodes alone. */
async function shimComesAndGoes(
  client: KubeClient,
  objects: readonly AnyObject[],
): Promise<void> {
  const role = objects.find(({ metadata }) => metadata.name.endsWith("-shim-jobs-role"));
  if (!role) return;
  const namespace = role.metadata.namespace!;
  await createNode(client, { name: "worker", labels: { pool: "spin" } });
  await client.create(SHIMS, shim("spin-v2", { nodeSelector: { pool: "spin" } }));
  const jobEnds = async (operation: string, fate: "succeed" | "fail") => {
    const name = { name: `worker-spin-v2-${operation}`, namespace };
    await appears(client, JOBS, name);
    const job = await client.get(JOBS, name);
    // The namespace admits what the Job's pods need; elsewhere they are refused.
    const pod = { metadata: { name: "pod", namespace }, spec: job.spec!.template.spec };
    await client.apply(PODS, pod, { dryRun: true });
    await endJob(client, job, fate);
  };
  await jobEnds("install", "fail");
  await waitUntil(async () => {
    const { metadata } = await client.get(NODES, { name: "worker" });
    return metadata.labels!["spin-v2"] === "failed";
  }, { what: "the failure", timeoutMs: 30_000 });
  await client.mergePatch(NODES, { name: "worker" }, {
    patch: { metadata: { labels: { "spin-v2": null } } },
  });
  await waitUntil(async () => {
    const job = await client.find(JOBS, { name: "worker-spin-v2-install", namespace });
    return job && outcomeOf(job) === undefined;
  }, { what: "another Job", timeoutMs: 30_000 });
  await jobEnds("install", "succeed");
  await waitUntil(
    async () => (await client.get(SHIMS, { name: "spin-v2" })).status?.nodesReady === 1,
    { what: "the Shim's status", timeoutMs: 30_000 },
  );
  await appears(client, RUNTIME_CLASSES, { name: "class-spin-v2" });
  await client.delete(SHIMS, { name: "spin-v2" });
  await jobEnds("uninstall", "succeed");
  await waitUntil(
    async () => await client.find(SHIMS, { name: "spin-v2" }) === undefined,
    { what: "the end of the Shim", timeoutMs: 30_000 },
  );
}

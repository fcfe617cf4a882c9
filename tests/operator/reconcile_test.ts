/** What the operator does about apps, with a real API server. */

import assert from "node:assert/strict";
import { OPERATOR } from "../../crds/contract.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../crds/spin_app_executor.ts";
import { EVENTS } from "../../lib/kube/event_recorder.ts";
import { apiVersion, type KubeObject } from "../../lib/kube/types.ts";
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  RUNTIME_CLASSES,
  SECRETS,
  SERVICES,
} from "../../lib/kube/workload_types.ts";
import { whyNoApiServer } from "../support/api_server.ts";
import { waitUntil } from "../support/wait.ts";
import {
  createPod,
  NAMESPACES,
  OperatorCluster,
  readyReason,
  type RunningOperator,
  setDeploymentStatus,
  spinApp,
  startOperator,
  waitFor,
} from "./_operator.ts";

const SKIP = whyNoApiServer();

interface Scene {
  readonly cluster: OperatorCluster;
  readonly operator: RunningOperator;
  readonly namespace: string;
}

const CASES: Record<string, (scene: Scene) => Promise<void>> = {
  "an app is made, becomes ready, and says so once": async ({ cluster: { user }, namespace }) => {
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace, { replicas: 2 }));
    const name = { name: "app", namespace };
    const deployment = await waitFor(user, { type: DEPLOYMENTS, name });
    assert.equal(deployment.spec.replicas, 2);
    await setDeploymentStatus(user, deployment);
    const app = await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "AppReady",
    });
    assert.equal(app.status?.readyReplicas, 2);
    assert.equal(app.status?.activeScheduler, "containerd-shim-spin");
    assert.deepEqual(await eventsOf(user, { name: "app", namespace }), ["Normal AppReady"]);
  },

  "a missing executor is named, and its coming is enough": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APPS, spinApp(namespace, { executor: "later" }));
    const app = await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "MissingExecutor",
    });
    const message = app.status?.conditions?.find(({ type }) => type === "Ready")?.message;
    assert.equal(message, `Could not find SpinAppExecutor ${namespace}/later`);
    assert.deepEqual(await eventsOf(user, name), ["Warning MissingExecutor"]);
    await user.create(SPIN_APP_EXECUTORS, executor(namespace, "later"));
    await waitFor(user, { type: DEPLOYMENTS, name });
  },

  "an executor of the cluster stands in, without a finalizer": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const { metadata: _, ...content } = executor(namespace);
    const fallback = `fallback-${namespace}`;
    await user.create<SpinAppExecutor>(CLUSTER_SPIN_APP_EXECUTORS, {
      ...content,
      metadata: { name: fallback },
    });
    await user.create(SPIN_APPS, spinApp(namespace, { executor: fallback }));
    await waitFor(user, { type: DEPLOYMENTS, name: { name: "app", namespace } });
    const live = await user.find(CLUSTER_SPIN_APP_EXECUTORS, { name: fallback });
    assert.deepEqual(live?.metadata.finalizers ?? [], []);
  },

  "an executor in use is kept until its last app has gone": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const place = { name: "containerd-shim-spin", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace));
    await waitFor(user, {
      type: SPIN_APP_EXECUTORS,
      name: place,
      until: ({ metadata }) => metadata.finalizers?.includes(OPERATOR.finalizer) ?? false,
    });
    await waitFor(user, { type: DEPLOYMENTS, name: { name: "app", namespace } });
    await user.delete(SPIN_APP_EXECUTORS, place);
    await waitUntil(
      async () => (await eventsOf(user, place)).includes("Warning DeletionBlocked"),
      { what: "the event" },
    );
    assert.ok(await user.find(SPIN_APP_EXECUTORS, place));
    await user.delete(SPIN_APPS, { name: "app", namespace });
    await waitUntil(async () => !await user.find(SPIN_APP_EXECUTORS, place), {
      what: "the executor's end",
    });
  },

  "objects of others are left alone": async ({ cluster, namespace }) => {
    const { user } = cluster;
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    const foreign = await user.create<KubeObject>(SERVICES, {
      metadata: { name: "app", namespace },
      ...{ spec: { ports: [{ port: 80 }], selector: { app: "somebody" } } },
    });
    await user.create(SPIN_APPS, spinApp(namespace));
    const name = { name: "app", namespace };
    const app = await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "NameTaken",
    });
    assert.match(
      app.status!.conditions!.find(({ type }) => type === "Ready")!.message,
      /Service ".+\/app" was there before the app; .*kubectl label service -n .+ app core\.spinkube/,
    );
    const live = await user.find(SERVICES, name);
    assert.equal(live?.metadata.resourceVersion, foreign.metadata.resourceVersion);
    // The way out that the message names.
    await user.mergePatch(SERVICES, name, {
      patch: { metadata: { labels: { [OPERATOR.appLabel]: "app" } } },
    });
    await waitFor(user, {
      type: SERVICES,
      name,
      until: ({ metadata }) => metadata.ownerReferences?.[0]?.kind === "SpinApp",
    });
  },

  "what is deleted or changed by others is mended": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace));
    const first = await waitFor(user, { type: DEPLOYMENTS, name });
    const service = await waitFor(user, { type: SERVICES, name });
    await user.delete(SERVICES, name);
    await waitFor(user, {
      type: SERVICES,
      name,
      until: ({ metadata }) => metadata.uid !== service.metadata.uid,
    });
    await user.mergePatch(DEPLOYMENTS, name, { patch: { spec: { replicas: 5 } } });
    await waitFor(user, {
      type: DEPLOYMENTS,
      name,
      until: ({ metadata, spec }) =>
        spec.replicas === 1 && metadata.resourceVersion !== first.metadata.resourceVersion,
    });
  },

  "a changed Secret makes another configuration, and the old one goes after the rollout": async (
    { cluster, namespace },
  ) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create<KubeObject>(SECRETS, {
      metadata: { name: "redis", namespace },
      ...{ stringData: { url: "redis://one:6379" } },
    });
    await user.create(
      SPIN_APPS,
      spinApp(namespace, {
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
      } as Partial<SpinApp["spec"]>),
    );
    const before = configOf(await waitFor(user, { type: DEPLOYMENTS, name }));
    await user.mergePatch(SECRETS, { name: "redis", namespace }, {
      patch: { stringData: { url: "redis://two:6379" } },
    });
    const deployment = await waitFor(user, {
      type: DEPLOYMENTS,
      name,
      until: (found) => configOf(found) !== before,
    });
    assert.ok(
      await user.find(SECRETS, { name: before, namespace }),
      "pods before may still need it",
    );
    await setDeploymentStatus(user, deployment);
    await waitUntil(async () => !await user.find(SECRETS, { name: before, namespace }), {
      what: "the end of the old Secret",
    });
    const secret = await user.find(SECRETS, { name: configOf(deployment), namespace });
    const text = new TextDecoder().decode(
      Uint8Array.fromBase64(secret!.data!["runtime-config.toml"]!),
    );
    assert.match(text, /url = 'redis:\/\/two:6379'/);
  },

  "a missing ConfigMap is waited for": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(
      SPIN_APPS,
      spinApp(namespace, {
        runtimeConfig: {
          sqliteDatabases: [{
            name: "default",
            type: "libsql",
            options: [{
              name: "url",
              valueFrom: { configMapKeyRef: { name: "later", key: "url" } },
            }],
          }],
        },
      } as Partial<SpinApp["spec"]>),
    );
    await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "WaitingForObjects",
    });
    assert.equal(await user.find(DEPLOYMENTS, name), undefined);
    await user.create<KubeObject>(CONFIG_MAPS, {
      metadata: { name: "later", namespace },
      ...{ data: { url: "https://db" } },
    });
    await waitFor(user, { type: DEPLOYMENTS, name });
  },

  "autoscaling takes over the pods that there are": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace, { replicas: 4 }));
    await waitFor(user, { type: DEPLOYMENTS, name });
    await user.mergePatch(SPIN_APPS, name, {
      patch: { spec: { enableAutoscaling: true, replicas: null } },
    });
    await waitFor(user, {
      type: DEPLOYMENTS,
      name,
      until: ({ metadata }) =>
        !metadata.managedFields?.some(({ manager, fieldsV1 }) =>
          manager === OPERATOR.fieldManager && JSON.stringify(fieldsV1).includes('"f:replicas"')
        ),
    });
    assert.equal((await user.find(DEPLOYMENTS, name))?.spec.replicas, 4);
    // What the autoscaler writes stays.
    await user.mergePatch(DEPLOYMENTS, name, { patch: { spec: { replicas: 7 } } });
    await user.mergePatch(SPIN_APPS, name, {
      patch: { spec: { image: "registry.example/app:2" } },
    });
    const deployment = await waitFor(user, {
      type: DEPLOYMENTS,
      name,
      until: ({ spec }) => spec.template.spec.containers[0]!.image === "registry.example/app:2",
    });
    assert.equal(deployment.spec.replicas, 7);
  },

  "an external executor gets a Service, and no Deployment or status": async (
    { cluster, namespace },
  ) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create<SpinAppExecutor>(SPIN_APP_EXECUTORS, {
      ...executor(namespace, "external"),
      spec: { createDeployment: false },
    });
    await user.create(SPIN_APPS, spinApp(namespace));
    await waitFor(user, { type: DEPLOYMENTS, name });
    await user.mergePatch(SPIN_APPS, name, { patch: { spec: { executor: "external" } } });
    await waitUntil(async () => !await user.find(DEPLOYMENTS, name), {
      what: "the end of the Deployment",
    });
    assert.ok(await user.find(SERVICES, name));
  },

  "pods tell why an app is not ready": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace));
    await waitFor(user, { type: DEPLOYMENTS, name });
    await createPod(user, {
      name: "app-1",
      namespace,
      app: "app",
      status: {
        phase: "Running",
        containerStatuses: [{
          name: "app",
          ready: false,
          restartCount: 3,
          image: "",
          imageID: "",
          state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
          lastState: {
            terminated: { exitCode: 1, reason: "Error", message: "Error: no such route\n" },
          },
        }],
      },
    });
    const app = await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "AppCrashing",
    });
    assert.equal(
      app.status!.conditions!.find(({ type }) => type === "Ready")!.message,
      "Pod app-1, container app ended with exit code 1, 3 restarts so far: Error: no such route",
    );
  },

  "a missing RuntimeClass is named until it comes": async ({ cluster, namespace }) => {
    const { user } = cluster;
    const runtimeClass = `class-${namespace}`;
    const name = { name: "app", namespace };
    await user.create(
      SPIN_APP_EXECUTORS,
      executor(namespace, "containerd-shim-spin", runtimeClass),
    );
    await user.create(SPIN_APPS, spinApp(namespace));
    await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "RuntimeClassMissing",
    });
    await user.create<KubeObject>(RUNTIME_CLASSES, {
      metadata: { name: runtimeClass },
      ...{ handler: "spin" },
    });
    await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "Starting",
    });
  },

  "CA certificates that are deleted are made again, others' are kept": async (
    { cluster, namespace },
  ) => {
    const { user } = cluster;
    const name = { name: "spin-ca", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace));
    const secret = await waitFor(user, { type: SECRETS, name });
    assert.match(atob(secret.data!["ca-certificates.crt"]!), /^-----BEGIN CERTIFICATE-----/);
    await user.delete(SECRETS, name);
    await waitFor(user, {
      type: SECRETS,
      name,
      until: ({ metadata }) => metadata.uid !== secret.metadata.uid,
    });
    const own = btoa("-----BEGIN CERTIFICATE-----\nown\n");
    await user.mergePatch(SECRETS, name, { patch: { data: { "ca-certificates.crt": own } } });
    await user.mergePatch(SPIN_APPS, { name: "app", namespace }, {
      patch: { spec: { replicas: 2 } },
    });
    await waitFor(user, {
      type: DEPLOYMENTS,
      name: { name: "app", namespace },
      until: ({ spec }) => spec.replicas === 2,
    });
    assert.equal((await user.find(SECRETS, name))?.data?.["ca-certificates.crt"], own);
  },

  "an app that comes again under its name waits for what is left of the one before": async (
    { cluster, namespace },
  ) => {
    const { user } = cluster;
    const name = { name: "app", namespace };
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace));
    const before = await waitFor(user, { type: DEPLOYMENTS, name });
    await waitFor(user, { type: SERVICES, name });
    await user.delete(SPIN_APPS, name);
    await user.create(SPIN_APPS, spinApp(namespace));
    await waitFor(user, {
      type: SPIN_APPS,
      name,
      until: (found) => readyReason(found) === "WaitingForObjects",
    });
    // The garbage collector's work.
    await user.delete(DEPLOYMENTS, name);
    await user.delete(SERVICES, name);
    await waitFor(user, {
      type: DEPLOYMENTS,
      name,
      until: ({ metadata }) => metadata.uid !== before.metadata.uid,
    });
  },

  "the deletion of a namespace is not held up": async ({ cluster, operator }) => {
    const { user } = cluster;
    const namespace = await cluster.namespace();
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    await user.create(SPIN_APPS, spinApp(namespace));
    await waitFor(user, { type: DEPLOYMENTS, name: { name: "app", namespace } });
    await user.delete(NAMESPACES, { name: namespace });
    // What the namespace controller does, in an order that is bad for executors.
    await user.delete(SPIN_APP_EXECUTORS, { name: "containerd-shim-spin", namespace });
    await user.delete(DEPLOYMENTS, { name: "app", namespace });
    await user.delete(SERVICES, { name: "app", namespace });
    await user.delete(SPIN_APPS, { name: "app", namespace });
    await waitUntil(
      async () => !await user.find(SPIN_APP_EXECUTORS, { name: "containerd-shim-spin", namespace }),
      { what: "the executor's end" },
    );
    const errors = operator.log.filter((line) =>
      line.includes("\tERROR\t") && line.includes(namespace)
    );
    assert.deepEqual(errors, []);
  },

  "nothing is written when nothing has changed": async ({ cluster, operator, namespace }) => {
    const { user } = cluster;
    await user.create(SPIN_APP_EXECUTORS, executor(namespace));
    const names = Array.from({ length: 20 }, (_, index) => `app-${index}`);
    await Promise.all(
      names.map((name) =>
        user.create(SPIN_APPS, spinApp(namespace, { name, resources: { limits: { cpu: "0.5" } } }))
      ),
    );
    for (const name of names) {
      const deployment = await waitFor(user, { type: DEPLOYMENTS, name: { name, namespace } });
      await setDeploymentStatus(user, deployment);
    }
    for (const name of names) {
      await waitFor(user, {
        type: SPIN_APPS,
        name: { name, namespace },
        until: (found) => readyReason(found) === "AppReady",
      });
    }
    // A change that concerns no object of theirs.
    const { writes } = operator.counts;
    await Promise.all(names.map((name) =>
      user.mergePatch(SPIN_APPS, { name, namespace }, {
        patch: { metadata: { annotations: { "example.com/touched": "1" } } },
      })
    ));
    // One more app: when it is there, the twenty have been looked at.
    await user.create(SPIN_APPS, spinApp(namespace, { name: "last" }));
    await waitFor(user, {
      type: SPIN_APPS,
      name: { name: "last", namespace },
      until: (found) => readyReason(found) !== undefined,
    });
    // Its Secret, Deployment, Service, and status.
    assert.ok(operator.counts.writes - writes <= 5, `${operator.counts.writes - writes} writes`);
  },
};

Deno.test({
  name: `the operator reconciles SpinApps${SKIP ? ` (ignored: ${SKIP})` : ""}`,
  ignore: SKIP !== undefined,
  async fn(t) {
    await using cluster = await OperatorCluster.start();
    await using operator = await startOperator(cluster);
    await cluster.user.create<KubeObject>(RUNTIME_CLASSES, {
      metadata: { name: "wasmtime-spin-v2" },
      ...{ handler: "spin" },
    });
    for (const [name, run] of Object.entries(CASES)) {
      await t.step(name, async () => {
        await run({ cluster, operator, namespace: await cluster.namespace() });
      });
    }
  },
});

function executor(
  namespace: string,
  name = "containerd-shim-spin",
  runtimeClassName = "wasmtime-spin-v2",
): SpinAppExecutor {
  return {
    apiVersion: apiVersion(SPIN_APP_EXECUTORS),
    kind: SPIN_APP_EXECUTORS.kind,
    metadata: { name, namespace },
    spec: {
      createDeployment: true,
      deploymentConfig: { runtimeClassName, installDefaultCACerts: true },
    },
  };
}

/** The Secret with the runtime configuration that a Deployment names. */
function configOf({ spec }: { spec: { template: { spec: { volumes?: unknown } } } }): string {
  const volumes = spec.template.spec.volumes as { secret?: { secretName?: string } }[];
  return volumes[0]!.secret!.secretName!;
}

/** `Type Reason` of the events about an object, in order. */
async function eventsOf(
  user: OperatorCluster["user"],
  { name, namespace }: { name: string; namespace: string },
): Promise<string[]> {
  const events = await user.list(EVENTS, {
    namespace,
    fieldSelector: `involvedObject.name=${name}`,
  });
  return events.map(({ type, reason }) => `${type} ${reason}`);
}

/**
 * The operator in the process of a test, with a real API server. What other controllers of a cluster
 * would do, tests do themselves.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";
import { createManagerMetrics } from "../../controllers/manager/manager_metrics.ts";
import {
  createWatchedCluster,
  runControllers,
  startWatching,
} from "../../controllers/manager/manager.ts";
import type { ShimSettings } from "../../controllers/shim/shim_settings.ts";
import { OPERATOR } from "../../crds/contract.ts";
import { SHIMS } from "../../crds/shim.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import { CLUSTER_SPIN_APP_EXECUTORS, SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import { isNotFound } from "../../lib/kube/api_error.ts";
import { collectionPath, KubeClient, objectPath } from "../../lib/kube/client.ts";
import { loadClusterConfig } from "../../lib/kube/kubeconfig.ts";
import { KubeTransport, type TransportObserver } from "../../lib/kube/transport.ts";
import { apiVersion, type KubeObject, type ResourceType } from "../../lib/kube/types.ts";
import { type Deployment, DEPLOYMENTS } from "../../lib/kube/workload_types.ts";
import { createLog } from "../../lib/structured_log.ts";
import { type ApiServer, startApiServer, whyNoApiServer } from "../support/api_server.ts";
import { waitUntil } from "../support/wait.ts";

const CRDS = new URL("../../crds/", import.meta.url);

/** A namespace, as far as tests need it. */
export const NAMESPACES: ResourceType = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  isNamespaced: false,
};

/** An API server with the CRDs, and a new namespace for each test. Whoever started it disposes it. */
export class OperatorCluster {
  readonly kubeconfig: string;
  /** What users do. */
  readonly user: KubeClient;
  readonly #server: ApiServer;
  #count = 0;

  private constructor(server: ApiServer, user: KubeClient) {
    this.#server = server;
    this.kubeconfig = server.kubeconfig;
    this.user = user;
  }

  /** @param options.withCrds Default: true. */
  static async start(options: { withCrds?: boolean } = {}): Promise<OperatorCluster> {
    const server = await startApiServer();
    if (!server) throw new Error(whyNoApiServer());
    const cluster = new OperatorCluster(server, await connectAs("user", server));
    if (options.withCrds ?? true) await cluster.applyCrds();
    return cluster;
  }

  async applyCrds(): Promise<void> {
    for (const { name } of Deno.readDirSync(CRDS)) {
      if (name.endsWith(".yaml")) await this.apply(Deno.readTextFileSync(new URL(name, CRDS)));
    }
    const types = [SPIN_APPS, SPIN_APP_EXECUTORS, CLUSTER_SPIN_APP_EXECUTORS, SHIMS];
    for (const type of types) {
      await waitUntil(() => this.#serves(type), { what: `the API of ${type.plural}` });
    }
  }

  async #serves(type: ResourceType): Promise<boolean> {
    const path = collectionPath(type, undefined);
    try {
      await this.user.transport.json({ method: "GET", path, query: { limit: 1 } });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Kills the API server and starts it again. */
  async restart(): Promise<void> {
    await this.#server.restart?.();
  }

  /** A new namespace. @returns Its name. */
  async namespace(): Promise<string> {
    const name = `test-${++this.#count}`;
    await this.user.create<KubeObject>(NAMESPACES, { metadata: { name } });
    return name;
  }

  /** Applies the objects of a YAML text, as kubectl does. @param namespace Default: the objects' own. */
  async apply(text: string, namespace?: string): Promise<void> {
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as (KubeObject & { kind: string; apiVersion: string }) | null;
      if (!object) continue;
      const [version = "", group = ""] = object.apiVersion.split("/").reverse();
      const { kind, metadata } = object;
      const plural = `${kind.toLowerCase()}${kind.endsWith("s") ? "es" : "s"}`;
      const place = metadata.namespace ?? namespace;
      const type = { group, version, kind, plural, isNamespaced: place !== undefined };
      await this.user.apply<KubeObject>(type, {
        ...object,
        metadata: { ...metadata, ...(place === undefined ? {} : { namespace: place }) },
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.user.transport.close();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** A client of an administrator, who closes its transport. */
export async function connectAs(
  fieldManager: string,
  { kubeconfig, observer }: { kubeconfig: string; observer?: TransportObserver },
): Promise<KubeClient> {
  const config = await loadClusterConfig({ path: kubeconfig }, {
    environment: () => undefined,
    readTextFile: (path) => Deno.readTextFileSync(path),
    homeDir: undefined,
  });
  const transport = new KubeTransport(config, {
    userAgent: "test",
    ...(observer ? { observer } : {}),
  });
  return new KubeClient(transport, { fieldManager });
}

/** Requests that an operator has sent. */
export interface RequestCounts {
  readonly reads: number;
  readonly writes: number;
}

/** A running operator. */
export interface RunningOperator {
  readonly counts: RequestCounts;
  /** Lines of its log. */
  readonly log: readonly string[];
  /** Ends it and waits for that. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the operator's controllers, for one namespace or all. */
export async function startOperator(
  { kubeconfig }: { kubeconfig: string },
  options: { namespace?: string; workers?: number; shims?: ShimSettings } = {},
): Promise<RunningOperator> {
  const { namespace = "", workers = 8, shims } = options;
  const counts = { reads: 0, writes: 0 };
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    format: "console",
    write: (line) => void lines.push(line),
  });
  const client = await connectAs(OPERATOR.fieldManager, {
    kubeconfig,
    observer: { onAnswer: (method) => void (method === "GET" ? counts.reads++ : counts.writes++) },
  });
  const stop = new AbortController();
  const cluster = createWatchedCluster({ namespace, log });
  const watching = startWatching(cluster, { client, signal: stop.signal });
  const metrics = createManagerMetrics("test");
  const working = runControllers(
    { client, cluster, log, metrics, workers, shims },
    { signal: stop.signal },
  );
  const started = waitUntil(() => lines.some((line) => line.includes("Controllers have started")), {
    what: "the operator",
    timeoutMs: 30_000,
    explain: () => lines.join("\n"),
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await Promise.all([working, watching]);
    client.transport.close();
  };
  try {
    await started;
  } catch (error) {
    await end();
    throw error;
  }
  return { counts, log: lines, [Symbol.asyncDispose]: end };
}

/** A new ServiceAccount of the namespace `default`. @returns A token of it. */
export async function accountToken(user: KubeClient, name: string): Promise<string> {
  const accounts = { group: "", version: "v1", kind: "ServiceAccount", plural: "serviceaccounts" };
  await user.create<KubeObject>({ ...accounts, isNamespaced: true }, {
    metadata: { name, namespace: "default" },
  });
  const answer = await user.transport.json<{ status: { token: string } }>({
    method: "POST",
    path: `/api/v1/namespaces/default/serviceaccounts/${name}/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  });
  return answer.status.token;
}

/** A SpinApp. */
export function spinApp(
  namespace: string,
  { name = "app", ...spec }: Partial<SpinApp["spec"]> & { name?: string } = {},
): SpinApp {
  return {
    apiVersion: apiVersion(SPIN_APPS),
    kind: SPIN_APPS.kind,
    metadata: { name, namespace },
    spec: {
      image: "registry.example/app:1",
      executor: "containerd-shim-spin",
      replicas: 1,
      ...spec,
    },
  };
}

/** Waits until an object is as it should be, and returns it. */
export async function waitFor<T extends KubeObject>(
  client: KubeClient,
  { type, name, until = () => true, timeoutMs }: {
    type: ResourceType<T>;
    name: { name: string; namespace?: string };
    until?: (object: T) => boolean;
    timeoutMs?: number;
  },
): Promise<T> {
  let last: T | undefined;
  return await waitUntil(async () => {
    last = await client.find(type, name);
    return last !== undefined && until(last) ? last : undefined;
  }, {
    what: `${type.kind} ${name.namespace}/${name.name}`,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    explain: () => JSON.stringify(last, undefined, 2) ?? "there is none",
  });
}

/** The `Ready` condition's reason. */
export function readyReason(app: SpinApp): string | undefined {
  return app.status?.conditions?.find(({ type }) => type === "Ready")?.reason;
}

/** Writes what the Deployment controller would. Default: all pods are ready. */
export async function setDeploymentStatus(
  client: KubeClient,
  deployment: Deployment,
  status: Partial<NonNullable<Deployment["status"]>> = {},
): Promise<void> {
  const replicas = deployment.spec.replicas ?? 1;
  await client.mergePatch(DEPLOYMENTS, deployment.metadata, {
    subresource: "status",
    patch: {
      status: {
        observedGeneration: deployment.metadata.generation,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
        ...status,
      },
    },
  });
}

/** Creates a pod of an app, with a status. */
export async function createPod(
  client: KubeClient,
  pod: { name: string; namespace: string; app: string; status: object },
): Promise<void> {
  const { name, namespace, app, status } = pod;
  const path = objectPath(PODS_TYPE, { name, namespace });
  await client.create<KubeObject & { spec: object }>(PODS_TYPE, {
    metadata: { name, namespace, labels: { [OPERATOR.appLabel]: app } },
    spec: { containers: [{ name: app, image: "registry.example/app:1" }] },
  });
  await client.transport.json({
    method: "PATCH",
    path: `${path}/status`,
    contentType: "application/merge-patch+json",
    body: { status },
  });
}

const PODS_TYPE: ResourceType<KubeObject & { spec: object }> = {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  isNamespaced: true,
};

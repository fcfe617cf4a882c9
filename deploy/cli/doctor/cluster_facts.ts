/**
 * Reading what the doctor of clusters looks at. Nothing is written.
 *
 * @module
 */

import { type Shim, SHIMS } from "../../../crds/shim.ts";
import { SPIN_APPS, type SpinApp } from "../../../crds/spin_app.ts";
import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../../crds/spin_app_executor.ts";
import { ApiError } from "../../../lib/kube/api_error.ts";
import type { Selection } from "../../../lib/kube/client.ts";
import type { KubeObject, ResourceType } from "../../../lib/kube/types.ts";
import {
  type Deployment,
  DEPLOYMENTS,
  PODS,
  RUNTIME_CLASSES,
  type RuntimeClass,
} from "../../../lib/kube/workload_types.ts";
import type { Cluster } from "../cluster.ts";
import { podSelectorOf } from "../pods.ts";
import { explainState, isReady, type PodEvent, readAppState } from "../wait_ready.ts";
import { readAccess } from "./check_access.ts";
import {
  type AccessReview,
  CERTIFICATES,
  type Definition,
  DEFINITIONS,
  ENDPOINT_SLICES,
  isForApps,
  MUTATING,
  type Node,
  NODES,
  VALIDATING,
  type WebhookConfiguration,
} from "./cluster_objects.ts";

/** What became of a look at objects of a type. */
export type Look<T> =
  | { readonly kind: "seen"; readonly items: readonly T[] }
  /** The cluster does not know the type. */
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly why: string };

/** A workload, and what keeps it from running. */
export interface Workload {
  readonly deployment: Deployment;
  /** Empty if it runs. */
  readonly reasons: readonly string[];
}

/** Everything that is looked at. */
export interface ClusterFacts {
  readonly namespace: string;
  readonly definitions: Look<Definition>;
  /** Of SpinKube's operator, and of what does a part of its work. */
  readonly operators: Look<Workload>;
  readonly webhooks: Look<WebhookConfiguration>;
  /** `namespace/name` of a webhook's Service → addresses that are ready; undefined if unknown. */
  readonly endpoints: ReadonlyMap<string, number | undefined>;
  readonly executors: Look<SpinAppExecutor>;
  readonly clusterExecutors: Look<SpinAppExecutor>;
  readonly runtimeClasses: Look<RuntimeClass>;
  readonly nodes: Look<Node>;
  readonly shims: Look<Shim>;
  readonly apps: Look<SpinApp>;
  /** App that is not ready → why. */
  readonly reasons: ReadonlyMap<string, readonly string[]>;
  readonly access: readonly AccessReview[];
  /** Of cert-manager, for SpinKube's operator. */
  readonly certificates: Look<KubeObject>;
}

/** Apps whose pods are looked at. */
const MAX_EXPLAINED = 20;

/** Value of `app.kubernetes.io/name` of SpinKube's operator. */
export const OPERATOR_NAME = "spin-operator";

/** Operators that put shims on nodes, as this one does. */
export const SHIM_OPERATORS: readonly string[] = ["runtime-class-manager", "kwasm-operator"];

/** Deployments of these operators. */
const OPERATOR_SELECTOR = `app.kubernetes.io/name in (${
  [OPERATOR_NAME, ...SHIM_OPERATORS].join(", ")
})`;

/** What was seen; nothing if it could not be. */
export function itemsOf<T>(look: Look<T>): readonly T[] {
  return look.kind === "seen" ? look.items : [];
}

/**
 * Reads everything.
 * @throws {ApiError | ConnectionError} if the cluster is not to be talked to.
 */
export async function readClusterFacts(cluster: Cluster): Promise<ClusterFacts> {
  const { namespace } = cluster;
  const [definitions, operators, webhooks, executors, clusterExecutors, runtimeClasses, nodes] =
    await Promise.all([
      readDefinitions(cluster),
      readOperators(cluster),
      readWebhooks(cluster),
      look(cluster, SPIN_APP_EXECUTORS, { namespace }),
      look(cluster, CLUSTER_SPIN_APP_EXECUTORS),
      look(cluster, RUNTIME_CLASSES),
      look(cluster, NODES),
    ]);
  const [endpoints, shims, apps, access, certificates] = await Promise.all([
    readEndpoints(cluster, itemsOf(webhooks)),
    look(cluster, SHIMS),
    look(cluster, SPIN_APPS, { namespace }),
    readAccess(cluster),
    look(cluster, CERTIFICATES, { labelSelector: `app.kubernetes.io/name=${OPERATOR_NAME}` }),
  ]);
  const reasons = await readReasons(cluster, itemsOf(apps));
  return {
    namespace,
    definitions,
    operators,
    webhooks,
    endpoints,
    executors,
    clusterExecutors,
    runtimeClasses,
    nodes,
    shims,
    apps,
    reasons,
    access,
    certificates,
  };
}

async function look<T extends KubeObject>(
  { client }: Cluster,
  type: ResourceType<T>,
  selection: Selection = {},
): Promise<Look<T>> {
  return await orWhyNot(() => client.list<T>(type, selection));
}

/** That something may not be seen is a finding, not the end. */
async function orWhyNot<T>(read: () => Promise<readonly T[]>): Promise<Look<T>> {
  try {
    return { kind: "seen", items: await read() };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === 404) return { kind: "absent" };
    if (error.code === 403) return { kind: "refused", why: error.message };
    throw error;
  }
}

async function readDefinitions({ client }: Cluster): Promise<Look<Definition>> {
  const types = [SPIN_APPS, SPIN_APP_EXECUTORS, CLUSTER_SPIN_APP_EXECUTORS, SHIMS];
  return await orWhyNot(async () => {
    const found = await Promise.all(
      types.map(({ plural, group }) => client.find(DEFINITIONS, { name: `${plural}.${group}` })),
    );
    return found.filter((definition) => definition !== undefined);
  });
}

async function readOperators(cluster: Cluster): Promise<Look<Workload>> {
  const found = await look<Deployment>(cluster, DEPLOYMENTS, { labelSelector: OPERATOR_SELECTOR });
  if (found.kind !== "seen") return found;
  return await orWhyNot(() =>
    Promise.all(found.items.map(async (deployment) => ({
      deployment,
      reasons: await reasonsOf(cluster, deployment),
    })))
  );
}

async function reasonsOf(cluster: Cluster, deployment: Deployment): Promise<readonly string[]> {
  const { status = {}, spec, metadata: { namespace } } = deployment;
  if ((status.availableReplicas ?? 0) >= Math.max(1, spec.replicas ?? 1)) return [];
  if (spec.replicas === 0) return ["it is scaled to 0"];
  const pods = await look(cluster, PODS, { namespace, labelSelector: podSelectorOf(deployment) });
  const events: PodEvent[] = [];
  return explainState({ app: undefined, deployment, pods: itemsOf(pods), events })
    .map((reason) => reason === "the app is not there" ? "no pod of it is available" : reason);
}

async function readWebhooks(cluster: Cluster): Promise<Look<WebhookConfiguration>> {
  const [mutating, validating] = await Promise.all([
    look(cluster, MUTATING),
    look(cluster, VALIDATING),
  ]);
  if (mutating.kind !== "seen") return mutating;
  if (validating.kind !== "seen") return validating;
  // Lists leave the kind out of their items.
  const items = [
    ...mutating.items.map((each) => ({ ...each, kind: MUTATING.kind })),
    ...validating.items.map((each) => ({ ...each, kind: VALIDATING.kind })),
  ];
  return { kind: "seen", items: items.filter(isForApps) };
}

async function readEndpoints(
  cluster: Cluster,
  webhooks: readonly WebhookConfiguration[],
): Promise<ReadonlyMap<string, number | undefined>> {
  const services = new Map(
    webhooks.flatMap((each) => each.webhooks ?? []).flatMap(({ clientConfig: { service } }) =>
      service ? [[`${service.namespace}/${service.name}`, service] as const] : []
    ),
  );
  const counts = await Promise.all(
    [...services].map(async ([key, { name, namespace }]) => {
      const slices = await look(cluster, ENDPOINT_SLICES, {
        namespace,
        labelSelector: `kubernetes.io/service-name=${name}`,
      });
      if (slices.kind !== "seen") return [key, undefined] as const;
      const ready = slices.items.flatMap(({ endpoints }) => endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false);
      return [key, ready.flatMap(({ addresses }) => addresses).length] as const;
    }),
  );
  return new Map(counts);
}

async function readReasons(
  cluster: Cluster,
  apps: readonly SpinApp[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const reasons = new Map<string, readonly string[]>();
  for (const { metadata: { name } } of apps.filter(isInTrouble).slice(0, MAX_EXPLAINED)) {
    const state = await orWhyNot(async () => [await readAppState(cluster, name)]);
    const [found] = itemsOf(state);
    if (found && !isReady(found)) reasons.set(name, explainState(found));
  }
  return reasons;
}

/** As far as the app itself says so. */
export function isInTrouble({ spec, status }: SpinApp): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready) return ready.status !== "True";
  return (status?.readyReplicas ?? 0) < (spec.replicas ?? 1);
}

/** Whether a Deployment is of this program: the original's has no settings of Shims. */
export function isOwnOperator({ spec }: Deployment): boolean {
  return spec.template.spec.containers.some(({ env = [] }) =>
    env.some(({ name }) => name.startsWith("SHIM_"))
  );
}

/** How messages name a workload. */
export function nameOf({ metadata: { name, namespace } }: KubeObject): string {
  return namespace === undefined ? `"${name}"` : `"${name}" in namespace "${namespace}"`;
}

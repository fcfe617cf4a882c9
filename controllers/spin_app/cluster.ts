/**
 * The part of the cluster that the reconciler of apps looks at.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../crds/spin_app_executor.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Informer } from "../../lib/kube/informer.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import {
  CONFIG_MAPS,
  type Deployment,
  DEPLOYMENTS,
  type Pod,
  PODS,
  RUNTIME_CLASSES,
  type RuntimeClass,
  SECRETS,
  type Service,
  SERVICES,
} from "../../lib/kube/workload_types.ts";
import { ownsReplicas } from "./children.ts";
import { configSources } from "../../crds/runtime_config.ts";

/** Copies of what the cluster has, each kept up to date by a watch. */
export interface Cluster {
  /** Indexed by `executor` (its name), `source` and `namespace`. */
  readonly apps: Informer<SpinApp>;
  readonly executors: Informer<SpinAppExecutor>;
  readonly clusterExecutors: Informer<SpinAppExecutor>;
  /** Those of apps, with `managedFields`; likewise the Services. */
  readonly deployments: Informer<Deployment>;
  readonly services: Informer<Service>;
  /** Those of apps. Indexed by `app`. */
  readonly pods: Informer<Pod>;
  /** All, but nothing of what is in them. Secrets are indexed by `app`. */
  readonly secrets: Informer<KubeObject>;
  readonly configMaps: Informer<KubeObject>;
  readonly runtimeClasses: Informer<RuntimeClass>;
}

/** Told when something cannot be watched. The watch goes on by itself. */
export type Trouble = (type: ResourceType, trouble: { error: unknown; delayMs: number }) => void;

/**
 * Makes the copies; {@link Informer.run} fills each.
 * @param options.namespace Only this namespace; default: all.
 */
export function createCluster(options: { namespace?: string; onTrouble: Trouble }): Cluster {
  const { namespace } = options;
  function common<T extends KubeObject>(type: ResourceType<T>) {
    return {
      ...(namespace === undefined || !type.isNamespaced ? {} : { namespace }),
      onTrouble: (error: unknown, delayMs: number) => options.onTrouble(type, { error, delayMs }),
    };
  }
  const ofApps = { labelSelector: OPERATOR.appLabel };
  return {
    apps: new Informer(SPIN_APPS, {
      ...common(SPIN_APPS),
      indexes: {
        executor: ({ spec }) => spec.executor ? [spec.executor] : [],
        source: sourceKeys,
        namespace: ({ metadata }) => [metadata.namespace ?? ""],
      },
    }),
    executors: new Informer(SPIN_APP_EXECUTORS, common(SPIN_APP_EXECUTORS)),
    clusterExecutors: new Informer(CLUSTER_SPIN_APP_EXECUTORS, common(CLUSTER_SPIN_APP_EXECUTORS)),
    deployments: new Informer(DEPLOYMENTS, {
      ...common(DEPLOYMENTS),
      ...ofApps,
      trim: trimDeployment,
    }),
    services: new Informer(SERVICES, { ...common(SERVICES), ...ofApps, trim: keepApplied }),
    pods: new Informer(PODS, {
      ...common(PODS),
      ...ofApps,
      trim: trimPod,
      indexes: { app: appIndex },
    }),
    secrets: new Informer<KubeObject>(SECRETS, {
      ...common(SECRETS),
      metadataOnly: true,
      trim: trimSecret,
      indexes: { app: appIndex },
    }),
    configMaps: new Informer<KubeObject>(CONFIG_MAPS, {
      ...common(CONFIG_MAPS),
      metadataOnly: true,
      trim: ({ metadata: { name, namespace, resourceVersion } }) => ({
        metadata: { name, ...optional({ namespace, resourceVersion }) },
      }),
    }),
    runtimeClasses: new Informer(RUNTIME_CLASSES, common(RUNTIME_CLASSES)),
  };
}

/** The kinds that the operator cannot do its work without. Others may be forbidden or unknown. */
export function requiredInformers(cluster: Cluster): Informer<KubeObject>[] {
  const { apps, executors, deployments, services, secrets } = cluster;
  return [apps, executors, deployments, services, secrets] as Informer<KubeObject>[];
}

/** Fills all copies until the signal fires. */
export async function runCluster(
  cluster: Cluster,
  { client, signal }: { client: KubeClient; signal: AbortSignal },
): Promise<void> {
  await Promise.all(
    Object.values(cluster as unknown as Record<string, Informer<KubeObject>>)
      .map((informer) => informer.run(client, signal)),
  );
}

/** `namespace/name` of the app that an object was made for. */
export function appKeyOf({ metadata }: KubeObject): string | undefined {
  const app = metadata.labels?.[OPERATOR.appLabel];
  return app === undefined ? undefined : `${metadata.namespace}/${app}`;
}

/** How {@link Cluster.apps} finds the apps that use a Secret or ConfigMap: `Secret:ns/name`. */
export function sourceKey(
  kind: "Secret" | "ConfigMap",
  { namespace, name }: KubeObject["metadata"],
) {
  return `${kind}:${namespace}/${name}`;
}

function sourceKeys(app: SpinApp): string[] {
  const { namespace } = app.metadata;
  const loaded = app.spec.runtimeConfig?.loadFromSecret;
  return [
    ...configSources(app).map(({ kind, name }) =>
      sourceKey(kind, { name, ...optional({ namespace }) })
    ),
    ...(loaded ? [sourceKey("Secret", { name: loaded, ...optional({ namespace }) })] : []),
  ];
}

function appIndex(object: KubeObject): string[] {
  const key = appKeyOf(object);
  return key === undefined ? [] : [key];
}

/** Of `managedFields`, what tells what has been applied, and who sets the number of pods. */
function keepApplied<T extends KubeObject>(object: T): T {
  const managedFields = object.metadata.managedFields?.filter(({ manager, fieldsV1 }) =>
    manager === OPERATOR.fieldManager || ownsReplicas(fieldsV1)
  );
  return managedFields ? { ...object, metadata: { ...object.metadata, managedFields } } : object;
}

function trimDeployment(deployment: Deployment): Deployment {
  const { status, ...rest } = keepApplied(deployment);
  const { observedGeneration, replicas, readyReplicas, updatedReplicas, conditions } = status ?? {};
  return {
    ...rest,
    status: optional({ observedGeneration, replicas, readyReplicas, updatedReplicas, conditions }),
  };
}

function trimPod({ metadata, status }: Pod): Pod {
  const { name, namespace, uid, labels, deletionTimestamp, resourceVersion, creationTimestamp } =
    metadata;
  return {
    metadata: {
      name,
      ...optional({
        namespace,
        uid,
        labels,
        deletionTimestamp,
        resourceVersion,
        creationTimestamp,
      }),
    },
    ...(status ? { status: trimPodStatus(status) } : {}),
  };
}

function trimPodStatus(status: NonNullable<Pod["status"]>): NonNullable<Pod["status"]> {
  const { phase, conditions, containerStatuses, initContainerStatuses } = status;
  return {
    ...optional({ phase, containerStatuses, initContainerStatuses }),
    conditions: conditions?.filter(({ type }) => type === "PodScheduled") ?? [],
  };
}

function trimSecret({ metadata }: KubeObject): KubeObject {
  const { name, namespace, resourceVersion, labels, annotations, ownerReferences } = metadata;
  const isOurs = labels?.[OPERATOR.appLabel] !== undefined ||
    annotations?.[OPERATOR.managedByAnnotation] === OPERATOR.managedBy;
  if (!isOurs) return { metadata: { name, ...optional({ namespace, resourceVersion }) } };
  return {
    metadata: {
      name,
      ...optional({ namespace, resourceVersion, labels, annotations, ownerReferences }),
      managedFields: metadata.managedFields?.map(({ manager }) => optional({ manager })) ?? [],
    },
  };
}

/** The members that have a value. */
function optional<T extends Record<string, unknown>>(
  members: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

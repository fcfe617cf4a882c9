/**
 * The part of the cluster that the reconciler of Shims looks at.
 *
 * @module
 */

import { type Shim, SHIM_CONTRACT, SHIMS } from "../../crds/shim.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Informer } from "../../lib/kube/informer.ts";
import type { KubeObject, ObjectMeta, ResourceType } from "../../lib/kube/types.ts";
import { type Job, JOBS, type Node, NODES } from "./node_types.ts";

/** Copies of what the cluster has, each kept up to date by a watch. */
export interface ShimCluster {
  readonly shims: Informer<Shim>;
  readonly nodes: Informer<Node>;
  /** Those of Shims, in the namespace of the Jobs. */
  readonly jobs: Informer<Job>;
}

/** Annotations of nodes that are kept. */
const NODE_ANNOTATIONS = /^(?:rcm\.spinkube\.dev\/|kwasm\.sh\/)/;

/**
 * Makes the copies; {@link runShimCluster} fills them.
 * @param options.namespace Of the Jobs.
 * @param options.onTrouble Told when something cannot be watched; the watch goes on by itself.
 */
export function createShimCluster(options: {
  namespace: string;
  onTrouble: (type: ResourceType, trouble: { error: unknown; delayMs: number }) => void;
}): ShimCluster {
  function common(type: ResourceType) {
    return {
      onTrouble: (error: unknown, delayMs: number) => options.onTrouble(type, { error, delayMs }),
    };
  }
  return {
    shims: new Informer(SHIMS, common(SHIMS)),
    nodes: new Informer(NODES, { ...common(NODES), trim: trimNode }),
    jobs: new Informer(JOBS, {
      ...common(JOBS),
      namespace: options.namespace,
      labelSelector: `${SHIM_CONTRACT.job}=true`,
      trim: trimJob,
    }),
  };
}

/** Fills the copies until the signal fires. Nodes and Jobs are not watched before there is a Shim. */
export async function runShimCluster(
  { shims, nodes, jobs }: ShimCluster,
  { client, signal }: { client: KubeClient; signal: AbortSignal },
): Promise<void> {
  const others: Promise<void>[] = [];
  shims.onChange(() => {
    if (others.length > 0 || signal.aborted) return;
    others.push(nodes.run(client, signal), jobs.run(client, signal));
  });
  await shims.run(client, signal);
  await Promise.all(others);
}

/** What is looked at of a node. */
export function trimNode({ metadata, status }: Node): Node {
  const { machineID, operatingSystem, architecture, containerRuntimeVersion } = status?.nodeInfo ??
    {};
  return {
    metadata: {
      ...trimMeta(metadata),
      labels: metadata.labels ?? {},
      annotations: Object.fromEntries(
        Object.entries(metadata.annotations ?? {}).filter(([key]) => NODE_ANNOTATIONS.test(key)),
      ),
    },
    status: {
      conditions: status?.conditions?.filter(({ type }) => type === "Ready") ?? [],
      nodeInfo: defined({ machineID, operatingSystem, architecture, containerRuntimeVersion }),
    },
  };
}

/** What is looked at of a Job. */
export function trimJob({ metadata, status }: Job): Job {
  const { labels, annotations } = metadata;
  return {
    metadata: { ...trimMeta(metadata), ...defined({ labels, annotations }) },
    status: { conditions: status?.conditions ?? [], active: status?.active ?? 0 },
  };
}

function trimMeta(metadata: ObjectMeta): ObjectMeta {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  return {
    name,
    ...defined({ namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp }),
  };
}

/** The members that have a value. */
function defined<T extends Record<string, unknown>>(
  members: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Whether a change of a node may concern Shims: kubelets write more than that all the time. */
export function isRelevantChange(before: KubeObject | undefined, after: KubeObject): boolean {
  return before === undefined || facts(before) !== facts(after);
}

/** All that was kept, but the times of conditions and the version. */
function facts(node: Node): string {
  const { resourceVersion: _, ...metadata } = node.metadata;
  const ready = node.status?.conditions?.map(({ status }) => status);
  return JSON.stringify([metadata, ready, node.status?.nodeInfo]);
}

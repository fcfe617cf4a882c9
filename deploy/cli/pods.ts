/**
 * Finding the pods of an app.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { type Deployment, DEPLOYMENTS, type Pod, PODS } from "../../lib/kube/workload_types.ts";
import type { Cluster } from "./cluster.ts";

/** Milliseconds between two looks for a pod. */
const INTERVAL_MS = 500;

/** How a Deployment is chosen: by name, or the first one with these labels and fields. */
export interface DeploymentChoice {
  readonly name?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** @returns Undefined if there is none. */
export async function findDeployment(
  { client, namespace }: Cluster,
  { name, labelSelector, fieldSelector }: DeploymentChoice,
): Promise<Deployment | undefined> {
  if (name !== undefined) return await client.find<Deployment>(DEPLOYMENTS, { name, namespace });
  const [first] = await client.list<Deployment>(DEPLOYMENTS, {
    namespace,
    labelSelector,
    fieldSelector,
  });
  return first;
}

/** The label selector of a Deployment's pods. */
export function podSelectorOf({ spec }: Deployment): string {
  return Object.entries(spec.selector.matchLabels ?? {})
    .map(([key, value]) => `${key}=${value}`).join(",");
}

/** The pods with these labels that are not about to go, the ready ones first, then the oldest. */
export async function listPods(
  { client, namespace }: Cluster,
  labelSelector: string,
): Promise<Pod[]> {
  const pods = await client.list<Pod>(PODS, { namespace, labelSelector });
  const rank = (pod: Pod) => `${isPodReady(pod) ? 0 : 1} ${pod.metadata.creationTimestamp ?? ""}`;
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .sort((left, right) => rank(left) < rank(right) ? -1 : 1);
}

/**
 * Waits for a pod that runs.
 * @throws {TerminalError} if there is none in time.
 */
export async function waitForPod(
  cluster: Cluster,
  { selector, timeoutMs }: { selector: string; timeoutMs: number },
): Promise<Pod> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const pods = await listPods(cluster, selector);
    const pod = pods.find(({ status }) => status?.phase === "Running");
    if (pod) return pod;
    if (Date.now() >= deadline) {
      throw new TerminalError(
        "TimedOut",
        `No pod of the app runs after ${timeoutMs / 1000} s; see "kubectl describe pods -l ` +
          `${selector} -n ${cluster.namespace}"`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

/** Whether a pod takes requests. */
export function isPodReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ??
    false;
}

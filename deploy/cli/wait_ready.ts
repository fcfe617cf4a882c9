/**
 * Waiting for an app, and finding out why it is not ready.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import type { KubeObject } from "../../lib/kube/types.ts";
import { type Deployment, DEPLOYMENTS, type Pod, PODS } from "../../lib/kube/workload_types.ts";
import { type Cluster, explainCluster } from "./cluster.ts";
import { EXIT_TIMED_OUT } from "./exit_codes.ts";
import { pause } from "./pause.ts";

/** Milliseconds between two looks. */
const INTERVAL_MS = 1_000;

/** What there is of an app. */
export interface AppState {
  readonly app: SpinApp | undefined;
  readonly deployment: Deployment | undefined;
  readonly pods: readonly Pod[];
  readonly events: readonly PodEvent[];
}

/** An event about a pod. */
export interface PodEvent extends KubeObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
}

/**
 * Waits until all pods of the app are of its latest version and ready; tells on standard error what
 * keeps it, and where it is in the end.
 *
 * @returns The exit code: 0, or 4 if that did not happen in time.
 * @throws The signal's reason, when it fires.
 */
export async function waitUntilReady(
  cluster: Cluster,
  { name, timeoutMs, signal }: { name: string; timeoutMs: number; signal: AbortSignal },
): Promise<number> {
  const deadline = Date.now() + timeoutMs;
  let told = "";
  for (;;) {
    const state = await explainCluster(cluster, () => readAppState(cluster, name));
    if (isReady(state)) {
      console.error(`${name} is ready`);
      console.log(`http://${name}.${cluster.namespace}.svc (in the cluster)`);
      console.error(`From here: spinkube kube connect ${name} -n ${cluster.namespace}`);
      return 0;
    }
    const reasons = explainState(state);
    const text = reasons.join("\n");
    if (Date.now() >= deadline) {
      console.error(`Error: ${name} is not ready after ${timeoutMs / 1000} s:\n${text}`);
      return EXIT_TIMED_OUT;
    }
    if (text !== told) console.error(`Waiting: ${reasons.join("; ")}`);
    told = text;
    await pause(INTERVAL_MS, signal);
    signal.throwIfAborted();
  }
}

/** Whether every pod that is wanted is there, is of the latest version and takes requests. */
export function isReady({ app, deployment }: AppState): boolean {
  if (!app) return false;
  if (!deployment) {
    // Some executors run apps in ways of their own.
    const wanted = app.spec.replicas ?? 0;
    return app.status?.deploymentName === undefined && wanted > 0 &&
      (app.status?.readyReplicas ?? 0) >= wanted;
  }
  const { status = {}, spec, metadata } = deployment;
  const wanted = spec.replicas ?? 1;
  const isCurrent = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    runsImage(deployment, app.spec.image);
  return isCurrent && (status.updatedReplicas ?? 0) >= wanted &&
    (status.availableReplicas ?? 0) >= wanted && (status.replicas ?? 0) <= wanted;
}

/** Why the app is not ready, one reason a line, the most telling ones first. */
export function explainState(state: AppState): string[] {
  const { app, deployment, pods, events } = state;
  const conditions = (app?.status?.conditions ?? [])
    .filter(({ status }) => status === "False")
    .map(({ type, message }) => `${type}: ${message}`);
  const ofPods = pods.flatMap((pod) => podProblems(pod, events));
  const reasons = [...new Set([...ofPods, ...conditions])];
  if (reasons.length > 0) return reasons;
  if (!app) return ["the app is not there"];
  if (!deployment) {
    return [
      "the operator has made no Deployment yet; check that it runs, and that the executor " +
      `"${app.spec.executor ?? ""}" exists in the app's namespace`,
    ];
  }
  const { availableReplicas = 0, updatedReplicas = 0 } = deployment.status ?? {};
  const wanted = deployment.spec.replicas ?? 1;
  return [`${updatedReplicas} of ${wanted} pods are updated, ${availableReplicas} are available`];
}

function podProblems(pod: Pod, events: readonly PodEvent[]): string[] {
  const { name } = pod.metadata;
  const { containerStatuses = [], conditions = [] } = pod.status ?? {};
  const containers = containerStatuses.flatMap(({ state, lastState }) => {
    const { waiting } = state ?? {};
    const terminated = lastState?.terminated ?? state?.terminated;
    const crashed = terminated && terminated.exitCode !== 0
      ? [`pod ${name} has ended with ${terminated.exitCode}${detail(terminated.message)}`]
      : [];
    const isBlocked = waiting?.reason !== undefined && waiting.reason !== "ContainerCreating";
    return [
      ...crashed,
      ...(isBlocked ? [`pod ${name}: ${waiting.reason}${detail(waiting.message)}`] : []),
    ];
  });
  const unscheduled = conditions
    .filter(({ type, status }) => type === "PodScheduled" && status === "False")
    .map(({ message }) => `pod ${name} has no node${detail(message)}`);
  const isStarted = containerStatuses.some(({ ready }) => ready);
  const warnings = isStarted ? [] : events
    .filter(({ type, involvedObject }) => type === "Warning" && involvedObject?.name === name)
    .map(({ reason, message }) => `pod ${name}: ${reason}${detail(message)}${hintFor(message)}`)
    .slice(-1);
  return [...unscheduled, ...containers, ...warnings];
}

function detail(message: string | undefined): string {
  return message ? `: ${message.trim()}` : "";
}

/** What an event of a node without the runtime does not say. */
function hintFor(message = ""): string {
  return /no runtime for "[^"]*" is configured|runtime .* binary not installed/.test(message)
    ? ". The node has no shim: install it there, or let only nodes that have it run apps"
    : "";
}

/** Reads what there is of an app. */
export async function readAppState(cluster: Cluster, name: string): Promise<AppState> {
  const { client, namespace } = cluster;
  const labelSelector = `${OPERATOR.appLabel}=${name}`;
  const [app, deployment, pods] = await Promise.all([
    client.find<SpinApp>(SPIN_APPS, { name, namespace }),
    client.find<Deployment>(DEPLOYMENTS, { name, namespace }),
    client.list<Pod>(PODS, { namespace, labelSelector }),
  ]);
  const { items } = pods.length === 0
    ? { items: [] }
    : await client.transport.json<{ items: PodEvent[] | null }>({
      method: "GET",
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
      query: { fieldSelector: "involvedObject.kind=Pod,type=Warning" },
    });
  return { app, deployment, pods, events: items ?? [] };
}

/** In the image itself, or as what Spin in a container of its own is told to run. */
function runsImage({ spec }: Deployment, app: string): boolean {
  return spec.template.spec.containers.some(({ image, args = [] }) =>
    image === app || args.includes(app)
  );
}

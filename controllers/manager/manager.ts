/**
 * Runs the controllers: on one replica, with all copies of the cluster filled before anything is
 * written.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { ApiError } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { EventRecorder } from "../../lib/kube/event_recorder.ts";
import { aborted } from "../../lib/kube/retry.ts";
import type { ResourceType } from "../../lib/kube/types.ts";
import { WorkQueue } from "../../lib/kube/work_queue.ts";
import type { Log } from "../../lib/structured_log.ts";
import { type ControllerObserver, runController } from "../controller.ts";
import type { Reconciler } from "../reconciler.ts";
import { createShimCluster, runShimCluster } from "../shim/shim_cluster.ts";
import { ShimReconciler } from "../shim/shim_reconcile.ts";
import type { ShimSettings } from "../shim/shim_settings.ts";
import { watchForShims } from "../shim/shim_watches.ts";
import {
  type Cluster,
  createCluster,
  requiredInformers,
  runCluster,
  type Trouble,
} from "../spin_app/cluster.ts";
import { SpinAppReconciler } from "../spin_app/reconcile.ts";
import { watchForApps } from "../spin_app/watches.ts";
import { SpinAppExecutorReconciler } from "../spin_app_executor/reconcile.ts";
import { watchForExecutors } from "../spin_app_executor/watches.ts";
import type { ManagerMetrics } from "./manager_metrics.ts";

/** Names of the controllers, in metrics and logs. */
const NAMES = { app: "spinapp", executor: "spinappexecutor", shim: "shim" } as const;

/** What the controllers work with. */
export interface ControllersInit {
  readonly client: KubeClient;
  readonly cluster: Cluster;
  readonly log: Log;
  readonly metrics: Pick<ManagerMetrics, "controllers" | "watchQueue">;
  readonly workers: number;
  /** How nodes get shims; undefined: Shims are not looked at. */
  readonly shims?: ShimSettings | undefined;
}

/** The copies of the cluster that a process keeps; it logs what cannot be watched, once each time. */
export function createWatchedCluster(
  { namespace, log }: { namespace: string; log: Log },
): Cluster {
  const onTrouble = troubleLog(log);
  return createCluster({ onTrouble, ...(namespace === "" ? {} : { namespace }) });
}

function troubleLog(log: Log): Trouble {
  const lastTold = new Map<string, string>();
  return (type, { error, delayMs }) => {
    // Versions that have become too old are part of watching.
    if (error instanceof ApiError && error.code === 410) return;
    const said = errorText(error);
    const isNew = lastTold.get(type.plural) !== said;
    lastTold.set(type.plural, said);
    log[isNew ? "warn" : "debug"]("Cannot watch", { ...resource(type), error: said, delayMs });
  };
}

function resource({ group, plural }: ResourceType): { resource: string } {
  return { resource: group === "" ? plural : `${plural}.${group}` };
}

/** Whether all that the operator cannot do without has been listed. */
export function hasSynced(cluster: Cluster): boolean {
  return requiredInformers(cluster).every((informer) => informer.hasSynced);
}

/** Fills the copies until the signal fires. */
export function startWatching(
  cluster: Cluster,
  options: { client: KubeClient; signal: AbortSignal },
): Promise<void> {
  return runCluster(cluster, options);
}

/** Runs the controllers until the signal fires. Runs that have begun end first. */
export async function runControllers(
  init: ControllersInit,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { client, cluster, log, metrics, workers } = init;
  const stopped = aborted(signal);
  const synced = Promise.all(requiredInformers(cluster).map((informer) => informer.synced));
  await Promise.race([synced, stopped]);
  if (signal.aborted) return;
  const events = (component: string) =>
    new EventRecorder(client, {
      component,
      onTrouble: (error) => log.warn("An event is lost", { component, error: errorText(error) }),
    });
  const apps = new SpinAppReconciler({
    client,
    cluster,
    events: events("spinapp-reconciler"),
    now: Date.now,
  });
  const executors = new SpinAppExecutorReconciler({
    client,
    cluster,
    events: events("spinappexecutor-reconciler"),
  });
  const observer = logging(metrics.controllers, log);
  const run = (name: string, reconcile: Reconciler, count: number) => {
    const queue = new WorkQueue();
    metrics.watchQueue(name, { queue, workers: count });
    return { queue, ended: runController({ name, queue, reconcile, observer, workers: count }) };
  };
  const app = run(NAMES.app, (key) => apps.reconcile(key), workers);
  const executor = run(NAMES.executor, (key) => executors.reconcile(key), 1);
  watchForApps(cluster, (key) => app.queue.add(key));
  watchForExecutors(cluster, (key) => executor.queue.add(key));
  const shims = startShims(init, { events: events("shim-controller"), run, signal });
  log.info("Controllers have started", { workers });
  await stopped;
  for (const { queue } of [app, executor, ...shims]) queue.close();
  await Promise.all([app, executor, ...shims].map(({ ended }) => ended));
  log.info("Controllers have stopped");
}

/** A controller at work. */
interface Running {
  readonly queue: WorkQueue;
  readonly ended: Promise<unknown>;
}

/** Only whoever leads needs the nodes of the cluster, and only if there are Shims. */
function startShims(
  { client, cluster: watched, log, shims: settings }: ControllersInit,
  { events, run, signal }: {
    events: EventRecorder;
    run: (name: string, reconcile: Reconciler, count: number) => Running;
    signal: AbortSignal;
  },
): Running[] {
  if (!settings) return [];
  const { runtimeClasses } = watched;
  const cluster = createShimCluster({
    namespace: settings.namespace ?? "",
    onTrouble: troubleLog(log),
  });
  const shims = new ShimReconciler({
    client,
    cluster,
    runtimeClasses,
    events,
    settings,
    countUsers: (name) => countAppsBy(watched, name),
    now: Date.now,
  });
  const { queue, ended } = run(NAMES.shim, (name) => shims.reconcile(name), 1);
  watchForShims({ ...cluster, runtimeClasses }, (name) => queue.add(name));
  return [{ queue, ended: Promise.all([ended, runShimCluster(cluster, { client, signal })]) }];
}

/** Apps whose executor names a RuntimeClass. */
function countAppsBy(
  { apps, executors, clusterExecutors }: Cluster,
  runtimeClass: string,
): number {
  let count = 0;
  for (const { metadata, spec } of apps.all()) {
    const executor = executors.get(`${metadata.namespace}/${spec.executor}`) ??
      clusterExecutors.get(spec.executor ?? "");
    if (executor?.spec.deploymentConfig?.runtimeClassName === runtimeClass) count++;
  }
  return count;
}

/** What fails is told in the log too. */
function logging(metrics: ControllerObserver, log: Log): ControllerObserver {
  return {
    started: (controller) => metrics.started(controller),
    ended: (controller, run) => metrics.ended(controller, run),
    failed(controller, failure) {
      metrics.failed(controller, failure);
      const { key, error, isTerminal } = failure;
      const message = isTerminal ? "Reconcile failed until something changes" : "Reconcile failed";
      log[isTerminal ? "warn" : "error"](message, { controller, key, error: errorText(error) });
    },
  };
}

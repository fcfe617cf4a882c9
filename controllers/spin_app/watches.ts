/**
 * Which apps have to be looked at when something in the cluster changes.
 *
 * @module
 */

import type { SpinApp } from "../../crds/spin_app.ts";
import { OPERATOR } from "../../crds/contract.ts";
import type { Informer } from "../../lib/kube/informer.ts";
import { type KubeObject, objectKey } from "../../lib/kube/types.ts";
import { appKeyOf, type Cluster, sourceKey } from "./cluster.ts";

/** Calls `enqueue` with the key of every app that a change may concern. */
export function watchForApps(cluster: Cluster, enqueue: (key: string) => void): void {
  const { apps } = cluster;
  function enqueueAll(found: Iterable<SpinApp>): void {
    for (const app of found) enqueue(objectKey(app));
  }
  apps.onChange(({ before, after }) => enqueue(objectKey((after ?? before)!)));
  watchChildren(cluster.deployments, enqueue);
  watchChildren(cluster.services, enqueue);
  watchChildren(cluster.pods, enqueue);
  cluster.secrets.onChange(({ before, after }) => {
    const secret = (after ?? before)!;
    const owner = appKeyOf(secret);
    if (owner !== undefined) enqueue(owner);
    enqueueAll(apps.find("source", sourceKey("Secret", secret.metadata)));
    // Certificates that are gone have to be made again, for all apps of a namespace.
    if (!after && isManaged(secret)) enqueueAll(apps.find("namespace", secret.metadata.namespace!));
  });
  cluster.configMaps.onChange(({ before, after }) => {
    const map = (after ?? before)!;
    enqueueAll(apps.find("source", sourceKey("ConfigMap", map.metadata)));
  });
  cluster.executors.onChange(({ before, after }) => {
    const { name, namespace } = (after ?? before)!.metadata;
    enqueueAll(apps.find("executor", name).filter((app) => app.metadata.namespace === namespace));
  });
  cluster.clusterExecutors.onChange(({ before, after }) => {
    enqueueAll(apps.find("executor", (after ?? before)!.metadata.name));
  });
  cluster.runtimeClasses.onChange(({ before, after }) => {
    // Only whether it exists matters.
    if (before && after) return;
    const { name } = (after ?? before)!.metadata;
    for (const informer of [cluster.executors, cluster.clusterExecutors]) {
      for (const { metadata, spec } of informer.all()) {
        if (spec.deploymentConfig?.runtimeClassName !== name) continue;
        enqueueAll(apps.find("executor", metadata.name));
      }
    }
  });
}

/** An object whose label is changed concerns the app before and the app after. */
function watchChildren<T extends KubeObject>(
  informer: Informer<T>,
  enqueue: (key: string) => void,
): void {
  informer.onChange(({ before, after }) => {
    for (const object of [before, after]) {
      const key = object && appKeyOf(object);
      if (key !== undefined) enqueue(key);
    }
  });
}

function isManaged({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[OPERATOR.managedByAnnotation] === OPERATOR.managedBy;
}

/**
 * How admission finds executors.
 *
 * @module
 */

import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../crds/spin_app_executor.ts";
import { isNotFound } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { Informer } from "../../lib/kube/informer.ts";
import type { ExecutorNames } from "./default_spin_app.ts";

/** Finds executors. */
export interface ExecutorLookup {
  /** The executors that apps of a namespace may use. */
  names(namespace: string): Promise<ExecutorNames>;
  /**
   * The executor that an app of a namespace means: that of the namespace, else that of the cluster;
   * undefined if there is none.
   */
  find(namespace: string, name: string): Promise<SpinAppExecutor | undefined>;
}

/** Copies of the executors, which may be late, or hold one namespace only. */
export interface KnownExecutors {
  readonly executors: Pick<Informer<SpinAppExecutor>, "get" | "all">;
  readonly clusterExecutors: Pick<Informer<SpinAppExecutor>, "get" | "all">;
}

/**
 * Looks into the copies first, and asks the API server for what they do not have: an executor may
 * have been made in the same `kubectl apply` as the app that names it.
 *
 * Failures of the API server are thrown; they say nothing about executors.
 */
export function createExecutorLookup(
  client: KubeClient,
  { executors, clusterExecutors }: KnownExecutors,
): ExecutorLookup {
  async function clusterNames(): Promise<string[]> {
    try {
      return namesOf(await client.list(CLUSTER_SPIN_APP_EXECUTORS));
    } catch (error) {
      // A cluster with SpinKube's own definitions does not know the kind.
      if (isNotFound(error)) return [];
      throw error;
    }
  }
  return {
    async names(namespace) {
      const known = {
        namespace: namesOf(
          [...executors.all()].filter(({ metadata }) => metadata.namespace === namespace),
        ),
        cluster: namesOf([...clusterExecutors.all()]),
      };
      if (known.namespace.length > 0) return known;
      const inNamespace = namesOf(await client.list(SPIN_APP_EXECUTORS, { namespace }));
      if (inNamespace.length > 0 || known.cluster.length > 0) {
        return { namespace: inNamespace, cluster: known.cluster };
      }
      return { namespace: [], cluster: await clusterNames() };
    },
    async find(namespace, name) {
      return executors.get(`${namespace}/${name}`) ??
        await client.find(SPIN_APP_EXECUTORS, { namespace, name }) ??
        clusterExecutors.get(name) ??
        await client.find(CLUSTER_SPIN_APP_EXECUTORS, { name });
    },
  };
}

/** Those that are not about to go. */
function namesOf(executors: readonly SpinAppExecutor[]): string[] {
  return executors.filter(({ metadata }) => !metadata.deletionTimestamp)
    .map(({ metadata }) => metadata.name);
}

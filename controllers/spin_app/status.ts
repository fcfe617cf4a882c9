/**
 * The status of an app, computed from what there is of it.
 *
 * @module
 */

import type { SpinApp, SpinAppStatus } from "../../crds/spin_app.ts";
import type { Condition } from "../../lib/kube/types.ts";
import type { Deployment, Service } from "../../lib/kube/workload_types.ts";
import { podSelector } from "./app_objects.ts";
import type { Problem } from "./pod_problem.ts";

/** What there is of an app. */
export interface Observed {
  readonly deployment: Deployment | undefined;
  readonly service: Service | undefined;
  /** Why the operator could not do its part. */
  readonly failure?: Problem | undefined;
  /** Why the pods do not run. */
  readonly podProblem?: Problem | undefined;
}

/** A condition before it has a time. */
type NewCondition = Omit<Condition, "lastTransitionTime">;

/**
 * The status: `Available` and `Progressing` as the Deployment has them, and `Ready`, which is this
 * operator's own and says why an app is not ready. Times of conditions change only when their status
 * does.
 * @param now RFC 3339.
 */
export function computeStatus(app: SpinApp, observed: Observed, now: string): SpinAppStatus {
  const { deployment, service } = observed;
  const known = app.status;
  const executor = app.spec.executor;
  const names = {
    deploymentName: deployment?.metadata.name ?? known?.deploymentName,
    serviceName: service?.metadata.name ?? known?.serviceName,
  };
  const { generation } = app.metadata;
  return {
    ...known,
    ...(executor === undefined ? {} : { activeScheduler: executor }),
    readyReplicas: deployment?.status?.readyReplicas ?? 0,
    replicas: deployment?.status?.replicas ?? 0,
    selector: Object.entries(podSelector(app.metadata.name))
      .map(([key, value]) => `${key}=${value}`).join(","),
    ...(names.deploymentName === undefined ? {} : { deploymentName: names.deploymentName }),
    ...(names.serviceName === undefined ? {} : { serviceName: names.serviceName }),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: mergeConditions(known?.conditions ?? [], {
      changes: [...deploymentConditions(deployment), readyCondition(app, observed)],
      now,
      generation,
    }),
  };
}

/** The conditions that SpinKube copies from the Deployment. */
function deploymentConditions(deployment: Deployment | undefined): NewCondition[] {
  const types = ["Available", "Progressing"] as const;
  if (!deployment) {
    return types.map((type) => ({
      type,
      status: "Unknown",
      reason: "DeploymentNotFound",
      message: "Deployment not found",
    }));
  }
  return types.flatMap((type) => {
    const condition = deployment.status?.conditions?.find((found) => found.type === type);
    if (!condition) return [];
    const { status, reason, message } = condition;
    return [{ type, status, reason, message: message ?? "" }];
  });
}

function readyCondition({ spec }: SpinApp, observed: Observed): NewCondition {
  const { deployment, failure, podProblem } = observed;
  if (failure) return { type: "Ready", status: "False", ...failure };
  const type = "Ready";
  if (!deployment) {
    return {
      type,
      status: "False",
      reason: "DeploymentNotFound",
      message: "The Deployment has not been made yet",
    };
  }
  const refused = deployment.status?.conditions?.find((condition) =>
    condition.type === "ReplicaFailure" && condition.status === "True"
  );
  if (refused) {
    const message = `Pods cannot be made: ${refused.message}`;
    return { type, status: "False", reason: "PodsRefused", message };
  }
  const wanted = deployment.spec.replicas ?? 1;
  const { updatedReplicas: updated = 0, readyReplicas: ready = 0 } = deployment.status ?? {};
  const isCurrent = (deployment.status?.observedGeneration ?? 0) >=
    (deployment.metadata.generation ?? 0);
  if (isCurrent && wanted === 0) {
    const way = spec.enableAutoscaling ? "its autoscaler wants none" : "spec.replicas is 0";
    return {
      type,
      status: "True",
      reason: "ScaledToZero",
      message: `The app has no pods: ${way}`,
    };
  }
  if (isCurrent && updated >= wanted && ready >= wanted) {
    return {
      type,
      status: "True",
      reason: "AppReady",
      message: `${ready} of ${wanted} pods ready`,
    };
  }
  if (podProblem) return { type, status: "False", ...podProblem };
  return {
    type,
    status: "False",
    reason: "Starting",
    message: `${Math.min(ready, wanted)} of ${wanted} pods ready, ${updated} of them up to date`,
  };
}

function mergeConditions(
  known: readonly Condition[],
  { changes, now, generation }: {
    changes: readonly NewCondition[];
    now: string;
    generation: number | undefined;
  },
): Condition[] {
  const merged = [...known];
  for (const change of changes) {
    const index = merged.findIndex(({ type }) => type === change.type);
    const before = merged[index];
    const condition: Condition = {
      ...change,
      lastTransitionTime: before?.status === change.status ? before.lastTransitionTime : now,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    if (index < 0) merged.push(condition);
    else merged[index] = condition;
  }
  return merged;
}

/** Whether a status says something else than the one that is stored. */
export function isSameStatus(a: SpinAppStatus | undefined, b: SpinAppStatus): boolean {
  return a !== undefined && canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, item) =>
      typeof item === "object" && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => a < b ? -1 : 1))
        : item,
  );
}

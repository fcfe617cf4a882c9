/**
 * The Deployment of an app.
 *
 * @module
 */

import type { SpinApp } from "../../crds/spin_app.ts";
import type { DeploymentConfig } from "../../crds/spin_app_executor.ts";
import { apiVersion } from "../../lib/kube/types.ts";
import { type Deployment, DEPLOYMENTS, type PodSpec } from "../../lib/kube/workload_types.ts";
import { childMetadata, podSelector } from "./app_objects.ts";
import { buildContainer } from "./container.ts";
import { buildVolumes, type MountedSecrets } from "./volumes.ts";

/**
 * The Deployment, field for field as SpinKube applies it. Fields that this operator adds to apps are
 * there only if the app has them.
 * @throws {TerminalError} if the app or the executor is wrong in a way that no retry mends.
 */
export function buildDeployment(
  app: SpinApp,
  { config, secrets }: { config: DeploymentConfig; secrets: MountedSecrets },
): Deployment {
  const { name } = app.metadata;
  const { podAnnotations, podLabels, deploymentAnnotations } = app.spec;
  return {
    apiVersion: apiVersion(DEPLOYMENTS),
    kind: DEPLOYMENTS.kind,
    metadata: childMetadata(app, deploymentAnnotations),
    spec: {
      // Left to whoever scales the app.
      ...(app.spec.enableAutoscaling ? {} : { replicas: app.spec.replicas ?? 0 }),
      selector: { matchLabels: podSelector(name) },
      template: {
        metadata: {
          labels: { ...podLabels, ...podSelector(name) },
          ...(podAnnotations && Object.keys(podAnnotations).length > 0
            ? { annotations: { ...podAnnotations } }
            : {}),
        },
        spec: buildPodSpec(app, { config, secrets }),
      },
    },
  };
}

function buildPodSpec(
  app: SpinApp,
  { config, secrets }: { config: DeploymentConfig; secrets: MountedSecrets },
): PodSpec {
  const { volumes, volumeMounts } = buildVolumes(app, secrets);
  const { runtimeClassName } = config;
  const { spec } = app;
  return {
    ...(runtimeClassName === undefined || runtimeClassName === null ? {} : { runtimeClassName }),
    serviceAccountName: spec.serviceAccountName || "default",
    ...(spec.imagePullSecrets?.length ? { imagePullSecrets: spec.imagePullSecrets } : {}),
    containers: [buildContainer(app, { config, volumeMounts })],
    ...(volumes.length > 0 ? { volumes } : {}),
    ...present({
      securityContext: spec.podSecurityContext,
      nodeSelector: spec.nodeSelector,
      tolerations: spec.tolerations,
      affinity: spec.affinity,
      topologySpreadConstraints: spec.topologySpreadConstraints,
      priorityClassName: spec.priorityClassName,
      schedulerName: spec.schedulerName,
      terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
    }),
  };
}

function present<T extends Partial<PodSpec>>(
  fields: { [K in keyof T]: T[K] | undefined },
): Partial<PodSpec> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

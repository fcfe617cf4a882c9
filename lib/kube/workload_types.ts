/**
 * The built-in objects that the program writes and reads. What is in them is typed by Kubernetes' own
 * client; metadata is as it comes over the wire.
 *
 * @module
 */

import type {
  V1Affinity,
  V1Container,
  V1DeploymentSpec,
  V1EnvVar,
  V1EnvVarSource,
  V1LocalObjectReference,
  V1PodSecurityContext,
  V1PodSpec,
  V1Probe,
  V1ResourceRequirements,
  V1SecurityContext,
  V1ServiceSpec,
  V1Toleration,
  V1TopologySpreadConstraint,
  V1Volume,
  V1VolumeMount,
} from "@kubernetes/client-node";
import type { Condition, KubeObject, ResourceType } from "./types.ts";

export type {
  V1Affinity as Affinity,
  V1Container as Container,
  V1EnvVar as EnvVar,
  V1EnvVarSource as EnvVarSource,
  V1LocalObjectReference as LocalObjectReference,
  V1PodSecurityContext as PodSecurityContext,
  V1PodSpec as PodSpec,
  V1Probe as Probe,
  V1ResourceRequirements as ResourceRequirements,
  V1SecurityContext as SecurityContext,
  V1Toleration as Toleration,
  V1TopologySpreadConstraint as TopologySpreadConstraint,
  V1Volume as Volume,
  V1VolumeMount as VolumeMount,
};

/** `apps/v1` Deployment. */
export interface Deployment extends KubeObject {
  spec: Omit<V1DeploymentSpec, "template"> & {
    template: {
      metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
      spec: V1PodSpec;
    };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    unavailableReplicas?: number;
    conditions?: Condition[];
  };
}

/** `v1` Service. */
export interface Service extends KubeObject {
  spec: V1ServiceSpec;
}

/** `v1` Secret; the values are base64. */
export interface Secret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
}

/** `v1` ConfigMap. */
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** `v1` Pod, as far as it tells why an app does not run. */
export interface Pod extends KubeObject {
  spec?: V1PodSpec;
  status?: {
    phase?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

/** The state of one container of a {@link Pod}. */
export interface ContainerStatus {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: ContainerState;
  lastState?: ContainerState;
}

/** At most one member is present. */
export interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string };
  terminated?: { exitCode: number; reason?: string; message?: string; signal?: number };
}

/** `node.k8s.io/v1` RuntimeClass. */
export interface RuntimeClass extends KubeObject {
  handler: string;
  scheduling?: { nodeSelector?: Record<string, string>; tolerations?: V1Toleration[] };
}

export const DEPLOYMENTS: ResourceType<Deployment> = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
  isNamespaced: true,
};

export const SERVICES: ResourceType<Service> = coreType("services", "Service");
export const SECRETS: ResourceType<Secret> = coreType("secrets", "Secret");
export const CONFIG_MAPS: ResourceType<ConfigMap> = coreType("configmaps", "ConfigMap");
export const PODS: ResourceType<Pod> = coreType("pods", "Pod");

export const RUNTIME_CLASSES: ResourceType<RuntimeClass> = {
  group: "node.k8s.io",
  version: "v1",
  plural: "runtimeclasses",
  kind: "RuntimeClass",
  isNamespaced: false,
};

function coreType<T extends KubeObject>(plural: string, kind: string): ResourceType<T> {
  return { group: "", version: "v1", plural, kind, isNamespaced: true };
}

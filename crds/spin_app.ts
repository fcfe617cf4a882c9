/**
 * `SpinApp`: a Spin app on a cluster. Field for field as SpinKube has it; what this operator adds is
 * optional, and says so.
 *
 * @module
 */

import type { Condition, KubeObject, ResourceType } from "../lib/kube/types.ts";
import type {
  Affinity,
  EnvVar,
  EnvVarSource,
  LocalObjectReference,
  PodSecurityContext,
  SecurityContext,
  Toleration,
  TopologySpreadConstraint,
  Volume,
  VolumeMount,
} from "../lib/kube/workload_types.ts";

/** Kubernetes' own types, of which apps consist too. */
export type { EnvVar, EnvVarSource };

/** A Spin app. */
export interface SpinApp extends KubeObject {
  spec: SpinAppSpec;
  status?: SpinAppStatus;
}

/** What the user wants. */
export interface SpinAppSpec {
  /** The executor's name: one of the app's namespace, else one of the cluster. */
  executor?: string;
  /** OCI reference of the app. */
  image: string;
  imagePullSecrets?: LocalObjectReference[];
  /** Added: when nodes pull the image; Kubernetes' own default if absent. */
  imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  checks?: HealthChecks;
  /** Pods; with `enableAutoscaling` somebody else sets them. */
  replicas?: number;
  enableAutoscaling?: boolean;
  runtimeConfig?: RuntimeConfigSpec;
  volumes?: Volume[];
  volumeMounts?: VolumeMount[];
  /** The app's variables. */
  variables?: SpinVariable[];
  /** Added: further environment of the container, for the host rather than the app. */
  env?: EnvVar[];
  serviceAnnotations?: Record<string, string>;
  deploymentAnnotations?: Record<string, string>;
  podAnnotations?: Record<string, string>;
  podLabels?: Record<string, string>;
  resources?: {
    limits?: Record<string, string | number>;
    requests?: Record<string, string | number>;
  };
  /** Only these components run. */
  components?: string[];
  serviceAccountName?: string;
  /** Limits of one request; `memory` is a quantity. */
  invocationLimits?: Record<string, string>;
  /** Added: where the app listens in its pods, and what its Service leads to. Default: 80. */
  port?: number;
  /** Added: security of the container. */
  securityContext?: SecurityContext;
  /** Added: security of the pod. */
  podSecurityContext?: PodSecurityContext;
  /** Added: where the pods run. */
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: Affinity;
  topologySpreadConstraints?: TopologySpreadConstraint[];
  priorityClassName?: string;
  schedulerName?: string;
  /** Added: seconds that requests in flight get when a pod is stopped. */
  terminationGracePeriodSeconds?: number;
}

/** Probes of the app's container. */
export interface HealthChecks {
  readiness?: HealthProbe;
  liveness?: HealthProbe;
}

/** One probe; the numbers have defaults in the schema: 10, 1, 10, 1, 3. */
export interface HealthProbe {
  httpGet?: { path: string; httpHeaders?: { name: string; value: string }[] };
  initialDelaySeconds?: number;
  timeoutSeconds?: number;
  periodSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
}

/** One variable of the app: a value, or where it comes from. */
export interface SpinVariable {
  name: string;
  value?: string;
  valueFrom?: EnvVarSource;
}

/** The runtime configuration of the app. */
export interface RuntimeConfigSpec {
  /** A Secret with the whole file under `runtime-config.toml`; everything else here is ignored. */
  loadFromSecret?: string;
  keyValueStores?: NamedBackend[];
  sqliteDatabases?: NamedBackend[];
  llmCompute?: Backend;
  /** Added: asked for variables before the environment is. */
  variableProviders?: Backend[];
}

/** Something of the host's that is chosen by a type. */
export interface Backend {
  type: string;
  options?: BackendOption[];
}

/** A {@link Backend} under a name that the app uses. */
export interface NamedBackend extends Backend {
  name: string;
}

/** One key of a {@link Backend}'s configuration. */
export interface BackendOption {
  name: string;
  value?: string;
  valueFrom?: {
    configMapKeyRef?: KeyReference;
    secretKeyRef?: KeyReference;
  };
}

/** A key of a Secret or ConfigMap in the app's namespace. */
export interface KeyReference {
  name?: string;
  key: string;
  optional?: boolean;
}

/** What the operator found. */
export interface SpinAppStatus {
  readyReplicas: number;
  conditions?: Condition[];
  /** The executor. */
  activeScheduler?: string;
  deploymentName?: string;
  serviceName?: string;
  /** Added: the generation that this is about. */
  observedGeneration?: number;
  /** Added, for the `scale` subresource: pods, and how they are found. */
  replicas?: number;
  selector?: string;
}

export const SPIN_APPS: ResourceType<SpinApp> = {
  group: "core.spinkube.dev",
  version: "v1alpha1",
  plural: "spinapps",
  kind: "SpinApp",
  isNamespaced: true,
};

/**
 * `SpinAppExecutor`: how the apps of a namespace are run; and `ClusterSpinAppExecutor`, the same for
 * namespaces without one of that name.
 *
 * @module
 */

import type { KubeObject, ResourceType } from "../lib/kube/types.ts";

/** An executor. */
export interface SpinAppExecutor extends KubeObject {
  spec: SpinAppExecutorSpec;
}

/** How apps are run. */
export interface SpinAppExecutorSpec {
  /** Whether the operator makes Deployments; else something else runs the apps. */
  createDeployment: boolean;
  deploymentConfig?: DeploymentConfig;
}

/** What the pods of apps get. */
export interface DeploymentConfig {
  /** Runs the app's image by this class. An empty name counts as given. */
  runtimeClassName?: string | null;
  /** Runs this image, which holds Spin itself. */
  spinImage?: string | null;
  /** Secret with the CAs that apps trust. */
  caCertSecret?: string;
  /** Have that Secret made, with Mozilla's CAs. */
  installDefaultCACerts?: boolean;
  otel?: {
    exporter_otlp_endpoint?: string;
    exporter_otlp_traces_endpoint?: string;
    exporter_otlp_metrics_endpoint?: string;
    exporter_otlp_logs_endpoint?: string;
  };
}

export const SPIN_APP_EXECUTORS: ResourceType<SpinAppExecutor> = {
  group: "core.spinkube.dev",
  version: "v1alpha1",
  plural: "spinappexecutors",
  kind: "SpinAppExecutor",
  isNamespaced: true,
};

/** Added: executors for the whole cluster. */
export const CLUSTER_SPIN_APP_EXECUTORS: ResourceType<SpinAppExecutor> = {
  group: "core.spinkube.dev",
  version: "v1alpha1",
  plural: "clusterspinappexecutors",
  kind: "ClusterSpinAppExecutor",
  isNamespaced: false,
};

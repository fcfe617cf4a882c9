/**
 * Nodes and Jobs, as far as they are looked at here.
 *
 * @module
 */

import type { Condition, KubeObject, ResourceType } from "../../lib/kube/types.ts";
import type { LocalObjectReference, PodSpec, Toleration } from "../../lib/kube/workload_types.ts";

export type { LocalObjectReference, Toleration };

/** `v1` Node. */
export interface Node extends KubeObject {
  status?: {
    conditions?: Condition[];
    nodeInfo?: {
      machineID?: string;
      operatingSystem?: string;
      architecture?: string;
      /** `containerd://1.7.2`. */
      containerRuntimeVersion?: string;
    };
  };
}

/** `batch/v1` Job. */
export interface Job extends KubeObject {
  spec?: {
    backoffLimit?: number;
    activeDeadlineSeconds?: number;
    ttlSecondsAfterFinished?: number;
    podFailurePolicy?: unknown;
    template: { metadata?: { labels?: Record<string, string> }; spec: PodSpec };
  };
  status?: { conditions?: Condition[]; active?: number; failed?: number };
}

export const NODES: ResourceType<Node> = {
  group: "",
  version: "v1",
  plural: "nodes",
  kind: "Node",
  isNamespaced: false,
};

export const JOBS: ResourceType<Job> = {
  group: "batch",
  version: "v1",
  plural: "jobs",
  kind: "Job",
  isNamespaced: true,
};

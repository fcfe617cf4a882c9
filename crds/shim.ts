/**
 * `Shim`: a containerd shim that nodes are to have, and how they get it. Names and meanings are those
 * of runtime-class-manager.
 *
 * @module
 */

import type { Condition, KubeObject, ResourceType } from "../lib/kube/types.ts";

/** A shim. */
export interface Shim extends KubeObject {
  /** The API server lets one without a spec pass. */
  spec?: ShimSpec;
  status?: ShimStatus;
}

/** Which shim, on which nodes, and how fast. */
export interface ShimSpec {
  /** Labels of the nodes; absent or empty: all nodes. */
  nodeSelector?: Record<string, string> | null;
  fetchStrategy: FetchStrategy;
  /** Options in containerd's configuration, the values as TOML. */
  containerdRuntimeOptions?: Record<string, string> | null;
  runtimeClass: { name: string; handler: string };
  rolloutStrategy: RolloutStrategy;
}

/** Where the shim comes from. Nothing: it is the one in the installer's image. */
export interface FetchStrategy {
  /** Ignored; older manifests have it. */
  type?: string;
  /** One archive for all nodes. */
  anonHttp?: { location: string; sha256?: string } | null;
  /** Archives by platform; they win over {@link anonHttp}. */
  platforms?: PlatformArtifact[] | null;
  /** Added: a Secret of type `kubernetes.io/dockerconfigjson`, beside the Jobs. */
  pullSecret?: string;
  /** Added: the key of a Secret beside the Jobs with the value of `Authorization`. */
  authorizationSecret?: KeyReference;
  /** Added: the key of a ConfigMap beside the Jobs with certificates to trust, PEM. */
  caConfigMap?: KeyReference;
}

/** A key of an object in the namespace of the Jobs. */
export interface KeyReference {
  name: string;
  key: string;
}

/** The archive for one platform. */
export interface PlatformArtifact {
  os: string;
  /** As Go or as `uname` calls it. */
  arch: string;
  location: string;
  /** SHA-256 of the archive, in hex. */
  sha256?: string;
}

/** How an update goes from node to node. */
export interface RolloutStrategy {
  type: "rolling" | "recreate";
  rolling?: {
    /** Nodes at once: a number, or added: `10%` of them. 0 counts as 1. */
    maxUpdate?: number | string;
    /** Added: nodes that may have failed before no further node is begun. Default: 0. */
    maxFailed?: number | string;
  } | null;
  /** Added: no node is begun while it is true. */
  paused?: boolean;
  /**
   * Added: what happens when more nodes have failed than may. `pause`: no further node is begun;
   * `rollback`: all nodes get what they had before. Default: `pause`.
   */
  onFailure?: "pause" | "rollback";
}

/** What has become of it. */
export interface ShimStatus {
  conditions?: Condition[];
  /** Nodes that are to have the shim. */
  nodes: number;
  /** Of those, how many are labelled as having it, be it an older one. */
  nodesReady: number;
  /** Added: of those, how many have it as the spec says. */
  nodesUpdated?: number;
  /** Added: nodes on which the last try failed. */
  nodesFailed?: number;
  /** Added: nodes that are selected, and cannot have it. */
  nodesUnsupported?: number;
  /** Added: nodes from which it is still to be taken. */
  nodesLeaving?: number;
  observedGeneration?: number;
  /** Added: some of the nodes that failed. */
  failures?: NodeFailure[];
  /** Added: what all nodes had last. */
  lastGood?: LastGood;
  /** Added: a spec that was given up. */
  rolledBack?: { hash: string; time: string; message: string };
}

/** Why a node does not have a shim. */
export interface NodeFailure {
  node: string;
  /** CamelCase. */
  reason: string;
  message: string;
  /** RFC 3339. */
  time: string;
}

/** A spec that all nodes have had. */
export interface LastGood {
  hash: string;
  spec: ShimContent;
}

/** The part of a spec that decides what is on a node. */
export type ShimContent =
  & Pick<ShimSpec, "fetchStrategy" | "containerdRuntimeOptions">
  & { handler: string };

export const SHIMS: ResourceType<Shim> = {
  group: "runtime.spinkube.dev",
  version: "v1alpha1",
  plural: "shims",
  kind: "Shim",
  isNamespaced: false,
};

/** Names and values that runtime-class-manager has made public, and those added beside them. */
export const SHIM_CONTRACT = {
  finalizer: "rcm.spinkube.dev/finalizer",
  /** Field manager of what is applied. */
  fieldManager: "shim-operator",
  /** Annotations of Jobs; the last three are added. */
  nodeName: "spinkube.dev/nodeName",
  shimName: "spinkube.dev/shimName",
  operation: "spinkube.dev/operation",
  /** Label of all Jobs, with the value `true`. */
  job: "spinkube.dev/job",
  shimUid: "rcm.spinkube.dev/shim-uid",
  nodeUid: "rcm.spinkube.dev/node-uid",
  hash: "rcm.spinkube.dev/hash",
  /** Annotation of a Shim: it is let go without taking it off the nodes. Added. */
  forceDelete: "rcm.spinkube.dev/force-delete",
  /** The operator of old installations takes nodes with this annotation, and labels them. */
  kwasmNode: "kwasm.sh/kwasm-node",
  kwasmProvisioned: "kwasm.sh/kwasm-provisioned",
} as const;

/** Values of the label with a Shim's name that nodes carry. */
export type NodeLabel = "pending" | "provisioned" | "failed" | "uninstall";

/** What a Job does. */
export type Operation = "install" | "uninstall";

/**
 * The key of what is known of a Shim on a node: as annotation the record of it, as label (added)
 * `provisioned`, which no selector of a user collides with.
 */
export function nodeKey(shim: string): string {
  return `rcm.spinkube.dev/${shim}`;
}

/** Whether a shim of this name is Spin's: nodes then have the handler `spin` as well. */
export function isSpinShim(name: string): boolean {
  return /^spin(?:-v\d+)?$/.test(name);
}

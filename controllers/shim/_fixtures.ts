/**
 * Shims, nodes and Jobs for tests.
 *
 * @module
 */

import {
  nodeKey,
  type Operation,
  type Shim,
  SHIM_CONTRACT,
  type ShimSpec,
} from "../../crds/shim.ts";
import { contentOf, nodeHash } from "./content_hash.ts";
import { nodeJobName } from "./node_job.ts";
import { formatNodeRecord, type NodeRecord } from "./node_record.ts";
import { machineOf } from "./node_selection.ts";
import type { Job, Node } from "./node_types.ts";
import type { ShimSettings } from "./shim_settings.ts";

/** The sample that everybody applies. */
export function sampleShim(spec: Partial<ShimSpec> = {}): Shim {
  const at = "https://example.com/releases/v0.23.0/containerd-shim-spin-v2-linux";
  return {
    metadata: { name: "spin-v2", uid: "shim-uid", generation: 1 },
    spec: {
      nodeSelector: { spin: "true" },
      fetchStrategy: {
        platforms: [
          {
            os: "linux",
            arch: "aarch64",
            location: `${at}-aarch64.tar.gz`,
            sha256: "a".repeat(64),
          },
          { os: "linux", arch: "x86_64", location: `${at}-x86_64.tar.gz`, sha256: "b".repeat(64) },
        ],
      },
      containerdRuntimeOptions: { SystemdCgroup: "true" },
      runtimeClass: { name: "wasmtime-spin-v2", handler: "spin-v2" },
      rolloutStrategy: { type: "recreate" },
      ...spec,
    },
  };
}

export const SETTINGS: ShimSettings = {
  namespace: "rcm",
  downloaderImage: "registry.example/spinkube:T",
  installerImage: "registry.example/spinkube:T",
  jobTtlSeconds: 3_600,
  downloaderConfigMap: "",
  imagePullSecrets: [],
  imagePullPolicy: "",
};

/** What differs between nodes. */
export interface NodeOptions {
  readonly name?: string;
  readonly uid?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly os?: string;
  readonly arch?: string;
  readonly runtime?: string;
  readonly isReady?: boolean;
  readonly machineID?: string;
}

/** A node; by default selected by the sample, and ready. */
export function makeNode(options: NodeOptions = {}): Node {
  const { name = "n1", uid = `uid-${name}`, labels = { spin: "true" }, annotations = {} } = options;
  return {
    metadata: { name, uid, labels, annotations },
    status: {
      conditions: [{
        type: "Ready",
        status: options.isReady ?? true ? "True" : "Unknown",
        reason: "",
        message: "",
        lastTransitionTime: "",
      }],
      nodeInfo: {
        machineID: options.machineID ?? `machine-${name}`,
        operatingSystem: options.os ?? "linux",
        architecture: options.arch ?? "amd64",
        containerRuntimeVersion: options.runtime ?? "containerd://1.7.2",
      },
    },
  };
}

/** The digest of what a node gets. */
export function hashFor(shim: Shim, node: Node): string {
  return nodeHash(contentOf(shim), {
    node: {
      name: node.metadata.name,
      os: node.status!.nodeInfo!.operatingSystem!,
      arch: node.status!.nodeInfo!.architecture!,
    },
    installerImage: SETTINGS.installerImage,
  });
}

/** A node with what is said of a Shim on it. */
export function markNode(
  node: Node,
  { label, record, shim = "spin-v2" }: { label?: string; record?: NodeRecord; shim?: string },
): Node {
  const { labels, annotations } = node.metadata;
  return {
    ...node,
    metadata: {
      ...node.metadata,
      labels: { ...labels, ...(label === undefined ? {} : { [shim]: label }) },
      annotations: {
        ...annotations,
        ...(record ? { [nodeKey(shim)]: formatNodeRecord(record) } : {}),
      },
    },
  };
}

/** A node that has what the Shim says. */
export function provisioned(node: Node, shim: Shim): Node {
  return markNode(node, {
    label: "provisioned",
    record: { hash: hashFor(shim, node), machine: machineOf(node) },
    shim: shim.metadata.name,
  });
}

/** A Job of the Shim on a node. */
export function makeJob(
  { shim, node, operation = "install", state = "running", uid = "job-uid", annotations = {} }: {
    shim: Shim;
    node: Node;
    operation?: Operation;
    state?: "running" | "complete" | "failed";
    uid?: string;
    annotations?: Record<string, string>;
  },
): Job {
  const type = state === "complete" ? "Complete" : "Failed";
  const { name } = shim.metadata;
  return {
    metadata: {
      name: nodeJobName(node.metadata.name, name, operation),
      namespace: "rcm",
      uid,
      labels: { [SHIM_CONTRACT.shimName]: name, [SHIM_CONTRACT.job]: "true" },
      annotations: {
        [SHIM_CONTRACT.nodeName]: node.metadata.name,
        [SHIM_CONTRACT.shimName]: name,
        [SHIM_CONTRACT.operation]: operation,
        [SHIM_CONTRACT.shimUid]: shim.metadata.uid!,
        [SHIM_CONTRACT.nodeUid]: node.metadata.uid!,
        [SHIM_CONTRACT.hash]: hashFor(shim, node),
        ...annotations,
      },
    },
    status: {
      conditions: state === "running" ? [] : [{
        type,
        status: "True",
        reason: state === "complete" ? "CompletionsReached" : "BackoffLimitExceeded",
        message: "",
        lastTransitionTime: "",
      }],
    },
  };
}

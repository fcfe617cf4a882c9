/**
 * Which nodes are to have a Shim, and which can.
 *
 * @module
 */

import { isSpinShim, type Shim, SHIM_CONTRACT } from "../../crds/shim.ts";
import type { Node } from "./node_types.ts";

/** Labels that Kubernetes gives the nodes of the control plane. */
const CONTROL_PLANE = [
  "node-role.kubernetes.io/control-plane",
  "node-role.kubernetes.io/master",
] as const;

/**
 * Whether a node is to have the Shim: it has all labels of the selector; or, for shims of Spin, the
 * annotation by which older installations choose nodes.
 */
export function isSelected(node: Node, { metadata, spec }: Shim): boolean {
  const labels = node.metadata.labels ?? {};
  const selector = Object.entries(spec?.nodeSelector ?? {});
  if (selector.every(([key, value]) => labels[key] === value)) return true;
  return isSpinShim(metadata.name) &&
    node.metadata.annotations?.[SHIM_CONTRACT.kwasmNode] === "true";
}

/** Why a node cannot have shims; undefined if it can. */
export function whyUnsupported({ metadata, status }: Node): string | undefined {
  const { operatingSystem: os = "", containerRuntimeVersion: runtime = "" } = status?.nodeInfo ??
    {};
  if (metadata.labels?.type === "virtual-kubelet") return "it is no machine, but a virtual kubelet";
  if (os !== "" && os.toLowerCase() !== "linux") return `its system is ${os}, not linux`;
  const isContainerd = runtime === "" || runtime.startsWith("containerd:");
  return isContainerd ? undefined : `its container runtime is ${runtime}, not containerd`;
}

/** Whether Jobs can run there: what a kubelet that is away would be given waits for it. */
export function isReachable({ metadata, status }: Node): boolean {
  return metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

export function isControlPlane({ metadata }: Node): boolean {
  return CONTROL_PLANE.some((label) => metadata.labels?.[label] !== undefined);
}

/**
 * What a node's records are valid for: another machine under the same name has nothing of them, and
 * another containerd may read its configuration in another way.
 */
export function machineOf({ status }: Node): string {
  const { machineID = "", containerRuntimeVersion = "" } = status?.nodeInfo ?? {};
  return `${machineID} ${containerRuntimeVersion}`.trim();
}

/**
 * What a Job says of itself.
 *
 * @module
 */

import { type Operation, type Shim, SHIM_CONTRACT } from "../../crds/shim.ts";
import type { Job, Node } from "./node_types.ts";

/** How a Job ended. */
export type JobOutcome =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

/** How a Job ended; undefined while it has not. */
export function outcomeOf({ status }: Job): JobOutcome | undefined {
  for (const { type, status: holds, reason, message } of status?.conditions ?? []) {
    if (holds !== "True") continue;
    if (type === "Complete") return { kind: "succeeded" };
    if (type === "Failed") {
      return {
        kind: "failed",
        reason: reason || "JobFailed",
        message: message || "the Job failed",
      };
    }
  }
  return undefined;
}

/** The node that a Job works on. */
export function nodeOf({ metadata, spec }: Job): string | undefined {
  return metadata.annotations?.[SHIM_CONTRACT.nodeName] ?? spec?.template.spec.nodeName;
}

/** The name of the Shim that a Job is for. */
export function shimOf({ metadata }: Job): string | undefined {
  return metadata.labels?.[SHIM_CONTRACT.shimName] ??
    metadata.annotations?.[SHIM_CONTRACT.shimName];
}

export function operationOf({ metadata }: Job): Operation | undefined {
  const text = metadata.annotations?.[SHIM_CONTRACT.operation];
  return text === "install" || text === "uninstall" ? text : undefined;
}

/** Digest of what a Job puts on its node. */
export function hashOf({ metadata }: Job): string | undefined {
  return metadata.annotations?.[SHIM_CONTRACT.hash];
}

/**
 * Whether a Job was made for this very Shim and this very node. Others of the same names are left
 * over, and what became of them says nothing.
 */
export function isCurrent({ metadata }: Job, { shim, node }: { shim: Shim; node: Node }): boolean {
  const { annotations = {} } = metadata;
  return annotations[SHIM_CONTRACT.shimUid] === shim.metadata.uid &&
    annotations[SHIM_CONTRACT.nodeUid] === node.metadata.uid;
}

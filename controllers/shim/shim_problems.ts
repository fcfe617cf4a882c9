/**
 * What makes a Shim impossible, so that nothing is done for it.
 *
 * @module
 */

import type { Shim } from "../../crds/shim.ts";
import { isSelected } from "./node_selection.ts";
import type { Node } from "./node_types.ts";
import type { ShimSettings } from "./shim_settings.ts";

/** Something is wrong, and what helps. */
export interface ShimProblem {
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** The longest name of a label. */
const MAX_LABEL = 63;

/** Finds all that makes a Shim impossible. */
export function findProblems(
  shim: Shim,
  { others, nodes, settings }: {
    /** All Shims. */
    others: Iterable<Shim>;
    nodes: Iterable<Node>;
    settings: ShimSettings;
  },
): ShimProblem[] {
  return [...settingsProblems(settings), ...nameProblems(shim), ...conflicts(shim, others, nodes)];
}

/** What is missing for any Job. */
export function settingsProblems({ namespace, installerImage }: ShimSettings): ShimProblem[] {
  const missing = [
    ...(namespace ? [] : ["CONTROLLER_NAMESPACE"]),
    ...(installerImage ? [] : ["SHIM_NODE_INSTALLER_IMAGE"]),
  ];
  if (missing.length === 0) return [];
  return [{
    reason: "NotConfigured",
    message: `The operator cannot make Jobs: set ${missing.join(" and ")} in its environment`,
  }];
}

function nameProblems({ metadata: { name }, spec }: Shim): ShimProblem[] {
  if (!spec) {
    return [{ reason: "InvalidSpec", message: "There is no spec; describe the shim in it" }];
  }
  const problems: ShimProblem[] = [];
  if (name.length > MAX_LABEL) {
    problems.push({
      reason: "InvalidName",
      message: `The name "${name}" has ${name.length} characters, and as a label of nodes it may ` +
        `have ${MAX_LABEL}; create the Shim with a shorter one`,
    });
  }
  if (spec.nodeSelector && Object.hasOwn(spec.nodeSelector, name)) {
    problems.push({
      reason: "LabelCollision",
      message: `Nodes get the label "${name}", and spec.nodeSelector selects by the same one; ` +
        "select by another label, or create the Shim with another name",
    });
  }
  return problems;
}

/** Two Shims cannot both be what one name of a runtime stands for. The older one keeps it. */
function conflicts(
  shim: Shim,
  others: Iterable<Shim>,
  nodes: Iterable<Node>,
): ShimProblem[] {
  const problems: ShimProblem[] = [];
  for (const other of others) {
    if (!other.spec || !shim.spec || other.metadata.deletionTimestamp) continue;
    if (other.metadata.uid === shim.metadata.uid || !isOlder(other, shim)) continue;
    const names = runtimeNames(other);
    const shared = runtimeNames(shim).filter((name) => names.includes(name));
    const both = shared.length === 0 ? undefined : findShared(nodes, [shim, other]);
    if (!both) continue;
    problems.push({
      reason: "HandlerConflict",
      message: `The runtime "${shared[0]}" on node ${both.metadata.name} is that of the Shim ` +
        `"${other.metadata.name}" already; give spec.runtimeClass.handler another value, or select ` +
        "other nodes",
    });
  }
  return problems;
}

/** The names of its runtime in containerd's configuration; aliases give way by themselves. */
function runtimeNames({ metadata: { name }, spec }: Shim): string[] {
  return [...new Set([spec!.runtimeClass.handler, name])];
}

function findShared(nodes: Iterable<Node>, shims: readonly Shim[]): Node | undefined {
  for (const node of nodes) if (shims.every((shim) => isSelected(node, shim))) return node;
  return undefined;
}

function isOlder({ metadata: a }: Shim, { metadata: b }: Shim): boolean {
  const [one = "", other = ""] = [a.creationTimestamp, b.creationTimestamp];
  return one === other ? (a.uid ?? "") < (b.uid ?? "") : one < other;
}

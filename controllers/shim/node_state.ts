/**
 * How far a node is with a Shim. What is decided here rests on the node's label and record and on its
 * Jobs alone, so that it is the same after a restart.
 *
 * @module
 */

import {
  nodeKey,
  type NodeLabel,
  type Operation,
  type Shim,
  SHIM_CONTRACT,
  type ShimContent,
} from "../../crds/shim.ts";
import { TerminalError } from "../../lib/errors.ts";
import { nodeHash } from "./content_hash.ts";
import { isCurrent, type JobOutcome, operationOf, outcomeOf } from "./job_state.ts";
import { type NodeRecord, parseNodeRecord } from "./node_record.ts";
import { isReachable, isSelected, machineOf, whyUnsupported } from "./node_selection.ts";
import type { Job, Node } from "./node_types.ts";
import { retryDelayMs } from "./rollout_limits.ts";

/** What of a record stands for an uninstallation, where others have a digest. */
export const UNINSTALL_HASH = "uninstall";

/** How far a node is. */
export type NodeState =
  /** It has what it should have, or nothing if it should have nothing. */
  | { readonly kind: "done" }
  /** A Job is at work there. */
  | { readonly kind: "working" }
  /** A Job has ended, and the node does not say so yet. */
  | { readonly kind: "ended"; readonly job: Job; readonly outcome: JobOutcome }
  /** Somebody was about to start a Job. */
  | { readonly kind: "claimed" }
  | { readonly kind: "due"; readonly isRetry: boolean }
  /** The next try is to come. */
  | { readonly kind: "waiting"; readonly untilMs: number }
  | { readonly kind: "unreachable" }
  /** Nothing can be done for it. */
  | { readonly kind: "impossible"; readonly reason: string; readonly message: string };

/** A node that has to do with a Shim. */
export interface ShimNode {
  readonly node: Node;
  readonly wants: Operation;
  /** Digest of what it is to have; undefined if nothing is there for it. */
  readonly hash: string | undefined;
  readonly label: NodeLabel | undefined;
  readonly record: NodeRecord;
  readonly state: NodeState;
  /** All Jobs of the Shim there. */
  readonly jobs: readonly Job[];
  /** Whether the last try of what it is to have failed; it stays so until one succeeds. */
  readonly hasFailed: boolean;
}

/** What a node is judged by. */
export interface NodeContext {
  readonly shim: Shim;
  /** What nodes are to have; not always that of the spec. */
  readonly content: ShimContent;
  /** Whether nodes are to have it at all. */
  readonly isDeleted: boolean;
  readonly installerImage: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Judges a node; undefined if it has nothing to do with the Shim. */
export function judgeNode(
  node: Node,
  { jobs, context }: { jobs: readonly Job[]; context: NodeContext },
): ShimNode | undefined {
  const { shim, isDeleted } = context;
  const { name } = shim.metadata;
  const wants = !isDeleted && isSelected(node, shim) ? "install" : "uninstall";
  if (wants === "uninstall" && !isMarked(node, name)) return undefined;
  const label = node.metadata.labels?.[name] as NodeLabel | undefined;
  const record = parseNodeRecord(node.metadata.annotations?.[nodeKey(name)]);
  const known = { node, wants, label, record, jobs } as const;
  const target = targetOf(node, { wants, context });
  const hash = "hash" in target ? target.hash : undefined;
  const hasFailed = record.tried !== undefined && record.tried === hash &&
    (label === "failed" || label === "pending" || label === "uninstall");
  const state = "hash" in target
    ? stateOf({ ...known, hash: target.hash, hasFailed }, context)
    : { kind: "impossible" as const, ...target };
  return { ...known, hash, hasFailed, state };
}

/** Whether a node says anything of a Shim. */
export function isMarked({ metadata }: Node, shim: string): boolean {
  return metadata.labels?.[shim] !== undefined ||
    metadata.labels?.[nodeKey(shim)] !== undefined ||
    metadata.annotations?.[nodeKey(shim)] !== undefined;
}

function targetOf(
  node: Node,
  { wants, context: { content, installerImage } }: { wants: Operation; context: NodeContext },
): { hash: string } | { reason: string; message: string } {
  const why = whyUnsupported(node);
  if (why !== undefined) {
    return { reason: "Unsupported", message: `node ${node.metadata.name} cannot have it: ${why}` };
  }
  if (wants === "uninstall") return { hash: UNINSTALL_HASH };
  const { operatingSystem: os = "", architecture: arch = "" } = node.status?.nodeInfo ?? {};
  try {
    const platform = { name: node.metadata.name, os, arch };
    return { hash: nodeHash(content, { node: platform, installerImage }) };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return {
      reason: error.reason,
      message: `failed to resolve artifact for node ${node.metadata.name}: ${error.message}`,
    };
  }
}

function stateOf(
  known: Pick<ShimNode, "node" | "wants" | "label" | "record" | "jobs" | "hasFailed"> & {
    hash: string;
  },
  { shim, now }: NodeContext,
): NodeState {
  const { node, wants, label, record, jobs, hash, hasFailed } = known;
  // Whoever made it: two at once on one node are one too many.
  if (jobs.some((job) => outcomeOf(job) === undefined)) return { kind: "working" };
  const claim = wants === "install" ? "pending" : "uninstall";
  const ended = findEnded(known, shim);
  if (ended) return { kind: "ended", ...ended };
  if (wants === "install" && label === "provisioned" && record.hash === hash) {
    if (record.machine === machineOf(node)) return { kind: "done" };
  }
  if (!isReachable(node)) return { kind: "unreachable" };
  if (label === claim) return { kind: "claimed" };
  if (label !== "failed" || !hasFailed) return { kind: "due", isRetry: false };
  const untilMs = Date.parse(record.time ?? "") + retryDelayMs(record.failures ?? 1);
  // A time that cannot be read is over.
  return untilMs > now ? { kind: "waiting", untilMs } : { kind: "due", isRetry: true };
}

/** The end of the Job that the node was claimed for. Without the claim, Jobs say nothing. */
function findEnded(
  { node, label, record, jobs }: Pick<ShimNode, "node" | "label" | "record" | "jobs">,
  shim: Shim,
): { job: Job; outcome: JobOutcome } | undefined {
  const operation = label === "pending" ? "install" : label === "uninstall" ? "uninstall" : "";
  for (const job of jobs) {
    if (operationOf(job) !== operation || !isCurrent(job, { shim, node })) continue;
    if (record.job === job.metadata.uid) continue;
    const outcome = outcomeOf(job);
    if (outcome) return { job, outcome };
  }
  return undefined;
}

/** Labels and annotations that nothing is left of, for a merge patch. */
export function withoutMarks(shim: string): {
  labels: Record<string, null>;
  annotations: Record<string, null>;
} {
  return {
    labels: { [shim]: null, [nodeKey(shim)]: null },
    annotations: { [nodeKey(shim)]: null },
  };
}

/** The label by which older installations choose nodes for pods. */
export function kwasmLabel({ metadata }: Node): Record<string, string> {
  return metadata.annotations?.[SHIM_CONTRACT.kwasmNode] === "true"
    ? { [SHIM_CONTRACT.kwasmProvisioned]: metadata.name }
    : {};
}

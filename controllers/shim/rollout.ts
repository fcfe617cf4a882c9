/**
 * What is to be done next for a Shim, on which nodes.
 *
 * @module
 */

import type { NodeFailure, RolloutStrategy } from "../../crds/shim.ts";
import { nodeOf, outcomeOf } from "./job_state.ts";
import { isControlPlane } from "./node_selection.ts";
import { isMarked, judgeNode, type NodeContext, type ShimNode } from "./node_state.ts";
import type { Job, Node } from "./node_types.ts";
import { type RolloutLimits, rolloutLimits } from "./rollout_limits.ts";

/** Milliseconds within which every Job has had a pod made. */
const PODLESS_MS = 60_000;

/** What there is. */
export interface RolloutInput extends NodeContext {
  /** All nodes of the cluster. */
  readonly nodes: Iterable<Node>;
  /** All Jobs for Shims of this name. */
  readonly jobs: readonly Job[];
  readonly strategy: RolloutStrategy;
}

/** What is to be done. */
export interface RolloutPlan {
  /** Nodes on which a Job has ended; they are to say how. */
  readonly ended: readonly ShimNode[];
  /** Nodes on which a Job is to be started. */
  readonly starts: readonly ShimNode[];
  /** Nodes that cannot have anything, and are to say nothing any more. */
  readonly released: readonly ShimNode[];
  /** Jobs on nodes that are gone. */
  readonly orphans: readonly Job[];
  readonly counts: RolloutCounts;
  /** Why no further node is begun, although there are some. */
  readonly stop: "paused" | "failures" | undefined;
  readonly failures: readonly NodeFailure[];
  /** Nodes that something is to be done on, and that cannot be reached. */
  readonly unreachable: readonly string[];
  /** Nodes whose Jobs have had no pod for long: something refuses it. */
  readonly podless: readonly string[];
  /** Milliseconds until there is something to do even if nothing happens. */
  readonly againAfterMs: number | undefined;
}

/** Numbers of nodes. */
export interface RolloutCounts {
  /** That are to have the Shim, and can. */
  readonly nodes: number;
  /** Of those, with the label `provisioned`. */
  readonly ready: number;
  /** Of those, that have what they should have. */
  readonly updated: number;
  /** On which the last try failed, or for which nothing is there. */
  readonly failed: number;
  /** That are to have the Shim, and on which the last try failed. */
  readonly failedInstalls: number;
  /** That are to have the Shim, and for which nothing is there. */
  readonly impossible: number;
  /** That are selected, and cannot have it. */
  readonly unsupported: number;
  /** That have it, and should not. */
  readonly leaving: number;
  /** On which a Job is at work, or about to be. */
  readonly working: number;
}

/** Whether all nodes have what they should have, as far as there is something for them. */
export function isComplete({ nodes, updated, impossible }: RolloutCounts): boolean {
  return updated > 0 && updated + impossible === nodes;
}

/** Plans the next steps. Pure; a step that is taken twice is no harm. */
export function planRollout(input: RolloutInput): RolloutPlan {
  const jobs = Map.groupBy(input.jobs, (job) => nodeOf(job) ?? "");
  const all: ShimNode[] = [];
  const names = new Set<string>();
  for (const node of input.nodes) {
    names.add(node.metadata.name);
    const judged = judgeNode(node, { jobs: jobs.get(node.metadata.name) ?? [], context: input });
    if (judged) all.push(judged);
  }
  const isUnsupported = ({ state }: ShimNode) =>
    state.kind === "impossible" && state.reason === "Unsupported";
  const supported = all.filter((one) => !isUnsupported(one));
  const wanted = supported.filter(({ wants }) => wants === "install");
  const leaving = supported.filter(({ wants }) => wants === "uninstall");
  const counts: RolloutCounts = {
    nodes: wanted.length,
    ready: count(wanted, ({ label }) => label === "provisioned"),
    updated: count(wanted, ({ state }) => state.kind === "done"),
    failed: count(supported, ({ hasFailed, state }) => hasFailed || state.kind === "impossible"),
    failedInstalls: count(wanted, ({ hasFailed }) => hasFailed),
    impossible: ofKind(wanted, "impossible").length,
    unsupported: count(all, (one) => isUnsupported(one) && one.wants === "install"),
    leaving: leaving.length,
    working: count(supported, isInWork),
  };
  const { starts, stop } = chooseStarts({ wanted, leaving, counts, strategy: input.strategy });
  return {
    ended: ofKind(supported, "ended"),
    starts,
    released: all.filter((one) =>
      isUnsupported(one) && isMarked(one.node, input.shim.metadata.name)
    ),
    orphans: input.jobs.filter((job) => !names.has(nodeOf(job) ?? "")),
    counts,
    stop,
    failures: supported.flatMap((one) => failureOf(one, input)),
    unreachable: ofKind(supported, "unreachable").map(({ node }) => node.metadata.name),
    podless: supported.filter((one) => (podlessMs(one, input.now) ?? 0) >= PODLESS_MS)
      .map(({ node }) => node.metadata.name),
    againAfterMs: nextLook(supported, input.now),
  };
}

/** Nodes that count as worked on: also those that are done, but do not say so yet. */
function isInWork({ state: { kind } }: ShimNode): boolean {
  return kind === "working" || kind === "claimed" || kind === "ended";
}

function chooseStarts(
  { wanted, leaving, counts, strategy }: {
    wanted: readonly ShimNode[];
    leaving: readonly ShimNode[];
    counts: RolloutCounts;
    strategy: RolloutStrategy;
  },
): Pick<RolloutPlan, "starts" | "stop"> {
  const limits = rolloutLimits(strategy, { nodes: counts.nodes + counts.leaving });
  const claimed = ofKind([...wanted, ...leaving], "claimed");
  const fresh = inOrder(wanted.filter(isDue));
  const leave = inOrder(leaving.filter((one) => isDue(one) || isRetry(one)));
  const retries = inOrder(wanted.filter(isRetry));
  if (strategy.paused) {
    // What has been begun is brought to its end; nodes that leave do so by somebody's own hand.
    const hasMore = fresh.length + retries.length + leave.length > 0;
    return { starts: claimed, stop: hasMore ? "paused" : undefined };
  }
  const isStopped = counts.failedInstalls > limits.maxFailed;
  const begun = isStopped ? [] : fresh;
  const free = freePlaces(limits, { counts, hasInstalls: begun.length > 0 });
  return {
    starts: [...claimed, ...[...begun, ...leave, ...retries].slice(0, free)],
    stop: isStopped && fresh.length > 0 ? "failures" : undefined,
  };
}

/** The first node of an update is alone. */
function freePlaces(
  { maxUpdate, hasCanary }: RolloutLimits,
  { counts, hasInstalls }: { counts: RolloutCounts; hasInstalls: boolean },
): number {
  const places = hasCanary && hasInstalls && counts.updated === 0 ? 1 : maxUpdate;
  return Math.max(0, places - counts.working);
}

function isDue({ state }: ShimNode): boolean {
  return state.kind === "due" && !state.isRetry;
}

function isRetry({ state }: ShimNode): boolean {
  return state.kind === "due" && state.isRetry;
}

/** Workers before the control plane, then by name. */
function inOrder(nodes: readonly ShimNode[]): ShimNode[] {
  return nodes.toSorted((a, b) =>
    Number(isControlPlane(a.node)) - Number(isControlPlane(b.node)) ||
    (a.node.metadata.name < b.node.metadata.name ? -1 : 1)
  );
}

function failureOf({ node, state, record, hasFailed }: ShimNode, { now }: NodeContext) {
  const { name } = node.metadata;
  if (state.kind === "impossible") {
    const time = new Date(now).toISOString();
    return [{ node: name, reason: state.reason, message: state.message, time }];
  }
  if (!hasFailed) return [];
  const time = record.time ?? new Date(now).toISOString();
  return [{ node: name, reason: "JobFailed", message: record.error ?? "", time }];
}

/** Milliseconds that a Job at work has never had a pod. Between two tries it has none, either. */
function podlessMs({ state, jobs }: ShimNode, now: number): number | undefined {
  if (state.kind !== "working") return undefined;
  const job = jobs.find((one) => outcomeOf(one) === undefined);
  const { active = 0, failed = 0 } = job?.status ?? {};
  if (!job || active > 0 || failed > 0) return undefined;
  const since = Date.parse(job.metadata.creationTimestamp ?? "");
  return Number.isNaN(since) ? undefined : now - since;
}

function nextLook(nodes: readonly ShimNode[], now: number): number | undefined {
  const times = nodes.flatMap((one) => {
    if (one.state.kind === "waiting") return [one.state.untilMs];
    const podless = podlessMs(one, now);
    return podless !== undefined && podless < PODLESS_MS ? [now + PODLESS_MS - podless] : [];
  });
  return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - now);
}

function ofKind(nodes: readonly ShimNode[], kind: ShimNode["state"]["kind"]): ShimNode[] {
  return nodes.filter(({ state }) => state.kind === kind);
}

function count<T>(items: readonly T[], matches: (item: T) => boolean): number {
  let number = 0;
  for (const item of items) if (matches(item)) number++;
  return number;
}

/**
 * The status of a Shim, computed from how far its nodes are.
 *
 * @module
 */

import type { LastGood, NodeFailure, Shim, ShimStatus } from "../../crds/shim.ts";
import type { Condition } from "../../lib/kube/types.ts";
import { isPinned } from "./artifact.ts";
import { isComplete, type RolloutPlan } from "./rollout.ts";
import type { ShimProblem } from "./shim_problems.ts";

/** What is known of a Shim. */
export interface ObservedShim {
  /** Undefined if nothing was planned. */
  readonly plan: RolloutPlan | undefined;
  readonly problems: readonly ShimProblem[];
  readonly lastGood: LastGood | undefined;
  readonly rolledBack: ShimStatus["rolledBack"];
  readonly isDeleted: boolean;
}

/** Failures that a status lists; the rest is in the number. */
const MAX_FAILURES = 10;
/** Nodes that a message names. */
const MAX_NAMES = 5;
/** Characters of a failure's message. */
const MAX_MESSAGE = 1_024;

/** A condition before it has a time. */
type NewCondition = Omit<Condition, "lastTransitionTime" | "observedGeneration">;

/** The status. Times of conditions change only when their status does. @param now RFC 3339. */
export function computeShimStatus(shim: Shim, observed: ObservedShim, now: string): ShimStatus {
  const { plan, lastGood, rolledBack } = observed;
  const known = shim.status;
  const { generation } = shim.metadata;
  const failures = plan?.failures.slice(0, MAX_FAILURES)
    .map((failure) => shortFailure(failure, known));
  return {
    nodes: plan?.counts.nodes ?? known?.nodes ?? 0,
    nodesReady: plan?.counts.ready ?? known?.nodesReady ?? 0,
    nodesUpdated: plan?.counts.updated ?? known?.nodesUpdated ?? 0,
    nodesFailed: plan?.counts.failed ?? known?.nodesFailed ?? 0,
    nodesUnsupported: plan?.counts.unsupported ?? known?.nodesUnsupported ?? 0,
    nodesLeaving: plan?.counts.leaving ?? known?.nodesLeaving ?? 0,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(failures && failures.length > 0 ? { failures } : {}),
    ...(lastGood ? { lastGood } : {}),
    ...(rolledBack ? { rolledBack } : {}),
    conditions: conditionsOf(shim, observed).map((condition) => {
      const before = known?.conditions?.find(({ type }) => type === condition.type);
      return {
        ...condition,
        lastTransitionTime: before?.status === condition.status ? before.lastTransitionTime : now,
        ...(generation === undefined ? {} : { observedGeneration: generation }),
      };
    }),
  };
}

/** One that was told before keeps its time: what cannot be had at all fails at every look. */
function shortFailure(failure: NodeFailure, known: ShimStatus | undefined): NodeFailure {
  const message = failure.message.slice(0, MAX_MESSAGE);
  const before = known?.failures?.find(({ node, reason, ...rest }) =>
    node === failure.node && reason === failure.reason && rest.message === message
  );
  const isTimeless = failure.reason !== "JobFailed" && before;
  return { ...failure, message, time: isTimeless ? before.time : seconds(failure.time) };
}

function conditionsOf(shim: Shim, observed: ObservedShim): NewCondition[] {
  return [
    available(observed),
    progressing(observed),
    degraded(observed),
    ...(shim.spec ? [sourcePinned(shim)] : []),
  ];
}

function available({ plan }: ObservedShim): NewCondition {
  const type = "Available";
  if (!plan) return { type, status: "Unknown", reason: "NotPlanned", message: "See Degraded" };
  const { nodes, ready } = plan.counts;
  if (nodes === 0) {
    return {
      type,
      status: "False",
      reason: "NoNodes",
      message: "No node that can have the shim has the labels of spec.nodeSelector",
    };
  }
  const message = `${ready} of ${nodes} nodes have the shim`;
  return ready === nodes
    ? { type, status: "True", reason: "MinimumShimsAvailable", message }
    : { type, status: "False", reason: "ShimsMissing", message };
}

function progressing(observed: ObservedShim): NewCondition {
  const { plan, problems, rolledBack, isDeleted } = observed;
  const type = "Progressing";
  if (!plan) {
    const { reason, message } = problems[0]!;
    return { type, status: "False", reason, message };
  }
  const { nodes, updated, working, leaving } = plan.counts;
  if (isDeleted) {
    return {
      type,
      status: "True",
      reason: "Uninstalling",
      message: `${leaving} nodes still have the shim${away(plan)}`,
    };
  }
  const detail = `${updated} of ${nodes} nodes have it as the spec says, ${working} are at it` +
    (leaving > 0 ? `, ${leaving} are to lose it` : "") + away(plan);
  if (rolledBack) {
    const message = `Nodes get what they had before: ${rolledBack.message}`;
    return { type, status: "False", reason: "RolledBack", message };
  }
  if (plan.stop === "paused") {
    const message = `spec.rolloutStrategy.paused is true; ${detail}`;
    return { type, status: "False", reason: "RolloutPaused", message };
  }
  if (plan.stop === "failures") {
    const message = `No further node is begun before those that failed succeed; ${detail}`;
    return { type, status: "False", reason: "RolloutStopped", message };
  }
  const isDone = (nodes === 0 || isComplete(plan.counts)) && leaving === 0;
  return isDone
    ? { type, status: "True", reason: "NewShimAvailable", message: detail }
    : { type, status: "True", reason: "RollingOut", message: detail };
}

/** What holds it up. */
function away({ unreachable, podless }: RolloutPlan): string {
  return [
    ...(unreachable.length > 0
      ? [`waiting for nodes that are not ready: ${namesOf(unreachable)}`]
      : []),
    ...(podless.length > 0
      ? [
        `Jobs have no pods on ${namesOf(podless)}: their namespace has to admit privileged pods ` +
        "(kubectl describe tells why a Job has none)",
      ]
      : []),
  ].map((text) => `; ${text}`).join("");
}

function degraded({ plan, problems, rolledBack }: ObservedShim): NewCondition {
  const type = "Degraded";
  const failed = plan?.counts.failed ?? 0;
  const texts = [
    ...problems.map(({ message }) => message),
    ...(rolledBack ? [rolledBack.message] : []),
    ...(failed > 0 ? [describeFailures(plan!)] : []),
  ];
  if (texts.length === 0) {
    return { type, status: "False", reason: "AsExpected", message: "Nothing is wrong" };
  }
  const reason = problems[0]?.reason ?? (rolledBack ? "RolledBack" : "NodesFailed");
  return { type, status: "True", reason, message: texts.join("; ") };
}

/** How many nodes failed, and why the first did. */
export function describeFailures({ counts, failures }: Pick<RolloutPlan, "counts" | "failures">) {
  const [first] = failures;
  const which = namesOf(failures.map(({ node }) => node));
  return `${counts.failed} nodes failed (${which})` +
    (first ? `; ${first.node}: ${first.message.slice(0, MAX_MESSAGE)}` : "");
}

function namesOf(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return names.slice(0, MAX_NAMES).join(", ") + more;
}

function sourcePinned({ spec }: Shim): NewCondition {
  const type = "SourcePinned";
  if (isPinned(spec!.fetchStrategy)) {
    const message = "What is installed has a digest that is checked, or is part of the installer";
    return { type, status: "True", reason: "Pinned", message };
  }
  return {
    type,
    status: "False",
    reason: "NoDigest",
    message:
      "Whoever can change what the location answers runs programs as root on the nodes; give " +
      "sha256 with each location",
  };
}

/** Kubernetes has times without fractions. */
export function seconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

/** Whether two statuses say the same. */
export function isSameShimStatus(a: ShimStatus | undefined, b: ShimStatus): boolean {
  return a !== undefined && canonical(a) === canonical(b);
}

/** What is worth telling at once; numbers may wait. */
export function headlines(status: ShimStatus | undefined): string {
  return canonical([
    status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
    status?.lastGood?.hash,
    status?.rolledBack?.hash,
    status?.observedGeneration,
  ]);
}

function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, item) =>
      typeof item === "object" && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => a < b ? -1 : 1))
        : item,
  );
}

/**
 * Why a pod does not run, in words for whoever looks at the app.
 *
 * @module
 */

import type { ContainerStatus, Pod } from "../../lib/kube/workload_types.ts";

/** What keeps an app from being ready. */
export interface Problem {
  /** CamelCase, for programs. */
  readonly reason: string;
  /** For people: which pod, and why. */
  readonly message: string;
}

const IMAGE_REASONS: readonly string[] = [
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "RegistryUnavailable",
];

/** kubelet waits with these until the pod or what it refers to is changed. */
const CONFIG_REASONS: readonly string[] = [
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
];

/** Most telling first: what nobody gets around is told before what may pass by itself. */
const ORDER: readonly string[] = [
  "ImagePullFailed",
  "ContainerConfigInvalid",
  "SandboxFailed",
  "OutOfMemory",
  "AppCrashing",
  "AppEnded",
  "Unschedulable",
  "ProbeFailing",
];

/** The most telling problem of several pods; undefined if none has one. */
export function worstProblem(problems: readonly (Problem | undefined)[]): Problem | undefined {
  return problems.filter((problem) => problem !== undefined)
    .sort((a, b) => ORDER.indexOf(a.reason) - ORDER.indexOf(b.reason))[0];
}

/**
 * What keeps a pod from being ready.
 * @param sandboxFailure Why its sandbox cannot be made, which only events tell.
 * @returns Undefined if nothing is known, as while it starts.
 */
export function podProblem(pod: Pod, sandboxFailure?: string): Problem | undefined {
  // What is being deleted is no longer the app's.
  if (pod.metadata.deletionTimestamp) return undefined;
  const { name } = pod.metadata;
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status === "False") {
    return {
      reason: "Unschedulable",
      message: `Pod ${name} cannot be placed: ${scheduled.message}`,
    };
  }
  if (sandboxFailure !== undefined) {
    return { reason: "SandboxFailed", message: `Pod ${name} cannot be started: ${sandboxFailure}` };
  }
  const statuses = [
    ...pod.status?.initContainerStatuses ?? [],
    ...pod.status?.containerStatuses ?? [],
  ];
  return worstProblem(statuses.map((status) => containerProblem(name, status)));
}

function containerProblem(pod: string, status: ContainerStatus): Problem | undefined {
  const { waiting, terminated } = status.state ?? {};
  const what = `Pod ${pod}, container ${status.name}`;
  const reason = waiting?.reason ?? "";
  const why = waiting?.message ? `: ${oneLine(waiting.message)}` : "";
  if (IMAGE_REASONS.includes(reason)) {
    return { reason: "ImagePullFailed", message: `${what}: the image cannot be pulled${why}` };
  }
  if (CONFIG_REASONS.includes(reason)) {
    return { reason: "ContainerConfigInvalid", message: `${what}: ${reason}${why}` };
  }
  const ended = terminated ?? (waiting ? status.lastState?.terminated : undefined);
  if (ended) return endProblem(what, { ended, restarts: status.restartCount ?? 0 });
  if (status.state?.running && !status.ready) {
    return status.lastState?.terminated
      ? endProblem(what, { ended: status.lastState.terminated, restarts: status.restartCount ?? 0 })
      : {
        reason: "ProbeFailing",
        message: `${what} runs, but its readiness probe does not succeed`,
      };
  }
  return undefined;
}

function endProblem(
  what: string,
  { ended, restarts }: {
    ended: { exitCode: number; reason?: string; message?: string };
    restarts: number;
  },
): Problem {
  const times = restarts > 0
    ? `, ${restarts} ${restarts === 1 ? "restart" : "restarts"} so far`
    : "";
  const said = ended.message ? `: ${oneLine(ended.message)}` : "";
  if (ended.reason === "OOMKilled") {
    return {
      reason: "OutOfMemory",
      message: `${what} used more memory than its limit allows${times}; raise ` +
        "spec.resources.limits.memory",
    };
  }
  if (ended.exitCode === 0) {
    return {
      reason: "AppEnded",
      message: `${what} ended by itself with exit code 0${times}${said}`,
    };
  }
  return {
    reason: "AppCrashing",
    message: `${what} ended with exit code ${ended.exitCode}${times}${said}`,
  };
}

/** The last line that says something: what went before led to it. */
function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " | ").slice(-600);
}

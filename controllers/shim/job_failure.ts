/**
 * Why a Job failed: the Job itself only says that it did, its pods say more.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { type ContainerStatus, type Pod, PODS } from "../../lib/kube/workload_types.ts";
import type { Job } from "./node_types.ts";

/** Characters of what a container said last. */
const MAX_TEXT = 500;

/** How the installer begins a line that says what went wrong. */
const ERROR_LINE = /^\d{4}[-/]\d\d[-/]\d\d[T ][\d:]+\s+ERROR\s+/;

/** The exit codes of the installer that mean more than a failure. */
const EXIT_TEXTS: Readonly<Record<number, string>> = {
  3: "the node is not supported",
  4: "something is not what it should be",
  5: "containerd did not take it, and everything was taken back",
};

/** What the last pod of a Job says; undefined if there is none any more, or it says nothing. */
export async function explainFailure(client: KubeClient, job: Job): Promise<string | undefined> {
  const { name, namespace } = job.metadata;
  let pods: Pod[];
  try {
    pods = await client.list(PODS, { namespace, labelSelector: `job-name=${name}` });
  } catch (error) {
    // The failure counts without its reason too.
    return `its pods cannot be looked at: ${errorText(error)}`;
  }
  const newestFirst = pods.toSorted((a, b) =>
    (a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1
  );
  for (const pod of newestFirst) {
    const text = explainPod(pod);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** What a pod's failed container said last, and its exit code. */
export function explainPod({ status }: Pod): string | undefined {
  const containers = [
    ...status?.initContainerStatuses ?? [],
    ...status?.containerStatuses ?? [],
  ];
  for (const container of containers) {
    const text = explainContainer(container);
    if (text !== undefined) return text;
  }
  return undefined;
}

function explainContainer({ name, state }: ContainerStatus): string | undefined {
  const { terminated, waiting } = state ?? {};
  if (terminated && terminated.exitCode !== 0) {
    const meaning = name === "provisioner" ? EXIT_TEXTS[terminated.exitCode] : undefined;
    const said = lastWords(terminated.message ?? "");
    return [
      `${name} ended with ${terminated.exitCode}`,
      ...(meaning ? [meaning] : []),
      ...(said ? [said] : terminated.reason ? [terminated.reason] : []),
    ].join(": ");
  }
  if (!waiting?.reason || waiting.reason === "PodInitializing") return undefined;
  const detail = waiting.message ? `: ${waiting.message.slice(0, MAX_TEXT)}` : "";
  return `${name} waits: ${waiting.reason}${detail}`;
}

/**
 * The end of what a container said, from its error on, in one line: kubectl shows no more of an event.
 */
function lastWords(text: string): string {
  const lines = text.trim().split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const error = lines.findLastIndex((line) => ERROR_LINE.test(line));
  const said = lines.slice(Math.max(0, error)).join(" ").replace(ERROR_LINE, "");
  return said.slice(-MAX_TEXT);
}

/**
 * Finds out why the pods of an app do not run.
 *
 * @module
 */

import type { SpinApp } from "../../crds/spin_app.ts";
import { ApiError } from "../../lib/kube/api_error.ts";
import { type KubeClient, objectPath } from "../../lib/kube/client.ts";
import { EVENTS } from "../../lib/kube/event_recorder.ts";
import { objectKey } from "../../lib/kube/types.ts";
import { type Pod, PODS } from "../../lib/kube/workload_types.ts";
import type { Cluster } from "./cluster.ts";
import { podProblem, type Problem, worstProblem } from "./pod_problem.ts";

/** Pods that are looked at; many have the same trouble. */
const MAX_PODS = 5;
/** Milliseconds that a sandbox may take before it is asked for. */
const SLOW_SANDBOX_MS = 5_000;
/** Milliseconds that an answer counts. */
const ANSWER_MS = 15_000;

/** What was found, with what a later look may find. */
export interface Diagnosis {
  readonly problem: Problem | undefined;
  /** Something may become known although nothing changes. */
  readonly isOpen: boolean;
}

/** Looks at pods, and asks for what the API server does not tell by itself. */
export class Diagnoses {
  readonly #client: KubeClient;
  readonly #cluster: Cluster;
  readonly #now: () => number;
  readonly #answers = new Map<string, { at: number; text: string | undefined }>();

  /** @param options.now Milliseconds since 1970. */
  constructor(client: KubeClient, { cluster, now }: { cluster: Cluster; now: () => number }) {
    this.#client = client;
    this.#cluster = cluster;
    this.#now = now;
    cluster.pods.onChange(({ before, after }) => {
      if (!before || after) return;
      for (const what of ["sandbox", "log"]) this.#answers.delete(`${what}/${before.metadata.uid}`);
    });
  }

  /** Why the app's pods do not run. */
  async find(app: SpinApp): Promise<Diagnosis> {
    const pods = this.#cluster.pods.find("app", objectKey(app))
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      // The newest are those of the newest template.
      .sort((a, b) => age(a) < age(b) ? 1 : -1)
      .slice(0, MAX_PODS);
    const problems = await Promise.all(pods.map((pod) => this.#problemOf(pod)));
    return { problem: worstProblem(problems), isOpen: pods.some((pod) => isStarting(pod)) };
  }

  async #problemOf(pod: Pod): Promise<Problem | undefined> {
    const isSlow = isStarting(pod) && this.#now() - Date.parse(age(pod)) > SLOW_SANDBOX_MS;
    const sandbox = isSlow ? await this.#sandboxFailure(pod) : undefined;
    const problem = podProblem(pod, sandbox);
    const isSilent = problem?.reason === "AppCrashing" && saysNothing(pod);
    if (!isSilent) return problem;
    const line = await this.#lastLogLine(pod);
    return line === undefined ? problem : { ...problem!, message: `${problem!.message}: ${line}` };
  }

  /** Only events tell that a node has no such runtime. */
  #sandboxFailure(pod: Pod): Promise<string | undefined> {
    return this.#ask(`sandbox/${pod.metadata.uid}`, async () => {
      const { namespace } = pod.metadata;
      const events = await this.#client.list(EVENTS, {
        namespace,
        fieldSelector: `involvedObject.uid=${pod.metadata.uid},reason=FailedCreatePodSandBox`,
      });
      return events.at(-1)?.message;
    });
  }

  #lastLogLine(pod: Pod): Promise<string | undefined> {
    return this.#ask(`log/${pod.metadata.uid}`, async () => {
      const response = await this.#client.transport.send({
        method: "GET",
        path: objectPath(PODS, pod.metadata, "log"),
        // Of the run before this one, if there is one again.
        query: { tailLines: 1, limitBytes: 2_048, previous: hasRestarted(pod) },
      });
      return (await response.text()).trim() || undefined;
    });
  }

  /** Not being allowed to look, or there being nothing, leaves the cause unknown. */
  async #ask(key: string, look: () => Promise<string | undefined>): Promise<string | undefined> {
    const known = this.#answers.get(key);
    if (known && this.#now() - known.at < ANSWER_MS) return known.text;
    let text: string | undefined;
    try {
      text = await look();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    // Put behind those that are younger than the answer before.
    this.#answers.delete(key);
    this.#answers.set(key, { at: this.#now(), text });
    this.#forgetOld();
    return text;
  }

  #forgetOld(): void {
    for (const [key, { at }] of this.#answers) {
      // The oldest come first.
      if (this.#now() - at < ANSWER_MS) return;
      this.#answers.delete(key);
    }
  }
}

function age({ metadata }: Pod): string {
  return metadata.creationTimestamp ?? "";
}

function hasRestarted({ status }: Pod): boolean {
  return (status?.containerStatuses ?? []).some(({ restartCount = 0 }) => restartCount > 0);
}

function isStarting({ status }: Pod): boolean {
  const statuses = status?.containerStatuses ?? [];
  return status?.phase === "Pending" &&
    statuses.every(({ state }) => !state?.waiting || state.waiting.reason === "ContainerCreating");
}

/** Whether no container of the pod has left a last message. */
function saysNothing({ status }: Pod): boolean {
  return (status?.containerStatuses ?? []).every(({ state, lastState }) =>
    !state?.terminated?.message && !lastState?.terminated?.message
  );
}

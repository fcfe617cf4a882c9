/**
 * Carries the steps of a plan out, on one node each.
 *
 * @module
 */

import { nodeKey, type Shim, type ShimContent } from "../../crds/shim.ts";
import { TemporaryError } from "../../lib/errors.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { EventRecorder, EventText } from "../../lib/kube/event_recorder.ts";
import { objectKey } from "../../lib/kube/types.ts";
import { resolveArtifact } from "./artifact.ts";
import type { FreshCopies } from "./fresh_copies.ts";
import { explainFailure } from "./job_failure.ts";
import { hashOf, isCurrent, operationOf, outcomeOf } from "./job_state.ts";
import { buildNodeJob } from "./node_job.ts";
import { formatNodeRecord, type NodeRecord } from "./node_record.ts";
import { machineOf } from "./node_selection.ts";
import { kwasmLabel, type ShimNode, UNINSTALL_HASH, withoutMarks } from "./node_state.ts";
import { type Job, JOBS, type Node, NODES } from "./node_types.ts";
import { trimJob, trimNode } from "./shim_cluster.ts";
import type { ShimSettings } from "./shim_settings.ts";
import { seconds } from "./shim_status.ts";

/** What a {@link NodeWorker} works with. */
export interface NodeWorkerParts {
  readonly client: KubeClient;
  readonly nodes: FreshCopies<Node>;
  readonly jobs: FreshCopies<Job>;
  readonly events: EventRecorder;
  readonly settings: ShimSettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Milliseconds until a Job that is in the way is gone. */
const GONE_MS = 2_000;
/** Characters of a failure that the node's record keeps. */
const MAX_ERROR = 500;

interface Marks {
  readonly labels: Record<string, string | null>;
  readonly annotations?: Record<string, string | null>;
}

/** Writes nodes and Jobs. Every step may be repeated. */
export class NodeWorker {
  readonly #parts: NodeWorkerParts;

  constructor(parts: NodeWorkerParts) {
    this.#parts = parts;
  }

  /**
   * Starts the Job that a node is due for. Jobs that have ended are removed first, since their end
   * must not be taken for that of the new one; then the node is claimed, so that it counts as worked
   * on whatever becomes of this process; then the Job is made.
   */
  async start(
    { node, wants, hash, label, jobs }: ShimNode,
    { shim, content }: { shim: Shim; content: ShimContent },
  ): Promise<void> {
    for (const job of jobs) await this.removeJob(job);
    const { name } = shim.metadata;
    const claim = wants === "install" ? "pending" : "uninstall";
    if (label !== claim && !await this.#mark(node, { labels: { [name]: claim } })) return;
    const { operatingSystem: os = "", architecture: arch = "" } = node.status?.nodeInfo ?? {};
    const platform = { name: node.metadata.name, os, arch };
    const job = buildNodeJob({
      shim,
      content,
      node,
      operation: wants,
      hash: hash ?? UNINSTALL_HASH,
      artifact: wants === "install" ? resolveArtifact(content.fetchStrategy, platform) : undefined,
      settings: this.#parts.settings,
    });
    await this.#create(job, { shim, node });
  }

  async #create(job: Job, { shim, node }: { shim: Shim; node: Node }): Promise<void> {
    const { client, jobs } = this.#parts;
    try {
      jobs.note(trimJob(await client.create(JOBS, job)));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const live = await client.find(JOBS, job.metadata);
      // An answer that got lost: it is the one that was to be made.
      if (live && isCurrent(live, { shim, node }) && hashOf(live) === hashOf(job)) {
        if (outcomeOf(live) === undefined) return jobs.note(trimJob(live));
      }
      if (live && outcomeOf(live) !== undefined) await this.removeJob(live);
      throw new TemporaryError(
        `Job "${objectKey(job)}" is another one of that name, and has to be gone first`,
        GONE_MS,
      );
    }
  }

  /** Deletes a Job, and nothing that has taken its name meanwhile. */
  async removeJob(job: Job): Promise<void> {
    const { client, jobs } = this.#parts;
    const { uid } = job.metadata;
    try {
      await client.delete(JOBS, job.metadata, uid === undefined ? {} : { uid });
    } catch (error) {
      // Another one has its name.
      if (!isConflict(error)) throw error;
    }
    jobs.noteDeleted(job);
  }

  /** Writes to a node how its Job ended. */
  async finish(one: ShimNode, { shim }: { shim: Shim }): Promise<void> {
    const { node, state } = one;
    if (state.kind !== "ended") return;
    const { job, outcome } = state;
    const operation = operationOf(job);
    const { name } = shim.metadata;
    if (outcome.kind === "failed") {
      const error = await explainFailure(this.#parts.client, job) ?? outcome.message;
      await this.#mark(node, failedMarks(one, { name, job, error, time: this.#time() }));
      const reason = operation === "install" ? "ShimInstallFailed" : "ShimUninstallFailed";
      const message = `Shim "${name}": ${error}`;
      return await this.#tell(node, { type: "Warning", reason, message });
    }
    if (operation === "uninstall") {
      const { labels, annotations } = withoutMarks(name);
      const kwasm = Object.keys(kwasmLabel(node)).map((key) => [key, null] as const);
      await this.#mark(node, { labels: { ...labels, ...Object.fromEntries(kwasm) }, annotations });
      const message = `Shim "${name}" is off the node`;
      return await this.#tell(node, { type: "Normal", reason: "ShimUninstalled", message });
    }
    await this.#mark(node, installedMarks(node, { name, job, time: this.#time() }));
    const message = `Shim "${name}" is on the node`;
    await this.#tell(node, { type: "Normal", reason: "ShimInstalled", message });
  }

  /** Takes all that a node says of a Shim from it. */
  async release(node: Node, shim: Shim): Promise<void> {
    await this.#mark(node, withoutMarks(shim.metadata.name));
  }

  #time(): string {
    return seconds(new Date(this.#parts.now()).toISOString());
  }

  /** @returns Whether the node is still there. */
  async #mark(node: Node, marks: Marks): Promise<boolean> {
    const { client, nodes } = this.#parts;
    const { name, uid } = node.metadata;
    try {
      const patch = { metadata: { ...(uid === undefined ? {} : { uid }), ...marks } };
      nodes.note(trimNode(await client.mergePatch(NODES, { name }, { patch })));
      return true;
    } catch (error) {
      // It is gone, or another one has its name: watches tell of both.
      if (isNotFound(error) || isConflict(error)) return false;
      throw error;
    }
  }

  async #tell(node: Node, text: EventText): Promise<void> {
    await this.#parts.events.record(NODES, node, text);
  }
}

function installedMarks(
  node: Node,
  { name, job, time }: { name: string; job: Job; time: string },
): Marks {
  const record: NodeRecord = {
    hash: hashOf(job) ?? "",
    machine: machineOf(node),
    time,
    job: job.metadata.uid ?? "",
  };
  return {
    labels: { [name]: "provisioned", [nodeKey(name)]: "provisioned", ...kwasmLabel(node) },
    annotations: { [nodeKey(name)]: formatNodeRecord(record) },
  };
}

/** What the node had before, it still has: the installer takes back what failed. */
function failedMarks(
  { record }: ShimNode,
  { name, job, error, time }: { name: string; job: Job; error: string; time: string },
): Marks {
  const tried = operationOf(job) === "install" ? hashOf(job) ?? "" : UNINSTALL_HASH;
  const { hash, machine } = record;
  const next: NodeRecord = {
    ...(hash === undefined ? {} : { hash }),
    ...(machine === undefined ? {} : { machine }),
    tried,
    failures: (record.tried === tried ? record.failures ?? 0 : 0) + 1,
    error: error.slice(0, MAX_ERROR),
    time,
    job: job.metadata.uid ?? "",
  };
  return {
    labels: { [name]: "failed" },
    annotations: { [nodeKey(name)]: formatNodeRecord(next) },
  };
}

/**
 * Brings the nodes of a cluster to what a Shim asks for.
 *
 * @module
 */

import {
  type LastGood,
  type Shim,
  SHIM_CONTRACT,
  type ShimContent,
  SHIMS,
  type ShimStatus,
} from "../../crds/shim.ts";
import { errorText } from "../../lib/errors.ts";
import { isConflict, isNotFound } from "../../lib/kube/api_error.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import type { EventRecorder } from "../../lib/kube/event_recorder.ts";
import type { Informer } from "../../lib/kube/informer.ts";
import type { RuntimeClass } from "../../lib/kube/workload_types.ts";
import type { ReconcileResult } from "../reconciler.ts";
import { contentHash, contentOf } from "./content_hash.ts";
import { FreshCopies } from "./fresh_copies.ts";
import { shimOf } from "./job_state.ts";
import { isMarked } from "./node_state.ts";
import type { Job, Node } from "./node_types.ts";
import { NodeWorker } from "./node_worker.ts";
import { isComplete, planRollout, type RolloutPlan } from "./rollout.ts";
import { rolloutLimits } from "./rollout_limits.ts";
import { ensureRuntimeClass } from "./runtime_class.ts";
import type { ShimCluster } from "./shim_cluster.ts";
import { findProblems, settingsProblems, type ShimProblem } from "./shim_problems.ts";
import type { ShimSettings } from "./shim_settings.ts";
import { describeFailures, seconds } from "./shim_status.ts";
import { ShimStatusWriter } from "./shim_status_writer.ts";

/** What a {@link ShimReconciler} works with. */
export interface ShimParts {
  readonly client: KubeClient;
  readonly cluster: ShimCluster;
  readonly runtimeClasses: Informer<RuntimeClass>;
  readonly events: EventRecorder;
  readonly settings: ShimSettings;
  /** How many apps are run by a RuntimeClass. */
  readonly countUsers: (runtimeClass: string) => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Milliseconds between looks while nodes or Jobs are not known yet. */
const UNKNOWN_MS = 1_000;
/** Nodes that are written to at the same time. */
const CONCURRENCY = 16;
/** A spec for the way out of Shims that have none. */
const NO_CONTENT: ShimContent = { fetchStrategy: {}, handler: "" };

/** The reconciler of all Shims. */
export class ShimReconciler {
  readonly #parts: ShimParts;
  readonly #client: KubeClient;
  readonly #shims: FreshCopies<Shim>;
  readonly #nodes: FreshCopies<Node>;
  readonly #jobs: FreshCopies<Job>;
  readonly #worker: NodeWorker;
  readonly #status: ShimStatusWriter;

  constructor(parts: ShimParts) {
    const { cluster, events, settings, now } = parts;
    this.#parts = parts;
    this.#client = new KubeClient(parts.client.transport, {
      fieldManager: SHIM_CONTRACT.fieldManager,
    });
    const client = this.#client;
    this.#shims = new FreshCopies(cluster.shims);
    this.#nodes = new FreshCopies(cluster.nodes);
    this.#jobs = new FreshCopies(cluster.jobs, { holdsNew: true });
    this.#worker = new NodeWorker({
      client,
      nodes: this.#nodes,
      jobs: this.#jobs,
      events,
      settings,
      now,
    });
    this.#status = new ShimStatusWriter({ client, shims: this.#shims, events, now });
    cluster.shims.onChange(({ before, after }) => {
      if (before && !after) this.#status.forget(before);
    });
  }

  /** Reconciles the Shim `name`. @see Reconciler */
  async reconcile(name: string): Promise<ReconcileResult | undefined> {
    const { cluster } = this.#parts;
    const shim = this.#shims.get(name);
    if (!shim) return undefined;
    if (!cluster.nodes.hasSynced || !cluster.jobs.hasSynced) return { againAfterMs: UNKNOWN_MS };
    if (shim.metadata.deletionTimestamp) return await this.#uninstall(shim);
    if (!await this.#setFinalizer(shim, true)) return undefined;
    return await this.#install(shim);
  }

  async #install(shim: Shim): Promise<ReconcileResult | undefined> {
    const problems = findProblems(shim, {
      others: this.#shims.all(),
      nodes: this.#nodes.all(),
      settings: this.#parts.settings,
    });
    if (problems.length > 0) return await this.#report(shim, { problems });
    const { runtimeClasses } = this.#parts;
    const errors: unknown[] = [];
    const foreign = await ensureRuntimeClass(this.#client, { shim, classes: runtimeClasses })
      .catch((error) => void errors.push(error));
    const { content, rolledBack } = this.#target(shim);
    const plan = this.#plan(shim, { content, isDeleted: false });
    const isGivenUp = rolledBack === undefined && isToRollBack(shim, plan);
    if (!isGivenUp) errors.push(...await this.#carryOut(plan, { shim, content }));
    const next = isIdle(plan) ? plan : this.#plan(shim, { content, isDeleted: false });
    const result = await this.#report(shim, {
      plan: next,
      problems: [...(foreign ? [foreign] : []), ...describeErrors(errors)],
      rolledBack: isGivenUp ? this.#giveUp(shim, plan) : rolledBack,
      lastGood: rolledBack === undefined && isComplete(next.counts)
        ? { hash: contentHash(content), spec: content }
        : shim.status?.lastGood,
    });
    if (errors.length > 0) throw errors[0];
    return result;
  }

  /** What nodes are to have: the spec, unless it was given up. */
  #target(shim: Shim) {
    const content = contentOf(shim);
    const { rolledBack, lastGood } = shim.status ?? {};
    return rolledBack && lastGood && rolledBack.hash === contentHash(content)
      ? { content: lastGood.spec, rolledBack }
      : { content, rolledBack: undefined };
  }

  #giveUp(shim: Shim, plan: RolloutPlan): NonNullable<ShimStatus["rolledBack"]> {
    return {
      hash: contentHash(contentOf(shim)),
      time: seconds(new Date(this.#parts.now()).toISOString()),
      message: describeFailures(plan),
    };
  }

  async #uninstall(shim: Shim): Promise<ReconcileResult | undefined> {
    const { name, annotations = {}, finalizers = [] } = shim.metadata;
    if (!finalizers.includes(SHIM_CONTRACT.finalizer)) return undefined;
    if (annotations[SHIM_CONTRACT.forceDelete] === "true") {
      const marked = [...this.#nodes.all()].filter((node) => isMarked(node, name));
      const errors = await forEach(marked, (node) => this.#worker.release(node, shim));
      if (errors.length > 0) throw errors[0];
      await this.#setFinalizer(shim, false);
      return undefined;
    }
    await this.#warnUsers(shim);
    const content = shim.spec ? contentOf(shim) : NO_CONTENT;
    const plan = this.#plan(shim, { content, isDeleted: true });
    const isStuck = plan.counts.leaving > 0;
    const problems = isStuck ? settingsProblems(this.#parts.settings) : [];
    if (problems.length > 0) return await this.#report(shim, { problems, isDeleted: true });
    const errors = await this.#carryOut(plan, { shim, content });
    const next = this.#plan(shim, { content, isDeleted: true });
    if (errors.length === 0 && next.counts.leaving === 0) {
      await this.#setFinalizer(shim, false);
      return undefined;
    }
    const result = await this.#report(shim, {
      plan: next,
      problems: describeErrors(errors),
      isDeleted: true,
    });
    if (errors.length > 0) throw errors[0];
    return result;
  }

  /** Pods that run go on; those that start later fail. It is told once, and holds nothing up. */
  async #warnUsers(shim: Shim): Promise<void> {
    const progress = shim.status?.conditions?.find(({ type }) => type === "Progressing");
    if (progress?.reason === "Uninstalling") return;
    const name = shim.spec?.runtimeClass.name ?? "";
    const users = this.#parts.countUsers(name);
    if (users === 0) return;
    await this.#parts.events.record(SHIMS, shim, {
      type: "Warning",
      reason: "InUse",
      message: `${users} SpinApps are run by the RuntimeClass "${name}"; their pods cannot start ` +
        "anew on nodes without the shim",
    });
  }

  #plan(
    shim: Shim,
    { content, isDeleted }: { content: ShimContent; isDeleted: boolean },
  ): RolloutPlan {
    const { name } = shim.metadata;
    const strategy = shim.spec?.rolloutStrategy ?? { type: "recreate" };
    return planRollout({
      shim,
      content,
      isDeleted,
      // Who deletes a Shim wants it to go.
      strategy: isDeleted ? { ...strategy, paused: false } : strategy,
      nodes: this.#nodes.all(),
      jobs: [...this.#jobs.all()].filter((job) => shimOf(job) === name),
      installerImage: this.#parts.settings.installerImage,
      now: this.#parts.now(),
    });
  }

  /** @returns What failed; the rest is done. */
  async #carryOut(
    plan: RolloutPlan,
    about: { shim: Shim; content: ShimContent },
  ): Promise<unknown[]> {
    const { ended, starts, released, orphans } = plan;
    return [
      ...await forEach(ended, (one) => this.#worker.finish(one, about)),
      ...await forEach(released, ({ node }) => this.#worker.release(node, about.shim)),
      ...await forEach(orphans, (job) => this.#worker.removeJob(job)),
      ...await forEach(starts, (one) => this.#worker.start(one, about)),
    ];
  }

  async #report(
    shim: Shim,
    { plan, problems, lastGood = shim.status?.lastGood, rolledBack, isDeleted = false }: {
      plan?: RolloutPlan;
      problems: readonly ShimProblem[];
      lastGood?: LastGood | undefined;
      rolledBack?: ShimStatus["rolledBack"];
      isDeleted?: boolean;
    },
  ): Promise<ReconcileResult | undefined> {
    const fresh = this.#shims.get(shim.metadata.name);
    if (!fresh || fresh.metadata.uid !== shim.metadata.uid) return undefined;
    const laterMs = await this.#status.write(fresh, {
      plan,
      problems,
      lastGood,
      rolledBack,
      isDeleted,
    });
    const times = [laterMs, plan?.againAfterMs].filter((time) => time !== undefined);
    return times.length > 0 ? { againAfterMs: Math.min(...times) } : undefined;
  }

  /**
   * Holds a Shim, or lets it go. Only if nobody has changed it meanwhile; if somebody has, a watch
   * brings it here again.
   * @returns Whether it is so.
   */
  async #setFinalizer(shim: Shim, isHeld: boolean): Promise<boolean> {
    const { finalizers = [], resourceVersion } = shim.metadata;
    const { finalizer } = SHIM_CONTRACT;
    if (finalizers.includes(finalizer) === isHeld) return true;
    const others = finalizers.filter((name) => name !== finalizer);
    const patch = {
      metadata: { finalizers: isHeld ? [...others, finalizer] : others, resourceVersion },
    };
    try {
      this.#shims.note(await this.#client.mergePatch(SHIMS, shim.metadata, { patch }));
      return true;
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      return false;
    }
  }
}

function isIdle({ ended, starts, released, orphans }: RolloutPlan): boolean {
  return [ended, starts, released, orphans].every((steps) => steps.length === 0);
}

/** Whether more nodes have failed than may, and there is something to go back to. */
function isToRollBack(shim: Shim, { counts }: RolloutPlan): boolean {
  const strategy = shim.spec!.rolloutStrategy;
  const { lastGood } = shim.status ?? {};
  if (strategy.onFailure !== "rollback" || !lastGood) return false;
  if (lastGood.hash === contentHash(contentOf(shim))) return false;
  // Nodes for which there is nothing have lost nothing.
  const { maxFailed } = rolloutLimits(strategy, { nodes: counts.nodes + counts.leaving });
  return counts.failedInstalls > maxFailed;
}

/** What could not be written is told, since nothing else may tell why nothing happens. */
function describeErrors(errors: readonly unknown[]): ShimProblem[] {
  const [first] = errors;
  if (first === undefined) return [];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const message = `failed to reconcile job: ${errorText(first)}${more}`;
  return [{ reason: "WriteFailed", message }];
}

/** Works on all items, a few at the same time. @returns What failed. */
async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  const rest = items.values();
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, items.length) }, async () => {
    for (const item of rest) await work(item).catch((error) => void errors.push(error));
  }));
  return errors;
}

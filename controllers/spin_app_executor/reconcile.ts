/**
 * Keeps executors that apps still use.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import { SPIN_APP_EXECUTORS, type SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import { TerminalError } from "../../lib/errors.ts";
import { isConflict, isNotFound } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { EventRecorder } from "../../lib/kube/event_recorder.ts";
import type { Informer } from "../../lib/kube/informer.ts";

/** What a {@link SpinAppExecutorReconciler} works with. */
export interface ExecutorParts {
  readonly client: KubeClient;
  /** Apps are indexed by `executor`, its name. */
  readonly cluster: {
    readonly apps: Informer<SpinApp>;
    readonly executors: Informer<SpinAppExecutor>;
  };
  readonly events: EventRecorder;
}

/** The reconciler of all executors. */
export class SpinAppExecutorReconciler {
  readonly #parts: ExecutorParts;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  /** Reconciles the executor `namespace/name`. @see Reconciler */
  async reconcile(key: string): Promise<undefined> {
    const executor = this.#parts.cluster.executors.get(key);
    if (!executor) return undefined;
    const { finalizers = [], deletionTimestamp } = executor.metadata;
    const isHeld = finalizers.includes(OPERATOR.finalizer);
    if (!deletionTimestamp) {
      if (!isHeld) await this.#setFinalizers(executor, [...finalizers, OPERATOR.finalizer]);
      return undefined;
    }
    if (!isHeld) return undefined;
    const apps = this.#appsOf(executor);
    if (apps.length > 0) await this.#refuse(executor, apps);
    await this.#setFinalizers(
      executor,
      finalizers.filter((finalizer) => finalizer !== OPERATOR.finalizer),
    );
    return undefined;
  }

  /** Apps of its namespace only: others have an executor of their own by that name. */
  #appsOf({ metadata }: SpinAppExecutor): SpinApp[] {
    return this.#parts.cluster.apps.find("executor", metadata.name)
      .filter((app) => app.metadata.namespace === metadata.namespace);
  }

  /** The deletion of an app, or another executor in its place, brings the executor here again. */
  async #refuse(executor: SpinAppExecutor, apps: readonly SpinApp[]): Promise<never> {
    await this.#parts.events.record(SPIN_APP_EXECUTORS, executor, {
      type: "Warning",
      reason: "DeletionBlocked",
      message: "Cannot delete SpinAppExecutor with dependent SpinApps",
    });
    const names = apps.slice(0, 5).map(({ metadata }) => metadata.name).join(", ");
    const more = apps.length > 5 ? ` and ${apps.length - 5} more` : "";
    throw new TerminalError(
      "DeletionBlocked",
      `cannot delete SpinAppExecutor with dependent SpinApps (${names}${more})`,
    );
  }

  /** Only if nobody has changed them meanwhile; if somebody has, a watch brings the executor here again. */
  async #setFinalizers(executor: SpinAppExecutor, finalizers: readonly string[]): Promise<void> {
    const { resourceVersion } = executor.metadata;
    try {
      await this.#parts.client.mergePatch(SPIN_APP_EXECUTORS, executor.metadata, {
        patch: { metadata: { finalizers, resourceVersion } },
      });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}

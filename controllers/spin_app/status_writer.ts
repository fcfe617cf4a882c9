/**
 * Writes the status of apps when it says something new, and an event when an app becomes ready, or is
 * no longer, or for another reason.
 *
 * @module
 */

import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import { isNotFound } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { EventRecorder } from "../../lib/kube/event_recorder.ts";
import { type Condition, objectKey } from "../../lib/kube/types.ts";
import { WrittenRecords } from "../written_records.ts";
import { computeStatus, isSameStatus, type Observed } from "./status.ts";

/** Passing states; what they pass to is told. */
const QUIET: readonly string[] = ["Starting", "DeploymentNotFound"];

/** The statuses of all apps. */
export class StatusWriter {
  readonly #client: KubeClient;
  readonly #events: EventRecorder;
  readonly #now: () => number;
  readonly #records = new WrittenRecords();
  /** App's uid → reason that was told last. */
  readonly #told = new Map<string, string>();

  constructor({ client, events, now, cluster }: {
    client: KubeClient;
    events: EventRecorder;
    now: () => number;
    cluster: { apps: { onChange(handler: (change: Change) => void): void } };
  }) {
    this.#client = client;
    this.#events = events;
    this.#now = now;
    cluster.apps.onChange(({ before, after }) => {
      if (!before || after) return;
      this.#records.forget(objectKey(before));
      this.#told.delete(before.metadata.uid ?? "");
    });
  }

  /** Writes what was observed. An app that is gone meanwhile has no status. */
  async write(app: SpinApp, observed: Observed): Promise<void> {
    const now = new Date(this.#now()).toISOString().replace(/\.\d+Z$/, "Z");
    const status = computeStatus(app, observed, now);
    await this.#tell(app, status.conditions!.find(({ type }) => type === "Ready")!);
    if (isSameStatus(app.status, status)) return;
    const key = objectKey(app);
    const content = withoutTimes(status);
    const version = app.metadata.resourceVersion;
    if (this.#records.state(key, { content, version }) === "pending") return;
    try {
      const patch = { status };
      const after = await this.#client.mergePatch(SPIN_APPS, app.metadata, {
        patch,
        subresource: "status",
      });
      this.#records.record(key, {
        content,
        before: version,
        after: after.metadata.resourceVersion,
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #tell(app: SpinApp, ready: Condition): Promise<void> {
    const uid = app.metadata.uid ?? "";
    const before = this.#told.get(uid) ??
      app.status?.conditions?.find(({ type }) => type === "Ready")?.reason;
    this.#told.set(uid, ready.reason);
    if (before === ready.reason || QUIET.includes(ready.reason)) return;
    await this.#events.record(SPIN_APPS, app, {
      type: ready.status === "True" ? "Normal" : "Warning",
      reason: ready.reason,
      message: ready.message,
    });
  }
}

interface Change {
  readonly before: SpinApp | undefined;
  readonly after: SpinApp | undefined;
}

function withoutTimes(status: SpinApp["status"]): unknown {
  return {
    ...status,
    conditions: status?.conditions?.map(({ lastTransitionTime: _, ...condition }) => condition),
  };
}

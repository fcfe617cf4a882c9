/**
 * The Deployment and Service of an app: applied when they are not as they should be, and left alone
 * otherwise.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import { isApplied } from "../../lib/kube/apply.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import type { Informer } from "../../lib/kube/informer.ts";
import { type KubeObject, objectKey } from "../../lib/kube/types.ts";
import { type Deployment, DEPLOYMENTS } from "../../lib/kube/workload_types.ts";
import { WrittenRecords } from "../written_records.ts";
import { checkOwnership, isOwnedBy } from "./ownership.ts";

/** Takes `spec.replicas` over while an autoscaler has not done so. */
const HANDOVER_MANAGER = "spin-operator-autoscaling";

/** Objects of one kind that are made for apps, one each. */
export class Children<T extends KubeObject> {
  readonly #client: KubeClient;
  readonly #informer: Informer<T>;
  readonly #records = new WrittenRecords();

  constructor(client: KubeClient, informer: Informer<T>) {
    this.#client = client;
    this.#informer = informer;
    informer.onChange(({ before, after }) => {
      if (before && !after) this.#records.forget(objectKey(before));
    });
  }

  /** What is known of the app's object. */
  get(app: SpinApp): T | undefined {
    return this.#informer.get(objectKey(app));
  }

  /**
   * Makes the object as `wanted` says, by one request at most.
   * @throws {TerminalError | TemporaryError} if the name is taken.
   * @throws {ApiError} if the API server refuses it.
   */
  async ensure(app: SpinApp, wanted: T): Promise<void> {
    const { kind } = this.#informer.type;
    const key = objectKey(wanted);
    // One that lacks the label is not in the copy, but may be there.
    const live = this.#informer.get(key) ??
      await this.#client.find(this.#informer.type, wanted.metadata);
    if (live) checkOwnership(live, { app, kind });
    const version = live?.metadata.resourceVersion;
    if (this.#records.state(key, { content: wanted, version }) !== "no") return;
    if (live && isApplied(wanted, { live, manager: OPERATOR.fieldManager })) return;
    const after = await this.#client.apply(this.#informer.type, wanted);
    this.#records.record(key, {
      content: wanted,
      before: version,
      after: after.metadata.resourceVersion,
    });
  }

  /** Deletes the app's object, if it is the app's. */
  async remove(app: SpinApp): Promise<void> {
    const live = this.get(app);
    if (!live || !isOwnedBy(live, app) || live.metadata.deletionTimestamp) return;
    const { uid } = live.metadata;
    await this.#client.delete(this.#informer.type, live.metadata, uid === undefined ? {} : { uid });
  }
}

/**
 * Keeps the number of pods when an app is to be scaled by somebody else from now on: who gives up a
 * field that nobody else has makes the API server put its default there, which is one pod.
 */
export async function handOverReplicas(
  client: KubeClient,
  { live, wanted }: { live: Deployment | undefined; wanted: Deployment },
): Promise<void> {
  const replicas = live?.spec.replicas;
  if (wanted.spec.replicas !== undefined || replicas === undefined) return;
  const owners = live!.metadata.managedFields?.filter(({ fieldsV1 }) => ownsReplicas(fieldsV1)) ??
    [];
  const isOursAlone = owners.length > 0 &&
    owners.every(({ manager }) => manager === OPERATOR.fieldManager);
  if (!isOursAlone) return;
  const { name, namespace } = wanted.metadata;
  const other = new KubeClient(client.transport, { fieldManager: HANDOVER_MANAGER });
  await other.apply<KubeObject>(DEPLOYMENTS, {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    ...{ spec: { replicas } },
  });
}

/** Whether an entry of `managedFields` has `spec.replicas`. */
export function ownsReplicas(fields: unknown): boolean {
  const spec = (fields as { "f:spec"?: Record<string, unknown> } | undefined)?.["f:spec"];
  return spec?.["f:replicas"] !== undefined;
}

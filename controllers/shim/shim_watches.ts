/**
 * Which Shims have to be looked at when something in the cluster changes.
 *
 * @module
 */

import type { Informer } from "../../lib/kube/informer.ts";
import type { RuntimeClass } from "../../lib/kube/workload_types.ts";
import { shimOf } from "./job_state.ts";
import { isRelevantChange, type ShimCluster } from "./shim_cluster.ts";

/** Calls `enqueue` with the name of every Shim that a change may concern. */
export function watchForShims(
  { shims, nodes, jobs, runtimeClasses }: ShimCluster & {
    runtimeClasses: Informer<RuntimeClass>;
  },
  enqueue: (key: string) => void,
): void {
  const enqueueAll = (): void => {
    for (const { metadata } of shims.all()) enqueue(metadata.name);
  };
  // One that is new may be in the way of others, and one that goes makes way for them.
  shims.onChange(({ before, after }) => {
    enqueue((after ?? before)!.metadata.name);
    if (before?.metadata.generation !== after?.metadata.generation) enqueueAll();
  });
  nodes.onChange(({ before, after }) => {
    if (!after || isRelevantChange(before, after)) enqueueAll();
  });
  jobs.onChange(({ before, after }) => {
    const name = shimOf((after ?? before)!);
    if (name !== undefined) enqueue(name);
  });
  runtimeClasses.onChange(({ before, after }) => {
    const { name } = (after ?? before)!.metadata;
    for (const { metadata, spec } of shims.all()) {
      if (spec?.runtimeClass.name === name) enqueue(metadata.name);
    }
  });
  for (const informer of [nodes, jobs]) void informer.synced.then(enqueueAll);
}

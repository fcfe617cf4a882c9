/**
 * Which executors have to be looked at when something in the cluster changes.
 *
 * @module
 */

import type { SpinApp } from "../../crds/spin_app.ts";
import type { SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import type { Informer } from "../../lib/kube/informer.ts";
import { objectKey } from "../../lib/kube/types.ts";

/** Calls `enqueue` with the key of every executor that a change may concern. */
export function watchForExecutors(
  { apps, executors }: { apps: Informer<SpinApp>; executors: Informer<SpinAppExecutor> },
  enqueue: (key: string) => void,
): void {
  executors.onChange(({ before, after }) => enqueue(objectKey((after ?? before)!)));
  // One that waits for its last app to go is free when it has, or uses another one.
  apps.onChange(({ before, after }) => {
    const name = before?.spec.executor;
    if (name && name !== after?.spec.executor) enqueue(`${before!.metadata.namespace}/${name}`);
  });
}

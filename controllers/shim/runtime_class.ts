/**
 * The RuntimeClass of a Shim.
 *
 * @module
 */

import { isSpinShim, type Shim } from "../../crds/shim.ts";
import { RUNTIME } from "../../crds/contract.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { Informer } from "../../lib/kube/informer.ts";
import { RUNTIME_CLASSES, type RuntimeClass } from "../../lib/kube/workload_types.ts";
import { shimOwner } from "./node_job.ts";

/** Kubernetes refuses longer names of labels. */
const MAX_LABEL = 63;

/** The RuntimeClass that a Shim asks for: its pods go to the Shim's nodes. */
export function buildRuntimeClass(shim: Shim): RuntimeClass {
  const { name, handler } = shim.spec!.runtimeClass;
  const nodeSelector = shim.spec!.nodeSelector ?? {};
  return {
    metadata: {
      name,
      ...(name.length <= MAX_LABEL ? { labels: { [name]: "true" } } : {}),
      ownerReferences: [shimOwner(shim)],
    },
    handler,
    scheduling: Object.keys(nodeSelector).length > 0 ? { nodeSelector } : {},
  };
}

/** The handlers that nodes with a Shim have. */
export function handlersOf({ metadata: { name }, spec }: Shim): string[] {
  const aliases = isSpinShim(name) ? [RUNTIME.handler] : [];
  return [...new Set([spec!.runtimeClass.handler, name, ...aliases])];
}

/** What is wrong with a RuntimeClass that is somebody else's; undefined if it works. */
export type ClassProblem = { readonly reason: string; readonly message: string };

/**
 * Makes the RuntimeClass, or brings the Shim's own one up to date; a handler cannot be changed, so
 * that another one means a new object. One of somebody else stays as it is.
 */
export async function ensureRuntimeClass(
  client: KubeClient,
  { shim, classes }: { shim: Shim; classes: Informer<RuntimeClass> },
): Promise<ClassProblem | undefined> {
  const wanted = buildRuntimeClass(shim);
  const live = classes.get(wanted.metadata.name) ??
    await client.find(RUNTIME_CLASSES, wanted.metadata);
  if (!live) {
    await client.apply(RUNTIME_CLASSES, wanted);
    return undefined;
  }
  if (!isOwn(live, shim)) return foreignProblem(live, shim);
  if (live.metadata.deletionTimestamp || isUpToDate(live, wanted)) return undefined;
  if (live.handler !== wanted.handler) {
    const { uid } = live.metadata;
    await client.delete(RUNTIME_CLASSES, live.metadata, uid === undefined ? {} : { uid });
  }
  await client.apply(RUNTIME_CLASSES, wanted);
  return undefined;
}

function isOwn({ metadata }: RuntimeClass, shim: Shim): boolean {
  return metadata.ownerReferences?.some(({ uid }) => uid === shim.metadata.uid) ?? false;
}

function isUpToDate(live: RuntimeClass, wanted: RuntimeClass): boolean {
  return live.handler === wanted.handler &&
    sameLabels(live.scheduling?.nodeSelector, wanted.scheduling?.nodeSelector) &&
    Object.keys(wanted.metadata.labels ?? {}).every((key) =>
      live.metadata.labels?.[key] === "true"
    );
}

function sameLabels(a: Record<string, string> = {}, b: Record<string, string> = {}): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Handlers by which nodes know the Shim do, whoever made the class. */
function foreignProblem(live: RuntimeClass, shim: Shim): ClassProblem | undefined {
  const handlers = handlersOf(shim);
  if (handlers.includes(live.handler)) return undefined;
  const { name } = live.metadata;
  return {
    reason: "RuntimeClassConflict",
    message: `RuntimeClass "${name}" was there before and has the handler "${live.handler}", but ` +
      `nodes get ${handlers.map((handler) => `"${handler}"`).join(" and ")}; delete it ` +
      `(kubectl delete runtimeclass ${name}), or give spec.runtimeClass.name another value`,
  };
}

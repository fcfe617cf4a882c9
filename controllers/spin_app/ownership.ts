/**
 * Whose an object is: what belongs to somebody else is neither changed nor deleted.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import { TemporaryError, TerminalError } from "../../lib/errors.ts";
import type { KubeObject, OwnerReference } from "../../lib/kube/types.ts";

/** Milliseconds that the garbage collector usually needs. */
const COLLECTION_MS = 2_000;

/** The owner that manages an object, if it has one. */
export function controllerOf({ metadata }: KubeObject): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** Whether an object was made for this very app, not one before it that had the same name. */
export function isOwnedBy(object: KubeObject, app: SpinApp): boolean {
  return controllerOf(object)?.uid === app.metadata.uid;
}

/**
 * Checks that an object of a name that the app needs may be taken over: it is the app's, or nobody's
 * and labelled as the app's.
 *
 * @throws {TemporaryError} if it is of an app before, and about to be removed.
 * @throws {TerminalError} if it is somebody else's, with the way out.
 */
export function checkOwnership(
  object: KubeObject,
  { app, kind }: { app: SpinApp; kind: string },
): void {
  if (isOwnedBy(object, app)) return;
  const { name, namespace } = object.metadata;
  const owner = controllerOf(object);
  if (owner?.kind === SPIN_APPS.kind && owner.name === app.metadata.name) {
    throw new TemporaryError(
      `${kind} "${namespace}/${name}" is of an app that had this name before, and is being removed`,
      COLLECTION_MS,
    );
  }
  if (owner) {
    throw new TerminalError(
      "NameTaken",
      `${kind} "${namespace}/${name}" belongs to ${owner.kind} "${owner.name}"; give the app another ` +
        "name",
    );
  }
  if (object.metadata.labels?.[OPERATOR.appLabel] === app.metadata.name) return;
  throw new TerminalError(
    "NameTaken",
    `${kind} "${namespace}/${name}" was there before the app; delete it, give the app another name, ` +
      `or have it taken over: kubectl label ${kind.toLowerCase()} -n ${namespace} ${name} ` +
      `${OPERATOR.appLabel}=${app.metadata.name}`,
  );
}

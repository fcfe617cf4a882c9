/**
 * What all objects that are made for an app have in common.
 *
 * @module
 */

import { OPERATOR, readyLabel } from "../../crds/contract.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import { apiVersion, type ObjectMeta, type OwnerReference } from "../../lib/kube/types.ts";

/** The label of every object of an app. */
export function appLabels(name: string): Record<string, string> {
  return { [OPERATOR.appLabel]: name };
}

/** The label by which the Service of an app finds its pods, and nothing else. */
export function serviceSelector(name: string): Record<string, string> {
  return { [readyLabel(name)]: "ready" };
}

/** The labels of an app's pods. A Deployment's selector cannot be changed, so neither can these. */
export function podSelector(name: string): Record<string, string> {
  return { ...appLabels(name), ...serviceSelector(name) };
}

/** Metadata of the Deployment or Service of an app. Its own labels and annotations are not copied. */
export function childMetadata(
  app: SpinApp,
  annotations: Readonly<Record<string, string>> | undefined,
): ObjectMeta {
  const { name, namespace } = app.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: appLabels(name),
    ...(annotations && Object.keys(annotations).length > 0
      ? { annotations: { ...annotations } }
      : {}),
    ownerReferences: [controllerReference(app)],
  };
}

/** The app as the one owner that manages an object. */
export function controllerReference(app: SpinApp): OwnerReference {
  return { ...ownerReference(app), controller: true, blockOwnerDeletion: true };
}

/** The app as an owner: its objects go when it goes. */
export function ownerReference({ metadata }: SpinApp): OwnerReference {
  return {
    apiVersion: apiVersion(SPIN_APPS),
    kind: SPIN_APPS.kind,
    name: metadata.name,
    uid: metadata.uid ?? "",
  };
}

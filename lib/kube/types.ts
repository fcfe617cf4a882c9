/**
 * Objects of the Kubernetes API as they come over the wire: JSON, with times as text.
 *
 * @module
 */

/** What every object carries. */
export interface ObjectMeta {
  name: string;
  /** Absent for objects of the whole cluster. */
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  /** RFC 3339. */
  creationTimestamp?: string;
  /** RFC 3339. Present once the object is to be deleted. */
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFields[];
}

/** The owner of an object; the garbage collector deletes the object with it. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  /** Whether this is the one owner that manages the object. */
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Which fields of an object a manager owns, see server-side apply. */
export interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  fieldsV1?: unknown;
}

/** Any object of the API. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** A list as the API answers it. */
export interface KubeList<T> {
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  /** Null where Go has an empty slice. */
  items: T[] | null;
}

/** `metav1.Status`: what the API answers instead of an object. */
export interface StatusBody {
  kind: "Status";
  status?: string;
  message?: string;
  /** `NotFound`, `Conflict`, `Expired`, … */
  reason?: string;
  code?: number;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    retryAfterSeconds?: number;
    causes?: { reason?: string; message?: string; field?: string }[];
  };
}

/** One event of a watch. */
export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly object: { metadata: { resourceVersion: string } } }
  | { readonly type: "ERROR"; readonly object: StatusBody };

/** A condition of an object's status. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  /** CamelCase, for programs. */
  reason: string;
  /** For people. */
  message: string;
  /** RFC 3339; changes only when `status` does. */
  lastTransitionTime: string;
  observedGeneration?: number;
}

/** A kind of object, and where the API serves it. `T` is its type. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** As in URLs: `deployments`. */
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Never set; carries the type. */
  readonly object?: T;
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersion({ group, version }: ResourceType): string {
  return group === "" ? version : `${group}/${version}`;
}

/** `namespace/name`, or the name alone for objects of the whole cluster. */
export function objectKey({ metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/**
 * Whether an object in the cluster is already as it should be, so that nothing is written then.
 *
 * @module
 */

import type { KubeObject } from "./types.ts";

/**
 * Whether applying `wanted` would change nothing: every field of it is there with that value, and
 * `manager` has not applied a field before that `wanted` does not name any more.
 *
 * What the API server adds by itself (defaults, status, fields of others) does not count. Quantities
 * and other values that the server writes in another way (`0.5` as `500m`) look different; applying
 * them once more is harmless, and the version of the object does not change then.
 *
 * @param live The object with its `managedFields`.
 */
export function isApplied(
  wanted: KubeObject,
  { live, manager }: { live: KubeObject; manager: string },
): boolean {
  const owned = ownedFields(live, manager);
  return owned !== undefined && contains(live, wanted) && namesAll(owned, wanted);
}

/** What a manager owns by server-side apply; undefined if it has never applied the object. */
function ownedFields(live: KubeObject, manager: string): unknown {
  return live.metadata.managedFields?.find((entry) =>
    entry.manager === manager && entry.operation === "Apply" && !entry.subresource
  )?.fieldsV1;
}

/** Whether `live` has all of `wanted`. Lists are compared as a whole, their items likewise. */
function contains(live: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) {
    return Array.isArray(live) && live.length === wanted.length &&
      wanted.every((item, index) => contains(live[index], item));
  }
  if (isRecord(wanted)) {
    return isRecord(live) &&
      Object.entries(wanted).every(([key, value]) =>
        // The type is told by where the object was read from.
        key === "apiVersion" || key === "kind" ? true : contains(live[key], value)
      );
  }
  return live === wanted;
}

/**
 * Whether every field that is owned is named in `wanted`. `fieldsV1` has a key `f:<field>` for each
 * field, `k:{…}` for items of keyed lists and `v:…` for those of sets; what is below items is looked
 * at with the item that has these keys.
 */
function namesAll(owned: unknown, wanted: unknown): boolean {
  if (!isRecord(owned)) return true;
  return Object.entries(owned).every(([key, below]) => {
    if (key === ".") return true;
    if (key.startsWith("f:")) {
      const name = key.slice(2);
      return isRecord(wanted) && wanted[name] !== undefined && namesAll(below, wanted[name]);
    }
    if (!Array.isArray(wanted)) return false;
    if (key.startsWith("v:")) return wanted.includes(JSON.parse(key.slice(2)));
    if (key.startsWith("k:")) {
      const keys = JSON.parse(key.slice(2)) as Record<string, unknown>;
      const item = wanted.find((candidate) => hasKeys(candidate, keys));
      return item !== undefined && namesAll(below, item);
    }
    return true;
  });
}

/** Keys of keyed lists may be defaults that the item does not spell out (`protocol: TCP`). */
function hasKeys(item: unknown, keys: Record<string, unknown>): boolean {
  return isRecord(item) &&
    Object.entries(keys).every(([name, value]) => item[name] === undefined || item[name] === value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

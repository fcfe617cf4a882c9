/**
 * From documents to objects of a cluster.
 *
 * @module
 */

import { SPIN_APPS } from "../../crds/spin_app.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import { SECRETS } from "../../lib/kube/workload_types.ts";
import { diffLines } from "./line_diff.ts";
import type { ManifestDocument } from "./scaffold.ts";

const AUTOSCALERS: ResourceType = {
  group: "autoscaling",
  version: "v2",
  plural: "horizontalpodautoscalers",
  kind: "HorizontalPodAutoscaler",
  isNamespaced: true,
};

const SCALED_OBJECTS: ResourceType = {
  group: "keda.sh",
  version: "v1alpha1",
  plural: "scaledobjects",
  kind: "ScaledObject",
  isNamespaced: true,
};

/** Kind → its type. */
const TYPES: ReadonlyMap<string, ResourceType> = new Map(
  [SPIN_APPS, SECRETS, AUTOSCALERS, SCALED_OBJECTS].map((type) => [type.kind, type]),
);

/** What became of an object. */
export interface Applied {
  /** `spinapp.core.spinkube.dev/hello`. */
  readonly name: string;
  readonly outcome: "created" | "configured" | "unchanged";
}

/** Applies a document by server-side apply. */
export async function applyDocument(
  client: KubeClient,
  document: ManifestDocument,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<Applied> {
  const { type, object } = read(document);
  const before = await client.find(type, object.metadata);
  const after = await client.apply(type, object, { dryRun: isDryRun });
  return {
    name: displayName(type, object),
    outcome: before === undefined ? "created" : isSame(before, after) ? "unchanged" : "configured",
  };
}

/** How the object would change, as lines; empty if it would not. */
export async function diffDocument(
  client: KubeClient,
  document: ManifestDocument,
): Promise<string> {
  const { type, object } = read(document);
  const before = await client.find(type, object.metadata);
  const after = await client.apply(type, object, { dryRun: true });
  const { stringify } = await import("../../lib/yaml.ts");
  const text = (value: KubeObject | undefined) =>
    value === undefined ? "" : stringify(comparable(value), { lineWidth: 0, sortMapEntries: true });
  const diff = diffLines(text(before), text(after));
  return diff === "" ? "" : `# ${displayName(type, object)}\n${diff}`;
}

function read(document: ManifestDocument): { type: ResourceType; object: KubeObject } {
  const object = JSON.parse(JSON.stringify(document)) as KubeObject;
  return { type: TYPES.get(object.kind!)!, object };
}

function displayName({ kind, group }: ResourceType, { metadata }: KubeObject): string {
  const suffix = group === "" ? "" : `.${group}`;
  return `${kind.toLowerCase()}${suffix}/${metadata.name}`;
}

/** A dry run does not say whether it would change something: the objects do. */
function isSame(before: KubeObject, after: KubeObject): boolean {
  return JSON.stringify(comparable(before)) === JSON.stringify(comparable(after));
}

/** Without what the server keeps for itself, and with sorted keys. */
function comparable(object: KubeObject): unknown {
  const {
    managedFields: _managers,
    resourceVersion: _version,
    generation: _generation,
    creationTimestamp: _created,
    uid: _uid,
    ...metadata
  } = object.metadata;
  const { status: _status, ...rest } = object as KubeObject & { status?: unknown };
  return sortKeys({ ...rest, metadata });
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => left < right ? -1 : 1);
  return Object.fromEntries(entries.map(([key, entry]) => [key, sortKeys(entry)]));
}

/**
 * What `deploy --dry-run` prints.
 *
 * @module
 */

import type { ManifestDocument } from "./scaffold.ts";
import { formatYaml, type YamlValue } from "./yaml_text.ts";

/** The documents with sorted keys, the SpinApp with the fields that Go never leaves out. */
export function formatDryRun(documents: readonly ManifestDocument[]): string {
  return documents.map((document) => formatYaml(sortKeys(complete(plain(document))))).join("---\n");
}

function complete(document: Record<string, YamlValue>): Record<string, YamlValue> {
  if (document.kind !== "SpinApp") return document;
  const always = { checks: {}, resources: {}, runtimeConfig: {} };
  return {
    ...document,
    spec: { ...always, ...document.spec as Record<string, YamlValue> },
    status: { readyReplicas: 0 },
  };
}

/** How scalars were to be written plays no part here. */
function plain(document: ManifestDocument): Record<string, YamlValue> {
  return JSON.parse(JSON.stringify(document));
}

function sortKeys(value: Record<string, YamlValue>): Record<string, YamlValue> {
  return Object.fromEntries(
    Object.keys(value).sort().map((key) => [key, sortValue(value[key]!)]),
  );
}

function sortValue(value: YamlValue): YamlValue {
  if (Array.isArray(value)) return value.map(sortValue);
  if (typeof value !== "object") return value;
  return sortKeys(value as Record<string, YamlValue>);
}

/**
 * SpinApps for people and scripts.
 *
 * @module
 */

import type { SpinApp } from "../../crds/spin_app.ts";
import type { ObjectOutput } from "./app_commands_options.ts";
import { formatTable } from "./table.ts";

/** Kind and group, as names of objects begin. */
export const APP_KIND = "spinapp.core.spinkube.dev";

const HEADINGS: readonly string[] = ["NAMESPACE", "NAME", "EXECUTOR", "READY"];

/** Options of {@link formatApps}. */
export interface FormatAppsOptions {
  readonly output: ObjectOutput;
  /** Only of the table. */
  readonly hasHeadings: boolean;
  /** Whether exactly one was asked for: it then stands alone, not in a list. */
  readonly isSingle: boolean;
}

/** The apps as text with a final newline. */
export async function formatApps(
  apps: readonly SpinApp[],
  { output, hasHeadings, isSingle }: FormatAppsOptions,
): Promise<string> {
  const objects = apps.map(withType);
  const value = isSingle ? objects[0] : { apiVersion: "v1", kind: "List", items: objects };
  switch (output) {
    case "json":
      return `${JSON.stringify(value, null, 4)}\n`;
    case "yaml": {
      const { stringify } = await import("../../lib/yaml.ts");
      return stringify(value, { lineWidth: 0 });
    }
    case "name":
      return apps.map(({ metadata }) => `${APP_KIND}/${metadata.name}\n`).join("");
    case "table":
      return formatTable([...(hasHeadings ? [HEADINGS] : []), ...apps.map(toRow)]);
  }
}

function toRow({ metadata, spec, status }: SpinApp): string[] {
  const ready = status?.readyReplicas ?? 0;
  // With an autoscaler the spec does not know.
  const wanted = spec.enableAutoscaling ? status?.replicas ?? ready : spec.replicas ?? 0;
  return [
    metadata.namespace ?? "",
    metadata.name,
    spec.executor ?? "",
    `${ready}/${wanted}`,
  ];
}

/** Objects of lists come without their type; what servers keep for themselves is left out. */
function withType({ metadata, spec, status }: SpinApp): Record<string, unknown> {
  const { managedFields: _servers, ...shown } = metadata;
  return {
    apiVersion: "core.spinkube.dev/v1alpha1",
    kind: "SpinApp",
    metadata: shown,
    spec,
    ...(status ? { status } : {}),
  };
}

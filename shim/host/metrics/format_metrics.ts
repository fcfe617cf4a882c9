/**
 * Metrics as text: in Prometheus' format 0.0.4, and in OpenMetrics 1.0.
 *
 * @module
 */

import { BUCKETS, FAMILIES, type Family, type FamilyName } from "./families.ts";
import type { Snapshot } from "./samples.ts";

/** A way to write metrics. */
export type MetricsFormat = "prometheus" | "openmetrics";

/** Content types of the formats. */
export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format that whoever asks prefers, by its `Accept` header. */
export function chooseFormat(accept: string | null): MetricsFormat {
  return accept?.includes("application/openmetrics-text") ? "openmetrics" : "prometheus";
}

/** The text of the numbers. Families without any are left out. */
export function formatMetrics(snapshot: Snapshot, format: MetricsFormat): string {
  const parts: string[] = [];
  for (const [name, family] of Object.entries(FAMILIES) as [FamilyName, Family][]) {
    const series = Object.entries(snapshot[name] ?? {});
    if (series.length === 0) continue;
    parts.push(...header(name, { family, format }));
    for (const [labels, value] of series) {
      const pairs = family.labels.map((label, index): [string, string] => [
        label,
        (JSON.parse(labels) as string[])[index]!,
      ]);
      if (typeof value !== "number") parts.push(...histogramLines(name, { pairs, value }));
      else parts.push(line(family.type === "counter" ? `${name}_total` : name, { pairs, value }));
    }
  }
  if (format === "openmetrics") parts.push("# EOF");
  return `${parts.join("\n")}\n`;
}

/** In OpenMetrics a counter's family has the name without `_total`. */
function header(
  name: string,
  { family, format }: { family: Family; format: MetricsFormat },
): string[] {
  const isTotal = family.type === "counter" && format === "prometheus";
  const shown = isTotal ? `${name}_total` : name;
  const help = family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return [
    `# HELP ${shown} ${help}`,
    `# TYPE ${shown} ${family.type}`,
    ...(format === "openmetrics" && family.unit ? [`# UNIT ${shown} ${family.unit}`] : []),
  ];
}

function histogramLines(
  name: string,
  { pairs, value }: { pairs: readonly [string, string][]; value: readonly number[] },
): string[] {
  let count = 0;
  const lines = [...BUCKETS, Infinity].map((bound, index) => {
    count += value[index]!;
    const le = Number.isFinite(bound) ? floatText(bound) : "+Inf";
    return line(`${name}_bucket`, { pairs: [...pairs, ["le", le]], value: count });
  });
  const sum = value.at(-1)!;
  return [
    ...lines,
    line(`${name}_sum`, { pairs, value: sum }),
    line(`${name}_count`, { pairs, value: count }),
  ];
}

/** OpenMetrics wants bounds to be written as real numbers. */
function floatText(number: number): string {
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

function line(
  name: string,
  { pairs, value }: { pairs: readonly (readonly [string, string])[]; value: number },
): string {
  const labels = pairs.map(([label, text]) => `${label}="${escaped(text)}"`).join(",");
  return `${name}${labels === "" ? "" : `{${labels}}`} ${value}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/**
 * Metrics as text: in Prometheus' format 0.0.4, and in OpenMetrics 1.0.
 *
 * @module
 */

import { helpText, labelText, PROMETHEUS_TEXT, sampleLine } from "../../../lib/metric_text.ts";
import { BUCKETS, FAMILIES, type Family, type FamilyName } from "./families.ts";
import type { Snapshot } from "./samples.ts";

/** A way to write metrics. */
export type MetricsFormat = "prometheus" | "openmetrics";

/** Content types of the formats. */
export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: PROMETHEUS_TEXT,
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
      const values = JSON.parse(labels) as string[];
      const shown = labelText(family.labels.map((label, index) => [label, values[index]!]));
      if (typeof value !== "number") parts.push(...histogramLines(name, { labels: shown, value }));
      else parts.push(sampleLine(family.type === "counter" ? `${name}_total` : name, shown, value));
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
  return [
    `# HELP ${shown} ${helpText(family.help)}`,
    `# TYPE ${shown} ${family.type}`,
    ...(format === "openmetrics" && family.unit ? [`# UNIT ${shown} ${family.unit}`] : []),
  ];
}

function histogramLines(
  name: string,
  { labels, value }: { labels: string; value: readonly number[] },
): string[] {
  const prefix = labels === "" ? "" : `${labels},`;
  let count = 0;
  const lines = [...BUCKETS, Infinity].map((bound, index) => {
    count += value[index]!;
    const le = Number.isFinite(bound) ? floatText(bound) : "+Inf";
    return sampleLine(`${name}_bucket`, `${prefix}le="${le}"`, count);
  });
  const sum = value.at(-1)!;
  return [
    ...lines,
    sampleLine(`${name}_sum`, labels, sum),
    sampleLine(`${name}_count`, labels, count),
  ];
}

/** OpenMetrics wants bounds to be written as real numbers. */
function floatText(number: number): string {
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

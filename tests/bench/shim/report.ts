/**
 * The tables of the shim's benchmark.
 *
 * @module
 */

import { median, medianRatio } from "../statistics.ts";
import { formatMegabytes, formatNumber, formatRatio, formatTable } from "../table.ts";
import type { ShimFigures, Throughput } from "./measure.ts";

/**
 * Times in milliseconds and memory of one pod in MB, with ratios of the first subject to each other
 * one: below 1 it is faster, or smaller.
 */
export function formatFigures(figures: readonly ShimFigures[]): string {
  const [ours, ...others] = figures;
  if (!ours) return "";
  const lines = rowsOf(ours).map(({ title, value, format }) => {
    const theirs = others.map((other) =>
      rowsOf(other).find((row) => row.title === title)?.value ?? NaN
    );
    return [
      title,
      ...[value, ...theirs].map(format),
      ...theirs.map((their) => formatRatio(value / their)),
    ];
  });
  const header = ["", ...figures.map(({ subject }) => subject.name)];
  return formatTable([...header, ...others.map(({ subject }) => `÷ ${subject.name}`)], lines);
}

interface Row {
  readonly title: string;
  readonly value: number;
  readonly format: (value: number) => string;
}

function rowsOf({ starts, firstPods, laterPods, memory }: ShimFigures): Row[] {
  return [
    { title: "start, ms", value: median(starts), format: formatNumber },
    { title: "first pod of an app, ms", value: median(firstPods), format: formatNumber },
    { title: "later pod, ms", value: median(laterPods), format: formatNumber },
    ...memory.flatMap(({ pods, privateBytes, proportionalBytes }) => [
      { title: `private MB of 1 of ${pods}`, value: privateBytes, format: formatMegabytes },
      {
        title: `proportional MB of 1 of ${pods}`,
        value: proportionalBytes,
        format: formatMegabytes,
      },
    ]),
  ];
}

/** Requests a second, with the ratio to the first one. */
export function formatThroughput(results: readonly Throughput[]): string {
  const reference = results[0]?.perSecond ?? [];
  return formatTable(
    ["requests/s", "median", `÷ ${results[0]?.name ?? ""}`, "failed"],
    results.map(({ name, perSecond, failed }) => [
      name,
      formatNumber(median(perSecond)),
      formatRatio(medianRatio(perSecond, reference)),
      String(failed),
    ]),
  );
}

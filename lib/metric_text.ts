/**
 * Lines of Prometheus' text format 0.0.4, which OpenMetrics shares.
 *
 * @module
 */

/** The content type of the format. */
export const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** The text after `# HELP name `. */
export function helpText(help: string): string {
  return help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** What stands between the braces of a sample; empty without labels. */
export function labelText(pairs: readonly (readonly [name: string, value: string])[]): string {
  return pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(",");
}

/** A sample with its labels as {@link labelText} gives them. */
export function sampleLine(name: string, labels: string, value: number): string {
  const shown = Number.isFinite(value) ? String(value) : value === Infinity ? "+Inf" : "NaN";
  return `${name}${labels === "" ? "" : `{${labels}}`} ${shown}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

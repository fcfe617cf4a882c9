/**
 * What the doctor of clusters finds.
 *
 * @module
 */

/** How bad it is. `unknown`: it could not be looked at. Only a problem makes the command fail. */
export type FindingState = "ok" | "warning" | "problem" | "unknown";

/** One finding. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly state: FindingState;
  /** What is the case: object, field and value. */
  readonly message: string;
  /** The way out; absent if nothing needs to be done. */
  readonly fix?: string;
}

/** The findings, one a line, and what they come to. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const indent = " ".repeat("warning".length + 2 + width + 2);
  const lines = findings.flatMap(({ check, state, message, fix }) => [
    `${state.padEnd("warning".length)}  ${check.padEnd(width)}  ${
      message.replaceAll("\n", `\n${indent}`)
    }`,
    ...fix === undefined ? [] : [`${indent}Fix: ${fix}`],
  ]);
  return [...lines, "", summarize(findings)].join("\n");
}

/** The findings for programs. */
export function formatFindingsJson(findings: readonly Finding[]): string {
  return JSON.stringify({ problems: countOf(findings, "problem"), findings }, null, 2);
}

/** How many findings are in a state. */
export function countOf(findings: readonly Finding[], state: FindingState): number {
  return findings.filter((finding) => finding.state === state).length;
}

function summarize(findings: readonly Finding[]): string {
  const parts = [
    [countOf(findings, "problem"), "problem"],
    [countOf(findings, "warning"), "warning"],
  ] as const;
  const found = parts.filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}${count === 1 ? "" : "s"}`);
  const unknown = countOf(findings, "unknown");
  const unseen = unknown === 0 ? "" : ` What is "unknown" could not be looked at.`;
  return `${found.length === 0 ? "No problems found" : found.join(", ")}.${unseen}`;
}

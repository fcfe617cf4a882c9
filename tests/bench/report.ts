/**
 * What was measured, as tables.
 *
 * @module
 */

import type { Guest } from "./guest.ts";
import type { LoadResult } from "./load.ts";
import type { SubjectResult } from "./measure.ts";
import { median, medianRatio, spread } from "./statistics.ts";
import { formatMegabytes, formatNumber, formatRatio, formatTable } from "./table.ts";

/** The tables for one guest, with their headings, as Markdown. */
export function formatResults(guest: Guest, results: readonly SubjectResult[]): string {
  const sections = guest.connections.flatMap((connections) => [
    `### ${guest.title}: one core, ${connections} connections`,
    loadTable(results, (result) => result.oneCore.get(connections)!),
  ]);
  if (results.some(({ twoCores }) => twoCores.length > 0)) {
    sections.push(
      `### ${guest.title}: two cores, ${guest.connections[0]} connections`,
      loadTable(results, (result) => result.twoCores, oneCoreColumn(guest)),
    );
  }
  sections.push(`### ${guest.title}: memory and start`, resourceTable(results));
  const problems = results.flatMap(({ subject, problem }) =>
    problem === undefined ? [] : [`${subject.name}: not measured, or in part: ${problem}`]
  );
  return [...sections, ...problems].join("\n\n");
}

interface ExtraColumn {
  readonly title: string;
  readonly cell: (result: SubjectResult, rounds: readonly LoadResult[]) => string;
}

function oneCoreColumn(guest: Guest): ExtraColumn {
  return {
    title: "vs 1 core",
    cell: ({ oneCore }, rounds) =>
      formatRatio(median(rates(rounds)) / median(rates(oneCore.get(guest.connections[0]!)!))),
  };
}

function loadTable(
  results: readonly SubjectResult[],
  pick: (result: SubjectResult) => readonly LoadResult[],
  extra?: ExtraColumn,
): string {
  const references = results.filter(({ subject }) => subject.reference !== undefined);
  const header = [
    "",
    "req/s",
    "spread",
    ...references.map(({ subject }) => `vs ${subject.reference}`),
    ...(extra ? [extra.title] : []),
    "p50 ms",
    "p99 ms",
    "failed",
  ];
  const rows = results.map((result) => {
    const rounds = pick(result);
    return [
      result.subject.name,
      formatNumber(median(rates(rounds))),
      rounds.length < 2 ? "–" : `${Math.round(spread(rates(rounds)) * 100)} %`,
      ...references.map((other) => formatRatio(medianRatio(rates(rounds), rates(pick(other))))),
      ...(extra ? [extra.cell(result, rounds)] : []),
      formatNumber(median(rounds.map(({ p50Ms }) => p50Ms))),
      formatNumber(median(rounds.map(({ p99Ms }) => p99Ms))),
      String(rounds.reduce((sum, round) => sum + round.badStatuses + round.socketErrors, 0)),
    ];
  });
  return formatTable(header, rows);
}

function resourceTable(results: readonly SubjectResult[]): string {
  const header = ["", "peak RSS MB", "idle RSS MB", "idle private MB", "start ms", "fastest ms"];
  const rows = results.map(({ subject, memory, startsMs }) => [
    subject.name,
    formatMegabytes(memory?.peakBytes),
    formatMegabytes(memory?.idle.residentBytes),
    formatMegabytes(memory?.idle.privateBytes),
    formatNumber(median(startsMs)),
    formatNumber(Math.min(...startsMs)),
  ]);
  return formatTable(header, rows);
}

function rates(rounds: readonly LoadResult[]): number[] {
  return rounds.map(({ requestsPerSecond }) => requestsPerSecond);
}

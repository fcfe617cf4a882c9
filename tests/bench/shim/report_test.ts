import assert from "node:assert/strict";
import type { ShimFigures } from "./measure.ts";
import { formatFigures, formatThroughput } from "./report.ts";

function figures(name: string, scale: number): ShimFigures {
  return {
    subject: { name } as ShimFigures["subject"],
    starts: [10, 20, 30].map((value) => value * scale),
    firstPods: name === "idle" ? [] : [1000 * scale],
    laterPods: [100 * scale],
    memory: [{ pods: 10, privateBytes: 5e6 * scale, proportionalBytes: 8e6 * scale }],
  };
}

Deno.test("formatFigures() has a row for each figure, and ratios to each other subject", () => {
  const table = formatFigures([figures("ours", 1), figures("idle", 2)]);
  const cells = table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  assert.deepEqual(cells[0]!.slice(1, -1), ["", "ours", "idle", "÷ idle"]);
  assert.deepEqual(cells.slice(2).map((row) => row.slice(1, -1)), [
    ["start, ms", "20", "40", "0.5×"],
    ["first pod of an app, ms", "1,000", "–", "–"],
    ["later pod, ms", "100", "200", "0.5×"],
    ["private MB of 1 of 10", "5", "10", "0.5×"],
    ["proportional MB of 1 of 10", "8", "16", "0.5×"],
  ]);
});

Deno.test("formatThroughput() compares with the first, round by round", () => {
  const table = formatThroughput([
    { name: "up", perSecond: [100, 200, 300], failed: 0 },
    { name: "pod", perSecond: [90, 180, 270], failed: 2 },
  ]);
  assert.match(table, /\| pod +\| +180 \| +0\.9× \| +2 \|/);
});

import assert from "node:assert/strict";
import { formatMegabytes, formatNumber, formatRatio, formatTable } from "./table.ts";

Deno.test("formatTable() aligns the first column left and the others right", () => {
  assert.equal(
    formatTable(["subject", "req/s"], [["a", "1"], ["longer name", "21,300"]]),
    [
      "| subject     |  req/s |",
      "| ----------- | -----: |",
      "| a           |      1 |",
      "| longer name | 21,300 |",
    ].join("\n"),
  );
});

Deno.test("formatNumber() keeps three digits", () => {
  const cases: [number | undefined, string][] = [
    [21_345.6, "21,300"],
    [4.7123, "4.71"],
    [0.18349, "0.183"],
    [0, "0"],
    [NaN, "–"],
    [Infinity, "–"],
    [undefined, "–"],
  ];
  for (const [value, expected] of cases) assert.equal(formatNumber(value), expected);
  assert.equal(formatRatio(0.5), "0.5×");
  assert.equal(formatRatio(undefined), "–");
  assert.equal(formatMegabytes(134_217_728), "134");
});

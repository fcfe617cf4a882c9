import assert from "node:assert/strict";
import { compareQuantities, formatQuantity, parseQuantity, quantityBytes } from "./quantity.ts";

Deno.test("parseQuantity() reads what Kubernetes reads, and formatQuantity() writes it so", () => {
  const cases: [text: string, bytes: bigint, canonical: string][] = [
    ["0", 0n, "0"],
    ["1", 1n, "1"],
    ["1000", 1000n, "1k"],
    ["1024", 1024n, "1024"],
    ["64Mi", 67_108_864n, "64Mi"],
    ["1024Mi", 1_073_741_824n, "1Gi"],
    ["1.5Gi", 1_610_612_736n, "1536Mi"],
    ["1Ki", 1024n, "1Ki"],
    ["0.5Ki", 512n, "512"],
    ["40M", 40_000_000n, "40M"],
    ["500m", 1n, "500m"],
    ["0.1", 1n, "100m"],
    [".5", 1n, "500m"],
    ["2.", 2n, "2"],
    ["1500m", 2n, "1500m"],
    ["+1", 1n, "1"],
    ["-1500m", -2n, "-1500m"],
    ["1e3", 1000n, "1e3"],
    ["12E2", 1200n, "1200"],
    ["1e-3", 1n, "1e-3"],
    ["3E", 3_000_000_000_000_000_000n, "3E"],
    ["0.0000000001", 1n, "1n"],
    ["100u", 1n, "100u"],
  ];
  for (const [text, bytes, canonical] of cases) {
    const quantity = parseQuantity(text);
    assert.ok(quantity, text);
    assert.equal(quantityBytes(quantity), bytes, text);
    assert.equal(formatQuantity(quantity), canonical, text);
  }
});

Deno.test("parseQuantity() refuses everything else", () => {
  for (
    const text of ["", "x", "1x", "1 Mi", "Mi", "1mi", "1KI", "1e", "--1", "1.2.3", "."]
  ) {
    assert.equal(parseQuantity(text), undefined, text);
  }
});

Deno.test("compareQuantities() compares amounts, however they are written", () => {
  const cases: [a: string, b: string, expected: number][] = [
    ["1Gi", "1024Mi", 0],
    ["1G", "1Gi", -1],
    ["50Mi", "40Mi", 1],
    ["500m", "0.5", 0],
    ["-1", "1", -1],
  ];
  for (const [a, b, expected] of cases) {
    assert.equal(compareQuantities(parseQuantity(a)!, parseQuantity(b)!), expected, `${a} ${b}`);
  }
});

import assert from "node:assert/strict";
import { UsageError } from "../../../lib/errors.ts";
import { parseShimBenchOptions } from "./options.ts";

Deno.test("parseShimBenchOptions() measures both guests without the original by default", () => {
  assert.deepEqual(parseShimBenchOptions([]), {
    isHelp: false,
    containerd: undefined,
    original: undefined,
    installDir: undefined,
    isPerNode: false,
    guests: ["c", "js"],
    jsGuest: undefined,
    pods: [1, 10, 40],
  });
  const { pods, containerd } = parseShimBenchOptions(["--pods", "1,5", "--containerd", "1.7"]);
  assert.deepEqual({ pods, containerd }, { pods: [1, 5], containerd: "1.7" });
});

Deno.test("parseShimBenchOptions() throws when an option is wrong", () => {
  const cases = [
    ["--guest", "rust"],
    ["--containerd", "2.1.9"],
    ["--pods", "1,x"],
    ["--pods", "0"],
    ["--pods", ""],
    ["--quick"],
  ];
  for (const args of cases) {
    assert.throws(() => parseShimBenchOptions(args), UsageError, args.join(" "));
  }
});

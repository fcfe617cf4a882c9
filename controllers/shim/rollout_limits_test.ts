import assert from "node:assert/strict";
import type { RolloutStrategy } from "../../crds/shim.ts";
import { retryDelayMs, rolloutLimits } from "./rollout_limits.ts";

Deno.test("rolloutLimits() reads numbers and percentages", () => {
  const rolling = (maxUpdate: number | string, maxFailed?: number | string): RolloutStrategy => ({
    type: "rolling",
    rolling: { maxUpdate, ...(maxFailed === undefined ? {} : { maxFailed }) },
  });
  const cases: [RolloutStrategy, nodes: number, maxUpdate: number, maxFailed: number][] = [
    [{ type: "rolling" }, 10, 1, 0],
    [{ type: "rolling", rolling: null }, 10, 1, 0],
    // The original's controller writes it where the user wrote nothing.
    [rolling(0), 10, 1, 0],
    [rolling(-3), 10, 1, 0],
    [rolling(4), 10, 4, 0],
    [rolling("25%"), 10, 2, 0],
    [rolling("5%"), 10, 1, 0],
    [rolling("500%", "10%"), 10, 10, 1],
    [rolling("3", 2), 10, 3, 2],
    [rolling("many"), 10, 1, 0],
    [{ type: "recreate" }, 0, 1, 0],
    [{ type: "recreate" }, 1, 1, 0],
    [{ type: "recreate" }, 2, 1, 1],
    [{ type: "recreate" }, 7, 3, 3],
    [{ type: "recreate", rolling: { maxUpdate: 5 } }, 4, 2, 2],
    [{ type: "unknown" as "recreate" }, 4, 2, 2],
  ];
  for (const [strategy, nodes, maxUpdate, maxFailed] of cases) {
    const limits = rolloutLimits(strategy, { nodes });
    assert.deepEqual(
      [limits.maxUpdate, limits.maxFailed],
      [maxUpdate, maxFailed],
      `${JSON.stringify(strategy)} for ${nodes}`,
    );
    assert.equal(limits.hasCanary, strategy.type === "rolling");
  }
});

Deno.test("retryDelayMs() grows to ten minutes", () => {
  const delays = [1, 2, 3, 4, 5, 6, 60].map((failures) => retryDelayMs(failures) / 1_000);
  assert.deepEqual(delays, [30, 60, 120, 240, 480, 600, 600]);
});

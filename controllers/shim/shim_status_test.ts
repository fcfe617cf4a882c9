import assert from "node:assert/strict";
import type { Shim, ShimStatus } from "../../crds/shim.ts";
import { sampleShim } from "./_fixtures.ts";
import type { RolloutCounts, RolloutPlan } from "./rollout.ts";
import {
  computeShimStatus,
  headlines,
  isSameShimStatus,
  type ObservedShim,
} from "./shim_status.ts";

const NOW = "2026-01-01T00:00:00Z";
const COUNTS: RolloutCounts = {
  nodes: 4,
  ready: 4,
  updated: 4,
  failed: 0,
  failedInstalls: 0,
  impossible: 0,
  unsupported: 0,
  leaving: 0,
  working: 0,
};

function observed(
  counts: Partial<RolloutCounts> = {},
  { plan = {}, ...more }: Partial<Omit<ObservedShim, "plan">> & { plan?: Partial<RolloutPlan> } =
    {},
): ObservedShim {
  return {
    plan: {
      ended: [],
      starts: [],
      released: [],
      orphans: [],
      stop: undefined,
      failures: [],
      unreachable: [],
      podless: [],
      againAfterMs: undefined,
      counts: { ...COUNTS, ...counts },
      ...plan,
    },
    problems: [],
    lastGood: undefined,
    rolledBack: undefined,
    isDeleted: false,
    ...more,
  };
}

function failure(node: string, message = "no space") {
  return { node, reason: "JobFailed", message, time: NOW };
}

Deno.test("computeShimStatus() says how far it is", () => {
  const rolledBack = { hash: "h", time: NOW, message: "2 nodes failed (a, b)" };
  const cases: [ObservedShim, available: string, progressing: string, degraded: string][] = [
    [
      observed(),
      "True MinimumShimsAvailable",
      "True NewShimAvailable",
      "False AsExpected",
    ],
    [
      observed({ ready: 3, updated: 2, working: 1 }),
      "False ShimsMissing",
      "True RollingOut",
      "False AsExpected",
    ],
    [observed({ leaving: 1 }), "True MinimumShimsAvailable", "True RollingOut", "False AsExpected"],
    [
      observed({ nodes: 0, ready: 0, updated: 0 }),
      "False NoNodes",
      "True NewShimAvailable",
      "False AsExpected",
    ],
    [
      observed({ updated: 1, failed: 1 }, { plan: { stop: "failures", failures: [failure("a")] } }),
      "True MinimumShimsAvailable",
      "False RolloutStopped",
      "True NodesFailed",
    ],
    [
      observed({ updated: 1 }, { plan: { stop: "paused" } }),
      "True MinimumShimsAvailable",
      "False RolloutPaused",
      "False AsExpected",
    ],
    [
      observed({}, { rolledBack }),
      "True MinimumShimsAvailable",
      "False RolledBack",
      "True RolledBack",
    ],
    [
      observed({ leaving: 2 }, { isDeleted: true }),
      "True MinimumShimsAvailable",
      "True Uninstalling",
      "False AsExpected",
    ],
    [
      { ...observed(), plan: undefined, problems: [{ reason: "HandlerConflict", message: "m" }] },
      "Unknown NotPlanned",
      "False HandlerConflict",
      "True HandlerConflict",
    ],
  ];
  for (const [given, ...expected] of cases) {
    const { conditions } = computeShimStatus(sampleShim(), given, NOW);
    const found = conditions!.map(({ status, reason }) => `${status} ${reason}`);
    assert.deepEqual(found, [...expected, "True Pinned"]);
    for (const { lastTransitionTime, observedGeneration } of conditions!) {
      assert.deepEqual([lastTransitionTime, observedGeneration], [NOW, 1]);
    }
  }
});

Deno.test("computeShimStatus() warns of sources without a digest", () => {
  const shim = sampleShim({ fetchStrategy: { anonHttp: { location: "http://example.com/a" } } });
  const { conditions } = computeShimStatus(shim, observed(), NOW);
  const pinned = conditions!.find(({ type }) => type === "SourcePinned")!;
  assert.deepEqual([pinned.status, pinned.reason], ["False", "NoDigest"]);
  assert.match(pinned.message, /give sha256/);
});

Deno.test("computeShimStatus() lists some failures, and the number of all", () => {
  const failures = Array.from(
    { length: 40 },
    (_, index) => failure(`n${index}`, "x".repeat(5_000)),
  );
  const status = computeShimStatus(
    sampleShim(),
    observed({ failed: 40 }, { plan: { failures, unreachable: ["u1", "u2"] } }),
    NOW,
  );
  assert.equal(status.failures!.length, 10);
  assert.equal(status.failures![0]!.message.length, 1_024);
  assert.equal(status.nodesFailed, 40);
  const message = (type: string) => status.conditions!.find((one) => one.type === type)!.message;
  assert.match(message("Degraded"), /^40 nodes failed \(n0, n1, n2, n3, n4 and 35 more\); n0: x+$/);
  assert.match(message("Progressing"), /not ready: u1, u2$/);
});

Deno.test("computeShimStatus() keeps times until something changes", () => {
  const shim: Shim = sampleShim();
  const before = computeShimStatus(shim, observed({ updated: 3 }), NOW);
  const known: Shim = { ...shim, status: before };
  const same = computeShimStatus(known, observed({ updated: 3 }), "2026-01-02T00:00:00Z");
  assert.ok(isSameShimStatus(before, same));
  const numbers = computeShimStatus(known, observed({ updated: 2 }), "2026-01-02T00:00:00Z");
  assert.equal(isSameShimStatus(before, numbers), false);
  assert.equal(headlines(before), headlines(numbers));
  const news = computeShimStatus(known, observed({ updated: 3, ready: 0 }), "2026-01-02T00:00:00Z");
  assert.notEqual(headlines(before), headlines(news));
  const time = (status: ShimStatus, type: string) =>
    status.conditions!.find((one) => one.type === type)!.lastTransitionTime;
  assert.equal(time(news, "Available"), "2026-01-02T00:00:00Z");
  assert.equal(time(news, "Degraded"), NOW);
});

Deno.test("computeShimStatus() gives what always fails one time", () => {
  const impossible = { node: "a", reason: "NoArtifact", message: "m", time: NOW };
  const shim = sampleShim();
  const before = computeShimStatus(shim, observed({}, { plan: { failures: [impossible] } }), NOW);
  const later = { ...impossible, time: "2026-01-03T00:00:00.5Z" };
  const after = computeShimStatus(
    { ...shim, status: before },
    observed({}, { plan: { failures: [later] } }),
    NOW,
  );
  assert.equal(after.failures![0]!.time, NOW);
});

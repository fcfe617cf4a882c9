import assert from "node:assert/strict";
import type { RolloutStrategy, Shim } from "../../crds/shim.ts";
import {
  hashFor,
  makeJob,
  makeNode,
  markNode,
  provisioned,
  sampleShim,
  SETTINGS,
} from "./_fixtures.ts";
import { contentOf } from "./content_hash.ts";
import type { NodeRecord } from "./node_record.ts";
import { machineOf } from "./node_selection.ts";
import type { ShimNode } from "./node_state.ts";
import type { Job, Node } from "./node_types.ts";
import { planRollout, type RolloutInput, type RolloutPlan } from "./rollout.ts";

const NOW = Date.parse("2026-01-01T00:10:00Z");
const SHIM = sampleShim();
const HASH = hashFor(SHIM, makeNode());

function plan(
  nodes: readonly Node[],
  options: Partial<Omit<RolloutInput, "nodes">> & { shim?: Shim } = {},
): RolloutPlan {
  const shim = options.shim ?? SHIM;
  return planRollout({
    shim,
    content: contentOf(shim),
    isDeleted: false,
    installerImage: SETTINGS.installerImage,
    now: NOW,
    jobs: [],
    strategy: shim.spec!.rolloutStrategy,
    nodes,
    ...options,
  });
}

function rolling(maxUpdate: number, more: object = {}): RolloutStrategy {
  return { type: "rolling", rolling: { maxUpdate, ...more } };
}

function names(nodes: readonly ShimNode[]): string[] {
  return nodes.map(({ node, wants }) => `${wants === "install" ? "+" : "-"}${node.metadata.name}`);
}

function many(count: number, prefix = "n"): Node[] {
  return Array.from({ length: count }, (_, index) => makeNode({ name: `${prefix}${index}` }));
}

/** What the last try of `hash` left. */
function failedRecord(failures: number, secondsAgo: number, hash = HASH): NodeRecord {
  const time = new Date(NOW - secondsAgo * 1_000).toISOString();
  return { tried: hash, failures, error: "no space", time };
}

/** One node, its Jobs, and what is to happen to it. */
const NODES: Record<string, [node: Node, jobs: Job[], expected: string]> = {};
function node(name: string, value: Node, expected: string, jobs: Job[] = []): void {
  NODES[name] = [value, jobs, expected];
}

const N = makeNode();
const DONE = provisioned(N, SHIM);
node("a node without a label is begun", N, "start install");
node("a node that has it is left alone", DONE, "nothing");
node("a node that is not selected is left alone", makeNode({ labels: {} }), "nothing");
node(
  "a node of the original, without a record, is begun",
  markNode(N, { label: "provisioned" }),
  "start install",
);
node(
  "a node whose record is damaged is begun",
  makeNode({
    labels: { spin: "true", "spin-v2": "provisioned" },
    annotations: { "rcm.spinkube.dev/spin-v2": "{" },
  }),
  "start install",
);
node(
  "an older version is updated",
  markNode(N, { label: "provisioned", record: { hash: "old", machine: machineOf(N) } }),
  "start install",
);
node(
  "another machine under the same name is begun",
  markNode(N, { label: "provisioned", record: { hash: HASH, machine: "another" } }),
  "start install",
);
node(
  "another containerd is looked at",
  markNode(makeNode({ runtime: "containerd://2.1.0" }), {
    label: "provisioned",
    record: { hash: HASH, machine: machineOf(N) },
  }),
  "start install",
);
node("a claim without a Job is carried out", markNode(N, { label: "pending" }), "start install");
node(
  "a Job at work is waited for",
  markNode(N, { label: "pending" }),
  "working",
  [makeJob({ shim: SHIM, node: N })],
);
node(
  "a Job at work is waited for, whoever made it",
  N,
  "working",
  [makeJob({ shim: { ...SHIM, metadata: { ...SHIM.metadata, uid: "before" } }, node: N })],
);
node(
  "the end of a Job is told",
  markNode(N, { label: "pending" }),
  "finish succeeded",
  [makeJob({ shim: SHIM, node: N, state: "complete" })],
);
node(
  "the failure of a Job is told",
  markNode(N, { label: "pending" }),
  "finish failed",
  [makeJob({ shim: SHIM, node: N, state: "failed" })],
);
node(
  "a Job of another Shim of that name says nothing",
  markNode(N, { label: "pending" }),
  "start install",
  [
    makeJob({
      shim: { ...SHIM, metadata: { ...SHIM.metadata, uid: "before" } },
      node: N,
      state: "complete",
    }),
  ],
);
node(
  "a Job of another node of that name says nothing",
  markNode(N, { label: "pending" }),
  "start install",
  [makeJob({ shim: SHIM, node: makeNode({ uid: "before" }), state: "complete" })],
);
node(
  "a Job that was seen to is not seen to again",
  markNode(N, { label: "pending", record: { ...failedRecord(1, 5), job: "job-uid" } }),
  "start install",
  [makeJob({ shim: SHIM, node: N, state: "failed" })],
);
node(
  "a Job that has ended says nothing of a node that has no claim",
  N,
  "start install",
  [makeJob({ shim: SHIM, node: N, state: "complete" })],
);
node(
  "an uninstall Job that is left over does not strip a node",
  DONE,
  "nothing",
  [makeJob({ shim: SHIM, node: N, operation: "uninstall", state: "complete" })],
);
node(
  "a failure is tried again after a while",
  markNode(N, { label: "failed", record: failedRecord(1, 31) }),
  "start install",
);
node(
  "a failure is not tried again at once",
  markNode(N, { label: "failed", record: failedRecord(1, 29) }),
  "nothing, again in 1000 ms",
);
node(
  "a failure of what is not wanted any more does not count",
  markNode(N, { label: "failed", record: failedRecord(9, 1, "other") }),
  "start install",
);
node(
  "a failure without a time is tried again",
  markNode(N, { label: "failed", record: { tried: HASH, failures: 3, time: "yesterday" } }),
  "start install",
);
node("a node that is away waits", makeNode({ isReady: false }), "unreachable");
node(
  "a claim on a node that is away waits",
  markNode(makeNode({ isReady: false }), { label: "pending" }),
  "unreachable",
);
node("Windows gets nothing", makeNode({ os: "windows" }), "nothing");
node(
  "Windows that the original has claimed is let go",
  markNode(makeNode({ os: "windows" }), { label: "pending" }),
  "release",
);
node("another runtime gets nothing", makeNode({ runtime: "cri-o://1.30.0" }), "nothing");
node("an architecture without an archive gets nothing", makeNode({ arch: "s390x" }), "nothing");
node(
  "a node that leaves is cleaned",
  markNode(makeNode({ labels: {} }), { label: "provisioned" }),
  "start uninstall",
);
node(
  "a node of which only the record is left is cleaned",
  markNode(makeNode({ labels: {} }), { record: { hash: HASH } }),
  "start uninstall",
);
node(
  "a node that leaves while it is worked on waits for that",
  markNode(makeNode({ labels: {} }), { label: "pending" }),
  "working",
  [makeJob({ shim: SHIM, node: N })],
);
node(
  "a node that comes back while it is cleaned waits for that",
  markNode(N, { label: "uninstall" }),
  "working",
  [makeJob({ shim: SHIM, node: N, operation: "uninstall" })],
);
node(
  "a node that came back is cleaned to the end first",
  markNode(N, { label: "uninstall" }),
  "finish succeeded",
  [makeJob({ shim: SHIM, node: N, operation: "uninstall", state: "complete" })],
);
node(
  "old installations choose nodes by an annotation",
  makeNode({ labels: {}, annotations: { "kwasm.sh/kwasm-node": "true" } }),
  "start install",
);

for (const [name, [value, jobs, expected]] of Object.entries(NODES)) {
  Deno.test(`planRollout(): ${name}`, () => {
    const found = plan([value], { jobs });
    const [ended] = found.ended;
    const steps = [
      ...found.starts.map(({ wants }) => `start ${wants}`),
      ...(ended?.state.kind === "ended" ? [`finish ${ended.state.outcome.kind}`] : []),
      ...found.released.map(() => "release"),
      ...(found.starts.length === 0 && found.ended.length === 0 && found.counts.working > 0
        ? ["working"]
        : []),
      ...found.unreachable.map(() => "unreachable"),
    ];
    const again = found.againAfterMs === undefined ? "" : `, again in ${found.againAfterMs} ms`;
    assert.equal((steps.join(", ") || "nothing") + again, expected);
  });
}

Deno.test("planRollout() begins no more nodes than may be worked on", () => {
  const five = many(5);
  const cases: [RolloutStrategy, nodes: Node[], jobs: Job[], expected: string[]][] = [
    [{ type: "recreate" }, five, [], ["+n0", "+n1"]],
    [{ type: "recreate" }, many(1), [], ["+n0"]],
    // Nobody knows yet whether it works at all.
    [rolling(3), five, [], ["+n0"]],
    [rolling(3), [provisioned(five[0]!, SHIM), ...five.slice(1)], [], ["+n1", "+n2", "+n3"]],
    [rolling(0), five, [makeJob({ shim: SHIM, node: five[3]! })], []],
    [
      rolling(3),
      [provisioned(five[0]!, SHIM), ...five.slice(1)],
      [makeJob({ shim: SHIM, node: five[3]! })],
      ["+n1", "+n2"],
    ],
    [{ type: "rolling", paused: true }, five, [], []],
    // What was begun goes on.
    [
      { type: "rolling", paused: true },
      [markNode(five[0]!, { label: "pending" }), ...five.slice(1)],
      [],
      ["+n0"],
    ],
  ];
  for (const [strategy, nodes, jobs, expected] of cases) {
    assert.deepEqual(names(plan(nodes, { strategy, jobs }).starts), expected);
  }
});

Deno.test("planRollout() takes workers before the control plane, and others before those that leave", () => {
  const control = { spin: "true", "node-role.kubernetes.io/control-plane": "" };
  const nodes = [
    makeNode({ name: "a", labels: control }),
    markNode(makeNode({ name: "b", labels: {} }), { label: "provisioned" }),
    makeNode({ name: "c" }),
    provisioned(makeNode({ name: "d" }), SHIM),
    markNode(makeNode({ name: "e" }), { label: "failed", record: failedRecord(1, 60) }),
  ];
  const { starts } = plan(nodes, { strategy: rolling(9, { maxFailed: 9 }) });
  assert.deepEqual(names(starts), ["+c", "+a", "-b", "+e"]);
});

Deno.test("planRollout() stops after failures, but tries those again", () => {
  const [a, b, c] = many(3) as [Node, Node, Node];
  const done = provisioned(a, SHIM);
  const waiting = markNode(b, { label: "failed", record: failedRecord(1, 1) });
  const due = markNode(b, { label: "failed", record: failedRecord(1, 60) });
  const retried = markNode(b, { label: "pending", record: failedRecord(1, 60) });
  const cases: [nodes: Node[], strategy: RolloutStrategy, starts: string[], stop: unknown][] = [
    [[done, waiting, c], rolling(2), [], "failures"],
    [[done, due, c], rolling(2), ["+n1"], "failures"],
    // A second try does not let others begin meanwhile.
    [[done, retried, c], rolling(2), ["+n1"], "failures"],
    [[done, waiting, c], rolling(2, { maxFailed: 1 }), ["+n2"], undefined],
    [[done, waiting, c], rolling(2, { maxFailed: "34%" }), ["+n2"], undefined],
    [[done, waiting], rolling(2), [], undefined],
    [[done, waiting, c], { type: "recreate" }, ["+n2"], undefined],
  ];
  for (const [nodes, strategy, starts, stop] of cases) {
    const found = plan(nodes, { strategy });
    assert.deepEqual([names(found.starts), found.stop], [starts, stop]);
    assert.equal(found.counts.failed, 1);
    assert.equal(found.failures[0]!.message, "no space");
  }
});

Deno.test("planRollout() takes a deleted Shim off all nodes that say anything of it", () => {
  const nodes = [
    provisioned(makeNode({ name: "a" }), SHIM),
    markNode(makeNode({ name: "b", labels: {} }), { label: "failed" }),
    makeNode({ name: "c" }),
    markNode(makeNode({ name: "d", isReady: false }), { label: "provisioned" }),
    markNode(makeNode({ name: "e" }), { label: "pending" }),
    makeNode({ name: "f", labels: { "spin-v2": "provisioned" }, os: "windows" }),
  ];
  const jobs = [makeJob({ shim: SHIM, node: makeNode({ name: "e" }) })];
  const found = plan(nodes, { isDeleted: true, jobs, strategy: rolling(9) });
  assert.deepEqual(names(found.starts), ["-a", "-b"]);
  assert.deepEqual(found.unreachable, ["d"]);
  assert.deepEqual(names(found.released), ["-f"]);
  assert.equal(found.counts.leaving, 4);
  assert.equal(plan([makeNode()], { isDeleted: true }).counts.leaving, 0);
});

Deno.test("planRollout() removes Jobs of nodes that are gone", () => {
  const gone = makeNode({ name: "gone" });
  const jobs = [makeJob({ shim: SHIM, node: gone }), makeJob({ shim: SHIM, node: N })];
  assert.deepEqual(plan([N], { jobs }).orphans, [jobs[0]]);
});

Deno.test("planRollout() names nodes whose Jobs have never had a pod, for a minute", () => {
  const job = makeJob({ shim: SHIM, node: N });
  const since = (seconds: number, status: Job["status"]): Job => ({
    ...job,
    metadata: {
      ...job.metadata,
      creationTimestamp: new Date(NOW - seconds * 1_000).toISOString(),
    },
    status: { ...job.status, ...status },
  });
  const cases: [Job, podless: string[], again: number | undefined][] = [
    [since(10, { active: 0 }), [], 50_000],
    [since(60, { active: 0 }), ["n1"], undefined],
    [since(600, { active: 1 }), [], undefined],
    // Its pod has failed, and the next one comes later.
    [since(600, { active: 0, failed: 1 }), [], undefined],
  ];
  for (const [one, podless, again] of cases) {
    const found = plan([N], { jobs: [one] });
    assert.deepEqual([found.podless, found.againAfterMs], [podless, again]);
  }
});

Deno.test("planRollout() counts nodes", () => {
  const nodes = [
    provisioned(makeNode({ name: "a" }), SHIM),
    markNode(makeNode({ name: "b" }), { label: "provisioned", record: { hash: "old" } }),
    markNode(makeNode({ name: "c" }), { label: "failed", record: failedRecord(2, 1) }),
    makeNode({ name: "d", os: "windows" }),
    makeNode({ name: "e", arch: "s390x" }),
    markNode(makeNode({ name: "f", labels: {} }), { label: "provisioned" }),
    makeNode({ name: "g", labels: {} }),
  ];
  const { counts, failures } = plan(nodes, { strategy: rolling(1) });
  assert.deepEqual(counts, {
    nodes: 4,
    ready: 2,
    updated: 1,
    failed: 2,
    failedInstalls: 1,
    impossible: 1,
    unsupported: 1,
    leaving: 1,
    working: 0,
  });
  assert.equal(
    failures.find(({ node }) => node === "e")!.message,
    "failed to resolve artifact for node e: no platform artifact matches node e (linux/s390x)",
  );
});

Deno.test("planRollout() always comes to an end, whatever fails", () => {
  // A node that fails twice, and one that fails for ever.
  const failsLeft: Record<string, number> = { n3: 2, n7: Infinity };
  let nodes = many(12);
  let now = NOW;
  const strategy = rolling(4, { maxFailed: 2 });
  let peak = 0;
  for (let round = 0; round < 200; round++) {
    const { starts, againAfterMs, counts } = plan(nodes, { strategy, now });
    if (counts.updated === 11 && counts.failed === 1) return assert.ok(peak <= 4);
    peak = Math.max(peak, starts.length);
    if (starts.length === 0) now += againAfterMs ?? assert.fail("nothing would ever happen");
    for (const { node, record } of starts) {
      const { name } = node.metadata;
      const left = failsLeft[name] ?? 0;
      failsLeft[name] = left - 1;
      const bare = nodes.find(({ metadata }) => metadata.name === name)!;
      const failures = (record.failures ?? 0) + 1;
      const time = new Date(now).toISOString();
      const next = left > 0
        ? markNode(bare, { label: "failed", record: { tried: HASH, failures, time } })
        : provisioned(bare, SHIM);
      nodes = nodes.map((one) => one === bare ? next : one);
    }
  }
  assert.fail("it did not come to an end");
});

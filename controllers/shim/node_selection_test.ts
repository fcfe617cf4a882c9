import assert from "node:assert/strict";
import { makeNode, type NodeOptions, sampleShim } from "./_fixtures.ts";
import { isReachable, isSelected, whyUnsupported } from "./node_selection.ts";
import { isRelevantChange, trimNode } from "./shim_cluster.ts";
import type { Node } from "./node_types.ts";

Deno.test("isSelected() wants all labels, and takes all nodes without a selector", () => {
  const cases: [Record<string, string> | null | undefined, Record<string, string>, boolean][] = [
    [{ a: "1", b: "2" }, { a: "1", b: "2", c: "3" }, true],
    [{ a: "1", b: "2" }, { a: "1" }, false],
    [{ a: "1" }, { a: "2" }, false],
    [{ a: "" }, { a: "" }, true],
    [{ a: "" }, {}, false],
    [{}, {}, true],
    [null, {}, true],
    [undefined, {}, true],
  ];
  for (const [nodeSelector, labels, expected] of cases) {
    const shim = sampleShim({ nodeSelector: nodeSelector ?? null });
    assert.equal(isSelected(makeNode({ labels }), shim), expected);
  }
});

Deno.test("isSelected() honours the annotation of older installations for shims of Spin only", () => {
  const node = makeNode({ labels: {}, annotations: { "kwasm.sh/kwasm-node": "true" } });
  const shim = sampleShim();
  assert.equal(isSelected(node, shim), true);
  assert.equal(isSelected(node, { ...shim, metadata: { name: "wasmtime-v1" } }), false);
});

Deno.test("whyUnsupported() knows nodes that cannot have shims", () => {
  const cases: [NodeOptions, RegExp | undefined][] = [
    [{}, undefined],
    [{ os: "", runtime: "" }, undefined],
    [{ os: "windows" }, /windows, not linux/],
    [{ runtime: "cri-o://1.30" }, /cri-o:\/\/1.30, not containerd/],
    [{ labels: { type: "virtual-kubelet" } }, /virtual kubelet/],
  ];
  for (const [options, expected] of cases) {
    const why = whyUnsupported(makeNode(options));
    if (expected === undefined) assert.equal(why, undefined);
    else assert.match(why!, expected);
  }
});

Deno.test("isReachable() wants a node that is ready, and stays", () => {
  assert.equal(isReachable(makeNode()), true);
  assert.equal(isReachable(makeNode({ isReady: false })), false);
  const node = makeNode();
  const going = { ...node, metadata: { ...node.metadata, deletionTimestamp: "2026" } };
  assert.equal(isReachable(going), false);
  assert.equal(isReachable({ metadata: { name: "new" } }), false);
});

Deno.test("isRelevantChange() passes over what kubelets write all the time", () => {
  const node: Node = trimNode(makeNode());
  const later: Node = {
    metadata: { ...node.metadata, resourceVersion: "2" },
    status: {
      ...node.status!,
      conditions: node.status!.conditions!.map((one) => ({ ...one, lastTransitionTime: "later" })),
    },
  };
  assert.equal(isRelevantChange(node, later), false);
  assert.equal(isRelevantChange(undefined, node), true);
  for (
    const options of [
      { isReady: false },
      { labels: { spin: "false" } },
      { annotations: { "rcm.spinkube.dev/spin-v2": "{}" } },
      { machineID: "other" },
      { runtime: "containerd://2.0.0" },
    ]
  ) assert.equal(isRelevantChange(node, trimNode(makeNode(options))), true);
});

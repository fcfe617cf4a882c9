import assert from "node:assert/strict";
import type { ContainerState } from "../../lib/kube/workload_types.ts";
import { explainPod } from "./job_failure.ts";

Deno.test("explainPod() says what the container that failed said last", () => {
  const cases: [init: ContainerState, main: ContainerState, expected: string | undefined][] = [
    [
      { terminated: { exitCode: 1, message: "404 Not Found\n" } },
      { waiting: { reason: "PodInitializing" } },
      "downloader ended with 1: 404 Not Found",
    ],
    [
      { terminated: { exitCode: 0 } },
      { terminated: { exitCode: 5, message: "wrong" } },
      "provisioner ended with 5: containerd did not take it, and everything was taken back: wrong",
    ],
    [
      { terminated: { exitCode: 0 } },
      { terminated: { exitCode: 137, reason: "OOMKilled" } },
      "provisioner ended with 137: OOMKilled",
    ],
    [{ terminated: { exitCode: 5 } }, {}, "downloader ended with 5"],
    [
      { waiting: { reason: "ImagePullBackOff", message: "no such image" } },
      {},
      "downloader waits: ImagePullBackOff: no such image",
    ],
    [{ terminated: { exitCode: 0 } }, { terminated: { exitCode: 0 } }, undefined],
    [{ running: {} }, {}, undefined],
  ];
  for (const [init, main, expected] of cases) {
    const text = explainPod({
      metadata: { name: "p" },
      status: {
        initContainerStatuses: [{ name: "downloader", state: init }],
        containerStatuses: [{ name: "provisioner", state: main }],
      },
    });
    assert.equal(text, expected);
  }
  assert.equal(explainPod({ metadata: { name: "p" } }), undefined);
});

Deno.test("explainPod() tells the error alone, in one line, when a log came before it", () => {
  const cases: [message: string, expected: string][] = [
    [
      "2026-11-25T13:22:55\tINFO\tdownloaded it\n2026-11-25T13:22:56\tERROR\tthe digest is wrong\n",
      "the digest is wrong",
    ],
    [
      "2026/11/25 13:22:55 INFO examined\n2026/11/25 13:22:56 ERROR It cannot be done:\n  for this.\n",
      "It cannot be done: for this.",
    ],
    ["one\ntwo\n", "one two"],
  ];
  for (const [message, expected] of cases) {
    const text = explainPod({
      metadata: { name: "p" },
      status: {
        containerStatuses: [{ name: "x", state: { terminated: { exitCode: 1, message } } }],
      },
    });
    assert.equal(text, `x ended with 1: ${expected}`);
  }
});

Deno.test("explainPod() keeps the end of a long message", () => {
  const message = `${"x".repeat(5_000)}: no space left on device`;
  const text = explainPod({
    metadata: { name: "p" },
    status: {
      containerStatuses: [{ name: "provisioner", state: { terminated: { exitCode: 1, message } } }],
    },
  })!;
  assert.ok(text.endsWith("no space left on device"));
  assert.ok(text.length < 600);
});

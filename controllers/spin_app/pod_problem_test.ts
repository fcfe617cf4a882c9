import assert from "node:assert/strict";
import type { Pod } from "../../lib/kube/workload_types.ts";
import { podProblem, worstProblem } from "./pod_problem.ts";

type Status = NonNullable<Pod["status"]>;

function pod(status: Status, metadata: Partial<Pod["metadata"]> = {}): Pod {
  return { metadata: { name: "p", namespace: "ns", ...metadata }, status };
}

function container(
  state: object,
  rest: { lastState?: object; restartCount?: number; ready?: boolean } = {},
): Status {
  return {
    containerStatuses: [{ name: "app", ready: false, state, ...rest }],
  } as unknown as Status;
}

const ended = { exitCode: 1, reason: "Error", message: "Error: no route\nto that\n" };

Deno.test("podProblem() tells why a pod does not run", async (t) => {
  const cases: Record<string, [Status, string, RegExp]> = {
    "no node": [
      { conditions: [{ type: "PodScheduled", status: "False", message: "0/3 nodes" }] } as Status,
      "Unschedulable",
      /^Pod p cannot be placed: 0\/3 nodes$/,
    ],
    "no image": [
      container({ waiting: { reason: "ImagePullBackOff", message: "not found" } }),
      "ImagePullFailed",
      /^Pod p, container app: the image cannot be pulled: not found$/,
    ],
    "a Secret is missing": [
      container({ waiting: { reason: "CreateContainerConfigError", message: "secret x" } }),
      "ContainerConfigInvalid",
      /CreateContainerConfigError: secret x$/,
    ],
    "it ended, and waits to be started again": [
      container({ waiting: { reason: "CrashLoopBackOff" } }, {
        lastState: { terminated: ended },
        restartCount: 1,
      }),
      "AppCrashing",
      /^Pod p, container app ended with exit code 1, 1 restart so far: Error: no route \| to that$/,
    ],
    "it runs again after it ended": [
      container({ running: {} }, { lastState: { terminated: ended }, restartCount: 2 }),
      "AppCrashing",
      /2 restarts so far/,
    ],
    "too much memory": [
      container({ terminated: { exitCode: 137, reason: "OOMKilled" } }),
      "OutOfMemory",
      /raise spec\.resources\.limits\.memory$/,
    ],
    "an end without failure": [
      container({ terminated: { exitCode: 0, reason: "Completed" } }),
      "AppEnded",
      /ended by itself with exit code 0$/,
    ],
    "a probe fails": [
      container({ running: {} }),
      "ProbeFailing",
      /runs, but its readiness probe does not succeed$/,
    ],
  };
  for (const [name, [status, reason, message]] of Object.entries(cases)) {
    await t.step(name, () => {
      const problem = podProblem(pod(status));
      assert.equal(problem?.reason, reason);
      assert.match(problem!.message, message);
    });
  }
});

Deno.test("podProblem() knows no problem of pods that start, are ready, or go", () => {
  const starting = container({ waiting: { reason: "ContainerCreating" } });
  assert.equal(podProblem(pod(starting)), undefined);
  assert.equal(podProblem(pod(container({ running: {} }, { ready: true }))), undefined);
  const crashed = container({ terminated: ended });
  assert.equal(podProblem(pod(crashed, { deletionTimestamp: "2026-01-01T00:00:00Z" })), undefined);
});

Deno.test("podProblem() tells what only events know", () => {
  assert.deepEqual(podProblem(pod({}), 'no runtime for "spin" is configured'), {
    reason: "SandboxFailed",
    message: 'Pod p cannot be started: no runtime for "spin" is configured',
  });
});

Deno.test("worstProblem() prefers what nobody gets around", () => {
  const probe = { reason: "ProbeFailing", message: "" };
  const image = { reason: "ImagePullFailed", message: "" };
  assert.equal(worstProblem([probe, undefined, image]), image);
  assert.equal(worstProblem([undefined]), undefined);
});

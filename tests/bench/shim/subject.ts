/**
 * The shims that are compared, each under a containerd.
 *
 * @module
 */

import type { ContainerdNode } from "../../support/containerd_node.ts";
import { shimProcesses, taskProcesses } from "../../support/containerd_leftovers.ts";
import type { ContainerSpec, Pod } from "../../support/cri_pod.ts";
import { BUSYBOX_IMAGE } from "../../support/test_images.ts";

/** What a pod of a subject runs, and how to tell that it is there. */
export interface ShimSubject {
  readonly name: string;
  readonly node: ContainerdNode;
  /** CRI's name of the runtime. */
  readonly handler: string;
  /** The shim's program. */
  readonly shim: string;
  readonly container: ContainerSpec;
  /** Whether the container answers requests, or only runs. */
  readonly isServing: boolean;
}

/** Our shim or the original, with a Spin app. */
export function spinSubject(
  name: string,
  { node, shim, image, handler = "spin" }: {
    node: ContainerdNode;
    shim: string;
    image: string;
    handler?: string;
  },
): ShimSubject {
  const container = { name: "app", image };
  return { name, node, shim, container, handler, isServing: true };
}

/** containerd's own shim with a process that does nothing: what a pod costs at least. */
export function idleSubject(node: ContainerdNode): ShimSubject {
  return {
    name: "runc's shim, idle process",
    node,
    handler: "runc",
    shim: `${node.version.bin}/containerd-shim-runc-v2`,
    container: {
      name: "app",
      image: BUSYBOX_IMAGE,
      command: ["sleep", "100000"],
    },
    isServing: false,
  };
}

/** Milliseconds that a pod may take to answer, and between two questions. */
const ANSWER_MS = 60_000;
const POLL_MS = 1;

/** Runs a pod and waits until it does what it is for. The caller disposes it. */
export async function startPod({ node, handler, container, isServing }: ShimSubject): Promise<Pod> {
  const pod = await node.cri.runPod({ handler, containers: [container] });
  if (isServing) await firstAnswer(pod);
  return pod;
}

async function firstAnswer(pod: Pod): Promise<void> {
  const deadline = performance.now() + ANSWER_MS;
  for (;;) {
    // Nobody listens until it is there.
    const answer = await pod.get("/").catch(() => undefined);
    if (answer?.status === 200) return;
    if (performance.now() > deadline) {
      throw new Error(`The pod does not answer: ${answer?.body ?? pod.log("app").all}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Pids of the shims of a node and of what their containers run; not of the pods' sandboxes. */
export function podProcesses(node: ContainerdNode): number[] {
  const isSandbox = (pid: number) =>
    Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("sleep\x00100000000\x00");
  return [...new Set([...shimProcesses(node), ...taskProcesses(node)])]
    .filter((pid) => !isSandbox(pid));
}

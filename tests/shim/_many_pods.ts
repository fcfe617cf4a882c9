/**
 * Many pods, one after the other and side by side: each of them serves, and nothing of them is left.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertNothingLeft } from "../support/containerd_leftovers.ts";
import type { ContainerdNode } from "../support/containerd_node.ts";
import { APPS } from "./_apps.ts";
import type { Case } from "./_case.ts";

/** How many pods. */
export interface PodCounts {
  readonly inRow: number;
  readonly sideBySide: number;
}

async function runOne(node: ContainerdNode, image: string): Promise<void> {
  await using pod = await node.cri.runPod({ containers: [{ name: "app", image }] });
  assert.equal((await pod.answer("/")).status, 200);
  await pod.stop("app");
  assert.equal((await pod.status("app")).exitCode, 0);
}

/** The cases. */
export function manyPods({ inRow, sideBySide }: PodCounts): readonly Case[] {
  return [
    {
      name: `${inRow} pods in a row leave nothing`,
      async run(node) {
        for (let index = 0; index < inRow; index++) await runOne(node, APPS.registry);
        await assertNothingLeft(node);
      },
    },
    {
      name: `${sideBySide} pods side by side all serve, and leave nothing`,
      async run(node) {
        const images = [APPS.registry, APPS.tiny, APPS.scratch];
        const pods = await Promise.all(
          Array.from({ length: sideBySide }, (_, index) => {
            const image = images[index % images.length]!;
            return node.cri.runPod({ containers: [{ name: "app", image }] });
          }),
        );
        try {
          const answers = await Promise.all(pods.map((pod) => pod.answer("/")));
          assert.ok(answers.every(({ status }) => status === 200));
        } finally {
          await Promise.all(pods.map((pod) => pod.remove()));
        }
        await assertNothingLeft(node);
      },
    },
  ];
}

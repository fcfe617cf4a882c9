/**
 * One thing that has to be so with every containerd.
 *
 * @module
 */

import type { ContainerdNode } from "../support/containerd_node.ts";

/** A case of a suite. */
export interface Case {
  readonly name: string;
  /** Runs on a node that others have used and will use: it leaves nothing behind. */
  readonly run: (node: ContainerdNode) => Promise<void>;
}

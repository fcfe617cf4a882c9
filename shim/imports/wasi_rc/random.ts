/**
 * `wasi:random` of the snapshots, which is as 0.2.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import { createWasiRandom } from "../wasi_random.ts";
import { asSnapshot, type Snapshot } from "./snapshots.ts";

/** The interfaces of `wasi:random` in a snapshot, the same for every component. */
export function createRandom(component: ComponentContext, snapshot: Snapshot): ImportObject {
  return asSnapshot(createWasiRandom(component), snapshot);
}

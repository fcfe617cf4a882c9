/**
 * `wasi:clocks` of the snapshots.
 *
 * 2023-10-18 has one function for both kinds of waiting, and time zones: every component is in UTC.
 * 2023-11-10 is as 0.2.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import {
  createWasiClocks,
  deadlinePollable,
  MONOTONIC_RESOLUTION,
  monotonicNow,
} from "../wasi_clocks.ts";
import { asSnapshot, FIRST, type Snapshot } from "./snapshots.ts";

/** The record `timezone-display` of every time. */
const UTC = Object.freeze({ utcOffset: 0, name: "UTC", inDaylightSavingTime: false });

/** The interfaces of `wasi:clocks` in a snapshot, the same for every component. */
export function createClocks(component: ComponentContext, snapshot: Snapshot): ImportObject {
  const clocks = asSnapshot(createWasiClocks(component), snapshot);
  if (snapshot !== FIRST) return clocks;
  return {
    ...clocks,
    [`wasi:clocks/monotonic-clock@${FIRST}`]: {
      now: monotonicNow,
      resolution: () => MONOTONIC_RESOLUTION,
      subscribe: (when: bigint, absolute: boolean) =>
        deadlinePollable(absolute ? when : monotonicNow() + when),
    },
    [`wasi:clocks/timezone@${FIRST}`]: { display: () => UTC, utcOffset: () => 0 },
  };
}

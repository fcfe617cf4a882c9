/**
 * The two snapshots of WASI before 0.2.0 that Spin still links.
 *
 * @module
 */

import type { ImportObject } from "../component_context.ts";

/** The version of the first snapshot, which Spin's Rust SDK 2 uses. */
export const FIRST = "0.2.0-rc-2023-10-18";
/** The version of the second snapshot, which is close to 0.2.0. */
export const SECOND = "0.2.0-rc-2023-11-10";

/** The version of a snapshot, as interfaces are named by it. */
export type Snapshot = typeof FIRST | typeof SECOND;

/** Interfaces of 0.2 that are the same in a snapshot, under its names. */
export function asSnapshot(offered: ImportObject, snapshot: Snapshot): ImportObject {
  return Object.fromEntries(
    Object.entries(offered).map(([name, members]) => [
      name.replace(/@0\.2$/, `@${snapshot}`),
      members,
    ]),
  );
}

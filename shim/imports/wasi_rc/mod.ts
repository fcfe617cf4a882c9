/**
 * The snapshots of WASI before 0.2.0, as adaptations of 0.2: the host's streams, fields, files and
 * sockets are the same, whatever the version of the interface that a guest has them from.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import { FIRST, SECOND, type Snapshot } from "./snapshots.ts";

/** Makes the interfaces of one package in one snapshot. */
type Create = (component: ComponentContext, snapshot: Snapshot) => ImportObject;

/** Package → how it is loaded, in either snapshot. */
const PACKAGES: Readonly<Record<string, (snapshot: Snapshot) => Promise<Create>>> = {
  "wasi:cli": async () => (await import("./cli.ts")).createCli,
  "wasi:clocks": async () => (await import("./clocks.ts")).createClocks,
  "wasi:filesystem": async () => (await import("./filesystem.ts")).createFilesystem,
  "wasi:http": async (snapshot) =>
    snapshot === FIRST
      ? (await import("./http_2023_10_18.ts")).createHttp
      : (await import("./http_2023_11_10.ts")).createHttp,
  "wasi:io": async () => (await import("./io.ts")).createIo,
  "wasi:random": async () => (await import("./random.ts")).createRandom,
  "wasi:sockets": async () => (await import("./sockets.ts")).createSockets,
};

/**
 * The interfaces of the snapshots for one component, of the packages that it uses.
 * @param wanted What it imports, with versions.
 */
export async function createWasiRc(
  component: ComponentContext,
  wanted: readonly string[],
): Promise<ImportObject> {
  const offered: ImportObject = {};
  for (const snapshot of [FIRST, SECOND] as const) {
    for (const [name, load] of Object.entries(PACKAGES)) {
      const isWanted = wanted.some((item) =>
        item.startsWith(`${name}/`) && item.endsWith(`@${snapshot}`)
      );
      if (isWanted) Object.assign(offered, (await load(snapshot))(component, snapshot));
    }
  }
  return offered;
}

/**
 * `wasi:cli` of the snapshots: as 0.2, with the output streams of 2023-10-18.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import { createWasiCli } from "../wasi_cli.ts";
import type { OutputStream } from "../wasi_io.ts";
import { GivenOutputStream } from "./io.ts";
import { asSnapshot, FIRST, type Snapshot } from "./snapshots.ts";

/** The interfaces of `wasi:cli` in a snapshot, for one component. */
export function createCli(component: ComponentContext, snapshot: Snapshot): ImportObject {
  const cli = createWasiCli(component);
  if (snapshot !== FIRST) return asSnapshot(cli, snapshot);
  const { getStdout } = cli["wasi:cli/stdout@0.2"] as Record<"getStdout", () => OutputStream>;
  const { getStderr } = cli["wasi:cli/stderr@0.2"] as Record<"getStderr", () => OutputStream>;
  return {
    ...asSnapshot(cli, FIRST),
    [`wasi:cli/stdout@${FIRST}`]: { getStdout: () => GivenOutputStream.replacing(getStdout()) },
    [`wasi:cli/stderr@${FIRST}`]: { getStderr: () => GivenOutputStream.replacing(getStderr()) },
  };
}

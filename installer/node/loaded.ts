/**
 * What the running containerd has, and waiting until it has what it should.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import type { RuntimeSetting } from "../containerd_config/runtime_block.ts";
import type { LoadedRuntime, LoadedRuntimes, NodeHost } from "./host.ts";

/** What a running containerd should have. */
export interface Wanted {
  readonly present: readonly RuntimeSetting[];
  /** Handlers that it must not have. */
  readonly absent: readonly string[];
  /** Handlers that it had before and must still have. */
  readonly kept: readonly string[];
}

/** Milliseconds between two questions. */
const INTERVAL_MS = 500;

/** What is not as it should be; empty: all is. */
export function findMissing(loaded: LoadedRuntimes | undefined, wanted: Wanted): string[] {
  if (loaded === undefined) return ["containerd does not answer on its socket"];
  return [
    ...wanted.present.flatMap((setting) => {
      const found = loaded.get(setting.name);
      if (found === undefined) return [`containerd has no runtime "${setting.name}"`];
      return isAsWanted(found, setting)
        ? []
        : [`containerd has the runtime "${setting.name}" with other settings`];
    }),
    ...wanted.absent.filter((name) => loaded.has(name))
      .map((name) => `containerd still has the runtime "${name}"`),
    ...wanted.kept.filter((name) => !loaded.has(name))
      .map((name) => `containerd has lost the runtime "${name}"`),
  ];
}

function isAsWanted(found: LoadedRuntime, { runtimeType, options }: RuntimeSetting): boolean {
  if (found.runtimeType !== undefined && found.runtimeType !== runtimeType) return false;
  const keys = Object.keys(options);
  if (found.options === undefined) return keys.length === 0;
  const values = Object.fromEntries(keys.map((key) => [key, parse(`it = ${options[key]}`).it]));
  // containerd shows the settings of runtimes that it knows in full.
  return keys.every((key) => isDeepStrictEqual(found.options?.[key], values[key]));
}

/**
 * Waits until containerd has what is wanted. Containerd starts with a lot to do: it does not answer
 * at first, and the one that is about to end may answer still.
 *
 * @returns What is missing at the end of `timeoutMs`; empty: nothing is.
 */
export async function waitUntilLoaded(
  host: NodeHost,
  { socket, wanted, timeoutMs }: {
    readonly socket: string;
    readonly wanted: Wanted;
    readonly timeoutMs: number;
  },
): Promise<string[]> {
  const end = host.now() + timeoutMs;
  for (;;) {
    const missing = findMissing(await host.loadedRuntimes(socket), wanted);
    if (missing.length === 0 || host.now() >= end) return missing;
    await host.sleep(INTERVAL_MS);
  }
}

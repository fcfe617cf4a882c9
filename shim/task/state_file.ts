/**
 * What has to be known of a container by whoever cleans up after its shim has died. Kept in the
 * container's bundle.
 *
 * @module
 */

import type { Exit } from "./reaper.ts";
import type { RuncConfig } from "./runc.ts";

/** The file in the bundle. */
export const STATE_FILE = "spinkube-state.json";

/** An app in the node's store that a container uses. */
export interface UsedApp {
  readonly key: string;
  /** The file in the store that says so. */
  readonly note: string;
}

/** The state of one container. */
export interface ContainerState {
  readonly runc: Pick<RuncConfig, "program" | "root" | "isSystemdCgroup">;
  /** Of the first process, on the node; 0 before there is one. */
  readonly pid: number;
  /** Present once it has ended. */
  readonly exit?: { readonly status: number; readonly at: string };
  /** The app in the node's store that the container uses, if it is a Spin app's. */
  readonly app?: UsedApp;
}

/** Writes the state, wholly or not at all. */
export function writeState(bundle: string, state: ContainerState): void {
  const path = `${bundle}/${STATE_FILE}`;
  Deno.writeTextFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  Deno.renameSync(`${path}.new`, path);
}

/** The state; undefined if the container never got so far, or the file is damaged. */
export function readState(bundle: string): ContainerState | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(`${bundle}/${STATE_FILE}`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The exit of a state; undefined if it says none. */
export function exitOf(state: ContainerState | undefined): Exit | undefined {
  return state?.exit && { status: state.exit.status, at: new Date(state.exit.at) };
}

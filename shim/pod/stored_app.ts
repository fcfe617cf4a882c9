/**
 * The app that the shim mounted into the container.
 *
 * @module
 */

import { STORED_APP, type StoredApp } from "../../crds/contract.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { join } from "../../lib/path.ts";
import type { LockedApp } from "../loader/locked_app.ts";

/** An app, and where each of its components lies prepared. */
export interface PodApp {
  readonly app: LockedApp;
  /** Component → directory. */
  readonly prepared: Readonly<Record<string, string>>;
}

/**
 * Reads a stored app.
 * @throws {TerminalError} if it cannot be read, or was stored by another version.
 */
export function readStoredApp(directory: string): PodApp {
  const path = join(directory, STORED_APP.app);
  let stored: StoredApp;
  try {
    stored = JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    throw new TerminalError("UnreadableApp", `Cannot read the app "${path}": ${errorText(error)}`, {
      cause: error,
    });
  }
  if (stored.format !== 1) {
    throw new TerminalError(
      "UnreadableApp",
      `The app "${path}" has the format ${stored.format}, and this version reads 1; delete the ` +
        "pod, so that the node prepares the app again",
    );
  }
  const prepared = Object.entries(stored.prepared)
    .map(([id, entry]) => [id, join(directory, STORED_APP.prepared, entry)]);
  return { app: stored.lockedApp as LockedApp, prepared: Object.fromEntries(prepared) };
}

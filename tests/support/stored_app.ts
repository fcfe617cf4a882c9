/**
 * Apps as a node's store has them, made without a node.
 *
 * @module
 */

import assert from "node:assert/strict";
import { STORED_APP, type StoredApp } from "../../crds/contract.ts";
import { fromFileUrl } from "../../lib/file_url.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { findAppSource, loadApp } from "../../shim/loader/mod.ts";
import { PROGRAM_PATH } from "./fixtures.ts";

/** Loads the app of `manifest` and stores it in `directory`, which is made. */
export async function storeApp(manifest: string, directory: string): Promise<void> {
  await Deno.mkdir(`${directory}/${STORED_APP.prepared}`, { recursive: true });
  const { app } = await loadApp(await findAppSource(manifest, "/"), {
    workingDir: directory,
    cacheDir: `${directory}/downloads`,
    cwd: "/",
  });
  for (const { id, source } of app.components) {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        ...DENO_FLAGS,
        ...[PROGRAM_PATH, "prepare", fromFileUrl(source.source!)],
        `${directory}/${STORED_APP.prepared}/${id}`,
      ],
    }).output();
    assert.ok(success, `component "${id}" cannot be prepared`);
  }
  const stored: StoredApp = {
    format: 1,
    lockedApp: app,
    prepared: Object.fromEntries(app.components.map(({ id }) => [id, id])),
  };
  await Deno.writeTextFile(`${directory}/${STORED_APP.app}`, JSON.stringify(stored));
}

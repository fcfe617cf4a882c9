/**
 * Removes what nobody needs any more: older versions of shims, and what kwasm left on the node.
 * Nothing here fails a run; what is still in use is left to the next one.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import { errorText } from "../../lib/errors.ts";
import { listRuntimes } from "../containerd_config/edit.ts";
import { KWASM_DIRECTORIES, originOf } from "../containerd_config/runtime_definitions.ts";
import { isUsedByAnyone } from "./processes.ts";
import { readNodeConfig } from "./node_config.ts";
import { rcmPaths, type Session } from "./session.ts";
import type { ShimState } from "./state_file.ts";

const SHIM = "containerd-shim-spin-v2";
/** Where kwasm's installer linked the shim to, so that containerd finds it in its `PATH`. */
const KWASM_LINK = `/usr/local/bin/${SHIM}`;

/** Names of files that a run needs only while it runs. */
const SCRATCH = /^\..+\.rcm-(?:new|old|check)$/;

/** Removes what a killed run left half done. Nobody may be in the middle of a run. */
export async function removeScratch({ host, options, config }: Session): Promise<void> {
  const files = [config.target, ...config.effective, ...config.others].map(({ path }) => path);
  const directories = [rcmPaths(options.rcmPath).binDir, options.rcmPath, ...files.map(dirname)];
  for (const directory of new Set(directories)) {
    for (const name of await host.files.list(directory)) {
      if (SCRATCH.test(name)) await host.files.remove(join(directory, name));
    }
  }
}

/** Removes the directories of shims that are not installed any more and that nobody runs. */
export async function removeOldVersions(
  { host, options }: Session,
  shims: Readonly<Record<string, ShimState>>,
): Promise<void> {
  const directory = join(options.rcmPath, "lib");
  const current = Object.values(shims).map((shim) => shim.directory);
  for (const name of await host.files.list(directory)) {
    const path = join(directory, name);
    if (current.includes(path)) continue;
    if (await isUsedByAnyone(host.files, path)) {
      options.log.info("an older version is in use and stays", { path });
      continue;
    }
    try {
      await host.files.removeTree(path);
    } catch (error) {
      options.log.warn("an older version cannot be removed", { path, reason: errorText(error) });
    }
  }
}

/** Removes kwasm's shim once no configuration names it and nobody runs it. */
export async function removeKwasm(session: Session): Promise<void> {
  const { host, options, detected } = session;
  const found: string[] = [];
  for (const directory of KWASM_DIRECTORIES) {
    if (await host.files.exists(join(directory, SHIM))) found.push(directory);
  }
  if (found.length === 0) return;
  const config = await readNodeConfig(host.files, detected);
  const texts = [...config.effective, ...config.others].map(({ text }) => text);
  if (config.target.text !== undefined) texts.push(config.target.text);
  const { binDir } = rcmPaths(options.rcmPath);
  const isNamed = texts.some((text) =>
    listRuntimes(text).some((runtime) => originOf(runtime, binDir) === "kwasm")
  );
  if (isNamed) return;
  for (const directory of found) {
    const path = join(directory, SHIM);
    if (await isUsedByAnyone(host.files, path)) {
      options.log.info("kwasm's shim is in use and stays", { path });
      continue;
    }
    try {
      if (await host.files.readLink(KWASM_LINK) === path) await host.files.remove(KWASM_LINK);
      await host.files.remove(path);
      await host.files.remove(join(directory, "../active"));
      options.log.info("kwasm's shim was removed", { path });
    } catch (error) {
      options.log.warn("kwasm's shim cannot be removed", { path, reason: errorText(error) });
    }
  }
}

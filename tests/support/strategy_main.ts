/**
 * The program with one option that users have no need of: `--instances`, which forces one of the
 * ways to make instances fresh. Serves without the rest of `up`.
 *
 * @module
 */

import { isMainThread } from "node:worker_threads";
import { parseArgs } from "node:util";
import { TerminalError } from "../../lib/errors.ts";
import { runPrepare } from "../../shim/engine/prepare_main.ts";
import type { InstanceStrategy } from "../../shim/engine/instance_pool.ts";
import { runHost } from "../../shim/host/mod.ts";
import { runWorker } from "../../shim/host/worker_main.ts";
import {
  createTemporaryStores,
  resolveRuntimeConfig,
} from "../../shim/imports/runtime_config_defaults.ts";
import { findAppSource, loadApp } from "../../shim/loader/mod.ts";

async function up(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      from: { type: "string" },
      listen: { type: "string" },
      format: { type: "string" },
      "cache-dir": { type: "string" },
      "state-dir": { type: "string" },
      "grace-period": { type: "string" },
      instances: { type: "string", default: "auto" },
    },
  });
  const cacheDir = values["cache-dir"]!;
  const stop = new AbortController();
  Deno.addSignalListener("SIGTERM", () => stop.abort());
  const cwd = Deno.cwd();
  const workingDir = await Deno.makeTempDir({ prefix: "spinup-" });
  await using temporary = createTemporaryStores();
  try {
    const source = await findAppSource(values.from, cwd);
    const { app } = await loadApp(source, { workingDir, cacheDir, cwd });
    const stateDirFlag = values["state-dir"]!;
    await runHost(app, {
      listen: { hostname: "127.0.0.1", port: 0 },
      findFreePort: false,
      announce: "json",
      runtimeConfig: resolveRuntimeConfig({ cwd, temporary, stateDirFlag }),
      variables: [],
      dotenv: {},
      follow: "all",
      truncateLogs: false,
      allowTransientWrite: false,
      cacheDir,
      instances: values.instances as InstanceStrategy,
      cpuLimitMs: 10_000,
      graceMs: 2_000,
      explainErrors: false,
    }, stop.signal);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    console.error(`Error: ${error.message}`);
    Deno.exitCode = 1;
  } finally {
    await Deno.remove(workingDir, { recursive: true });
  }
}

if (!isMainThread) await runWorker();
else if (Deno.args[0] === "prepare") await runPrepare(Deno.args.slice(1));
else {
  await up(Deno.args.slice(1));
  Deno.exit();
}

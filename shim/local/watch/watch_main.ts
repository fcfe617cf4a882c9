/**
 * The mode `watch`: serves an app while it is developed.
 *
 * @module
 */

import { formatHelp } from "../../../lib/command_help.ts";
import { parseCommandLine } from "../../../lib/command_line.ts";
import { TerminalError, UsageError } from "../../../lib/errors.ts";
import { join, resolve } from "../../../lib/path.ts";
import type { LiveHub } from "../../host/live/live_hub.ts";
import type { LiveAddress } from "../../host/live/live_server.ts";
import { ReloadingHost } from "../../host/reloading_host.ts";
import { createTemporaryStores } from "../../imports/runtime_config_defaults.ts";
import { userCacheDir } from "../cache_dir.ts";
import { findManifest } from "../find_manifest.ts";
import { DEFAULT_LIVE_PAGE } from "../live_page_option.ts";
import { type StopSignals, watchStopSignals } from "../stop_signals.ts";
import { readInputs } from "../up_host.ts";
import { IGNORED_OPTIONS } from "../up_options.ts";
import { WATCH, type WatchValues, WITHOUT_EFFECT } from "./watch_options.ts";
import { WatchSession } from "./watch_session.ts";

/**
 * Runs `watch` with the arguments that follow it, until the process is told to stop.
 * @returns The exit code: 0, or 130 after Ctrl-C.
 * @throws {UsageError | TerminalError} if it cannot begin; what is wrong with the app itself is told,
 * and mended by the next change.
 */
export async function runWatch(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(WATCH, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "help") {
    console.log(formatHelp(WATCH));
    return 0;
  }
  const { values, given } = parsed;
  for (const [name, reason] of Object.entries({ ...IGNORED_OPTIONS, ...WITHOUT_EFFECT })) {
    if (given.has(name)) report(`Note: --${name} has no effect: it ${reason}.`);
  }
  using stop = watchStopSignals();
  try {
    await watchApp(values, stop);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  return stop.exitCode();
}

async function watchApp(values: WatchValues, stop: StopSignals): Promise<void> {
  if (values["from-registry"] !== undefined || values.app.length > 0) {
    throw new UsageError(
      "An app of a registry does not change, so that there is nothing to watch",
      "Serve it with `spinkube up`.",
    );
  }
  const cwd = Deno.cwd();
  const source = await findManifest(values["from-file"] ?? values.from, { cwd, report });
  const inputs = await readInputs(values, cwd);
  await using workingDir = await openWorkingDir(values.temp);
  stop.beforeForcedExit(workingDir.removeNow);
  await using temporary = createTemporaryStores();
  const cacheDir = values["cache-dir"] ??
    userCacheDir({ os: Deno.build.os, environment: (name) => Deno.env.get(name) }) ??
    join(workingDir.path, "cache");
  const { listen, tls } = inputs;
  const address = livePageAddress(values);
  await using live = address && await openLivePage(address, values);
  const host = new ReloadingHost({
    listen,
    findFreePort: values["find-free-port"],
    graceMs: values["grace-period"] ?? 30_000,
    ...(tls ? { tls } : {}),
    live: live?.hub,
  });
  try {
    await new WatchSession({
      source,
      values,
      host,
      cwd,
      cacheDir: resolve(cwd, cacheDir),
      workingDir: workingDir.path,
      temporary,
      isTerminal: Deno.stderr.isTerminal(),
      livePage: live && address,
      signal: stop.signal,
      report,
    }).run();
  } finally {
    await host.stop();
  }
}

/** Unless it is switched off, there is one. */
function livePageAddress(values: WatchValues): LiveAddress | undefined {
  const wish = values["live-page"] ?? DEFAULT_LIVE_PAGE;
  return wish === "off" ? undefined : wish;
}

/** Where the user has not asked for the page, it is no reason not to serve the app. */
async function openLivePage(
  address: LiveAddress,
  values: WatchValues,
): Promise<(AsyncDisposable & { readonly hub: LiveHub }) | undefined> {
  try {
    const { startLiveServer } = await import("../../host/live/live_server.ts");
    const server = startLiveServer(address);
    report(`Live page: ${server.url}`);
    return { hub: server.hub, [Symbol.asyncDispose]: () => server.stop() };
  } catch (error) {
    if (values["live-page"] !== undefined || !(error instanceof TerminalError)) throw error;
    report(`Note: There is no live page. ${error.message}.`);
    return undefined;
  }
}

/** A directory below `--temp`, or below the system's own, which is removed at the end. */
async function openWorkingDir(
  chosen: string | undefined,
): Promise<AsyncDisposable & { readonly path: string; removeNow(): void }> {
  if (chosen !== undefined) await Deno.mkdir(chosen, { recursive: true });
  const path = await Deno.makeTempDir({
    prefix: "spinwatch-",
    ...(chosen === undefined ? {} : { dir: resolve(chosen) }),
  });
  return {
    path,
    removeNow: () => Deno.removeSync(path, { recursive: true }),
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}

function report(line: string): void {
  console.error(line);
}

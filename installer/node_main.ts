/**
 * `installer install` and `installer uninstall`.
 *
 * @module
 */

import { join } from "node:path";
import { type OptionValues, parseCommandLine } from "../lib/command_line.ts";
import { errorText, TerminalError, UsageError } from "../lib/errors.ts";
import { formatHelp } from "../lib/command_help.ts";
import { bundledShim } from "./bundled_shim.ts";
import { fetchFor } from "./fetch_main.ts";
import { createInstallerLog, type InstallerLog } from "./install_log.ts";
import type { InstallerContext } from "./installer_main.ts";
import { findAssets } from "./node/assets.ts";
import type { NodeHost } from "./node/host.ts";
import { installShims } from "./node/install.ts";
import { DEFAULT_TIMEOUTS, type NodeOptions } from "./node/session.ts";
import type { ShimAsset } from "./node/shim_files.ts";
import { uninstallShims } from "./node/uninstall.ts";
import { INSTALL, UNINSTALL } from "./options.ts";

/** Runs `installer install`. @returns The exit code. */
export async function runInstall(
  args: readonly string[],
  context: InstallerContext,
): Promise<number> {
  const parsed = parseCommandLine(INSTALL, args, context);
  if (parsed.kind === "help") {
    context.print(formatHelp(INSTALL));
    return 0;
  }
  const { values } = parsed;
  const log = createLog(values, context);
  // Read first: a mistake in it must not cost a download.
  const runtimeOptions = readRuntimeOptions(values, context);
  const handlers = values.handler.flatMap((text) => text.split(",")).filter((name) => name !== "");
  const arch = values.platform ?? (Deno.build.arch === "aarch64" ? "aarch64" : "x86_64");
  const isDryRun = values["dry-run"] || values["print-config"];
  return await withAssets(values, { arch, log }, async (assets) => {
    if (handlers.length > 0 && assets.length > 1) {
      throw new UsageError(
        `--handler is for one shim, and "${values["asset-path"]}" has ${assets.length}`,
      );
    }
    const result = await installShims(hostFor(values, context), {
      ...nodeOptions(values, log),
      assets,
      handlers,
      hasAliases: !values["no-aliases"],
      runtimeOptions,
      forcesOptions: values["force-options"],
      arch,
      isDryRun,
    });
    if (values["print-config"]) context.print(result.config.trimEnd());
    else if (isDryRun) context.print(result.diff.trimEnd() || "Nothing would change.");
    if (isDryRun) return 0;
    if (values.json) {
      const { isChanged, isRestarted, shims } = result;
      context.print(JSON.stringify({ isChanged, isRestarted, shims }));
    }
    if (!result.isChanged) log.info("nothing changed, nothing more to do");
    return 0;
  });
}

/** Runs `installer uninstall`. @returns The exit code. */
export async function runUninstall(
  args: readonly string[],
  context: InstallerContext,
): Promise<number> {
  const parsed = parseCommandLine(UNINSTALL, args, context);
  if (parsed.kind === "help") {
    context.print(formatHelp(UNINSTALL));
    return 0;
  }
  const { values } = parsed;
  if (!values.all && values.runtime === undefined) {
    throw new UsageError("Which shim?", "Name it with -r, or take all with --all.");
  }
  const log = createLog(values, context);
  const isDryRun = values["dry-run"];
  const result = await uninstallShims(hostFor(values, context), {
    ...nodeOptions(values, log),
    shims: values.all ? "all" : [values.runtime!],
    isDryRun,
  });
  if (isDryRun) {
    context.print(result.diff.trimEnd() || "The configuration would not change.");
    for (const path of result.paths) context.print(`would remove ${path}`);
  } else if (values.json) {
    const { isChanged, isRestarted, paths, handlers } = result;
    context.print(JSON.stringify({ isChanged, isRestarted, paths, handlers }));
  } else if (!result.isChanged) log.info("nothing changed, nothing more to do");
  return 0;
}

type InstallValues = OptionValues<typeof INSTALL.options>;
type ChangeValues = Pick<
  InstallValues,
  "json" | "rcm-path" | "host-root" | "runtime-config" | "no-restart" | "timeout"
>;

function createLog({ json }: { readonly json: boolean }, { writeLog }: InstallerContext) {
  return createInstallerLog({
    format: json ? "json" : "slog",
    ...(writeLog && { write: writeLog }),
  });
}

/** The node that the options name. */
export function hostFor(
  values: { readonly "host-root": string | undefined },
  { environment, createHost }: InstallerContext,
): NodeHost {
  const root = values["host-root"] ?? "/";
  return createHost({ root, namespaceRoot: environment("HOST_ROOT") || root });
}

function nodeOptions(values: ChangeValues, log: InstallerLog): NodeOptions {
  const waitMs = values.timeout === undefined ? DEFAULT_TIMEOUTS.loadMs : values.timeout * 1000;
  return {
    rcmPath: values["rcm-path"] ?? "/opt/rcm",
    configPath: values["runtime-config"] || undefined,
    restarts: !values["no-restart"],
    timeouts: { ...DEFAULT_TIMEOUTS, restartMs: waitMs, loadMs: waitMs },
    log,
  };
}

/** Hands over what is to be installed; what was fetched for it is removed afterwards. */
async function withAssets<T>(
  values: InstallValues,
  { arch, log }: { arch: "x86_64" | "aarch64"; log: InstallerLog },
  use: (assets: readonly ShimAsset[]) => Promise<T>,
): Promise<T> {
  const { source } = values;
  if (source === undefined) return await use(await findAssets(values["asset-path"] ?? "/assets"));
  if (source === "bundled") return await use([await bundledShim(values["shim-name"])]);
  if (source.startsWith("/")) return await use(await findAssets(source));
  const shimName = values["shim-name"];
  if (shimName === undefined) {
    throw new UsageError("--source with a URL needs --shim-name as well");
  }
  const directory = await Deno.makeTempDir({ prefix: "spinkube-fetch-" });
  try {
    await fetchFor({
      shimName,
      location: source,
      sha256: values.sha256,
      assetPath: directory,
      arch,
      caFile: values["ca-file"],
      registryConfigFile: values["registry-config"],
      log: (level, message) => level === "WARN" ? log.warn(message) : log.info(message),
    });
    return await use(await findAssets(join(directory, `containerd-shim-${shimName}`)));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The options of the environment, and those of the command line over them. */
function readRuntimeOptions(
  values: InstallValues,
  { environment }: InstallerContext,
): Record<string, string> {
  const text = environment("RUNTIME_OPTIONS");
  return {
    ...(text === undefined || text === "" ? {} : parseRuntimeOptions(text)),
    ...Object.fromEntries(values["runtime-option"]),
  };
}

/** Parses a JSON object of texts. @throws {TerminalError} if it is none. */
export function parseRuntimeOptions(text: string): Record<string, string> {
  function refuse(reason: string, cause?: unknown): never {
    throw new TerminalError(
      "InvalidRuntimeOptions",
      `failed to unmarshal runtime options JSON ${text}: ${reason}`,
      { cause },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    refuse(errorText(error), error);
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) refuse("it is no object");
  for (const [key, one] of Object.entries(value)) {
    if (typeof one !== "string") refuse(`the value of "${key}" is no text`);
  }
  return value as Record<string, string>;
}

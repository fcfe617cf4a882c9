/**
 * `installer fetch`: what the init container of an install Job does. It needs no rights on the node.
 *
 * @module
 */

import { join } from "node:path";
import { formatHelp } from "../lib/command_help.ts";
import { parseCommandLine } from "../lib/command_line.ts";
import { UsageError } from "../lib/errors.ts";
import { bundledShim } from "./bundled_shim.ts";
import { type FetchedShim, type FetchOptions, fetchShim } from "./fetch/fetch_shim.ts";
import { createInstallerLog } from "./install_log.ts";
import type { InstallerContext } from "./installer_main.ts";
import { copyTree } from "./fetch/copy_tree.ts";
import { FETCH } from "./options.ts";

/** Runs `installer fetch`. @returns The exit code. */
export async function runFetch(
  args: readonly string[],
  context: InstallerContext,
): Promise<number> {
  const parsed = parseCommandLine(FETCH, args, context);
  if (parsed.kind === "help") {
    context.print(formatHelp(FETCH));
    return 0;
  }
  const { values } = parsed;
  const log = createInstallerLog({
    format: values.json ? "json" : "script",
    ...(context.writeLog && { write: context.writeLog }),
  });
  const assetPath = values["asset-path"] ?? "/assets";
  const source = values.source ?? "bundled";
  if (source === "bundled" || source.startsWith("/")) {
    const shim = source === "bundled"
      ? await bundledShim(values["shim-name"])
      : { source, fileName: `containerd-shim-${values["shim-name"] ?? "spin-v2"}` };
    const path = join(assetPath, shim.fileName);
    await copyTree(shim.source, { path, program: shim });
    log.info(`the shim is at ${path}`);
    return 0;
  }
  if (values["shim-name"] === undefined) {
    throw new UsageError("Which shim? Its name is needed", "Give --shim-name, or set SHIM_NAME.");
  }
  await fetchFor({
    shimName: values["shim-name"],
    location: source,
    sha256: values.sha256 || undefined,
    assetPath,
    arch: values.platform ?? (Deno.build.arch === "aarch64" ? "aarch64" : "x86_64"),
    caFile: values["ca-file"],
    registryConfigFile: values["registry-config"],
    authorization: context.environment("SHIM_AUTHORIZATION") || undefined,
    retries: values["num-retry"],
    pauseMs: values["sleep-duration"] === undefined ? undefined : values["sleep-duration"] * 1000,
    log: (level, message) => level === "WARN" ? log.warn(message) : log.info(message),
  });
  return 0;
}

/** What of fetching is not decided here. */
interface FetchRequest
  extends Pick<FetchOptions, "shimName" | "location" | "sha256" | "assetPath" | "arch" | "log"> {
  readonly caFile?: string | undefined;
  /** Path of Docker's `config.json`. */
  readonly registryConfigFile?: string | undefined;
  readonly authorization?: string | undefined;
  /** Default: 3. */
  readonly retries?: number | undefined;
  /** Default: two seconds. */
  readonly pauseMs?: number | undefined;
}

/**
 * Fetches over the network. Proxies are taken from the environment (`HTTPS_PROXY`, `NO_PROXY`).
 * @throws {NodeError} as {@link fetchShim}.
 */
export async function fetchFor(
  { caFile, registryConfigFile, retries = 3, pauseMs = 2_000, ...request }: FetchRequest,
): Promise<FetchedShim> {
  using client = caFile === undefined
    ? undefined
    : Deno.createHttpClient({ caCerts: [await Deno.readTextFile(caFile)] });
  return await fetchShim({
    ...request,
    registryConfig: registryConfigFile === undefined
      ? undefined
      : await Deno.readTextFile(registryConfigFile),
    retries,
    pauseMs,
    fetch: client === undefined ? fetch : (input, init) => fetch(input, { ...init, client }),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
}

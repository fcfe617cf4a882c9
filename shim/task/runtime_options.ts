/**
 * Options of the runtime in containerd's configuration.
 *
 * @module
 */

import { RUNC_OPTIONS, RUNTIME_OPTIONS } from "../proto/options.ts";
import { type Any, unpackAny } from "../proto/well_known.ts";

/** What the options say; what is absent is decided by the shim. */
export interface RuntimeSettings {
  /** Name or path of runc. */
  readonly runcBinary?: string;
  /** Directory of runc's state. */
  readonly runcRoot?: string;
  readonly isSystemdCgroup?: boolean;
  readonly isNoPivot?: boolean;
  readonly isNoNewKeyring?: boolean;
  /** Directory of the node's apps. */
  readonly store?: string;
  /** One server for all pods of the node. */
  readonly isShimPerNode?: boolean;
}

/** Reads a file; for `ConfigPath`. */
export type ReadText = (path: string) => string;

/**
 * Reads runtime options leniently: unknown types, unknown keys and options without a body mean
 * nothing, since containerd 1.6 sends an empty one, and tools write tables for other shims.
 */
export async function readRuntimeOptions(
  options: Any | undefined,
  readText: ReadText,
): Promise<RuntimeSettings> {
  if (!options) return {};
  const runc = unpackAny(RUNC_OPTIONS, options);
  if (runc) {
    return {
      ...(runc.binaryName === "" ? {} : { runcBinary: runc.binaryName }),
      ...(runc.root === "" ? {} : { runcRoot: runc.root }),
      ...(runc.systemdCgroup ? { isSystemdCgroup: true } : {}),
      isNoPivot: runc.noPivotRoot,
      isNoNewKeyring: runc.noNewKeyring,
    };
  }
  const text = settingsText(options, readText);
  return text.trim() === "" ? {} : await parseSettings(text);
}

/**
 * Whether the options want one server for all pods of the node: `ShimPerNode = true`. By default
 * each pod has its own.
 */
export async function wantsShimPerNode(
  options: Any | undefined,
  readText: ReadText,
): Promise<boolean> {
  const text = options ? settingsText(options, readText) : "";
  // Each pod's start would pay for the parser, and most have other options or none.
  if (!text.includes("ShimPerNode")) return false;
  return (await parseSettings(text)).isShimPerNode ?? false;
}

/** The TOML of `runtimeoptions.v1.Options`; empty for other options. */
function settingsText(options: Any, readText: ReadText): string {
  const runtime = unpackAny(RUNTIME_OPTIONS, options);
  if (!runtime) return "";
  return runtime.configPath === ""
    ? new TextDecoder().decode(runtime.configBody)
    : readText(runtime.configPath);
}

async function parseSettings(text: string): Promise<RuntimeSettings> {
  const { parse } = await import("smol-toml");
  const table = parse(text) as Record<string, unknown>;
  const systemd = table.SystemdCgroup ?? table.systemd_cgroup;
  return {
    // "BinaryName" is not read: K3s writes the path of this very program there.
    ...(typeof table.RuncBinary === "string" ? { runcBinary: table.RuncBinary } : {}),
    ...(typeof table.RuncRoot === "string" ? { runcRoot: table.RuncRoot } : {}),
    ...(systemd === true ? { isSystemdCgroup: true } : {}),
    ...(typeof table.Store === "string" ? { store: table.Store } : {}),
    ...(table.ShimPerNode === true ? { isShimPerNode: true } : {}),
  };
}

/**
 * The command line that containerd starts a shim with, and everything else it says about itself.
 *
 * @module
 */

import { UsageError } from "../../lib/errors.ts";
import { readGoFlags } from "../../lib/go_flags.ts";
import type { BootstrapParams } from "../proto/bootstrap.ts";

/** What a shim is started for: to find or make a server, or to clean up. */
export type ShimAction = "start" | "delete";

/** The words of the command line. What was not given is empty. */
export interface ShimArguments {
  readonly action: ShimAction | "";
  readonly namespace: string;
  readonly id: string;
  /** Path of containerd's gRPC socket. */
  readonly address: string;
  /** containerd's executable. */
  readonly publishBinary: string;
  /** Path of the bundle; given for `delete` only, `start` runs in it. */
  readonly bundle: string;
  readonly isDebug: boolean;
  /** `-stay`: with `start`, become the server if there is none. Not for containerd. */
  readonly stays: boolean;
  /** `-v`: print the version, and do nothing else. */
  readonly wantsVersion: boolean;
  /** `-info`: print what the runtime can do, and do nothing else. */
  readonly wantsInfo: boolean;
}

const TEXT_FLAGS = ["namespace", "id", "address", "publish-binary", "bundle"] as const;
const SWITCHES = ["debug", "info", "stay", "v", "version"] as const;

type Switch = typeof SWITCHES[number];

const ACTIONS: readonly string[] = ["start", "delete"];

/**
 * Reads a command line with the rules of Go's `flag`: one dash or two, `-name value` or
 * `-name=value`, switches with a value only after `=`, the last of several counts, `--` ends the
 * flags. The first other word is the action.
 *
 * Flags that do not exist are ignored, together with their value: a later containerd may have more.
 *
 * @throws {UsageError} that names all problems.
 */
export function parseShimArguments(args: readonly string[]): ShimArguments {
  const { texts, switches, words, ...flags } = readGoFlags(args, {
    texts: TEXT_FLAGS,
    switches: SWITCHES,
    ignoreUnknownBefore: ACTIONS,
  });
  const problems = [...flags.problems];
  const [action] = words;
  const wantsVersion = isOn(switches, "v") || isOn(switches, "version");
  const wantsInfo = isOn(switches, "info");
  if (!wantsVersion && !wantsInfo) {
    if (action === undefined) problems.push('there is no action; "start" and "delete" are');
    else if (!ACTIONS.includes(action)) {
      problems.push(`"${action}" is no action; "start" and "delete" are`);
    }
    for (const name of ["namespace", "id"] as const) {
      if (!texts.get(name)) problems.push(`the shim's ${name} is empty; give -${name}`);
    }
  }
  if (problems.length > 0) {
    throw new UsageError(
      `Cannot run the shim: ${problems.join("; ")}`,
      "containerd starts it by itself, for runtime io.containerd.spin.v2",
    );
  }
  return {
    action: action as ShimAction ?? "",
    namespace: texts.get("namespace") ?? "",
    id: texts.get("id") ?? "",
    address: texts.get("address") ?? "",
    publishBinary: texts.get("publish-binary") ?? "",
    bundle: texts.get("bundle") ?? "",
    isDebug: isOn(switches, "debug"),
    stays: isOn(switches, "stay"),
    wantsVersion,
    wantsInfo,
  };
}

function isOn(switches: ReadonlyMap<Switch, boolean>, name: Switch): boolean {
  return switches.get(name) ?? false;
}

/** What containerd says about itself, wherever it says it. What is not known is empty. */
export interface ContainerdFacts {
  readonly ttrpcAddress: string;
  readonly grpcAddress: string;
  readonly binary: string;
  /** containerd 2.3 and later tell it. */
  readonly version: string;
  /** Directory for the shim's sockets. */
  readonly socketDir: string;
  readonly isDebug: boolean;
}

/** Where sockets are if containerd does not say. */
export const DEFAULT_SOCKET_DIR = "/run/containerd/s";

/** Longest directory in which a socket's name of 64 digits fits. */
const MAX_SOCKET_DIR_BYTES = 42;

/** The part of the environment that is read. */
export interface ShimEnvironment {
  readonly TTRPC_ADDRESS?: string | undefined;
  readonly GRPC_ADDRESS?: string | undefined;
}

/**
 * Puts together what containerd says: in its parameters (2.3 and later), in the environment, and on
 * the command line, in this order.
 *
 * @param params What stdin had; see `readStartStdin`.
 * @throws {UsageError} if the directory for sockets is too long.
 */
export function containerdFacts(args: ShimArguments, { environment, params }: {
  readonly environment: ShimEnvironment;
  readonly params?: BootstrapParams | undefined;
}): ContainerdFacts {
  const socketDir = params?.socketDir || DEFAULT_SOCKET_DIR;
  if (new TextEncoder().encode(socketDir).length > MAX_SOCKET_DIR_BYTES) {
    throw new UsageError(
      `Cannot run the shim: the directory for sockets "${socketDir}" has more than ` +
        `${MAX_SOCKET_DIR_BYTES} bytes`,
      "change socket_dir in containerd's configuration",
    );
  }
  return {
    ttrpcAddress: params?.containerdTtrpcAddress || environment.TTRPC_ADDRESS || "",
    grpcAddress: params?.containerdGrpcAddress || environment.GRPC_ADDRESS || args.address,
    binary: params?.containerdBinary || args.publishBinary,
    version: params?.containerdVersion ?? "",
    socketDir,
    isDebug: args.isDebug || params?.logLevel === "debug" || params?.logLevel === "trace",
  };
}

/**
 * The command line of the shim's benchmark.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { errorText, UsageError } from "../../../lib/errors.ts";
import type { ContainerdLine } from "../../support/containerd_versions.ts";

/** What the user asked for. */
export interface ShimBenchOptions {
  readonly isHelp: boolean;
  /** Which containerd; undefined: the newest one that is there. */
  readonly containerd: ContainerdLine | undefined;
  /** The original's `containerd-shim-spin-v2`; undefined: it is not measured. */
  readonly original: string | undefined;
  /** A ready install directory; undefined: one is built. */
  readonly installDir: string | undefined;
  /** Measure it with one shim for all pods of the node, too. */
  readonly isPerNode: boolean;
  readonly guests: readonly ("c" | "js")[];
  /** A ready JavaScript guest; undefined: built from npm. */
  readonly jsGuest: string | undefined;
  /** For how many pods at once memory is measured. */
  readonly pods: readonly number[];
}

/** Shown for `--help`. */
export const USAGE = `Compares the shim with containerd's own one and with the original.

Usage: deno task bench:shim [OPTIONS]

  --containerd 1.6|1.7|2   Under this containerd; default: the newest one
  --original FILE          Measure the original containerd-shim-spin-v2, too
  --install-dir DIR        Use this install directory instead of building one
  --shim-per-node          Measure it with one shim for all pods, too
  --guest c|js             Only this guest
  --js-guest FILE          Use this Wasm as the JavaScript guest; it answers / with text
  --pods N,N,…             Pods at once for the memory of each; default: 1,10,40
  -h, --help               Show this help

It needs what the tests of the shim need: see tests/shim/install_containerd.sh.
`;

const LINES: readonly ContainerdLine[] = ["1.6", "1.7", "2"];
const PODS = [1, 10, 40];

/** @throws {UsageError} if an option is unknown or wrong. */
export function parseShimBenchOptions(args: readonly string[]): ShimBenchOptions {
  const values = parse(args);
  const { guest, containerd } = values;
  if (guest !== undefined && guest !== "c" && guest !== "js") {
    throw new UsageError(`Invalid value "${guest}" for --guest: give c or js`);
  }
  const line = LINES.find((known) => known === containerd);
  if (containerd !== undefined && line === undefined) {
    const known = LINES.join(", ");
    throw new UsageError(`Invalid value "${containerd}" for --containerd: give one of ${known}`);
  }
  return {
    isHelp: values.help ?? false,
    containerd: line,
    original: values.original,
    installDir: values["install-dir"],
    isPerNode: values["shim-per-node"] ?? false,
    guests: guest === undefined ? ["c", "js"] : [guest],
    jsGuest: values["js-guest"],
    pods: values.pods === undefined ? PODS : parsePods(values.pods),
  };
}

function parsePods(text: string): number[] {
  const counts = text.split(",").map(Number);
  if (counts.every((count) => Number.isInteger(count) && count > 0)) return counts;
  throw new UsageError(`Invalid value "${text}" for --pods: give numbers, as in 1,10,40`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h" },
        containerd: { type: "string" },
        original: { type: "string" },
        "install-dir": { type: "string" },
        "shim-per-node": { type: "boolean" },
        guest: { type: "string" },
        "js-guest": { type: "string" },
        pods: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(errorText(error), 'See "deno task bench:shim --help".');
  }
}

/**
 * The options of `doctor`.
 *
 * @module
 */

import { defineCommand } from "../../../lib/command_line.ts";
import { OUTPUT_OPTION } from "../../../lib/output_option.ts";

/** The command `doctor`. */
export const DOCTOR = defineCommand({
  name: "spinkube doctor",
  summary: "Finds out what keeps an app from being built and served on this machine.",
  usage: "[OPTIONS]",
  details: [
    "It looks at the manifest, at the tools that build commands need, and at the Wasm that they make. Nothing is changed without `--fix`.",
  ],
  exits: { 1: "There are problems, or some are left after --fix." },
  options: {
    from: {
      kind: "value",
      short: "f",
      aliases: ["file"],
      value: "APP",
      help: "Manifest, or its directory",
    },
    fix: { kind: "boolean", help: "Do away with the problems that can be" },
    output: { ...OUTPUT_OPTION, conflicts: ["fix"] },
    cluster: {
      kind: "boolean",
      help: "Look at a cluster; see doctor --cluster --help",
    },
  },
  examples: ["spinkube doctor", "spinkube doctor -f ./app --fix"],
});

/**
 * The options of `doctor`.
 *
 * @module
 */

import { defineCommand } from "../../../lib/command_line.ts";

/** The command `doctor`. */
export const DOCTOR = defineCommand({
  name: "spinkube doctor",
  summary: "Finds out what keeps an app from being built and served on this machine.",
  usage: "[OPTIONS]",
  options: {
    from: {
      kind: "value",
      short: "f",
      aliases: ["file"],
      value: "APP",
      help: "Manifest, or its directory",
    },
    fix: { kind: "boolean", help: "Do away with the problems that can be" },
  },
  examples: ["spinkube doctor", "spinkube doctor -f ./app --fix"],
});

/**
 * The options of `inspect`.
 *
 * @module
 */

import { defineCommand, type OptionValues } from "../../../lib/command_line.ts";
import { OUTPUT_OPTION } from "../../../lib/output_option.ts";

/** The command `inspect`. */
export const INSPECT = defineCommand({
  name: "spinkube inspect",
  summary: "Shows what an app or image consists of, and whether this program can run it.",
  usage: "[APP] [OPTIONS]",
  exits: { 0: "The app is described, whether or not it can be run here." },
  options: {
    from: {
      kind: "value",
      short: "f",
      aliases: ["file"],
      value: "APP",
      help: "Manifest, directory, .wasm file or image; like APP",
    },
    output: OUTPUT_OPTION,
    profile: { kind: "value", value: "NAME", help: "Build profile of the manifest" },
    insecure: {
      kind: "boolean",
      short: "k",
      aliases: ["plain-http"],
      help: "Speak plain HTTP with the registry",
    },
    "cache-dir": { kind: "value", value: "DIR", help: "Where downloads are kept" },
  },
  examples: [
    "spinkube inspect",
    "spinkube inspect ghcr.io/me/app:v1 -o json",
  ],
  hasWords: true,
});

/** What the user gave to `inspect`. */
export type InspectValues = OptionValues<typeof INSPECT.options>;

/**
 * The options of `inspect`.
 *
 * @module
 */

import { defineCommand, type OptionValues } from "../../../lib/command_line.ts";

/** The command `inspect`. */
export const INSPECT = defineCommand({
  name: "spinkube inspect",
  summary: "Shows what an app or image consists of, and whether this program can run it.",
  usage: "[APP] [OPTIONS]",
  options: {
    from: {
      kind: "value",
      short: "f",
      aliases: ["file"],
      value: "APP",
      help: "Manifest, directory, .wasm file or image; like APP",
    },
    output: {
      kind: "value",
      short: "o",
      value: "text|json",
      default: "text",
      help: "Form of the result",
      parse: parseOutput,
    },
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

function parseOutput(text: string): "text" | "json" {
  if (text === "text" || text === "json") return text;
  throw new SyntaxError('give "text" or "json"');
}

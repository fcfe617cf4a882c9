/**
 * The options of `watch`: its own, and those of `up`.
 *
 * @module
 */

import { defineCommand, type OptionValues } from "../../../lib/command_line.ts";
import { UP } from "../up_options.ts";

/** Milliseconds without a change after which the changes before are looked at. */
export const DEFAULT_DEBOUNCE_MS = 25;

const { "component-id": componentId, ...others } = UP.options;
const { short: _takenByClear, ...componentIdAlone } = componentId;

/** The command `watch`. */
export const WATCH = defineCommand({
  name: "spinkube watch",
  summary: "Serves an app, and builds and reloads it whenever its files change.",
  usage: "[OPTIONS] [OPTIONS OF up]",
  details: [
    "The app is reloaded in the same process: port and connections stay, and only what has changed is prepared again. If a build fails, the app that was there goes on.",
  ],
  options: {
    clear: {
      kind: "boolean",
      short: "c",
      help: "Clear the screen before each build",
      group: "Watching",
    },
    debounce: {
      kind: "value",
      short: "d",
      value: "MS",
      default: String(DEFAULT_DEBOUNCE_MS),
      help: "Milliseconds without a change before anything is done",
      parse: parseMilliseconds,
      group: "Watching",
    },
    "skip-build": {
      kind: "boolean",
      aliases: ["no-build"],
      help: "Build nothing: reload when the built files change",
      group: "Watching",
    },
    ...others,
    "live-page": { ...others["live-page"], default: "on" },
    // What is of no use here is accepted, so that a command line of `up` works, but not offered.
    "metrics-address": { ...others["metrics-address"], hidden: true },
    "record-calls": { ...others["record-calls"], hidden: true },
    "component-id": componentIdAlone,
  },
  examples: [
    "spinkube watch",
    "spinkube watch -f ./app --skip-build --listen 127.0.0.1:8080",
  ],
});

/** What the user gave to `watch`. */
export type WatchValues = OptionValues<typeof WATCH.options>;

/** Options of `up` that have no effect here: why. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  build: "is what this command does; --skip-build switches it off",
  "metrics-address": "is for `up`",
  "record-calls": "is for `up`",
  workers: "is for `up`; one isolate serves here",
};

function parseMilliseconds(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value) && value <= 60_000) return value;
  throw new SyntaxError("give milliseconds as a whole number up to 60000");
}

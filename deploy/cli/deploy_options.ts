/**
 * The options of `kube deploy` and `deploy`.
 *
 * @module
 */

import { defineCommand, type OptionValues } from "../../lib/command_line.ts";
import { CONNECTION } from "./connection_options.ts";
import { parseGoDuration } from "./flag_values.ts";
import { SCAFFOLD } from "./scaffold_options.ts";

const {
  namespace: _ofTheCluster,
  out: _nothingIsWritten,
  output: _nothingIsPrinted,
  "image-pull-secret": { short: _isServer, ...PULL_SECRET },
  "insecure-registry": _isShown,
  ...MANIFEST
} = SCAFFOLD.options;

const ACTIONS = {
  "dry-run": {
    kind: "value",
    value: "client|server",
    bare: "client",
    help: "Print what would be applied; server asks the cluster what would come of it",
    parse: parseDryRun,
    group: "Actions",
  },
  diff: {
    kind: "boolean",
    help: "Print how the objects of the cluster would change, and apply nothing",
    group: "Actions",
  },
  build: { kind: "boolean", help: "Build the app first", group: "Actions" },
  push: {
    kind: "boolean",
    help: "Push the app to --from first, and deploy exactly what was pushed",
    group: "Actions",
  },
  wait: { kind: "boolean", help: "Wait until the app is ready, or say why not", group: "Actions" },
  timeout: {
    kind: "value",
    value: "TIME",
    default: "2m",
    help: "How long to wait",
    parse: parseGoDuration,
    group: "Actions",
  },
  "insecure-registry": {
    kind: "boolean",
    help: "Speak plain HTTP with the registry",
    group: "Actions",
  },
} as const;

const OPTIONS = {
  ...MANIFEST,
  "image-pull-secret": PULL_SECRET,
  ...ACTIONS,
  ...CONNECTION,
} as const;

/** The command `kube deploy`. */
export const KUBE_DEPLOY = defineCommand({
  name: "spinkube kube deploy",
  summary: "Deploys an app that is in a registry.",
  usage: "--from REF [OPTIONS]",
  details: [
    "The app is applied on the server's side; what others have set in it stays. With `--wait`, it is said what keeps pods from being ready.",
  ],
  exits: { 4: "The app was not ready in time." },
  options: OPTIONS,
  examples: [
    "spinkube kube deploy --from ghcr.io/me/app:v1 --wait",
    "spinkube kube deploy --from ghcr.io/me/app:v1 -r 3 --dry-run",
  ],
  isGoStyle: true,
});

/** The command `deploy`: the same, with everything that comes before and after. */
export const DEPLOY = defineCommand({
  ...KUBE_DEPLOY,
  name: "spinkube deploy",
  summary: "Builds an app, pushes it, deploys it and waits until it is ready.",
  examples: [
    "spinkube deploy --from ghcr.io/me/app:v1",
    "spinkube deploy --from ghcr.io/me/app:v1 --build=false --wait=false",
  ],
});

/** What the user gave to `deploy`. */
export type DeployValues = OptionValues<typeof OPTIONS>;

function parseDryRun(text: string): "none" | "client" | "server" {
  // The plugin's option is a boolean.
  if (text === "client" || text === "true") return "client";
  if (text === "none" || text === "false") return "none";
  if (text === "server") return "server";
  throw new SyntaxError('give "client", "server" or "none"');
}

/**
 * The options of `kube list`, `get`, `delete`, `logs`, `connect` and `version`.
 *
 * @module
 */

import { defineCommand } from "../../lib/command_line.ts";
import { CONNECTION } from "./connection_options.ts";
import { parseGoDuration, parseInt32 } from "./flag_values.ts";

/** Forms in which objects are printed. */
export type ObjectOutput = "table" | "json" | "yaml" | "name";

const OUTPUT = {
  output: {
    kind: "value",
    short: "o",
    value: "table|json|yaml|name",
    default: "table",
    help: "Form of the output",
    parse: parseOutput,
  },
  "no-headers": { kind: "boolean", help: "No line of headings above the table" },
} as const;

const SELECTOR = {
  kind: "value",
  short: "l",
  value: "LABELS",
  help: "Only what has these labels",
} as const;

/** The command `kube list`. */
export const LIST = defineCommand({
  name: "spinkube kube list",
  summary: "Lists the apps of a namespace.",
  usage: "[OPTIONS]",
  options: {
    "all-namespaces": { kind: "boolean", short: "A", help: "Of all namespaces" },
    selector: SELECTOR,
    ...OUTPUT,
    ...CONNECTION,
  },
  examples: ["spinkube kube list -n shop", "spinkube kube list -A -o json"],
  isGoStyle: true,
});

/** The command `kube get`. */
export const GET = defineCommand({
  name: "spinkube kube get",
  summary: "Shows one app; without a name, that of the spin.toml in this directory.",
  usage: "[NAME] [OPTIONS]",
  exits: { 3: "There is no such app." },
  options: { ...OUTPUT, ...CONNECTION },
  examples: ["spinkube kube get", "spinkube kube get shop -n prod -o yaml"],
  hasWords: true,
  isGoStyle: true,
});

/** The command `kube delete`. */
export const DELETE = defineCommand({
  name: "spinkube kube delete",
  summary: "Deletes an app.",
  usage: "NAME [OPTIONS]",
  exits: { 3: "There is no such app." },
  options: {
    yes: { kind: "boolean", short: "y", help: "Do not ask" },
    ...CONNECTION,
  },
  examples: ["spinkube kube delete shop", "spinkube kube delete shop -n prod --yes"],
  hasWords: true,
  isGoStyle: true,
});

/** The command `kube logs`. */
export const LOGS = defineCommand({
  name: "spinkube kube logs",
  summary: "Prints what an app has written; without a name, that of the spin.toml here.",
  usage: "[NAME] [OPTIONS]",
  options: {
    follow: { kind: "boolean", short: "f", help: "Go on with what it writes from now on" },
    tail: {
      kind: "value",
      value: "N",
      default: "-1",
      help: "Only the last lines; -1 for all",
      parse: parseInt32,
    },
    since: {
      kind: "value",
      value: "TIME",
      help: "Only what is not older: 5s, 2m, 3h",
      parse: parseGoDuration,
    },
    "since-time": { kind: "value", value: "TIME", help: "Only what is later: RFC 3339" },
    timestamps: { kind: "boolean", help: "Begin every line with its time" },
    previous: { kind: "boolean", short: "p", help: "Of the container before it was started again" },
    "all-pods": { kind: "boolean", help: "Of all pods; begins every line with its pod" },
    prefix: { kind: "boolean", help: "Begin every line with pod and container" },
    container: { kind: "value", short: "c", value: "NAME", help: "Of this container" },
    "all-containers": { kind: "boolean", help: "Of all containers" },
    selector: { ...SELECTOR, help: "Of all pods with these labels, instead of an app's" },
    "limit-bytes": {
      kind: "value",
      value: "N",
      help: "At most so many bytes of each container",
      parse: parseInt32,
    },
    "max-log-requests": {
      kind: "value",
      value: "N",
      default: "5",
      help: "At most so many containers at once with --follow",
      parse: parseInt32,
    },
    "ignore-errors": { kind: "boolean", help: "Go on with the others where one fails" },
    "pod-running-timeout": {
      kind: "value",
      value: "TIME",
      default: "20s",
      help: "Time to wait for a pod",
      parse: parseGoDuration,
    },
    "insecure-skip-tls-verify-backend": {
      kind: "boolean",
      help: "Do not check the certificate of the node",
    },
    ...CONNECTION,
  },
  examples: ["spinkube kube logs -f", "spinkube kube logs shop --all-pods --since 5m"],
  hasWords: true,
  isGoStyle: true,
});

/** The command `kube connect`. */
export const CONNECT = defineCommand({
  name: "spinkube kube connect",
  summary: "Makes an app of the cluster reachable here, and shows its log.",
  usage: "[NAME] [OPTIONS]",
  details: [
    "The connection goes on when pods are replaced: the next request goes to one that is there.",
  ],
  options: {
    "local-port": {
      kind: "value",
      short: "p",
      value: "PORT",
      help: "Port on this machine; without it, a free one",
    },
    selector: { ...SELECTOR, aliases: ["label-selector"], help: "The app with these labels" },
    "field-selector": {
      kind: "value",
      value: "FIELDS",
      help: "The app whose Deployment has these fields",
    },
    "pod-running-timeout": {
      kind: "value",
      value: "TIME",
      default: "30s",
      help: "Time to wait for a pod",
      parse: parseGoDuration,
    },
    all: { kind: "boolean", help: "Use all pods in turn, and show all their logs" },
    "no-logs": { kind: "boolean", help: "Do not show the log" },
    ...CONNECTION,
  },
  examples: ["spinkube kube connect", "spinkube kube connect shop -n prod -p 8080"],
  hasWords: true,
  isGoStyle: true,
});

/** The command `kube version`. */
export const KUBE_VERSION = defineCommand({
  name: "spinkube kube version",
  summary: "Prints the versions of this program, of Spin and of the cluster.",
  usage: "[OPTIONS]",
  options: {
    short: { kind: "boolean", short: "s", help: "Only this program's; nothing is asked for" },
    kubeconfig: CONNECTION.kubeconfig,
    context: CONNECTION.context,
  },
  examples: ["spinkube kube version", "spinkube kube version --short"],
  isGoStyle: true,
});

function parseOutput(text: string): ObjectOutput {
  const outputs: readonly ObjectOutput[] = ["table", "json", "yaml", "name"];
  const output = outputs.find((candidate) => candidate === text);
  if (output !== undefined) return output;
  throw new SyntaxError(`give one of ${outputs.join(", ")}`);
}

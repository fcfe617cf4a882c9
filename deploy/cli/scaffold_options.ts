/**
 * The options of `kube scaffold`: those of the plugin `kube` of Spin, and one for every further field
 * of a SpinApp.
 *
 * @module
 */

import { defineCommand, type OptionValues } from "../../lib/command_line.ts";
import { parseInt32, parseKeySource, parseList, parsePair, parsePairs } from "./flag_values.ts";
import { parseBackend, parseMount, parseNamedBackend, parseVolume } from "./spec_values.ts";

const APP = {
  from: {
    kind: "value",
    short: "f",
    value: "REF",
    help: "Reference of the app's image (required)",
    group: "App",
  },
  name: {
    kind: "value",
    value: "NAME",
    help: "Name of the app; without it, the last part of the image's name",
    group: "App",
  },
  namespace: {
    kind: "value",
    short: "n",
    value: "NAME",
    help: "Namespace to write into the manifest; without it, none",
    group: "App",
  },
  replicas: {
    kind: "value",
    short: "r",
    value: "N",
    default: "2",
    help: "Pods; with --autoscaler, the least number of them",
    parse: parseInt32,
    group: "App",
  },
  executor: {
    kind: "value",
    value: "NAME",
    default: "containerd-shim-spin",
    help: "The executor that runs the app",
    group: "App",
  },
  variable: {
    kind: "list",
    short: "v",
    value: "K=V",
    help: "Set a variable of the app; several are separated by commas",
    parse: parsePairs,
    group: "App",
  },
  "variable-from": {
    kind: "list",
    value: "K=REF",
    help: "Take a variable from secret:NAME/KEY or configmap:NAME/KEY",
    parse: (text: string) => {
      const [name, source] = parsePair(text);
      return [name, parseKeySource(source)] as const;
    },
    group: "App",
  },
  component: {
    kind: "list",
    value: "ID",
    help: "Run only this component; several are separated by commas",
    parse: parseList,
    group: "App",
  },
} as const;

const SCALING = {
  autoscaler: {
    kind: "value",
    value: "hpa|keda",
    help: "Let a HorizontalPodAutoscaler or KEDA set the number of pods",
    group: "Scaling",
  },
  "max-replicas": {
    kind: "value",
    value: "N",
    default: "3",
    help: "The greatest number of pods, with --autoscaler",
    parse: parseInt32,
    group: "Scaling",
  },
  "autoscaler-target-cpu-utilization": {
    kind: "value",
    value: "%",
    default: "60",
    help: "CPU use to scale at, in percent of the request",
    parse: parseInt32,
    group: "Scaling",
  },
  "autoscaler-target-memory-utilization": {
    kind: "value",
    value: "%",
    default: "60",
    help: "Memory use to scale at, in percent of the request",
    parse: parseInt32,
    group: "Scaling",
  },
  "cpu-limit": { kind: "value", value: "Q", help: "CPU limit, such as 100m", group: "Scaling" },
  "memory-limit": {
    kind: "value",
    value: "Q",
    help: "Memory limit, such as 128Mi",
    group: "Scaling",
  },
  "cpu-request": { kind: "value", value: "Q", help: "CPU request", group: "Scaling" },
  "memory-request": { kind: "value", value: "Q", help: "Memory request", group: "Scaling" },
  "invocation-limit": {
    kind: "list",
    value: "K=V",
    help: "Limit of one request, such as memory=64Mi",
    parse: parsePairs,
    group: "Scaling",
  },
} as const;

const RUNTIME = {
  "runtime-config-file": {
    kind: "value",
    short: "c",
    value: "FILE",
    help: "Runtime configuration, put into a Secret",
    group: "Runtime",
  },
  "with-secret": {
    kind: "value",
    value: "FORM",
    default: "data",
    help: "How Secrets are written: data for base64, stringData for text to be read and edited",
    parse: (text: string) => parseWord(text, ["data", "stringData"] as const),
    group: "Runtime",
  },
  kv: {
    kind: "list",
    value: "SPEC",
    help: "A key-value store: NAME=TYPE,K=V; K=@secret:NAME/KEY takes an option from a Secret",
    parse: parseNamedBackend,
    conflicts: ["runtime-config-file"],
    group: "Runtime",
  },
  sqlite: {
    kind: "list",
    value: "SPEC",
    help: "A SQLite database: NAME=TYPE,K=V",
    parse: parseNamedBackend,
    conflicts: ["runtime-config-file"],
    group: "Runtime",
  },
  llm: {
    kind: "value",
    value: "SPEC",
    help: "What computes for large language models: TYPE,K=V",
    parse: parseBackend,
    conflicts: ["runtime-config-file"],
    group: "Runtime",
  },
  "variable-provider": {
    kind: "list",
    value: "SPEC",
    help: "What is asked for variables before the environment is: TYPE,K=V",
    parse: parseBackend,
    conflicts: ["runtime-config-file"],
    group: "Runtime",
  },
  env: {
    kind: "list",
    value: "K=V",
    help: "Set an environment variable of the host",
    parse: parsePairs,
    group: "Runtime",
  },
} as const;

const POD = {
  "image-pull-secret": {
    kind: "list",
    short: "s",
    value: "NAME",
    help: "Secret to pull the image with; several are separated by commas",
    parse: parseList,
    group: "Pod",
  },
  "service-account-name": {
    kind: "value",
    value: "NAME",
    help: "Service account of the pods",
    group: "Pod",
  },
  "azure-identity": {
    kind: "boolean",
    help: "Label the pods for Azure's workload identity",
    group: "Pod",
  },
  "readiness-path": {
    kind: "value",
    value: "PATH",
    help: "Send requests only to pods that answer here",
    group: "Pod",
  },
  "liveness-path": {
    kind: "value",
    value: "PATH",
    help: "Start pods again that do not answer here",
    group: "Pod",
  },
  volume: {
    kind: "list",
    value: "SPEC",
    help: "A volume: V=secret:NAME, V=configmap:NAME, V=pvc:CLAIM, V=hostpath:PATH or V=emptydir",
    parse: parseVolume,
    group: "Pod",
  },
  mount: {
    kind: "list",
    value: "SPEC",
    help: "Mount a volume: V=PATH or V=PATH:ro",
    parse: parseMount,
    group: "Pod",
  },
  port: {
    kind: "value",
    value: "N",
    help: "Where the app listens; the operator's default is 80",
    parse: parseInt32,
    group: "Pod",
  },
} as const;

const METADATA = {
  label: { kind: "list", value: "K=V", help: "Label of the app", parse: parsePairs },
  annotation: { kind: "list", value: "K=V", help: "Annotation of the app", parse: parsePairs },
  "pod-label": { kind: "list", value: "K=V", help: "Label of the pods", parse: parsePairs },
  "pod-annotation": {
    kind: "list",
    value: "K=V",
    help: "Annotation of the pods",
    parse: parsePairs,
  },
  "deployment-annotation": {
    kind: "list",
    value: "K=V",
    help: "Annotation of the Deployment",
    parse: parsePairs,
  },
  "service-annotation": {
    kind: "list",
    value: "K=V",
    help: "Annotation of the Service",
    parse: parsePairs,
  },
  set: {
    kind: "list",
    value: "K=V",
    help: "Set a field of the spec to JSON: tolerations='[…]', securityContext.runAsUser=1000",
    parse: parsePair,
  },
  app: {
    kind: "value",
    value: "PATH",
    help:
      "Check variables and components against the app in this directory or spin.toml, and list " +
      "required variables that are missing; without it, a spin.toml in the current directory is " +
      "only checked against",
  },
  inspect: {
    kind: "boolean",
    help: "As --app, with the app that --from names: asks the registry",
    conflicts: ["app"],
  },
  "insecure-registry": {
    kind: "boolean",
    help: "Speak plain HTTP with the registry",
    hidden: true,
  },
  out: { kind: "value", short: "o", value: "FILE", help: "Write here instead of to stdout" },
  output: {
    kind: "value",
    value: "yaml|json",
    default: "yaml",
    help: "Form of the manifest",
    parse: (text: string) => parseWord(text, ["yaml", "json"] as const),
  },
} as const;

/** The command `kube scaffold`. */
export const SCAFFOLD = defineCommand({
  name: "spinkube kube scaffold",
  summary: "Prints the manifest that runs an app on Kubernetes.",
  usage: "--from REF [OPTIONS]",
  details: [
    "Neither a kubeconfig nor the network is needed. With a `spin.toml` or an image at hand, variables that the app requires are listed, and names of components are checked.",
  ],
  options: { ...APP, ...SCALING, ...RUNTIME, ...POD, ...METADATA },
  examples: [
    "spinkube kube scaffold --from ghcr.io/me/app:v1 | kubectl apply -f -",
    "spinkube kube scaffold -f ghcr.io/me/app:v1 -v greeting=hi -o app.yaml",
  ],
  isGoStyle: true,
});

/** What the user gave to `kube scaffold`. */
export type ScaffoldValues = OptionValues<typeof SCAFFOLD.options>;

function parseWord<T extends string>(text: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw new SyntaxError(`give ${words.map((candidate) => JSON.stringify(candidate)).join(" or ")}`);
}

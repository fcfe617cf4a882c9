/**
 * The options of `up`: Spin's own, and a few of this program.
 *
 * @module
 */

import { defineCommand, type OptionValues } from "../../lib/command_line.ts";
import { parseDuration } from "../../lib/duration.ts";
import type { HostOptions } from "../host/host_options.ts";
import { type ListenAddress, parseListenAddress } from "./listen_address.ts";
import { parseLivePage } from "./live_page_option.ts";

/** Smallest buffer that Spin accepts. */
const MIN_HTTP1_BUFFER = 8192;

const APP = {
  from: {
    kind: "value",
    short: "f",
    value: "APP",
    help:
      "Manifest, its directory, a .wasm or .wat file, a reference in a registry, or a YAML file with " +
      "SpinApps (- for standard input); without it spin.toml is searched for in this directory and " +
      "above",
    conflicts: ["from-file", "from-registry"],
    group: "App",
  },
  "from-file": {
    kind: "value",
    aliases: ["file"],
    value: "FILE",
    help: "Like --from, for files only",
    conflicts: ["from-registry"],
    hidden: true,
  },
  "from-registry": {
    kind: "value",
    value: "REFERENCE",
    help: "Like --from, for references only",
    hidden: true,
  },
  insecure: {
    kind: "boolean",
    short: "k",
    aliases: ["plain-http"],
    help: "Speak plain HTTP with the registry",
    group: "App",
  },
  "default-app": {
    kind: "value",
    value: "APP",
    help: "Served if there is no app in the directory where the task was started",
    hidden: true,
  },
  "component-id": {
    kind: "list",
    short: "c",
    value: "ID",
    help: "Serve this component only",
    group: "App",
  },
  app: {
    kind: "list",
    value: "NAME=APP",
    help: "Of a YAML file: serve this local app in place of the SpinApp's image",
    parse: parseAppFlag,
    group: "App",
  },
  service: {
    kind: "list",
    value: "HOST=ADDR",
    help: "Send requests to http://HOST to this address: an app that is served beside this one",
    parse: parseServiceFlag,
    hidden: true,
  },
  profile: { kind: "value", value: "NAME", help: "Build profile of the manifest", group: "App" },
  build: {
    kind: "boolean",
    env: "SPIN_ALWAYS_BUILD",
    help: "Build the app first; has no effect on a bare Wasm file",
    group: "App",
  },
  env: {
    kind: "list",
    short: "e",
    value: "K=V",
    help: "Add to the environment of every component",
    parse: parseEnvironmentFlag,
    group: "App",
  },
  variable: {
    kind: "list",
    value: "K=V",
    help: "Set an app variable: k=v, k=@file, @file.json or @file.toml; wins over all providers",
    group: "App",
  },
} as const;

const HTTP = {
  listen: {
    kind: "value",
    value: "ADDR",
    env: "SPIN_HTTP_LISTEN_ADDR",
    default: "127.0.0.1:3000",
    help: "Address and port to listen on",
    parse: parseListenAddress,
    group: "HTTP",
  },
  "find-free-port": {
    kind: "boolean",
    help: "If the port is taken, try the next ones, ten in all",
    group: "HTTP",
  },
  "tls-cert": {
    kind: "value",
    value: "FILE",
    env: "SPIN_TLS_CERT",
    help: "Serve HTTPS with this PEM certificate chain",
    requires: ["tls-key"],
    group: "HTTP",
  },
  "tls-key": {
    kind: "value",
    value: "FILE",
    env: "SPIN_TLS_KEY",
    help: "Private key (PEM) of the certificate",
    requires: ["tls-cert"],
    group: "HTTP",
  },
  format: {
    kind: "value",
    value: "plain|json",
    default: "plain",
    help: "How the routes are listed on stdout",
    parse: parseFormat,
    group: "HTTP",
  },
} as const;

const DATA = {
  "runtime-config-file": {
    kind: "value",
    value: "FILE",
    env: "RUNTIME_CONFIG_FILE",
    help: "Stores, variable providers and networks, as TOML",
    group: "Data",
  },
  "state-dir": {
    kind: "value",
    value: "DIR",
    isEmptyAllowed: true,
    default: ".spin beside the manifest",
    help: "Where stores and logs are kept; an empty value keeps nothing",
    group: "Data",
  },
  "key-value": {
    kind: "list",
    value: "K=V",
    help: "Set a key of the default key-value store before the start",
    group: "Data",
  },
  sqlite: {
    kind: "list",
    value: "SQL",
    help: "Run a statement, or @file or @file:label, on a database before the start",
    group: "Data",
  },
  temp: {
    kind: "value",
    aliases: ["tmp"],
    value: "DIR",
    help: "Keep copies of files here; without it, in a temporary directory that is removed",
    group: "Data",
  },
  "cache-dir": {
    kind: "value",
    value: "DIR",
    help: "Where prepared components and downloads are kept",
    group: "Data",
  },
  "direct-mounts": {
    kind: "boolean",
    help: "Mount directories themselves instead of copies",
    group: "Data",
  },
  "allow-transient-write": {
    kind: "boolean",
    help: "Let components write to their files",
    group: "Data",
  },
} as const;

const OUTPUT = {
  "log-dir": {
    kind: "value",
    short: "L",
    value: "DIR",
    env: "SPIN_LOG_DIR",
    isEmptyAllowed: true,
    default: "logs in the state directory",
    help: "Where output of components is kept; an empty value keeps none",
    group: "Output",
  },
  follow: {
    kind: "list",
    value: "ID",
    help: "Show output of this component only",
    conflicts: ["quiet"],
    group: "Output",
  },
  quiet: {
    kind: "boolean",
    short: "q",
    aliases: ["sh", "shush"],
    help: "Show no output of components",
    group: "Output",
  },
  "truncate-logs": { kind: "boolean", help: "Empty the log files first", group: "Output" },
  "metrics-address": {
    kind: "value",
    value: "ADDR",
    env: "SPINKUBE_METRICS_ADDRESS",
    help: "Serve metrics for Prometheus on this address and port, under /metrics",
    parse: parseListenAddress,
    group: "Output",
  },
  "live-page": {
    kind: "value",
    value: "ADDR",
    bare: "on",
    help: "Show requests, logs and instances on a page for this machine's browsers: on (at " +
      "127.0.0.1:3080 or the next free port), off, or an address",
    parse: parseLivePage,
    group: "Output",
  },
  "experimental-wasi-otel": {
    kind: "boolean",
    env: "SPINKUBE_EXPERIMENTAL_WASI_OTEL",
    help: "Let components import wasi:otel@0.2.0-rc.2",
    group: "Output",
  },
  "record-calls": {
    kind: "value",
    value: "FILE",
    env: "SPINKUBE_RECORD_CALLS",
    help: "Write to a file which functions of the host the components call, once each",
    group: "Output",
  },
} as const;

const LIMITS = {
  workers: {
    kind: "value",
    value: "N",
    default: "one per CPU that the process may use, fewer in little memory",
    help: "Isolates that serve in parallel",
    parse: parseCount,
    group: "Limits",
  },
  "max-instance-memory": {
    kind: "value",
    value: "BYTES",
    env: "SPIN_MAX_INSTANCE_MEMORY",
    help: "Linear memory one instance may have",
    parse: parseCount,
    group: "Limits",
  },
  instances: {
    kind: "value",
    value: "auto|fresh|copy|copy-on-write",
    help: "Force a way to make instances fresh",
    parse: parseInstances,
    hidden: true,
  },
  "cpu-limit": {
    kind: "value",
    value: "TIME",
    default: "10s",
    help: "CPU time one request may use; 0 for no limit",
    parse: parseDuration,
    group: "Limits",
  },
  "max-instance-reuse-count": {
    kind: "value",
    value: "RANGE",
    default: "128",
    help: "Requests one instance of a WASI 0.3 component serves: N, or A..B, at random below B",
    parse: (text: string) => parseRange(text, parseCount),
    group: "Limits",
  },
  "max-instance-concurrent-reuse-count": {
    kind: "value",
    value: "RANGE",
    default: "16",
    help: "Requests one such instance serves at once",
    parse: (text: string) => parseRange(text, parseCount),
    group: "Limits",
  },
  "request-timeout": {
    kind: "value",
    value: "RANGE",
    help: "Time one request to such a component may take",
    parse: (text: string) => parseRange(text, parseDuration),
    group: "Limits",
  },
  "idle-instance-timeout": {
    kind: "value",
    value: "RANGE",
    default: "1s",
    help: "Time such an instance is kept without requests",
    parse: (text: string) => parseRange(text, parseDuration),
    group: "Limits",
  },
  "grace-period": {
    kind: "value",
    value: "TIME",
    default: "30s",
    help: "Time that requests get to end when the host is told to stop",
    parse: parseDuration,
    group: "Limits",
  },
} as const;

/** Options that are checked but change nothing here. `up` says so once per option. */
const IGNORED = {
  cache: { kind: "value", value: "FILE", help: "Cache of Wasmtime", hidden: true },
  "disable-cache": { kind: "boolean", help: "Cache of Wasmtime", hidden: true },
  "disable-pooling": { kind: "boolean", help: "Allocator of Wasmtime", hidden: true },
  "debug-info": { kind: "boolean", help: "Debug information of Wasmtime", hidden: true },
  "http1-max-buf-size": {
    kind: "value",
    value: "BYTES",
    env: "SPIN_HTTP1_MAX_BUF_SIZE",
    help: "Read buffer of HTTP/1 connections",
    parse: parseHttp1Buffer,
    hidden: true,
  },
} as const;

const WASMTIME = "belongs to Wasmtime, which is not used here";

/** Why an option of {@link UP} that is accepted has no effect. */
export const IGNORED_OPTIONS: Readonly<Record<keyof typeof IGNORED, string>> = {
  cache: WASMTIME,
  "disable-cache": WASMTIME,
  "disable-pooling": WASMTIME,
  "debug-info": WASMTIME,
  "http1-max-buf-size": "has no counterpart: Deno's HTTP server sizes its buffers itself",
};

/** The command `up`. */
export const UP = defineCommand({
  name: "spinkube up",
  summary: "Serves a Spin app on this machine until it is stopped.",
  usage: "[OPTIONS] [-- ARGUMENTS OF A COMMAND]",
  details: [
    "Without `--from`, the app is the `spin.toml` of this directory or of the next one above. Beside manifests, directories, `.wasm` files and images of a registry, it serves Kubernetes manifests of SpinApps as a cluster would.",
    "The address and the routes are printed on standard output, everything else on standard error. Stores, databases and logs are kept in `.spin/` beside the manifest.",
  ],
  options: { ...APP, ...HTTP, ...DATA, ...OUTPUT, ...LIMITS, ...IGNORED },
  examples: [
    "spinkube up --build",
    "spinkube up -f ./app --listen 127.0.0.1:8080 --variable greeting=Hello",
  ],
  hasWords: true,
});

/** What the user gave to `up`. */
export type UpValues = OptionValues<typeof UP.options>;

function parseEnvironmentFlag(text: string): [string, string] {
  const separator = text.indexOf("=");
  if (separator < 0) {
    throw new SyntaxError("Environment variable must be of the form `key=value`");
  }
  return [text.slice(0, separator), text.slice(separator + 1)];
}

function parseAppFlag(text: string): [name: string, source: string] {
  const separator = text.indexOf("=");
  if (separator < 1 || separator === text.length - 1) {
    throw new SyntaxError("give NAME=APP, such as shop=./shop");
  }
  return [text.slice(0, separator), text.slice(separator + 1)];
}

function parseServiceFlag(text: string): [host: string, address: ListenAddress] {
  const separator = text.indexOf("=");
  if (separator < 1) throw new SyntaxError("give HOST=ADDR, such as shop=127.0.0.1:3001");
  return [text.slice(0, separator), parseListenAddress(text.slice(separator + 1))];
}

function parseInstances(text: string): HostOptions["instances"] {
  const strategies: readonly string[] = ["auto", "fresh", "copy", "copy-on-write"];
  if (strategies.includes(text)) return text as HostOptions["instances"];
  throw new SyntaxError(`give ${strategies.join(", ")}`);
}

function parseFormat(text: string): "plain" | "json" {
  if (text === "plain" || text === "json") return text;
  throw new SyntaxError('give "plain" or "json"');
}

function parseCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new SyntaxError("give a whole number from 1 on");
}

function parseHttp1Buffer(text: string): number {
  const bytes = parseCount(text);
  if (bytes >= MIN_HTTP1_BUFFER) return bytes;
  throw new SyntaxError(`give at least ${MIN_HTTP1_BUFFER}`);
}

/** `A`, or `A..B` with B excluded. */
function parseRange(text: string, parse: (text: string) => number): [from: number, to: number] {
  const [first = "", second, ...others] = text.split("..");
  const from = parse(first);
  const to = second === undefined ? from : parse(second);
  if (others.length > 0 || (second !== undefined && to <= from)) {
    throw new SyntaxError("give a value, or a range A..B in which B is the greater one");
  }
  return [from, to];
}

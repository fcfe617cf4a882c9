/**
 * The command line of the mode `controller`: the flags of SpinKube's operator.
 *
 * @module
 */

import { UsageError } from "../../lib/errors.ts";
import { anyAddress } from "./any_address.ts";
import { readGoFlags } from "../../lib/go_flags.ts";
import { isLogLevel, type LogLevel } from "../../lib/structured_log.ts";

/** What the operator is told. */
export interface ManagerOptions {
  /** Where metrics are served; undefined: nowhere. */
  readonly metricsAddress: SocketAddress | undefined;
  /** Metrics by HTTPS, for those whom Kubernetes lets read them. */
  readonly isMetricsSecure: boolean;
  readonly healthAddress: SocketAddress | undefined;
  readonly leaderElection: boolean;
  /** Undefined: admission is left to the rules of the CRDs. */
  readonly webhooks: WebhookOptions | undefined;
  /** Whether nodes get what Shims say. */
  readonly hasShims: boolean;
  /** Path of a kubeconfig; empty: `KUBECONFIG`, the pod's own, or that of the user. */
  readonly kubeconfig: string;
  /** A file with the executor that is made if there is none of its name; empty: none. */
  readonly defaultExecutor: string;
  /** Only this namespace; empty: all. */
  readonly namespace: string;
  /** Apps that are worked on at the same time. */
  readonly workers: number;
  readonly log: { readonly level: LogLevel; readonly format: "json" | "console" };
}

/** How admission requests reach this process, and where its certificate is. */
export interface WebhookOptions {
  readonly port: number;
  /** Directory with `tls.crt` and `tls.key`, if somebody else makes them. */
  readonly certificateDir: string;
  /** The Service and the Secret are in the operator's namespace. */
  readonly serviceName: string;
  readonly secretName: string;
  readonly mutatingConfiguration: string;
  readonly validatingConfiguration: string;
}

/** Where to listen. */
export interface SocketAddress {
  readonly hostname: string;
  readonly port: number;
}

const TEXTS = [
  "metrics-bind-address",
  "health-probe-bind-address",
  "webhook-cert-dir",
  "webhook-port",
  "webhook-service-name",
  "webhook-secret-name",
  "mutating-webhook-configuration",
  "validating-webhook-configuration",
  "default-executor",
  "kubeconfig",
  "watch-namespace",
  "max-concurrent-reconciles",
  "zap-encoder",
  "zap-log-level",
  "zap-stacktrace-level",
  "zap-time-encoding",
] as const;

const SWITCHES = [
  "leader-elect",
  "enable-webhooks",
  "enable-shims",
  "metrics-secure",
  "enable-http2",
  "zap-devel",
] as const;

const DEFAULTS: Readonly<Record<typeof TEXTS[number], string>> = {
  "metrics-bind-address": ":8080",
  "health-probe-bind-address": ":8082",
  "webhook-cert-dir": "/tmp/k8s-webhook-server/serving-certs",
  "webhook-port": "9443",
  "webhook-service-name": "spin-operator-webhook-service",
  "webhook-secret-name": "webhook-server-cert",
  "mutating-webhook-configuration": "spin-operator-mutating-webhook-configuration",
  "validating-webhook-configuration": "spin-operator-validating-webhook-configuration",
  "default-executor": "",
  kubeconfig: "",
  "watch-namespace": "",
  "max-concurrent-reconciles": "8",
  "zap-encoder": "",
  "zap-log-level": "",
  "zap-stacktrace-level": "",
  "zap-time-encoding": "",
};

/** Values that have a fixed set; empty means the default. */
const CHOICES: Partial<Record<typeof TEXTS[number], readonly string[]>> = {
  "zap-encoder": ["", "json", "console"],
  "zap-stacktrace-level": ["", "info", "error", "panic"],
  "zap-time-encoding": ["", "epoch", "millis", "nanos", "iso8601", "rfc3339", "rfc3339nano"],
};

/** What `--help` prints. */
export const MANAGER_HELP = `Runs the operator: makes Deployments and Services for SpinApps.

Usage: spinkube controller [FLAGS]

  --leader-elect                   Work only while no other replica does
  --enable-webhooks                Check and complete SpinApps when they are written
  --enable-shims=false             Leave Shims, and with them the nodes, to somebody else
  --metrics-bind-address ADDR      Default :8080; 0 for none
  --metrics-secure=false           Metrics by plain HTTP, for everybody
  --health-probe-bind-address ADDR Default :8082; 0 for none
  --webhook-cert-dir DIR           Certificate of the webhooks; without one, it is made
  --webhook-port PORT              Default 9443
  --webhook-service-name, --webhook-secret-name,
  --mutating-webhook-configuration, --validating-webhook-configuration NAME
                                   Objects of the webhooks; defaults are the chart's names
  --default-executor FILE          YAML of an executor; made if there is none of its name
  --watch-namespace NAMESPACE      Apps of this namespace only
  --max-concurrent-reconciles N    Apps that are worked on at once; default 8
  --kubeconfig FILE                Default: KUBECONFIG, the pod's account, ~/.kube/config
  --zap-log-level LEVEL            debug, info, error, or a number above 0 for debug
  --zap-encoder json|console       Default: json, console with --zap-devel

Flags may have one dash or two. --enable-http2, --zap-stacktrace-level and --zap-time-encoding are
accepted and have no effect.

Examples:
  spinkube controller --kubeconfig ~/.kube/config
  spinkube controller --leader-elect --enable-webhooks --metrics-bind-address=:8443`;

/**
 * Reads the flags.
 * @throws {UsageError} with everything that is wrong.
 */
export function parseManagerOptions(args: readonly string[]): ManagerOptions {
  const { texts, switches, words, ...flags } = readGoFlags(args, {
    texts: TEXTS,
    switches: SWITCHES,
  });
  const problems = [...flags.problems, ...words.map((word) => `unexpected argument "${word}"`)];
  const text = (name: typeof TEXTS[number]): string => texts.get(name) ?? DEFAULTS[name];
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = text(name as typeof TEXTS[number]);
    if (choices.includes(value)) continue;
    const known = choices.filter((choice) => choice !== "").join(", ");
    problems.push(`invalid value "${value}" for flag -${name}: must be one of ${known}`);
  }
  const address = (name: typeof TEXTS[number]): SocketAddress | undefined => {
    const value = text(name);
    if (value === "0" || value === "") return undefined;
    const parsed = parseAddress(value);
    if (!parsed) problems.push(`invalid value "${value}" for flag -${name}: must be HOST:PORT`);
    return parsed;
  };
  const count = (name: typeof TEXTS[number], max: number): number => {
    const value = Number(text(name));
    if (Number.isInteger(value) && value > 0 && value <= max) return value;
    problems.push(`invalid value "${text(name)}" for flag -${name}: must be 1 to ${max}`);
    return 1;
  };
  const webhooks: WebhookOptions = {
    port: count("webhook-port", 65_535),
    certificateDir: text("webhook-cert-dir"),
    serviceName: text("webhook-service-name"),
    secretName: text("webhook-secret-name"),
    mutatingConfiguration: text("mutating-webhook-configuration"),
    validatingConfiguration: text("validating-webhook-configuration"),
  };
  const options: ManagerOptions = {
    metricsAddress: address("metrics-bind-address"),
    isMetricsSecure: switches.get("metrics-secure") ?? true,
    healthAddress: address("health-probe-bind-address"),
    leaderElection: switches.get("leader-elect") ?? false,
    webhooks: switches.get("enable-webhooks") ? webhooks : undefined,
    hasShims: switches.get("enable-shims") ?? true,
    kubeconfig: text("kubeconfig"),
    defaultExecutor: text("default-executor"),
    namespace: text("watch-namespace"),
    workers: count("max-concurrent-reconciles", 1_000),
    log: {
      level: parseLevel(text("zap-log-level"), problems),
      format: logFormat(text("zap-encoder"), switches.get("zap-devel") ?? false),
    },
  };
  if (problems.length === 0) return options;
  throw new UsageError(problems.join("\n"), 'See "spinkube controller --help".');
}

/** `:8082`, `127.0.0.1:8082` or `[::1]:8082`. */
function parseAddress(text: string): SocketAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  return { hostname: match[1] ?? (match[2] || anyAddress()), port };
}

function parseLevel(text: string, problems: string[]): LogLevel {
  if (text === "") return "info";
  if (/^[1-9]\d*$/.test(text)) return "debug";
  // Go's logger knows one more, which nothing here is.
  const level = text === "panic" ? "error" : text;
  if (isLogLevel(level)) return level;
  problems.push(
    `invalid value "${text}" for flag -zap-log-level: must be debug, info, error, panic or a number ` +
      "above 0",
  );
  return "info";
}

function logFormat(encoder: string, isDevelopment: boolean): "json" | "console" {
  if (encoder === "json" || encoder === "console") return encoder;
  return isDevelopment ? "console" : "json";
}

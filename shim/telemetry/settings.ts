/**
 * Where telemetry is sent, as the environment says: the variables of OpenTelemetry that Spin honours.
 * Follows spin:crates/telemetry.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";

/** Reads one variable of the environment. */
export type Environment = (name: string) => string | undefined;

/** How messages are sent. */
export type OtlpProtocol = "http/protobuf" | "http/json" | "grpc";

/** The receiver of one signal. */
export interface Receiver {
  /** The whole URL for HTTP; for gRPC the server's. */
  readonly url: string;
  readonly protocol: OtlpProtocol;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds that one request may take. */
  readonly timeoutMs: number;
  /** Milliseconds between two sendings. */
  readonly intervalMs: number;
}

/** Which traces are recorded. */
export interface Sampling {
  /** The part of the traces that begin here: 0 to 1. */
  readonly ratio: number;
  /** Whether a caller that has decided is followed. */
  readonly followsParent: boolean;
}

/** What is sent, and where to. Can be posted to a worker. */
export interface TelemetrySettings {
  readonly traces?: Receiver;
  readonly metrics?: Receiver;
  readonly logs?: Receiver;
  readonly sampling: Sampling;
  /** Attributes of the resource, `service.name` among them. */
  readonly resource: Readonly<Record<string, string>>;
  /** Whether what components write to their standard streams is sent as logs. */
  readonly sendsOutput: boolean;
}

/** Signal → its part of the variables' names, its path, and the default of its interval. */
const SIGNALS = {
  traces: { name: "TRACES", path: "v1/traces", interval: "OTEL_BSP_SCHEDULE_DELAY", ms: 5_000 },
  metrics: {
    name: "METRICS",
    path: "v1/metrics",
    interval: "OTEL_METRIC_EXPORT_INTERVAL",
    ms: 60_000,
  },
  logs: { name: "LOGS", path: "v1/logs", interval: "OTEL_BLRP_SCHEDULE_DELAY", ms: 1_000 },
} as const;

type SignalName = keyof typeof SIGNALS;

const PROTOCOLS: readonly string[] = ["http/protobuf", "http/json", "grpc"];

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Reads the settings.
 * @returns undefined if nothing is to be sent.
 * @throws {TerminalError} with every variable that makes no sense.
 */
export function readTelemetrySettings(
  environment: Environment,
  { version }: { version: string },
): TelemetrySettings | undefined {
  // Any value, as Spin has it.
  if (environment("OTEL_SDK_DISABLED")) return undefined;
  const problems: string[] = [];
  const receivers: { -readonly [K in SignalName]?: Receiver } = {};
  for (const signal of Object.keys(SIGNALS) as SignalName[]) {
    const receiver = readReceiver(signal, { environment, problems });
    if (receiver && !(signal === "traces" && hasNoSpans(environment))) {
      receivers[signal] = receiver;
    }
  }
  const settings = {
    ...receivers,
    sampling: readSampling(environment, problems),
    resource: readResource(environment, { version, problems }),
    sendsOutput: !environment("SPIN_DISABLE_LOG_TO_TRACING"),
  };
  if (problems.length > 0) throw new TerminalError("InvalidTelemetry", problems.join("\n"));
  return Object.keys(receivers).length > 0 ? settings : undefined;
}

/** Every span of the host is of the level "info". */
function hasNoSpans(environment: Environment): boolean {
  return /^(?:off|error|warn)$/i.test(environment("SPIN_OTEL_TRACING_LEVEL") ?? "");
}

interface Reading {
  readonly environment: Environment;
  readonly problems: string[];
}

function readReceiver(signal: SignalName, reading: Reading): Receiver | undefined {
  const { name, path, interval, ms } = SIGNALS[signal];
  const own = `OTEL_EXPORTER_OTLP_${name}_ENDPOINT`;
  const variable = reading.environment(own) ? own : "OTEL_EXPORTER_OTLP_ENDPOINT";
  const endpoint = reading.environment(variable);
  if (!endpoint) return undefined;
  const url = URL.parse(endpoint);
  if (!url || !/^https?:$/.test(url.protocol)) {
    reading.problems.push(
      `${variable} is "${endpoint}", which is no http:// or https:// URL; give one such as ` +
        "http://otel-collector:4318",
    );
    return undefined;
  }
  const protocol = readProtocol(name, reading);
  // The variable of all signals is a base; that of one is taken as it is.
  const isWhole = protocol === "grpc" || variable === own;
  return {
    url: isWhole ? endpoint : `${endpoint.replace(/\/$/, "")}/${path}`,
    protocol,
    headers: readHeaders(name, reading),
    timeoutMs: readNumber(
      [`OTEL_EXPORTER_OTLP_${name}_TIMEOUT`, "OTEL_EXPORTER_OTLP_TIMEOUT"],
      { ...reading, fallback: DEFAULT_TIMEOUT_MS },
    ),
    intervalMs: readNumber([interval], { ...reading, fallback: ms }),
  };
}

function readProtocol(signal: string, { environment, problems }: Reading): OtlpProtocol {
  const names = [`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, "OTEL_EXPORTER_OTLP_PROTOCOL"];
  const variable = names.find((name) => environment(name));
  const protocol = variable === undefined ? "http/protobuf" : environment(variable)!;
  if (PROTOCOLS.includes(protocol)) return protocol as OtlpProtocol;
  problems.push(`${variable} is "${protocol}"; give ${PROTOCOLS.join(", ")}`);
  return "http/protobuf";
}

function readHeaders(signal: string, { environment, problems }: Reading): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ["OTEL_EXPORTER_OTLP_HEADERS", `OTEL_EXPORTER_OTLP_${signal}_HEADERS`]) {
    for (const [key, value] of readPairs(name, { environment, problems })) {
      headers[key.toLowerCase()] = value;
    }
  }
  return headers;
}

/** `a=b,c=d`, with values percent-encoded, as W3C Baggage has it. */
function readPairs(name: string, { environment, problems }: Reading): [string, string][] {
  const pairs: [string, string][] = [];
  for (const item of (environment(name) ?? "").split(",")) {
    if (item.trim() === "") continue;
    const separator = item.indexOf("=");
    const key = item.slice(0, separator).trim();
    if (separator < 1 || key === "") {
      problems.push(`${name} has "${item.trim()}"; give key=value pairs, separated by commas`);
      continue;
    }
    pairs.push([key, percentDecoded(item.slice(separator + 1).trim())]);
  }
  return pairs;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that encodes nothing stands for itself.
    return text;
  }
}

/** A whole number of milliseconds, from 1 on. */
function readNumber(
  names: readonly string[],
  { environment, problems, fallback }: Reading & { fallback: number },
): number {
  const name = names.find((candidate) => environment(candidate));
  if (name === undefined) return fallback;
  const text = environment(name)!;
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number > 0 && number < 2 ** 31) return number;
  problems.push(`${name} is "${text}"; give a whole number of milliseconds from 1 on`);
  return fallback;
}

const SAMPLERS: Readonly<Record<string, (ratio: number) => Sampling>> = {
  always_on: () => ({ ratio: 1, followsParent: false }),
  always_off: () => ({ ratio: 0, followsParent: false }),
  traceidratio: (ratio) => ({ ratio, followsParent: false }),
  parentbased_always_on: () => ({ ratio: 1, followsParent: true }),
  parentbased_always_off: () => ({ ratio: 0, followsParent: true }),
  parentbased_traceidratio: (ratio) => ({ ratio, followsParent: true }),
};

function readSampling(environment: Environment, problems: string[]): Sampling {
  const name = environment("OTEL_TRACES_SAMPLER") || "parentbased_always_on";
  const text = environment("OTEL_TRACES_SAMPLER_ARG");
  const ratio = text ? Number(text) : 1;
  if (!(ratio >= 0 && ratio <= 1)) {
    problems.push(`OTEL_TRACES_SAMPLER_ARG is "${text}"; give a number from 0 to 1`);
  }
  if (Object.hasOwn(SAMPLERS, name)) return SAMPLERS[name]!(ratio);
  problems.push(`OTEL_TRACES_SAMPLER is "${name}"; give ${Object.keys(SAMPLERS).join(", ")}`);
  return SAMPLERS.parentbased_always_on!(1);
}

function readResource(
  environment: Environment,
  { version, problems }: { version: string; problems: string[] },
): Record<string, string> {
  const given = readPairs("OTEL_RESOURCE_ATTRIBUTES", { environment, problems });
  const name = environment("OTEL_SERVICE_NAME");
  return {
    "service.name": "spin",
    "service.version": version,
    ...Object.fromEntries(given),
    ...(name ? { "service.name": name } : {}),
    "telemetry.sdk.name": "spinkube",
    "telemetry.sdk.language": "deno",
    "telemetry.sdk.version": version,
  };
}

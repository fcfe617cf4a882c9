/**
 * The environment of an app's container.
 *
 * @module
 */

import { OPERATOR, VARIABLE_PREFIX } from "./contract.ts";
import { parseQuantity, quantityBytes } from "./quantity.ts";
import type { SpinApp } from "./spin_app.ts";
import type { DeploymentConfig } from "./spin_app_executor.ts";
import { TerminalError } from "../lib/errors.ts";
import type { EnvVar } from "../lib/kube/workload_types.ts";

/** Where the app listens in its pods. */
export function appPort(app: SpinApp): number {
  return app.spec.port ?? OPERATOR.port;
}

/**
 * The environment, in the order that SpinKube has: variables, address, telemetry, limits, components;
 * then what the user adds.
 * @throws {TerminalError} if the memory limit is no quantity, or a name occurs twice.
 */
export function buildEnvironment(app: SpinApp, config: DeploymentConfig): EnvVar[] {
  const { variables = [], components, env = [] } = app.spec;
  const memory = memoryLimit(app);
  const all: EnvVar[] = [
    ...variables.map(({ name, value, valueFrom }) => ({
      name: VARIABLE_PREFIX + name.toUpperCase(),
      ...(value === undefined ? {} : { value }),
      ...(valueFrom === undefined ? {} : { valueFrom }),
    })),
    { name: "SPIN_HTTP_LISTEN_ADDR", value: `0.0.0.0:${appPort(app)}` },
    ...telemetry(config),
    ...(memory === undefined ? [] : [{ name: "SPIN_MAX_INSTANCE_MEMORY", value: memory }]),
    ...(components?.length
      ? [{ name: "SPIN_COMPONENTS_TO_RETAIN", value: components.join(",") }]
      : []),
    ...env,
  ];
  refuseDuplicates(all);
  return all;
}

function telemetry({ otel = {} }: DeploymentConfig): EnvVar[] {
  const endpoints: [name: string, value: string | undefined][] = [
    ["OTEL_EXPORTER_OTLP_ENDPOINT", otel.exporter_otlp_endpoint],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", otel.exporter_otlp_traces_endpoint],
    ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", otel.exporter_otlp_metrics_endpoint],
    ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", otel.exporter_otlp_logs_endpoint],
  ];
  return endpoints.flatMap(([name, value]) => value ? [{ name, value }] : []);
}

/** Bytes, as text. Keys other than `memory` are for other executors. */
function memoryLimit({ spec }: SpinApp): string | undefined {
  const text = spec.invocationLimits?.memory;
  if (text === undefined) return undefined;
  const quantity = parseQuantity(text);
  if (quantity === undefined) {
    throw new TerminalError(
      "InvalidLimit",
      `failed to parse memory limit ${JSON.stringify(text)}: it must be a quantity such as 128Mi`,
    );
  }
  return String(quantityBytes(quantity));
}

/** Kubernetes keeps one of several entries with the same name, and refuses to apply them. */
function refuseDuplicates(env: readonly EnvVar[]): void {
  const seen = new Set<string>();
  const twice = env.filter(({ name }) => seen.has(name) || !seen.add(name)).map(({ name }) => name);
  if (twice.length === 0) return;
  throw new TerminalError(
    "DuplicateVariable",
    `the environment would have ${
      [...new Set(twice)].join(", ")
    } more than once; rename one of the ` +
      "variables that differ in case only, or remove it from spec.env",
  );
}

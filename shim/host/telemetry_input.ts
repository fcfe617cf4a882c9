/**
 * Whether telemetry is wanted, and how: what the environment says. The code for it is loaded if it
 * is.
 *
 * @module
 */

import { VERSION } from "../../lib/version.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";

/** The variables without any of which nothing is recorded. */
const ENDPOINTS: readonly string[] = [
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
];

/**
 * Reads what is to be recorded, and where it is sent to.
 * @returns undefined if nothing is.
 * @throws {TerminalError} by rejection, with every variable that makes no sense.
 */
export async function readTelemetry(
  environment: (name: string) => string | undefined,
): Promise<TelemetrySettings | undefined> {
  if (!ENDPOINTS.some((name) => environment(name))) return undefined;
  const { readTelemetrySettings } = await import("../telemetry/settings.ts");
  return readTelemetrySettings(environment, { version: VERSION });
}

/**
 * The probes of an app's container.
 *
 * @module
 */

import type { HealthProbe, SpinApp } from "../../crds/spin_app.ts";
import { TerminalError } from "../../lib/errors.ts";
import type { Probe } from "../../lib/kube/workload_types.ts";
import { appPort } from "../../crds/environment.ts";

/** What a probe has where the schema's defaults are missing. */
const DEFAULTS = {
  initialDelaySeconds: 10,
  timeoutSeconds: 1,
  periodSeconds: 10,
  successThreshold: 1,
  failureThreshold: 3,
} as const;

/**
 * The probes by their names in a container.
 * @throws {TerminalError} if one does not say what to ask for.
 */
export function buildProbes(app: SpinApp): { livenessProbe?: Probe; readinessProbe?: Probe } {
  const { liveness, readiness } = app.spec.checks ?? {};
  const port = appPort(app);
  return {
    ...(liveness ? { livenessProbe: buildProbe(liveness, { name: "liveness", port }) } : {}),
    ...(readiness ? { readinessProbe: buildProbe(readiness, { name: "readiness", port }) } : {}),
  };
}

function buildProbe(
  probe: HealthProbe,
  { name, port }: { name: string; port: number },
): Probe {
  if (!probe.httpGet) {
    throw new TerminalError(
      "InvalidProbe",
      `failed to construct ${name} probe: probe exists but with unknown configuration, expected ` +
        "httpGet",
    );
  }
  const { path, httpHeaders } = probe.httpGet;
  return {
    httpGet: {
      path,
      port,
      ...(httpHeaders?.length
        ? { httpHeaders: httpHeaders.map(({ name, value }) => ({ name, value })) }
        : {}),
    },
    initialDelaySeconds: probe.initialDelaySeconds ?? DEFAULTS.initialDelaySeconds,
    timeoutSeconds: probe.timeoutSeconds ?? DEFAULTS.timeoutSeconds,
    periodSeconds: probe.periodSeconds ?? DEFAULTS.periodSeconds,
    successThreshold: probe.successThreshold ?? DEFAULTS.successThreshold,
    failureThreshold: probe.failureThreshold ?? DEFAULTS.failureThreshold,
  };
}

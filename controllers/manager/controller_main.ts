/**
 * The mode `controller`.
 *
 * @module
 */

import { hostname } from "node:os";
import { OPERATOR } from "../../crds/contract.ts";
import { makeSelfSignedCertificate } from "../../lib/certificates.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { type ClusterConfig, loadClusterConfig } from "../../lib/kube/kubeconfig.ts";
import { type HeldLease, holdLease } from "../../lib/kube/lease.ts";
import { KubeTransport } from "../../lib/kube/transport.ts";
import { createLog, type Log } from "../../lib/structured_log.ts";
import {
  type DefaultExecutor,
  ensureDefaultExecutor,
  parseDefaultExecutor,
} from "./default_executor.ts";
import { createWatchedCluster, hasSynced, runControllers, startWatching } from "./manager.ts";
import { createManagerMetrics } from "./manager_metrics.ts";
import { MANAGER_HELP, type ManagerOptions, parseManagerOptions } from "./manager_options.ts";
import { serveMetrics } from "./metrics_server.ts";
import { serveProbes } from "./probe_server.ts";

/** The lease that the leader holds, as the original's. */
const LEASE = "90ba2d18.spinkube.dev";

const NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/** Milliseconds that work in hand gets to end. */
const STOP_MS = 30_000;

/** Exit code of a leader that is none any more: another replica goes on. */
const LEADERSHIP_LOST = 1;

/**
 * Runs the operator until SIGTERM or Ctrl-C.
 * @returns The exit code: 0, or 1 if leadership was lost.
 * @throws {UsageError | TerminalError} if it cannot be started.
 */
export async function runController(
  args: readonly string[],
  { version }: { version: string },
): Promise<number> {
  if (args.some((word) => /^--?h(?:elp)?$/.test(word))) {
    console.log(MANAGER_HELP);
    return 0;
  }
  const options = parseManagerOptions(args);
  const log = createLog(options.log);
  const executor = readDefaultExecutor(options.defaultExecutor);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  const config = findCluster(options.kubeconfig);
  const metrics = createManagerMetrics(new URL(config.server).host);
  const transport = new KubeTransport(config, {
    userAgent: `spinkube/${version} (controller)`,
    observer: metrics.requests,
  });
  const client = new KubeClient(transport, { fieldManager: OPERATOR.fieldManager });
  log.info("Starting", { version, server: config.server, context: config.context });
  const manager = { options, log, client, metrics, config, executor };
  try {
    return await run(manager, stop.signal);
  } finally {
    transport.close();
  }
}

interface Manager {
  readonly options: ManagerOptions;
  readonly log: Log;
  readonly client: KubeClient;
  readonly metrics: ReturnType<typeof createManagerMetrics>;
  readonly config: ClusterConfig;
  readonly executor: DefaultExecutor | undefined;
}

async function run(manager: Manager, signal: AbortSignal): Promise<number> {
  const { options, log, client, metrics } = manager;
  // What serves stops last: probes and metrics are asked for until the end.
  const serving = new AbortController();
  const holding = new AbortController();
  const cluster = createWatchedCluster({ namespace: options.namespace, log });
  const watching = startWatching(cluster, { client, signal: serving.signal });
  const probes = options.healthAddress && serveProbes(options.healthAddress, {
    log,
    checks: {
      healthz: { healthz: () => true },
      readyz: { readyz: () => hasSynced(cluster) },
    },
  });
  const metricsServer = options.metricsAddress &&
    serveMetrics(options.metricsAddress, {
      metrics,
      log,
      ...(options.isMetricsSecure &&
        { secure: { client, ...await makeSelfSignedCertificate(["localhost"]) } }),
    });
  try {
    const lease = options.leaderElection
      ? await lead(manager, { signal, holding: holding.signal })
      : undefined;
    if (signal.aborted) return 0;
    metrics.setLeader(true);
    const { executor } = manager;
    const working = Promise.all([
      runControllers(
        { client, cluster, log, metrics, workers: options.workers },
        { signal, lease },
      ),
      executor && ensureDefaultExecutor(client, {
        executor,
        log,
        signal: AbortSignal.any([signal, ...(lease ? [lease.lost] : [])]),
      }),
    ]);
    await Promise.race([working, afterAbort(signal, STOP_MS)]);
    if (lease?.lost.aborted && !signal.aborted) {
      log.error("Leadership was lost", { error: errorText(lease.lost.reason) });
      return LEADERSHIP_LOST;
    }
    // Given back when nothing is written any more.
    holding.abort();
    await lease?.released;
    return 0;
  } finally {
    holding.abort();
    serving.abort();
    await Promise.all([probes?.shutdown(), metricsServer?.shutdown(), watching]);
  }
}

function findCluster(path: string): ClusterConfig {
  return loadClusterConfig(path === "" ? {} : { path }, {
    environment: (name) => Deno.env.get(name),
    readTextFile: (file) => Deno.readTextFileSync(file),
    homeDir: Deno.env.get("HOME"),
  });
}

/** @throws {TerminalError} if the file cannot be read, or holds no executor. */
function readDefaultExecutor(path: string): DefaultExecutor | undefined {
  if (path === "") return undefined;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new TerminalError(
      "NoDefaultExecutor",
      `--default-executor: cannot read "${path}" (${
        errorText(error)
      }); give a file that is there, ` +
        "or leave the flag out",
      { cause: error },
    );
  }
  return parseDefaultExecutor(text, path);
}

/**
 * Waits until this process is the leader, which it stays until `holding` fires.
 * @returns Undefined if the signal fired before.
 */
async function lead(
  { log, client }: Manager,
  { signal, holding }: { signal: AbortSignal; holding: AbortSignal },
): Promise<HeldLease | undefined> {
  const own = new AbortController();
  const end = (): void => own.abort();
  signal.addEventListener("abort", end);
  holding.addEventListener("abort", end, { once: true });
  const namespace = ownNamespace();
  const identity = `${hostname()}_${crypto.randomUUID()}`;
  log.info("Waiting to be the leader", { lease: LEASE, namespace, identity });
  const lease = await holdLease(client, {
    namespace,
    name: LEASE,
    identity,
    signal: own.signal,
    onTrouble: (error) => log.warn("Cannot use the lease", { error: errorText(error) }),
  });
  // From here on it ends after the work, not before.
  signal.removeEventListener("abort", end);
  if (lease) log.info("This process is the leader", { identity });
  return lease;
}

function ownNamespace(): string {
  const given = Deno.env.get("POD_NAMESPACE");
  if (given) return given;
  try {
    return Deno.readTextFileSync(NAMESPACE_FILE).trim();
  } catch (error) {
    throw new TerminalError(
      "NoNamespace",
      `--leader-elect needs the namespace of the lease, and this process runs in no pod ` +
        `(${errorText(error)}); set POD_NAMESPACE, or leave --leader-elect out`,
      { cause: error },
    );
  }
}

/** Resolves some time after the signal has fired. */
function afterAbort(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const start = (): void => {
      Deno.unrefTimer(setTimeout(resolve, ms));
    };
    if (signal.aborted) start();
    else signal.addEventListener("abort", start, { once: true });
  });
}

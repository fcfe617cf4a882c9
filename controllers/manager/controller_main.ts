/**
 * The mode `controller`.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import { makeSelfSignedCertificate } from "../../lib/certificates.ts";
import { errorText } from "../../lib/errors.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { type ClusterConfig, loadClusterConfig } from "../../lib/kube/kubeconfig.ts";
import { KubeTransport } from "../../lib/kube/transport.ts";
import { createLog, type Log } from "../../lib/structured_log.ts";
import { readShimSettings, type ShimSettings } from "../shim/shim_settings.ts";
import type { Cluster } from "../spin_app/cluster.ts";
import {
  type DefaultExecutor,
  ensureDefaultExecutor,
  readDefaultExecutor,
} from "./default_executor.ts";
import { lead } from "./leadership.ts";
import { createWatchedCluster, hasSynced, runControllers, startWatching } from "./manager.ts";
import { createManagerMetrics, type ManagerMetrics } from "./manager_metrics.ts";
import { MANAGER_HELP, type ManagerOptions, parseManagerOptions } from "./manager_options.ts";
import { findOwnNamespace } from "./own_namespace.ts";
import { serveMetrics } from "./metrics_server.ts";
import { serveProbes } from "./probe_server.ts";
import { serveWebhooks } from "./serve_webhooks.ts";

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
  const { defaultExecutor } = options;
  const executor = defaultExecutor === "" ? undefined : await readDefaultExecutor(defaultExecutor);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  const config = await findCluster(options.kubeconfig);
  const metrics = createManagerMetrics(new URL(config.server).host);
  const transport = new KubeTransport(config, {
    userAgent: `spinkube/${version} (controller)`,
    observer: metrics.requests,
  });
  const client = new KubeClient(transport, { fieldManager: OPERATOR.fieldManager });
  log.info("Starting", { version, server: config.server, context: config.context });
  const manager = { options, log, client, metrics, executor };
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
  readonly metrics: ManagerMetrics;
  readonly executor: DefaultExecutor | undefined;
}

/** What every replica does until the end: it watches, and answers. */
interface Serving {
  readonly cluster: Cluster;
  /** Rejects if it cannot go on. */
  readonly failed: Promise<never>;
  /** Ends it and waits for that. */
  stop(): Promise<void>;
}

async function run(manager: Manager, signal: AbortSignal): Promise<number> {
  const serving = await serve(manager);
  try {
    return await Promise.race([
      work(manager, { cluster: serving.cluster, signal }),
      serving.failed,
    ]);
  } finally {
    // What serves stops last: probes and metrics are asked for until the end.
    await serving.stop();
  }
}

async function serve({ options, log, client, metrics }: Manager): Promise<Serving> {
  const end = new AbortController();
  const { signal } = end;
  const cluster = createWatchedCluster({ namespace: options.namespace, log });
  const watching = startWatching(cluster, { client, signal });
  const webhooks = options.webhooks &&
    serveWebhooks(options.webhooks, { client, cluster, log, metrics, signal });
  const probes = options.healthAddress && serveProbes(options.healthAddress, {
    log,
    checks: {
      healthz: { healthz: () => true },
      readyz: {
        readyz: () => hasSynced(cluster),
        ...(webhooks && { webhook: () => webhooks.ready() }),
      },
    },
  });
  const metricsServer = options.metricsAddress &&
    serveMetrics(options.metricsAddress, {
      metrics,
      log,
      ...(options.isMetricsSecure &&
        { secure: { client, ...await makeSelfSignedCertificate(["localhost"]) } }),
    });
  const failed = Promise.withResolvers<never>();
  webhooks?.ended.catch(failed.reject);
  return {
    cluster,
    failed: failed.promise,
    async stop() {
      end.abort();
      await Promise.all([probes?.shutdown(), metricsServer?.shutdown(), watching]);
      // Its failure has been told already.
      await webhooks?.ended.catch(() => {});
    },
  };
}

async function work(
  { options, log, client, metrics, executor }: Manager,
  { cluster, signal }: { cluster: Cluster; signal: AbortSignal },
): Promise<number> {
  const holding = new AbortController();
  const lease = options.leaderElection
    ? await lead(client, { log, signal, holding: holding.signal })
    : undefined;
  try {
    if (signal.aborted) return 0;
    metrics.setLeader(true);
    const stop = new AbortController();
    for (const end of [signal, ...(lease ? [lease.lost] : [])]) {
      if (end.aborted) stop.abort();
      end.addEventListener("abort", () => stop.abort(), { once: true });
    }
    const working = Promise.all([
      runControllers(
        {
          ...{ client, cluster, log, metrics },
          workers: options.workers,
          shims: options.hasShims ? findShimSettings() : undefined,
        },
        { signal: stop.signal },
      ),
      executor && ensureDefaultExecutor(client, { executor, log, signal: stop.signal }),
    ]);
    await Promise.race([working, afterAbort(stop.signal, STOP_MS)]);
    if (!lease?.lost.aborted || signal.aborted) return 0;
    log.error("Leadership was lost", { error: errorText(lease.lost.reason) });
    return LEADERSHIP_LOST;
  } finally {
    // Given back when nothing is written any more.
    holding.abort();
    await lease?.released;
  }
}

function findShimSettings(): ShimSettings {
  return readShimSettings((name) => Deno.env.get(name), { ownNamespace: findOwnNamespace() });
}

async function findCluster(path: string): Promise<ClusterConfig> {
  return await loadClusterConfig(path === "" ? {} : { path }, {
    environment: (name) => Deno.env.get(name),
    readTextFile: (file) => Deno.readTextFileSync(file),
    homeDir: Deno.env.get("HOME"),
  });
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

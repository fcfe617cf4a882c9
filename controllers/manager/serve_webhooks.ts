/**
 * The webhooks of this process: with a certificate of somebody else's, or of the operator's own.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { aborted, pause } from "../../lib/kube/retry.ts";
import type { Log } from "../../lib/structured_log.ts";
import type { Cluster } from "../spin_app/cluster.ts";
import { createExecutorLookup } from "../webhooks/executor_lookup.ts";
import { serviceHostNames, startWebhooks, type Webhooks } from "../webhooks/start_webhooks.ts";
import { anyAddress } from "./any_address.ts";
import type { ManagerMetrics } from "./manager_metrics.ts";
import type { WebhookOptions } from "./manager_options.ts";
import { findOwnNamespace } from "./own_namespace.ts";

/** Milliseconds until the next try while the API server cannot be reached. */
const RETRY_MS = 2_000;

/** What {@link serveWebhooks} works with. */
export interface ServeWebhooksInit {
  readonly client: KubeClient;
  readonly cluster: Cluster;
  readonly log: Log;
  readonly metrics: ManagerMetrics;
  /** The end. */
  readonly signal: AbortSignal;
}

/** Webhooks that are being started, or are served. */
export interface ServedWebhooks {
  /** Whether admission works. */
  ready(): Promise<boolean>;
  /** Resolves after the signal, when calls in hand are answered. */
  readonly ended: Promise<void>;
}

/**
 * Serves webhooks until the signal fires. While the API server cannot be reached, they are not ready.
 * `ended` rejects with a {@link TerminalError} if there is no certificate, nor a place for one.
 */
export function serveWebhooks(options: WebhookOptions, init: ServeWebhooksInit): ServedWebhooks {
  let webhooks: Webhooks | undefined;
  async function run(): Promise<void> {
    webhooks = await startPatiently(options, init);
    if (!webhooks) return;
    await aborted(init.signal);
    await webhooks.stop();
  }
  return { ready: async () => await webhooks?.ready() ?? false, ended: run() };
}

async function startPatiently(
  options: WebhookOptions,
  init: ServeWebhooksInit,
): Promise<Webhooks | undefined> {
  while (!init.signal.aborted) {
    try {
      return await start(options, init);
    } catch (error) {
      if (error instanceof TerminalError) throw error;
      init.log.warn("Cannot start the webhooks yet", { error: errorText(error) });
      await pause(RETRY_MS, init.signal).catch(() => {
        // The loop's condition sees that the signal has fired.
      });
    }
  }
  return undefined;
}

async function start(
  options: WebhookOptions,
  { client, cluster, log, metrics }: ServeWebhooksInit,
): Promise<Webhooks> {
  const namespace = findOwnNamespace();
  return await startWebhooks({
    client,
    executors: createExecutorLookup(client, cluster),
    log,
    observer: metrics,
    address: { hostname: anyAddress(), port: options.port },
    certificateDir: options.certificateDir,
    own: namespace === undefined ? undefined : {
      secret: { name: options.secretName, namespace },
      hostNames: serviceHostNames({ name: options.serviceName, namespace }),
    },
    configurations: {
      mutating: options.mutatingConfiguration,
      validating: options.validatingConfiguration,
    },
  });
}

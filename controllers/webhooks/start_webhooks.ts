/**
 * Runs the webhooks: certificate, server, and what the API server knows of them.
 *
 * @module
 */

import { isKeyOf } from "../../lib/certificates.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { isConflict } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Informer } from "../../lib/kube/informer.ts";
import { SECRETS } from "../../lib/kube/workload_types.ts";
import type { Log } from "../../lib/structured_log.ts";
import { AdmissionCheck } from "./admission_check.ts";
import { followCertificateFiles, readCertificateFiles } from "./certificate_files.ts";
import { isSettled, type SharedCertificates } from "./certificate_renewal.ts";
import { ensureCertificateSecret, type SecretName } from "./certificate_secret.ts";
import type { ExecutorLookup } from "./executor_lookup.ts";
import { type ConfigurationNames, WebhookConfigurations } from "./webhook_configurations.ts";
import { type WebhookObserver, WebhookServer } from "./webhook_server.ts";

/** What {@link startWebhooks} works with. */
export interface WebhooksInit {
  readonly client: KubeClient;
  readonly executors: ExecutorLookup;
  readonly log: Log;
  readonly observer?: WebhookObserver;
  /** Where to listen. Port 0: any that is free. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** If it has `tls.crt` and `tls.key` when the webhooks start, they are used as they are. */
  readonly certificateDir: string;
  /** Certificates of our own, for want of such files. Undefined: there is no place for them. */
  readonly own: OwnCertificates | undefined;
  /** The objects by which the API server knows the webhooks. */
  readonly configurations: ConfigurationNames;
  /** The time now; for tests. */
  readonly now?: () => Date;
  readonly timing?: Partial<WebhooksTiming>;
}

/** Certificates that the operator makes for itself. */
export interface OwnCertificates {
  /** Where all replicas keep them. */
  readonly secret: SecretName;
  /** Host names that the API server calls, see {@link serviceHostNames}. */
  readonly hostNames: readonly string[];
}

/** Milliseconds. */
export interface WebhooksTiming {
  /** Files of the certificate directory are read so often. */
  readonly filesMs: number;
  /** Our own certificates are looked at so often. */
  readonly checkMs: number;
  /** After a change that the API server has to notice before the next one. */
  readonly settleMs: number;
  /** After a failure. */
  readonly retryMs: number;
  /** So long a successful call of ourselves counts. */
  readonly selfCallMs: number;
}

const TIMING: WebhooksTiming = {
  filesMs: 5_000,
  checkMs: 3_600_000,
  settleMs: 60_000,
  retryMs: 5_000,
  selfCallMs: 10_000,
};

/** Webhooks that are served. */
export interface Webhooks {
  readonly port: number;
  /** Whether admission works: the API server would reach this server, trust it, and be answered. */
  ready(): Promise<boolean>;
  /** Ends when calls in hand are answered. */
  stop(): Promise<void>;
}

/** The host names of a Service, the one that the API server uses first. */
export function serviceHostNames(
  { name, namespace }: { name: string; namespace: string },
  clusterDomain = "cluster.local",
): string[] {
  const host = `${name}.${namespace}.svc`;
  return [host, `${host}.${clusterDomain}`, `${name}.${namespace}`, name];
}

/**
 * Starts the webhooks. When it resolves they are served; whether the API server can use them tells
 * {@link Webhooks.ready}.
 *
 * With certificates of our own, the API server is told to trust them whenever it does not, and they
 * are renewed in time. With files, that is up to whoever makes the files. Either way connections
 * stay when the certificate changes.
 *
 * @throws {TerminalError} if there are no files and no place for certificates of our own, the files do
 *   not fit together, the Secret is somebody else's, or the address cannot be listened on.
 * @throws {Error} if the API server cannot be reached, or does not let us keep a Secret.
 */
export async function startWebhooks(init: WebhooksInit): Promise<Webhooks> {
  const timing = { ...TIMING, ...init.timing };
  const files = await readCertificateFiles(init.certificateDir);
  const stopped = new AbortController();
  const configurations = new WebhookConfigurations(init.configurations, {
    onTrouble: once((error) =>
      init.log.warn("Cannot watch the webhook configurations", { error: errorText(error) })
    ),
  });
  const parts: Parts = { init, timing, configurations, signal: stopped.signal };
  const watching = configurations.run(init.client, stopped.signal);
  try {
    const { server, working } = files ? await serveFiles(parts, files) : await serveOwn(parts);
    const check = new AdmissionCheck({
      configurations,
      address: { hostname: init.address.hostname, port: server.port },
      isOwn: !files,
      keepMs: timing.selfCallMs,
    });
    init.log.info("Serving webhooks", {
      ...init.address,
      port: server.port,
      certificate: files ? init.certificateDir : init.own?.secret.name,
    });
    return {
      port: server.port,
      ready: () => isReady(check, init.log),
      async stop() {
        stopped.abort();
        await Promise.all([server.stop(), working, watching]);
      },
    };
  } catch (error) {
    stopped.abort();
    await watching;
    throw error;
  }
}

interface Parts {
  readonly init: WebhooksInit;
  readonly timing: WebhooksTiming;
  readonly configurations: WebhookConfigurations;
  /** Fires when the webhooks are to stop. */
  readonly signal: AbortSignal;
}

interface Serving {
  readonly server: WebhookServer;
  /** What goes on beside it; resolves after the signal. */
  readonly working: Promise<unknown>;
}

async function serve(
  { init }: Parts,
  certificate: { cert: string; key: string },
): Promise<WebhookServer> {
  const { executors, log, observer, address } = init;
  return await WebhookServer.start({
    ...address,
    certificate,
    context: {
      executors,
      onTrouble: (path, error) =>
        log.error("A webhook cannot answer", { path, error: errorText(error) }),
    },
    ...(observer ? { observer } : {}),
  });
}

async function serveFiles(
  parts: Parts,
  current: { cert: string; key: string },
): Promise<Serving> {
  const { init: { log, certificateDir: directory }, timing, signal } = parts;
  if (!isKeyOf(current.key, current.cert)) {
    throw new TerminalError(
      "InvalidCertificate",
      `In "${directory}", tls.key is not the key of tls.crt; replace both`,
    );
  }
  const server = await serve(parts, current);
  const working = followCertificateFiles(directory, {
    current,
    intervalMs: timing.filesMs,
    signal,
    onChange: (pair) => {
      server.useCertificate(pair);
      log.info("Using another certificate for webhooks", { directory });
    },
    onTrouble: (problem) => log.warn("Cannot use the certificate's files", { directory, problem }),
  });
  return { server, working };
}

async function serveOwn(parts: Parts): Promise<Serving> {
  const { own, certificateDir } = parts.init;
  if (!own) {
    throw new TerminalError(
      "NoCertificate",
      `Webhooks need a certificate: "${certificateDir}" has no tls.crt and tls.key, and there is no ` +
        "namespace to keep one of our own in; set POD_NAMESPACE, or --webhook-cert-dir",
    );
  }
  const current = await ensureOwn(parts, { own, isTrusted: () => false });
  const server = await serve(parts, current.serving);
  return { server, working: keepOwn(parts, { own, server, current }) };
}

function ensureOwn(
  { init }: Parts,
  { own, isTrusted }: { own: OwnCertificates; isTrusted: (authority: string) => boolean },
): Promise<SharedCertificates> {
  return ensureCertificateSecret(init.client, own.secret, {
    names: own.hostNames,
    now: init.now?.() ?? new Date(),
    isTrusted,
  });
}

/** Looks after our own certificates until the signal fires. */
async function keepOwn(
  parts: Parts,
  { own, server, current }: {
    own: OwnCertificates;
    server: WebhookServer;
    current: SharedCertificates;
  },
): Promise<void> {
  const { init, timing, configurations, signal } = parts;
  const bell = new Bell();
  signal.addEventListener("abort", () => bell.ring(), { once: true });
  // Every API server has a copy of its own, which may be later than ours.
  let changedAt = performance.now();
  configurations.onChange(() => {
    changedAt = performance.now();
    bell.ring();
  });
  const isTrusted = (authority: string): boolean =>
    configurations.trusts(authority) && performance.now() - changedAt >= timing.settleMs;
  // Another replica, or a user, has changed it.
  const secret = new Informer(SECRETS, {
    namespace: own.secret.namespace,
    fieldSelector: `metadata.name=${own.secret.name}`,
    metadataOnly: true,
    onTrouble: once((error) =>
      init.log.warn("Cannot watch the webhooks' Secret", { error: errorText(error) })
    ),
  });
  secret.onChange(() => bell.ring());
  const watching = secret.run(init.client, signal);
  let used = current.serving.cert;
  while (!signal.aborted) {
    let delay: number;
    try {
      const wanted = await ensureOwn(parts, { own, isTrusted });
      if (wanted.serving.cert !== used) {
        server.useCertificate(wanted.serving);
        used = wanted.serving.cert;
        init.log.info("Using another certificate for webhooks", { secret: own.secret.name });
      }
      const isTold = await configurations.trust(init.client, wanted.authorities);
      if (isTold) init.log.info("The API server is told whom to trust", { ...init.configurations });
      const isDone = !isTold && isSettled(wanted, init.now?.() ?? new Date());
      delay = isDone ? timing.checkMs : timing.settleMs;
    } catch (error) {
      if (signal.aborted) break;
      // Whoever was faster has changed an object, which rings.
      delay = isConflict(error) ? timing.settleMs : timing.retryMs;
      if (!isConflict(error)) {
        init.log.error("Cannot look after the webhooks' certificates", { error: errorText(error) });
      }
    }
    await bell.wait(delay);
  }
  await watching;
}

/** Wakes somebody who waits, or is about to. */
class Bell {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    this.#rung.resolve();
  }

  /** Resolves when it has been rung since the last time, or after some milliseconds. */
  async wait(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([this.#rung.promise, late]);
    clearTimeout(timer);
    this.#rung = Promise.withResolvers();
  }
}

async function isReady(check: AdmissionCheck, log: Log): Promise<boolean> {
  const before = check.problem;
  const problem = await check.run();
  if (problem !== before) {
    if (problem === undefined) log.info("Admission works");
    else log.warn("Admission does not work yet", { problem });
  }
  return problem === undefined;
}

/** Calls `tell` for the first of several errors with the same text. */
function once(tell: (error: unknown) => void): (error: unknown) => void {
  let told: string | undefined;
  return (error) => {
    const text = errorText(error);
    if (text !== told) tell(error);
    told = text;
  };
}

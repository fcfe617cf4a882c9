/**
 * Brings the cluster to what a SpinApp asks for.
 *
 * @module
 */

import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import type { DeploymentConfig, SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import { errorText, TemporaryError, TerminalError } from "../../lib/errors.ts";
import { isInvalid, isNotFound } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { EventRecorder } from "../../lib/kube/event_recorder.ts";
import type { Deployment, Service } from "../../lib/kube/workload_types.ts";
import type { ReconcileResult } from "../reconciler.ts";
import { CaBundles, caSecretName } from "./ca_bundles.ts";
import { Children, handOverReplicas } from "./children.ts";
import type { Cluster } from "./cluster.ts";
import { ConfigSecrets } from "./config_secrets.ts";
import { buildDeployment } from "./deployment.ts";
import { Diagnoses } from "./diagnose.ts";
import type { Problem } from "./pod_problem.ts";
import { buildService } from "./service.ts";
import { StatusWriter } from "./status_writer.ts";

/** Milliseconds between looks at pods that are still starting. */
const STARTING_MS = 10_000;

/** What a {@link SpinAppReconciler} works with. */
export interface SpinAppParts {
  readonly client: KubeClient;
  readonly cluster: Cluster;
  readonly events: EventRecorder;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The reconciler of all apps. */
export class SpinAppReconciler {
  readonly #cluster: Cluster;
  readonly #client: KubeClient;
  readonly #deployments: Children<Deployment>;
  readonly #services: Children<Service>;
  readonly #configs: ConfigSecrets;
  readonly #bundles: CaBundles;
  readonly #diagnoses: Diagnoses;
  readonly #status: StatusWriter;

  constructor(parts: SpinAppParts) {
    const { client, cluster } = parts;
    this.#client = client;
    this.#cluster = cluster;
    this.#deployments = new Children(client, cluster.deployments);
    this.#services = new Children(client, cluster.services);
    this.#configs = new ConfigSecrets(client, cluster);
    this.#bundles = new CaBundles(client, cluster);
    this.#diagnoses = new Diagnoses(client, parts);
    this.#status = new StatusWriter(parts);
  }

  /** Reconciles the app `namespace/name`. @see Reconciler */
  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const app = this.#cluster.apps.get(key);
    // What was made for it goes with it: that is the garbage collector's work.
    if (!app || app.metadata.deletionTimestamp) return undefined;
    let executor: SpinAppExecutor | undefined;
    let failure: unknown;
    try {
      executor = this.#executorOf(app);
      await this.#make(app, executor);
    } catch (error) {
      failure = await this.#isGone(error, app) ? undefined : error;
    }
    const isOurs = executor === undefined || executor.spec.createDeployment;
    const result = isOurs ? await this.#report(app, failure) : undefined;
    if (failure !== undefined) throw failure;
    return result;
  }

  /** @throws {TerminalError} if there is none: a new one brings the app here again. */
  #executorOf(app: SpinApp): SpinAppExecutor {
    const found = this.#findExecutor(app);
    if (found) return found;
    throw new TerminalError(
      "MissingExecutor",
      `Could not find SpinAppExecutor ${app.metadata.namespace}/${app.spec.executor ?? ""}`,
    );
  }

  /** That of the app's namespace before that of the whole cluster. */
  #findExecutor({ metadata, spec: { executor = "" } }: SpinApp): SpinAppExecutor | undefined {
    return this.#cluster.executors.get(`${metadata.namespace}/${executor}`) ??
      this.#cluster.clusterExecutors.get(executor);
  }

  async #make(app: SpinApp, { spec }: SpinAppExecutor): Promise<void> {
    const results = await Promise.allSettled([
      spec.createDeployment
        ? this.#makeDeployment(app, spec.deploymentConfig ?? {})
        : this.#deployments.remove(app),
      this.#services.ensure(app, buildService(app)),
    ]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  async #makeDeployment(app: SpinApp, config: DeploymentConfig): Promise<void> {
    const { namespace = "" } = app.metadata;
    const loaded = app.spec.runtimeConfig?.loadFromSecret;
    const [generatedConfig] = await Promise.all([
      loaded ? undefined : this.#configs.ensure(app),
      this.#bundles.ensure(config, namespace),
    ]);
    const certificates = caSecretName(config);
    const wanted = buildDeployment(app, { config, secrets: { generatedConfig, certificates } });
    const live = this.#deployments.get(app);
    await handOverReplicas(this.#client, { live, wanted });
    await this.#deployments.ensure(app, wanted);
    if (generatedConfig === undefined) return;
    await this.#configs.prune(app, { current: generatedConfig, deployment: live });
  }

  async #report(app: SpinApp, failure: unknown): Promise<ReconcileResult | undefined> {
    const deployment = this.#deployments.get(app);
    const wanted = deployment?.spec.replicas ?? 1;
    const isReady = (deployment?.status?.readyReplicas ?? 0) >= wanted &&
      (deployment?.status?.updatedReplicas ?? 0) >= wanted;
    const diagnosis = isReady ? undefined : await this.#diagnoses.find(app);
    await this.#status.write(app, {
      deployment,
      service: this.#services.get(app),
      failure: failure === undefined ? this.#missingConfig(app) : describeFailure(failure),
      podProblem: isReady ? undefined : diagnosis?.problem ?? this.#missingRuntimeClass(app),
    });
    return diagnosis?.isOpen ? { againAfterMs: STARTING_MS } : undefined;
  }

  /** Kubernetes would not tell: the volume is optional. */
  #missingConfig(app: SpinApp): Problem | undefined {
    const loaded = app.spec.runtimeConfig?.loadFromSecret;
    if (!loaded || this.#cluster.secrets.get(`${app.metadata.namespace}/${loaded}`)) {
      return undefined;
    }
    return {
      reason: "RuntimeConfigMissing",
      message: `Secret ${JSON.stringify(loaded)} (spec.runtimeConfig.loadFromSecret) does not ` +
        "exist; pods start without their runtime configuration",
    };
  }

  #missingRuntimeClass(app: SpinApp): Problem | undefined {
    const { runtimeClasses } = this.#cluster;
    const name = this.#findExecutor(app)?.spec.deploymentConfig?.runtimeClassName;
    if (!name || !runtimeClasses.hasSynced || runtimeClasses.get(name)) return undefined;
    return {
      reason: "RuntimeClassMissing",
      message: `RuntimeClass ${JSON.stringify(name)}, which the executor ` +
        `${JSON.stringify(app.spec.executor)} names, does not exist; no pod can be made`,
    };
  }

  /** Writing to a namespace that is being deleted fails, and so does writing for a deleted app. */
  async #isGone(error: unknown, app: SpinApp): Promise<boolean> {
    if (error instanceof TerminalError || error instanceof TemporaryError) return false;
    if (!isNotFound(error) && !/being terminated|being deleted/.test(errorText(error))) {
      return false;
    }
    const now = await this.#client.find(SPIN_APPS, app.metadata);
    return !now || now.metadata.uid !== app.metadata.uid ||
      now.metadata.deletionTimestamp !== undefined || !isNotFound(error);
  }
}

/** `Ready` in words. */
function describeFailure(error: unknown): Problem {
  if (error instanceof TerminalError) return { reason: error.reason, message: error.message };
  if (error instanceof TemporaryError) {
    return { reason: "WaitingForObjects", message: error.message };
  }
  const reason = isInvalid(error) ? "ApplyRefused" : "ApplyFailed";
  return { reason, message: errorText(error) };
}

/**
 * The Secrets with the runtime configurations of apps: made, kept as they should be, and removed when
 * no pod needs them any more.
 *
 * @module
 */

import { MOUNTED, OPERATOR } from "../../crds/contract.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import { TemporaryError } from "../../lib/errors.ts";
import { isAlreadyExists } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { type KubeObject, objectKey } from "../../lib/kube/types.ts";
import {
  CONFIG_MAPS,
  type Deployment,
  type Secret,
  SECRETS,
} from "../../lib/kube/workload_types.ts";
import type { Cluster } from "./cluster.ts";
import {
  type ConfigSource,
  configSources,
  formatRuntimeConfig,
} from "../../crds/runtime_config.ts";
import { buildRuntimeConfigSecret, isRuntimeConfigName } from "./runtime_config_secret.ts";

/** A watch tells when the missing object comes; this is for the case that it may not be watched. */
const MISSING_RETRY_MS = 30_000;

/** The Secrets of all apps. */
export class ConfigSecrets {
  readonly #client: KubeClient;
  readonly #cluster: Cluster;
  /** Secret → version that was found to be right, where somebody else has written to it. */
  readonly #checked = new Map<string, string>();
  /** Made a moment ago, so perhaps not in the copy yet. */
  readonly #made = new Set<string>();

  constructor(client: KubeClient, cluster: Cluster) {
    this.#client = client;
    this.#cluster = cluster;
    cluster.secrets.onChange(({ before, after }) => {
      if (after) this.#made.delete(objectKey(after));
      else this.#checked.delete(objectKey(before!));
    });
  }

  /**
   * Makes the app's Secret, or mends it.
   * @returns Its name.
   * @throws {TerminalError} if the configuration is wrong.
   * @throws {TemporaryError} if what it refers to does not exist.
   */
  async ensure(app: SpinApp): Promise<string> {
    const wanted = buildRuntimeConfigSecret(app, await this.#format(app));
    const key = objectKey(wanted);
    const live = this.#cluster.secrets.get(key);
    if (live ? await this.#isRight(wanted, live) : this.#made.has(key)) return wanted.metadata.name;
    try {
      this.#made.add(key);
      if (live) await this.#client.apply(SECRETS, wanted);
      else await this.#client.create(SECRETS, wanted);
    } catch (error) {
      this.#made.delete(key);
      // Made before this process began to look; a watch will show it, and it is checked then.
      if (!isAlreadyExists(error)) throw error;
    }
    return wanted.metadata.name;
  }

  /** Removes the Secrets of configurations before this one, once no pod can ask for them. */
  async prune(
    app: SpinApp,
    { current, deployment }: { current: string; deployment: Deployment | undefined },
  ): Promise<void> {
    const old = this.#cluster.secrets.find("app", objectKey(app)).filter((secret) =>
      secret.metadata.name !== current &&
      isRuntimeConfigName(secret.metadata.name, app.metadata.name) &&
      secret.metadata.ownerReferences?.some(({ uid }) => uid === app.metadata.uid)
    );
    if (old.length === 0 || !isRolledOut(deployment, current)) return;
    for (const { metadata } of old) await this.#client.delete(SECRETS, metadata);
  }

  async #format(app: SpinApp): Promise<string> {
    const values = new Map<string, Record<string, string>>();
    await Promise.all(
      configSources(app).map(async (source) =>
        values.set(`${source.kind}/${source.name}`, await this.#read(source, app))
      ),
    );
    return formatRuntimeConfig(app, ({ kind, name }) => values.get(`${kind}/${name}`)!);
  }

  async #read({ kind, name }: ConfigSource, app: SpinApp): Promise<Record<string, string>> {
    const { namespace } = app.metadata;
    const place = { name, ...(namespace === undefined ? {} : { namespace }) };
    const found = name === ""
      ? undefined
      : kind === "Secret"
      ? await this.#client.find(SECRETS, place)
      : await this.#client.find(CONFIG_MAPS, place);
    if (!found) {
      throw new TemporaryError(
        `failed to construct RuntimeConfig: ${kind} ${JSON.stringify(name)} not found`,
        MISSING_RETRY_MS,
      );
    }
    const data = found.data ?? {};
    return kind === "Secret" ? decodeAll(data) : data;
  }

  /** Its name tells the content, unless somebody else has changed it. */
  async #isRight(wanted: Secret, live: KubeObject): Promise<boolean> {
    const { ownerReferences = [], managedFields = [], resourceVersion = "" } = live.metadata;
    const uid = wanted.metadata.ownerReferences![0]!.uid;
    if (!ownerReferences.some((owner) => owner.uid === uid)) return false;
    if (managedFields.every(({ manager }) => manager === OPERATOR.fieldManager)) return true;
    const key = objectKey(live);
    if (this.#checked.get(key) === resourceVersion) return true;
    const whole = await this.#client.find(SECRETS, live.metadata);
    const isRight = whole?.data?.[MOUNTED.runtimeConfig.key] ===
      wanted.data![MOUNTED.runtimeConfig.key];
    if (isRight) this.#checked.set(key, whole!.metadata.resourceVersion ?? "");
    return isRight;
  }
}

function decodeAll(data: Readonly<Record<string, string>>): Record<string, string> {
  const decoder = new TextDecoder();
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, decoder.decode(Uint8Array.fromBase64(value))]),
  );
}

/** Whether all pods are those of the newest template, and that one names the Secret. */
function isRolledOut(deployment: Deployment | undefined, secret: string): boolean {
  if (!deployment) return false;
  const { volumes = [] } = deployment.spec.template.spec;
  const isNamed = volumes.some((volume) => volume.secret?.secretName === secret);
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0 } = deployment.status ?? {};
  const wanted = deployment.spec.replicas ?? 1;
  return isNamed && observedGeneration >= (deployment.metadata.generation ?? 0) &&
    replicas === wanted && updatedReplicas === wanted;
}

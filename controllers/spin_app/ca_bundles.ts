/**
 * Secrets with the certificate authorities that apps trust: one in each namespace that needs it.
 *
 * @module
 */

import { MOUNTED, OPERATOR } from "../../crds/contract.ts";
import type { DeploymentConfig } from "../../crds/spin_app_executor.ts";
import { isAlreadyExists } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { apiVersion } from "../../lib/kube/types.ts";
import { type Secret, SECRETS } from "../../lib/kube/workload_types.ts";
import { nodeCrypto, tls } from "../../lib/node_builtins.ts";
import type { Cluster } from "./cluster.ts";

/** SHA-256 of the bundle that was written, so that one that a user has changed is left alone. */
const DIGEST_ANNOTATION = "core.spinkube.dev/ca-bundle";

/** The Secret that an executor's apps mount; undefined for none. */
export function caSecretName(config: DeploymentConfig): string | undefined {
  if (config.caCertSecret) return config.caCertSecret;
  return config.installDefaultCACerts ? MOUNTED.certificates.secret : undefined;
}

/** The Secrets of all namespaces. */
export class CaBundles {
  readonly #client: KubeClient;
  readonly #cluster: Cluster;
  readonly #made = new Set<string>();
  #bundle: { text: string; digest: string } | undefined;

  constructor(client: KubeClient, cluster: Cluster) {
    this.#client = client;
    this.#cluster = cluster;
    cluster.secrets.onChange(({ before, after }) => {
      const { name, namespace } = (after ?? before)!.metadata;
      this.#made.delete(`${namespace}/${name}`);
    });
  }

  /** Makes the Secret if the executor asks for it, and renews one that has an older bundle of ours. */
  async ensure(config: DeploymentConfig, namespace: string): Promise<void> {
    const name = caSecretName(config);
    if (name === undefined || !config.installDefaultCACerts) return;
    const key = `${namespace}/${name}`;
    const live = this.#cluster.secrets.get(key);
    if (!live) {
      if (!this.#made.has(key)) await this.#create({ name, namespace });
      return;
    }
    const written = live.metadata.annotations?.[DIGEST_ANNOTATION];
    if (written === undefined || written === this.#current().digest) return;
    await this.#renew({ name, namespace }, written);
  }

  async #create(place: { name: string; namespace: string }): Promise<void> {
    this.#made.add(`${place.namespace}/${place.name}`);
    try {
      await this.#client.create(SECRETS, this.#build(place));
    } catch (error) {
      this.#made.delete(`${place.namespace}/${place.name}`);
      if (!isAlreadyExists(error)) throw error;
    }
  }

  async #renew(place: { name: string; namespace: string }, written: string): Promise<void> {
    const live = await this.#client.find(SECRETS, place);
    const data = live?.data?.[MOUNTED.certificates.key];
    if (data === undefined) return;
    const text = new TextDecoder().decode(Uint8Array.fromBase64(data));
    // Somebody has added his own: that is his bundle now.
    if (sha256(text) !== written) return;
    const { metadata, ...content } = this.#build(place);
    await this.#client.mergePatch(SECRETS, place, {
      patch: { metadata: { annotations: metadata.annotations }, data: content.data },
    });
  }

  #build({ name, namespace }: { name: string; namespace: string }): Secret {
    const { text, digest } = this.#current();
    return {
      apiVersion: apiVersion(SECRETS),
      kind: SECRETS.kind,
      metadata: {
        name,
        namespace,
        annotations: {
          [OPERATOR.managedByAnnotation]: OPERATOR.managedBy,
          [DIGEST_ANNOTATION]: digest,
        },
      },
      data: { [MOUNTED.certificates.key]: new TextEncoder().encode(text).toBase64() },
    };
  }

  /** Mozilla's, as the runtime has them. */
  #current(): { text: string; digest: string } {
    if (!this.#bundle) {
      const text = tls().rootCertificates.map((certificate) => `${certificate.trim()}\n`).join(
        "\n",
      );
      this.#bundle = { text, digest: sha256(text) };
    }
    return this.#bundle;
  }
}

function sha256(text: string): string {
  return nodeCrypto().createHash("sha256").update(text).digest("hex");
}

/**
 * The objects that tell the API server which webhooks to call, and whom to trust there.
 *
 * @module
 */

import type { KubeClient } from "../../lib/kube/client.ts";
import { Informer } from "../../lib/kube/informer.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import { splitCertificates } from "../../lib/certificates.ts";

/** `MutatingWebhookConfiguration` or `ValidatingWebhookConfiguration`, as far as it is used. */
export interface WebhookConfiguration extends KubeObject {
  webhooks?: {
    name: string;
    clientConfig?: {
      /** PEM as base64: the authorities that the API server trusts for this webhook. */
      caBundle?: string;
      service?: { name: string; namespace: string };
      url?: string;
    };
  }[];
}

export const MUTATING_WEBHOOK_CONFIGURATIONS: ResourceType<WebhookConfiguration> = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
  isNamespaced: false,
};

export const VALIDATING_WEBHOOK_CONFIGURATIONS: ResourceType<WebhookConfiguration> = {
  ...MUTATING_WEBHOOK_CONFIGURATIONS,
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
};

/** Names of the two configurations. */
export interface ConfigurationNames {
  readonly mutating: string;
  readonly validating: string;
}

/** Whom the API server trusts, and under which name it calls. */
export interface TrustedEndpoint {
  /** The host name that the certificate has to be for. */
  readonly hostname: string;
  /** PEM; empty: the authorities of the API server's machine. */
  readonly caBundle: string;
}

/** A copy of the two configurations. {@link run} fills it. */
export class WebhookConfigurations {
  readonly #informers: readonly Informer<WebhookConfiguration>[];
  readonly #names: ConfigurationNames;

  /** @param options.onTrouble Told when they cannot be watched; that goes on by itself. */
  constructor(
    names: ConfigurationNames,
    options: { onTrouble: (error: unknown, delayMs: number) => void },
  ) {
    const informer = (type: ResourceType<WebhookConfiguration>, name: string) =>
      new Informer(type, { ...options, fieldSelector: `metadata.name=${name}` });
    this.#names = names;
    this.#informers = [
      informer(MUTATING_WEBHOOK_CONFIGURATIONS, names.mutating),
      informer(VALIDATING_WEBHOOK_CONFIGURATIONS, names.validating),
    ];
  }

  /** Keeps the copy up to date until the signal fires. */
  async run(client: KubeClient, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.run(client, signal)));
  }

  onChange(handler: () => void): void {
    for (const informer of this.#informers) informer.onChange(handler);
  }

  /** Those that are not there, or have not been seen yet. */
  get missing(): string[] {
    return Object.values(this.#names).filter((name, index) => !this.#informers[index]!.get(name));
  }

  /** Where the API server calls, each once. */
  get endpoints(): TrustedEndpoint[] {
    const found = new Map<string, TrustedEndpoint>();
    for (const { object } of this.#all()) {
      for (const { clientConfig = {} } of object.webhooks ?? []) {
        const { service, url } = clientConfig;
        const hostname = service
          ? `${service.name}.${service.namespace}.svc`
          : new URL(url ?? "https://localhost").hostname.replace(/^\[(.*)\]$/, "$1");
        const caBundle = decode(clientConfig.caBundle);
        found.set(`${hostname}\n${caBundle}`, { hostname, caBundle });
      }
    }
    return [...found.values()];
  }

  /** Whether the API server trusts an authority (PEM) for all webhooks; false as long as one is missing. */
  trusts(authority: string): boolean {
    return this.missing.length === 0 &&
      this.endpoints.every(({ caBundle }) => splitCertificates(caBundle).includes(authority));
  }

  /**
   * Has the API server trust these authorities (PEM), and no others, for all webhooks. What says so
   * already is not written.
   * @returns Whether something was written.
   * @throws {ApiError} if that is refused; a conflict if a configuration has just been changed.
   */
  async trust(client: KubeClient, authorities: string): Promise<boolean> {
    const caBundle = new TextEncoder().encode(authorities).toBase64();
    let isWritten = false;
    for (const { type, object } of this.#all()) {
      const { webhooks = [], metadata: { name, resourceVersion } } = object;
      if (webhooks.every(({ clientConfig }) => clientConfig?.caBundle === caBundle)) continue;
      await client.apply(type, {
        // An entry that is not there any more must not come back half.
        metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
        webhooks: webhooks.map(({ name }) => ({ name, clientConfig: { caBundle } })),
      });
      isWritten = true;
    }
    return isWritten;
  }

  #all(): { type: ResourceType<WebhookConfiguration>; object: WebhookConfiguration }[] {
    return this.#informers.flatMap((informer) =>
      [...informer.all()].map((object) => ({ type: informer.type, object }))
    );
  }
}

function decode(base64: string | undefined): string {
  return base64 ? new TextDecoder().decode(Uint8Array.fromBase64(base64)) : "";
}

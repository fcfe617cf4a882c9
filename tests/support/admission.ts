/**
 * Webhooks of this process, and an API server that calls them.
 *
 * @module
 */

import { parse } from "yaml";
import { createExecutorLookup } from "../../controllers/webhooks/executor_lookup.ts";
import {
  startWebhooks,
  type Webhooks,
  type WebhooksInit,
} from "../../controllers/webhooks/start_webhooks.ts";
import {
  MUTATING_WEBHOOK_CONFIGURATIONS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from "../../controllers/webhooks/webhook_configurations.ts";
import { isAlreadyExists } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import { createLog, type Log } from "../../lib/structured_log.ts";
import { waitUntil } from "./wait.ts";

const CRDS: ResourceType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};

const NAMESPACES: ResourceType = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  isNamespaced: false,
};

/** Names of the configurations in tests. */
export const CONFIGURATIONS = {
  mutating: "spin-operator-mutating-webhook-configuration",
  validating: "spin-operator-validating-webhook-configuration",
} as const;

/** Installs the definitions of this tree, and waits until they are served. */
export async function installCrds(client: KubeClient): Promise<void> {
  for (const plural of ["spinapps", "spinappexecutors", "clusterspinappexecutors"]) {
    const file = new URL(`../../crds/core.spinkube.dev_${plural}.yaml`, import.meta.url);
    await client.apply(CRDS, parse(await Deno.readTextFile(file)) as KubeObject);
    await waitUntil(async () => {
      const { status } = await client.get(CRDS, { name: `${plural}.core.spinkube.dev` }) as {
        status?: { conditions?: { type: string; status: string }[] };
      };
      return status?.conditions?.some(({ type, status }) =>
        type === "Established" && status === "True"
      );
    }, { what: `the definition of ${plural}` });
  }
}

/** Makes a namespace, unless it is there. */
export async function ensureNamespace(client: KubeClient, name: string): Promise<void> {
  try {
    await client.create(NAMESPACES, { metadata: { name } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** Has the API server call the webhooks at a port of 127.0.0.1. Nobody is trusted there yet. */
export async function configureWebhooks(client: KubeClient, port: number): Promise<void> {
  const configure = (path: string, { name, resource }: { name: string; resource: string }) => ({
    name,
    admissionReviewVersions: ["v1"],
    clientConfig: { url: `https://127.0.0.1:${port}${path}` },
    failurePolicy: "Fail",
    matchPolicy: "Equivalent",
    namespaceSelector: {},
    objectSelector: {},
    rules: [{
      apiGroups: ["core.spinkube.dev"],
      apiVersions: ["v1alpha1"],
      operations: ["CREATE", "UPDATE"],
      resources: [resource],
      scope: "*",
    }],
    sideEffects: "None",
    timeoutSeconds: 10,
  });
  const mutating = {
    ...configure("/mutate-core-spinkube-dev-v1alpha1-spinapp", {
      name: "mspinapp.kb.io",
      resource: "spinapps",
    }),
    reinvocationPolicy: "Never",
  };
  await client.apply(MUTATING_WEBHOOK_CONFIGURATIONS, {
    metadata: { name: CONFIGURATIONS.mutating },
    webhooks: [mutating],
  });
  await client.apply(VALIDATING_WEBHOOK_CONFIGURATIONS, {
    metadata: { name: CONFIGURATIONS.validating },
    webhooks: [
      configure("/validate-core-spinkube-dev-v1alpha1-spinapp", {
        name: "vspinapp.kb.io",
        resource: "spinapps",
      }),
      configure("/validate-core-spinkube-dev-v1alpha1-spinappexecutor", {
        name: "vspinappexecutor.kb.io",
        resource: "spinappexecutors",
      }),
    ],
  });
}

/** What webhooks said, and what became of calls. */
export interface AdmissionRecord {
  readonly log: Log;
  readonly lines: string[];
}

/** A log that is kept. */
export function recordLog(): AdmissionRecord {
  const lines: string[] = [];
  return {
    lines,
    log: createLog({ level: "debug", format: "console", write: (line) => lines.push(line) }),
  };
}

/** Starts webhooks for 127.0.0.1 that find executors by asking the API server. */
export async function startTestWebhooks(
  client: KubeClient,
  options: Partial<WebhooksInit> = {},
): Promise<Webhooks> {
  const none = { get: () => undefined, all: () => [].values() };
  return await startWebhooks({
    client,
    executors: createExecutorLookup(client, { executors: none, clusterExecutors: none }),
    log: recordLog().log,
    address: { hostname: "127.0.0.1", port: 0 },
    certificateDir: "/nonexistent",
    own: {
      secret: { name: "webhook-certificate", namespace: "default" },
      hostNames: ["127.0.0.1", "localhost"],
    },
    configurations: CONFIGURATIONS,
    ...options,
  });
}

/** Waits until admission works. */
export async function untilReady(webhooks: Webhooks, record?: AdmissionRecord): Promise<void> {
  await waitUntil(() => webhooks.ready(), {
    what: "webhooks that work",
    timeoutMs: 20_000,
    explain: () => record?.lines.join("\n") ?? "",
  });
}

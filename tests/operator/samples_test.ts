/**
 * What the operator makes of every sample, byte for byte. `SPINKUBE_UPDATE_GOLDEN=1` writes the files
 * in testdata/ anew.
 */

import assert from "node:assert/strict";
import { parseAllDocuments, stringify } from "yaml";
import { SPIN_APPS } from "../../crds/spin_app.ts";
import type { KubeObject } from "../../lib/kube/types.ts";
import { DEPLOYMENTS, SECRETS, SERVICES } from "../../lib/kube/workload_types.ts";
import { whyNoApiServer } from "../support/api_server.ts";
import { OperatorCluster, readyReason, startOperator, waitFor } from "./_operator.ts";

const SAMPLES = new URL("../../deploy/samples/kubernetes/", import.meta.url);
const GOLDEN = new URL("testdata/", import.meta.url);
const IS_UPDATE = Deno.env.get("SPINKUBE_UPDATE_GOLDEN") === "1";

const SKIP = whyNoApiServer();

Deno.test({
  name: `the operator makes the objects of each sample${SKIP ? ` (ignored: ${SKIP})` : ""}`,
  ignore: SKIP !== undefined,
  async fn(t) {
    await using cluster = await OperatorCluster.start();
    await using _ = await startOperator(cluster);
    const golden = new Set<string>();
    for (const { file, text, apps } of readSamples()) {
      if (apps.length === 0) continue;
      golden.add(file);
      await t.step(file, async () => {
        const namespace = await cluster.namespace();
        await applyExecutors(cluster, namespace);
        await applySample(cluster, { namespace, text });
        const made: unknown[] = [];
        for (const name of apps) {
          await waitFor(cluster.user, {
            type: SPIN_APPS,
            name: { name, namespace },
            until: (app) => readyReason(app) !== undefined && app.status?.serviceName === name,
          });
          made.push(...await childrenOf(cluster, { name, namespace }));
        }
        compare(file, made.map((object) => stringify(object)).join("---\n"));
      });
    }
    await t.step("every golden file has its sample", () => {
      const files = [...Deno.readDirSync(GOLDEN)].map(({ name }) => name);
      assert.deepEqual(files.filter((name) => !golden.has(name)), []);
    });
  },
});

interface Sample {
  readonly file: string;
  readonly text: string;
  /** Names of the apps in it. */
  readonly apps: readonly string[];
}

function readSamples(): Sample[] {
  const files = [...Deno.readDirSync(SAMPLES)].map(({ name }) => name).sort();
  return files.map((file) => {
    const text = Deno.readTextFileSync(new URL(file, SAMPLES));
    const apps = parseAllDocuments(text).map((document) => document.toJS())
      .filter((object) => object?.kind === SPIN_APPS.kind)
      .map(({ metadata }) => metadata.name as string);
    return { file, text, apps };
  });
}

/** The executors that samples name. */
async function applyExecutors(cluster: OperatorCluster, namespace: string): Promise<void> {
  for (const file of ["spin-shim-executor.yaml", "spintainer-executor.yaml"]) {
    await applySample(cluster, { namespace, text: Deno.readTextFileSync(new URL(file, SAMPLES)) });
  }
}

/** Applies what the API server knows: samples have objects of other projects too. */
async function applySample(
  cluster: OperatorCluster,
  { namespace, text }: { namespace: string; text: string },
): Promise<void> {
  const known = parseAllDocuments(text).map((document) => document.toJS())
    // Objects of the whole cluster are made by the tests that need them.
    .filter((object) =>
      object && !/keda|runtimeclass|^Cluster/i.test(`${object.kind}${object.apiVersion}`)
    );
  if (known.length === 0) return;
  await cluster.apply(known.map((object) => stringify(object)).join("---\n"), namespace);
}

/** The Deployment, Service and runtime configuration of an app, without what the server adds. */
async function childrenOf(
  { user }: OperatorCluster,
  { name, namespace }: { name: string; namespace: string },
): Promise<unknown[]> {
  const found: (KubeObject | undefined)[] = [
    await user.find(DEPLOYMENTS, { name, namespace }),
    await user.find(SERVICES, { name, namespace }),
    ...(await user.list(SECRETS, { namespace }))
      .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.name === name)),
  ];
  return found.filter((object) => object !== undefined).map((object) => clean(object, namespace));
}

function clean(object: KubeObject, namespace: string): unknown {
  const { uid: _u, resourceVersion: _r, managedFields: _m, creationTimestamp: _c, ...metadata } =
    object.metadata;
  const { status: _s, data, spec, ...rest } = object as KubeObject & {
    status?: unknown;
    data?: Record<string, string>;
    spec?: Record<string, unknown>;
  };
  for (const field of ["clusterIP", "clusterIPs"]) delete spec?.[field];
  const cleaned = {
    ...rest,
    metadata: {
      ...metadata,
      ownerReferences: metadata.ownerReferences?.map(({ uid: _, ...owner }) => owner),
    },
    ...(spec && { spec }),
    ...(data && { data: decodeAll(data) }),
  };
  return JSON.parse(JSON.stringify(cleaned).replaceAll(namespace, "NAMESPACE"));
}

function decodeAll(data: Record<string, string>): Record<string, string> {
  const decoder = new TextDecoder();
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, decoder.decode(Uint8Array.fromBase64(value))]),
  );
}

function compare(file: string, made: string): void {
  const path = new URL(file, GOLDEN);
  if (IS_UPDATE) Deno.writeTextFileSync(path, made);
  assert.equal(made, Deno.readTextFileSync(path));
}

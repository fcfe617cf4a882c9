/**
 * Shims on a real API server; the test is all kubelets.
 *
 * @module
 */

import { type Job, JOBS, type Node, NODES } from "../../controllers/shim/node_types.ts";
import { parseNodeRecord } from "../../controllers/shim/node_record.ts";
import { nodeKey, type Shim, SHIMS } from "../../crds/shim.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { RUNTIME_CLASSES } from "../../lib/kube/workload_types.ts";
import { whyNoApiServer } from "../support/api_server.ts";
import { ApiProxy } from "./_api_proxy.ts";
import { OperatorCluster, type RunningOperator, startOperator, waitFor } from "./_operator.ts";
import { createNode, FakeKubelets, type JobFate, nodeNameOf, shimSettings } from "./_shim_nodes.ts";

const SKIP = whyNoApiServer();

/** Each case has an operator of its own, and a namespace for Jobs. */
export interface Scene {
  readonly user: KubeClient;
  readonly namespace: string;
  readonly proxy: ApiProxy;
  readonly kubelets: FakeKubelets;
  readonly cluster: OperatorCluster;
  /** The operator ends and another one starts. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function createPool(
  { user }: Scene,
  pool: string,
  count: number,
): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `${pool}-${index}`);
  for (const name of names) await createNode(user, { name, labels: { pool } });
  return names;
}

export function shimOn(
  { user }: Scene,
  name: string,
  until: (shim: Shim) => boolean,
): Promise<Shim> {
  return waitFor(user, { type: SHIMS, name: { name }, until, timeoutMs: 8_000 });
}

export function ready(count: number) {
  return ({ status }: Shim): boolean => status?.nodes === count && status.nodesUpdated === count;
}

export function reasonOf({ status }: Shim, type: string): string | undefined {
  return status?.conditions?.find((condition) => condition.type === type)?.reason;
}

export function labelOn({ user }: Scene, node: string, shim: string, label: string | undefined) {
  return waitFor(user, {
    type: NODES,
    name: { name: node },
    until: ({ metadata }) => metadata.labels?.[shim] === label,
    timeoutMs: 20_000,
  });
}

export async function jobsOf({ user, namespace }: Scene): Promise<Job[]> {
  return await user.list(JOBS, { namespace });
}

export function hashOn(node: Node, shim: string): string | undefined {
  return parseNodeRecord(node.metadata.annotations?.[nodeKey(shim)]).hash;
}

/** A case fails the nodes that it names here, and holds others. */
export function fates(
  fails: Iterable<string>,
  hangs: Iterable<string> = [],
): (job: Job) => JobFate {
  const [bad, slow] = [new Set(fails), new Set(hangs)];
  return (job) => {
    const node = nodeNameOf(job);
    return bad.has(node) ? "fail" : slow.has(node) ? "hang" : "succeed";
  };
}

export async function change(
  { user }: Scene,
  name: string,
  spec: Record<string, unknown>,
): Promise<void> {
  await user.mergePatch(SHIMS, { name }, { patch: { spec } });
}

/** Runs cases one after the other, each with an operator of its own. */
export function testShims(name: string, cases: Record<string, (scene: Scene) => Promise<void>>) {
  Deno.test({
    name: `${name}${SKIP ? ` (ignored: ${SKIP})` : ""}`,
    ignore: SKIP !== undefined,
    async fn(t) {
      await using cluster = await OperatorCluster.start();
      const { user } = cluster;
      for (const [name, run] of Object.entries(cases)) {
        await t.step(name, async () => {
          const namespace = await cluster.namespace();
          await using proxy = new ApiProxy(cluster.kubeconfig);
          await using kubelets = new FakeKubelets(user, { namespace });
          let operator: RunningOperator | undefined;
          const scene: Scene = {
            ...{ user, namespace, proxy, kubelets, cluster },
            async start() {
              operator = await startOperator(proxy, { shims: shimSettings(namespace) });
            },
            async stop() {
              await operator?.[Symbol.asyncDispose]();
              operator = undefined;
            },
            async restart() {
              await scene.stop();
              await scene.start();
            },
          };
          await scene.start();
          try {
            await run(scene);
          } finally {
            await scene.stop();
            await cleanUp(user);
          }
        });
      }
    },
  });
}

/** Shims and nodes are of the whole cluster. */
async function cleanUp(user: KubeClient): Promise<void> {
  for (const { metadata } of await user.list(SHIMS)) {
    await user.mergePatch(SHIMS, metadata, { patch: { metadata: { finalizers: null } } });
    await user.delete(SHIMS, metadata);
  }
  for (const { metadata } of await user.list(NODES)) await user.delete(NODES, metadata);
  for (const { metadata } of await user.list(RUNTIME_CLASSES)) {
    await user.delete(RUNTIME_CLASSES, metadata);
  }
}

/** Shims on a real API server; the test is all kubelets. */

import assert from "node:assert/strict";
import { type Job, JOBS, type Node, NODES } from "../../controllers/shim/node_types.ts";
import { parseNodeRecord } from "../../controllers/shim/node_record.ts";
import { nodeKey, type Shim, SHIM_CONTRACT, SHIMS } from "../../crds/shim.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { RUNTIME_CLASSES } from "../../lib/kube/workload_types.ts";
import { whyNoApiServer } from "../support/api_server.ts";
import { waitUntil } from "../support/wait.ts";
import { ApiProxy, refusal } from "./_api_proxy.ts";
import { OperatorCluster, type RunningOperator, startOperator, waitFor } from "./_operator.ts";
import {
  createNode,
  endJob,
  FakeKubelets,
  type JobFate,
  nodeNameOf,
  setNodeStatus,
  shim,
  shimSettings,
} from "./_shim_nodes.ts";

const SKIP = whyNoApiServer();

/** Each case has an operator of its own, and a namespace for Jobs. */
interface Scene {
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

async function createPool(
  { user }: Scene,
  pool: string,
  count: number,
): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `${pool}-${index}`);
  for (const name of names) await createNode(user, { name, labels: { pool } });
  return names;
}

function shimOn({ user }: Scene, name: string, until: (shim: Shim) => boolean): Promise<Shim> {
  return waitFor(user, { type: SHIMS, name: { name }, until, timeoutMs: 8_000 });
}

function ready(count: number) {
  return ({ status }: Shim): boolean => status?.nodes === count && status.nodesUpdated === count;
}

function reasonOf({ status }: Shim, type: string): string | undefined {
  return status?.conditions?.find((condition) => condition.type === type)?.reason;
}

function labelOn({ user }: Scene, node: string, shim: string, label: string | undefined) {
  return waitFor(user, {
    type: NODES,
    name: { name: node },
    until: ({ metadata }) => metadata.labels?.[shim] === label,
    timeoutMs: 20_000,
  });
}

async function jobsOf({ user, namespace }: Scene): Promise<Job[]> {
  return await user.list(JOBS, { namespace });
}

function hashOn(node: Node, shim: string): string | undefined {
  return parseNodeRecord(node.metadata.annotations?.[nodeKey(shim)]).hash;
}

/** A case fails the nodes that it names here, and holds others. */
function fates(fails: Iterable<string>, hangs: Iterable<string> = []): (job: Job) => JobFate {
  const [bad, slow] = [new Set(fails), new Set(hangs)];
  return (job) => {
    const node = nodeNameOf(job);
    return bad.has(node) ? "fail" : slow.has(node) ? "hang" : "succeed";
  };
}

async function change(
  { user }: Scene,
  name: string,
  spec: Record<string, unknown>,
): Promise<void> {
  await user.mergePatch(SHIMS, { name }, { patch: { spec } });
}

const OTHER = { fetchStrategy: { anonHttp: { location: "https://example.com/shim-2.tar.gz" } } };

const CASES: Record<string, (scene: Scene) => Promise<void>> = {
  "a Shim comes to its nodes, and goes": async (scene) => {
    const { user, namespace } = scene;
    const [first = ""] = await createPool(scene, "come", 2);
    await createNode(user, { name: "come-other", labels: {} });
    await user.create(SHIMS, shim("come"));
    const found = await shimOn(scene, "come", ready(2));
    assert.equal(found.status!.nodesReady, 2);
    const runtimeClass = await user.get(RUNTIME_CLASSES, { name: "class-come" });
    assert.equal(runtimeClass.handler, "come");
    assert.deepEqual(runtimeClass.scheduling, { nodeSelector: { pool: "come" } });
    const node = await user.get(NODES, { name: first });
    assert.equal(node.metadata.labels!["come"], "provisioned");
    assert.equal(node.metadata.labels![nodeKey("come")], "provisioned");
    assert.equal((await jobsOf(scene)).length, 2);
    const other = await user.get(NODES, { name: "come-other" });
    assert.equal(other.metadata.labels, undefined);

    await user.delete(SHIMS, { name: "come" });
    await waitUntil(async () => !await user.find(SHIMS, { name: "come" }), { what: "its end" });
    const after = await user.get(NODES, { name: first });
    assert.deepEqual(after.metadata.labels, { pool: "come" });
    assert.equal(after.metadata.annotations?.[nodeKey("come")], undefined);
    const job = await user.get(JOBS, { name: `${first}-come-uninstall`, namespace });
    assert.deepEqual(job.spec!.template.spec.containers[0]!.args, [
      ...["uninstall", "-H", "/mnt/node-root", "-r", "come"],
    ]);
  },

  "an update goes from node to node, the first one alone": async (scene) => {
    const { user, kubelets } = scene;
    const names = await createPool(scene, "roll", 6);
    const rolloutStrategy = { type: "rolling", rolling: { maxUpdate: 2 } } as const;
    await user.create(SHIMS, shim("roll", { rolloutStrategy }));
    await shimOn(scene, "roll", ready(6));
    assert.ok(kubelets.peak <= 2, `${kubelets.peak} at once`);
    const before = hashOn(await user.get(NODES, { name: names[0]! }), "roll");

    kubelets.made.length = 0;
    kubelets.fate = fates([], names);
    await change(scene, "roll", OTHER);
    await waitUntil(() => kubelets.made.length === 1, { what: "the first node" });
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(kubelets.made, ["roll-0"]);
    kubelets.fate = () => "succeed";
    kubelets.look();
    await shimOn(scene, "roll", (found) => ready(6)(found) && found.metadata.generation === 2);
    assert.ok(kubelets.peak <= 2, `${kubelets.peak} at once`);
    assert.equal(new Set(kubelets.made).size, 6);
    for (const name of names) {
      const hash = hashOn(await user.get(NODES, { name }), "roll");
      assert.ok(hash !== undefined && hash !== before);
    }
  },

  "recreate never takes more than half of the nodes": async (scene) => {
    const { user, kubelets } = scene;
    const names = await createPool(scene, "half", 5);
    kubelets.fate = fates([], names);
    await user.create(SHIMS, shim("half"));
    await waitUntil(() => kubelets.made.length === 2, { what: "two Jobs" });
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(kubelets.made.length, 2);
    kubelets.fate = () => "succeed";
    kubelets.look();
    await shimOn(scene, "half", ready(5));
    assert.equal(kubelets.peak, 2);
  },

  "a node that fails stops the update, and says why": async (scene) => {
    const { user, kubelets } = scene;
    await createPool(scene, "fail", 4);
    const rolloutStrategy = { type: "rolling", rolling: { maxUpdate: 1 } } as const;
    kubelets.fate = fates(["fail-1"]);
    await user.create(SHIMS, shim("fail", { rolloutStrategy }));
    const found = await shimOn(
      scene,
      "fail",
      (one) => reasonOf(one, "Progressing") === "RolloutStopped",
    );
    assert.equal(reasonOf(found, "Degraded"), "NodesFailed");
    assert.equal(found.status!.nodesFailed, 1);
    const [failure] = found.status!.failures!;
    assert.equal(failure!.node, "fail-1");
    assert.match(failure!.message, /backoff limit/);
    const node = await labelOn(scene, "fail-1", "fail", "failed");
    assert.equal(parseNodeRecord(node.metadata.annotations![nodeKey("fail")]).failures, 1);
    assert.deepEqual(kubelets.made, ["fail-0", "fail-1"]);

    // Whoever has repaired the node takes its label away.
    kubelets.fate = () => "succeed";
    await user.mergePatch(NODES, { name: "fail-1" }, {
      patch: { metadata: { labels: { fail: null } } },
    });
    await shimOn(scene, "fail", ready(4));
    const last = await shimOn(scene, "fail", (one) => reasonOf(one, "Degraded") === "AsExpected");
    assert.equal(last.status!.failures, undefined);
  },

  "an update that fails is taken back": async (scene) => {
    const { user, kubelets } = scene;
    const names = await createPool(scene, "back", 4);
    const rolloutStrategy = {
      type: "rolling",
      rolling: { maxUpdate: 1 },
      onFailure: "rollback",
    } as const;
    await user.create(SHIMS, shim("back", { rolloutStrategy }));
    const good = await shimOn(scene, "back", (one) => one.status?.lastGood !== undefined);
    const before = hashOn(await user.get(NODES, { name: names[0]! }), "back")!;

    kubelets.fate = (job) =>
      nodeNameOf(job) === "back-2" && job.metadata.annotations![SHIM_CONTRACT.hash] !== before
        ? "fail"
        : "succeed";
    await change(scene, "back", OTHER);
    const rolled = await shimOn(
      scene,
      "back",
      (one) => reasonOf(one, "Progressing") === "RolledBack" && one.status!.nodesUpdated === 4,
    );
    assert.deepEqual(rolled.status!.lastGood, good.status!.lastGood);
    assert.match(rolled.status!.rolledBack!.message, /back-2/);
    for (const name of names) {
      assert.equal(hashOn(await labelOn(scene, name, "back", "provisioned"), "back"), before);
    }
    // Another spec is a new start.
    kubelets.fate = () => "succeed";
    await change(scene, "back", {
      fetchStrategy: { anonHttp: { location: "https://example.com/shim-3.tar.gz" } },
    });
    const last = await shimOn(
      scene,
      "back",
      (one) => reasonOf(one, "Progressing") === "NewShimAvailable",
    );
    assert.equal(last.status!.rolledBack, undefined);
  },

  "an operator that is restarted in the middle goes on": async (scene) => {
    const { user, kubelets } = scene;
    const names = await createPool(scene, "again", 6);
    kubelets.fate = fates([], names);
    const rolloutStrategy = { type: "rolling", rolling: { maxUpdate: 2 } } as const;
    await user.create(SHIMS, shim("again", { rolloutStrategy }));
    await waitUntil(() => kubelets.made.length === 1, { what: "the first Job" });
    await scene.stop();
    // It ends while nobody looks.
    kubelets.fate = (job) => nodeNameOf(job) === "again-0" ? "succeed" : "hang";
    kubelets.look();
    await scene.start();
    await waitUntil(() => kubelets.made.length === 3, { what: "two more Jobs" });
    for (let round = 0; round < 3; round++) await scene.restart();
    assert.deepEqual(kubelets.made.toSorted(), ["again-0", "again-1", "again-2"]);
    kubelets.fate = () => "succeed";
    kubelets.look();
    await shimOn(scene, "again", ready(6));
    assert.equal(kubelets.made.length, 6);
    assert.ok(kubelets.peak <= 2, `${kubelets.peak} at once`);
  },

  "a claim without a Job is carried out": async (scene) => {
    const { user } = scene;
    await scene.stop();
    // The operator was killed between the two.
    await createNode(user, { name: "claim-0", labels: { pool: "claim", claim: "pending" } });
    await user.create(SHIMS, shim("claim"));
    await scene.start();
    await shimOn(scene, "claim", ready(1));
  },

  "an API server that is away for a while holds the update up": async (scene) => {
    const { user, proxy } = scene;
    await createPool(scene, "away", 4);
    const rolloutStrategy = { type: "rolling", rolling: { maxUpdate: 2 } } as const;
    let left = 12;
    proxy.intercept = ({ method, url }) => {
      if (method === "GET" || !/\/(?:nodes|jobs|shims)\b/.test(url) || left === 0) return undefined;
      left--;
      return refusal(left % 2 === 0 ? 503 : 500, "InternalError");
    };
    await user.create(SHIMS, shim("away", { rolloutStrategy }));
    for (let round = 0; round < 3; round++) {
      proxy.cutWatches();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await shimOn(scene, "away", ready(4));
    assert.ok(scene.kubelets.peak <= 2);
  },

  "an answer that got lost makes no second Job": async (scene) => {
    const { user, proxy, kubelets } = scene;
    await createPool(scene, "lost", 1);
    proxy.intercept = async (request) => {
      if (request.method !== "POST" || !request.url.includes("/jobs")) return undefined;
      proxy.intercept = () => undefined;
      const { pathname, search } = new URL(request.url);
      await fetch(`${new URL(request.url).origin}${pathname}${search}`, {
        method: "POST",
        headers: request.headers,
        body: await request.bytes(),
      }).then((response) => response.body?.cancel());
      return refusal(504, "Timeout");
    };
    await user.create(SHIMS, shim("lost"));
    await shimOn(scene, "lost", ready(1));
    assert.deepEqual(kubelets.made, ["lost-0"]);
  },

  "Jobs that are left over say nothing": async (scene) => {
    const { user, kubelets, namespace } = scene;
    await createPool(scene, "stale", 1);
    await user.create(SHIMS, shim("stale"));
    await shimOn(scene, "stale", ready(1));
    // The original leaves uninstall Jobs behind, which strip labels later.
    const install = await user.get(JOBS, { name: "stale-0-stale-install", namespace });
    const old: Job = {
      metadata: {
        name: "stale-0-stale-uninstall",
        namespace,
        labels: install.metadata.labels!,
        annotations: {
          [SHIM_CONTRACT.nodeName]: "stale-0",
          [SHIM_CONTRACT.shimName]: "stale",
          [SHIM_CONTRACT.operation]: "uninstall",
        },
      },
      spec: {
        template: {
          spec: {
            containers: [{ name: "provisioner", image: "registry.example/original:1" }],
            restartPolicy: "Never",
          },
        },
      },
    };
    kubelets.fate = () => "hang";
    await endJob(user, await user.create(JOBS, old), "succeed");
    await scene.restart();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await labelOn(scene, "stale-0", "stale", "provisioned");
    // Nor do they keep the real one from being made.
    kubelets.fate = () => "succeed";
    await user.delete(SHIMS, { name: "stale" });
    await waitUntil(async () => !await user.find(SHIMS, { name: "stale" }), { what: "its end" });
    const job = await user.get(JOBS, old.metadata);
    assert.notEqual(job.metadata.annotations![SHIM_CONTRACT.shimUid], undefined);
  },

  "a Shim that comes again is a new one": async (scene) => {
    const { user, kubelets } = scene;
    await createPool(scene, "twice", 1);
    for (let round = 1; round <= 3; round++) {
      await user.create(SHIMS, shim("twice"));
      await shimOn(scene, "twice", ready(1));
      await user.delete(SHIMS, { name: "twice" });
      await waitUntil(async () => !await user.find(SHIMS, { name: "twice" }), { what: "its end" });
      await labelOn(scene, "twice-0", "twice", undefined);
      assert.equal(kubelets.made.length, 2 * round);
    }
  },

  "a Shim that is deleted waits for nodes that fail, or is forced": async (scene) => {
    const { user, kubelets } = scene;
    await createPool(scene, "held", 2);
    await user.create(SHIMS, shim("held"));
    await shimOn(scene, "held", ready(2));
    kubelets.fate = fates(["held-1"]);
    await user.delete(SHIMS, { name: "held" });
    const found = await shimOn(scene, "held", (one) => reasonOf(one, "Degraded") === "NodesFailed");
    assert.equal(reasonOf(found, "Progressing"), "Uninstalling");
    await labelOn(scene, "held-0", "held", undefined);
    await labelOn(scene, "held-1", "held", "failed");
    await user.mergePatch(SHIMS, { name: "held" }, {
      patch: { metadata: { annotations: { [SHIM_CONTRACT.forceDelete]: "true" } } },
    });
    await waitUntil(async () => !await user.find(SHIMS, { name: "held" }), { what: "its end" });
    await labelOn(scene, "held-1", "held", undefined);
  },

  "nodes leave, come back, vanish, and are others under the same name": async (scene) => {
    const { user, kubelets } = scene;
    await createPool(scene, "move", 3);
    await user.create(SHIMS, shim("move"));
    await shimOn(scene, "move", ready(3));
    const setPool = (name: string, pool: string | null) =>
      user.mergePatch(NODES, { name }, { patch: { metadata: { labels: { pool } } } });
    await setPool("move-0", null);
    await labelOn(scene, "move-0", "move", undefined);
    await shimOn(scene, "move", ready(2));
    await setPool("move-0", "move");
    await shimOn(scene, "move", ready(3));

    kubelets.made.length = 0;
    await user.delete(NODES, { name: "move-1" });
    await shimOn(scene, "move", ready(2));
    await waitUntil(
      async () => (await jobsOf(scene)).every((job) => nodeNameOf(job) !== "move-1"),
      {
        what: "the end of its Job",
      },
    );
    await createNode(user, { name: "move-1", labels: { pool: "move" } });
    await shimOn(scene, "move", ready(3));
    assert.deepEqual(kubelets.made, ["move-1"]);

    await setNodeStatus(user, { name: "move-2", machineID: "another" });
    await waitUntil(() => kubelets.made.length === 2, { what: "a Job for another machine" });
    assert.equal(kubelets.made[1], "move-2");
    await shimOn(scene, "move", ready(3));
  },

  "nodes that are away wait, and do not hold others up": async (scene) => {
    const { user } = scene;
    await createPool(scene, "gone", 2);
    await setNodeStatus(user, { name: "gone-0", isReady: false });
    const rolloutStrategy = { type: "rolling", rolling: { maxUpdate: 1 } } as const;
    await user.create(SHIMS, shim("gone", { rolloutStrategy }));
    const found = await shimOn(scene, "gone", ({ status }) => status?.nodesUpdated === 1);
    const progress = found.status!.conditions!.find(({ type }) => type === "Progressing")!;
    assert.match(progress.message, /not ready: gone-0/);
    await setNodeStatus(user, { name: "gone-0" });
    await shimOn(scene, "gone", ready(2));
  },

  "nodes that cannot have shims get no Job": async (scene) => {
    const { user, kubelets } = scene;
    await createPool(scene, "other", 1);
    await createNode(user, { name: "other-win", labels: { pool: "other" }, os: "windows" });
    await user.create(SHIMS, shim("other"));
    const found = await shimOn(scene, "other", ready(1));
    assert.equal(found.status!.nodesUnsupported, 1);
    assert.deepEqual(kubelets.made, ["other-0"]);
  },

  "two Shims side by side do not see each other's Jobs": async (scene) => {
    const { user } = scene;
    await createPool(scene, "both", 2);
    const nodeSelector = { pool: "both" };
    await user.create(SHIMS, shim("both-a", { nodeSelector }));
    await user.create(SHIMS, shim("both-b", { nodeSelector }));
    await shimOn(scene, "both-a", ready(2));
    await shimOn(scene, "both-b", ready(2));
    await user.delete(SHIMS, { name: "both-a" });
    await waitUntil(async () => !await user.find(SHIMS, { name: "both-a" }), { what: "its end" });
    const node = await labelOn(scene, "both-0", "both-a", undefined);
    assert.equal(node.metadata.labels!["both-b"], "provisioned");

    await user.create(
      SHIMS,
      shim("both-c", { nodeSelector, runtimeClass: { name: "class-c", handler: "both-b" } }),
    );
    const found = await shimOn(scene, "both-c", (one) => reasonOf(one, "Degraded") !== undefined);
    assert.equal(reasonOf(found, "Degraded"), "HandlerConflict");
  },

  "a RuntimeClass follows its Shim, and one of somebody else stays": async (scene) => {
    const { user } = scene;
    await createPool(scene, "class", 1);
    await user.create(SHIMS, shim("class"));
    await shimOn(scene, "class", ready(1));
    await user.mergePatch(SHIMS, { name: "class" }, {
      patch: {
        spec: {
          nodeSelector: { zone: "a" },
          runtimeClass: { handler: "other" },
        },
      },
    });
    await waitFor(user, {
      type: RUNTIME_CLASSES,
      name: { name: "class-class" },
      until: ({ handler, scheduling }) =>
        handler === "other" && scheduling?.nodeSelector?.zone === "a" &&
        scheduling.nodeSelector.pool === "class",
    });
    await user.delete(RUNTIME_CLASSES, { name: "class-class" });
    await waitFor(user, { type: RUNTIME_CLASSES, name: { name: "class-class" } });

    await user.create(RUNTIME_CLASSES, { metadata: { name: "foreign" }, handler: "runc" });
    await change(scene, "class", { runtimeClass: { name: "foreign" } });
    const found = await shimOn(scene, "class", (one) => reasonOf(one, "Degraded") !== "AsExpected");
    assert.equal(reasonOf(found, "Degraded"), "RuntimeClassConflict");
    const foreign = await user.get(RUNTIME_CLASSES, { name: "foreign" });
    assert.equal(foreign.handler, "runc");
  },

  "nothing is written when all is done": async (scene) => {
    const { user, proxy } = scene;
    await createPool(scene, "quiet", 2);
    await user.create(SHIMS, shim("quiet"));
    await shimOn(scene, "quiet", (one) => reasonOf(one, "Progressing") === "NewShimAvailable");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const before = proxy.requests.length;
    await setNodeStatus(user, { name: "quiet-0" });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await scene.restart();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const writes = proxy.requests.slice(before).filter((line) => !line.startsWith("GET "));
    assert.deepEqual(writes, []);
  },
};

Deno.test({
  name: `Shims come to nodes, whatever happens${SKIP ? ` (ignored: ${SKIP})` : ""}`,
  ignore: SKIP !== undefined,
  async fn(t) {
    await using cluster = await OperatorCluster.start();
    const { user } = cluster;
    for (const [name, run] of Object.entries(CASES)) {
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

/** How Shims come to nodes, and leave them. */

import assert from "node:assert/strict";
import { JOBS, NODES } from "../../controllers/shim/node_types.ts";
import { parseNodeRecord } from "../../controllers/shim/node_record.ts";
import { nodeKey, SHIM_CONTRACT, SHIMS } from "../../crds/shim.ts";
import { SPIN_APPS } from "../../crds/spin_app.ts";
import { SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import { EVENTS } from "../../lib/kube/event_recorder.ts";
import { RUNTIME_CLASSES } from "../../lib/kube/workload_types.ts";
import { waitUntil } from "../support/wait.ts";
import { spinApp, waitFor } from "./_operator.ts";
import { createNode, nodeNameOf, setNodeStatus, shim } from "./_shim_nodes.ts";
import {
  change,
  createPool,
  fates,
  hashOn,
  jobsOf,
  labelOn,
  ready,
  reasonOf,
  shimOn,
  testShims,
} from "./_shim_scene.ts";
const OTHER = { fetchStrategy: { anonHttp: { location: "https://example.com/shim-2.tar.gz" } } };

testShims("Shims come to nodes, and leave them", {
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
    // There is nothing for it, which is no reason to go back.
    await createNode(user, { name: "back-old", labels: { pool: "back" }, arch: "s390x" });
    const rolloutStrategy = {
      type: "rolling",
      rolling: { maxUpdate: 1 },
      onFailure: "rollback",
    } as const;
    const from = (version: number) => ({
      fetchStrategy: {
        platforms: [{
          os: "linux",
          arch: "x86_64",
          location: `https://example.com/shim-${version}.tar.gz`,
        }],
      },
    });
    await user.create(SHIMS, shim("back", { rolloutStrategy, ...from(1) }));
    const good = await shimOn(scene, "back", (one) => one.status?.lastGood !== undefined);
    const before = hashOn(await user.get(NODES, { name: names[0]! }), "back")!;

    kubelets.fate = (job) =>
      nodeNameOf(job) === "back-2" && job.metadata.annotations![SHIM_CONTRACT.hash] !== before
        ? "fail"
        : "succeed";
    await change(scene, "back", from(2));
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
    await change(scene, "back", from(3));
    const last = await shimOn(
      scene,
      "back",
      (one) => reasonOf(one, "Progressing") === "NewShimAvailable",
    );
    assert.equal(last.status!.rolledBack, undefined);
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

  "old installations choose nodes by an annotation, and pods by a label": async (scene) => {
    const { user } = scene;
    const annotations = { [SHIM_CONTRACT.kwasmNode]: "true" };
    await createNode(user, { name: "kwasm-0", annotations });
    await user.create(SHIMS, shim("spin-v2", { nodeSelector: { pool: "nowhere" } }));
    await shimOn(scene, "spin-v2", ready(1));
    const label = (value: string | undefined) =>
      labelOn(scene, "kwasm-0", SHIM_CONTRACT.kwasmProvisioned, value);
    await label("kwasm-0");
    await user.delete(SHIMS, { name: "spin-v2" });
    await label(undefined);
  },

  "events tell what happened, to the Shim and to its nodes": async (scene) => {
    const { user, namespace, kubelets } = scene;
    await createPool(scene, "told", 2);
    await user.create(SPIN_APP_EXECUTORS, {
      metadata: { name: "told", namespace },
      spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "class-told" } },
    });
    await user.create(SPIN_APPS, spinApp(namespace, { executor: "told" }));
    kubelets.fate = fates(["told-1"]);
    await user.create(SHIMS, shim("told"));
    const found = await shimOn(scene, "told", (one) => reasonOf(one, "Degraded") === "NodesFailed");
    await user.delete(SHIMS, { name: "told" });
    const reasonsOf = async (uid: string) => {
      const events = await user.list(EVENTS, { fieldSelector: `involvedObject.uid=${uid}` });
      return events.map(({ reason }) => reason);
    };
    const expected: [uid: string, reasons: string[]][] = [
      [found.metadata.uid!, ["NodesFailed", "NoDigest", "InUse", "Uninstalling"]],
      [(await user.get(NODES, { name: "told-0" })).metadata.uid!, ["ShimInstalled"]],
      [(await user.get(NODES, { name: "told-1" })).metadata.uid!, ["ShimInstallFailed"]],
    ];
    for (const [uid, reasons] of expected) {
      for (const reason of reasons) {
        await waitUntil(async () => (await reasonsOf(uid)).includes(reason), { what: reason });
      }
    }
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
    // Apps of other steps may learn that there are nodes for them.
    const writes = proxy.requests.slice(before)
      .filter((line) => !line.startsWith("GET ") && !/\/namespaces\/test-\d+\//.test(line));
    assert.deepEqual(writes, []);
  },
});

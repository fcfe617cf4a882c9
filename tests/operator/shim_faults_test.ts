/** What goes wrong while Shims come to nodes. */

import assert from "node:assert/strict";
import { type Job, JOBS, NODES } from "../../controllers/shim/node_types.ts";
import { SHIM_CONTRACT, SHIMS } from "../../crds/shim.ts";
import { waitUntil } from "../support/wait.ts";
import { refusal } from "./_api_proxy.ts";
import { createNode, endJob, nodeNameOf, setNodeStatus, shim } from "./_shim_nodes.ts";
import {
  createPool,
  fates,
  jobsOf,
  labelOn,
  ready,
  reasonOf,
  shimOn,
  testShims,
} from "./_shim_scene.ts";

testShims("Shims come to nodes, whatever goes wrong", {
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
});

/**
 * Pods while containerd or the shim dies: what runs goes on, what is lost is told, and nothing is
 * left.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RUNTIME } from "../../crds/contract.ts";
import { decodeMessage } from "../../shim/proto/decode.ts";
import { DELETE_RESPONSE } from "../../shim/proto/task.ts";
import {
  assertNothingLeft,
  shimPid,
  shimProcesses,
  shimSocket,
} from "../support/containerd_leftovers.ts";
import type { ContainerdNode } from "../support/containerd_node.ts";
import type { Pod } from "../support/cri_pod.ts";
import { BUSYBOX_IMAGE } from "../support/test_images.ts";
import { waitUntil } from "../support/wait.ts";
import { APPS } from "./_apps.ts";
import type { Case } from "./_case.ts";

const SIDECAR = {
  name: "sidecar",
  image: BUSYBOX_IMAGE,
  command: ["sh", "-c", "while :; do sleep 0.1; done"],
};

/** Runs the shim's program as containerd does, with an action. */
async function callShim(
  node: ContainerdNode,
  { id, action, bundle, cwd = bundle }: {
    id: string;
    action: string;
    bundle: string;
    cwd?: string;
  },
): Promise<{ code: number; stdout: Uint8Array; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(
    `${node.directory}/bin/${RUNTIME.binary}`,
    {
      args: [
        ...["-namespace", "k8s.io", "-address", node.socket],
        ...["-publish-binary", `${node.version.bin}/containerd`],
        ...["-id", id, "-bundle", bundle, action],
      ],
      cwd,
      env: { TTRPC_ADDRESS: `${node.socket}.ttrpc`, MAX_SHIM_VERSION: "2" },
      stdin: "null",
    },
  ).output();
  return { code, stdout, stderr: new TextDecoder().decode(stderr) };
}

function restart(signal: "SIGTERM" | "SIGKILL"): Case {
  return {
    name: `pods serve while containerd is away (${signal}), and are its own again afterwards`,
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }, SIDECAR],
      });
      await pod.answer("/");
      await node.end(signal);
      assert.equal((await pod.get("/")).status, 200);
      await node.launch();
      await waitUntil(() => node.cri.isReady(), { what: "containerd to be ready again" });
      assert.equal(await pod.sandboxState(), "ready");
      for (const name of ["app", "sidecar"]) {
        assert.equal((await pod.status(name)).state, "running");
      }
      assert.equal((await pod.get("/log?afterwards")).status, 200);
      await pod.waitForLog("app", /to standard error afterwards/);
      assert.equal((await pod.exec("sidecar", ["sh", "-c", "exit 4"])).code, 4);
      assert.ok(Number((await pod.stats("app")).memory?.workingSetBytes?.value) > 0);
      await pod.stop("app");
      assert.equal((await pod.status("app")).exitCode, 0);
      await pod.remove();
      await assertNothingLeft(node);
    },
  };
}

/** A sign that a container's creation has come so far, as a file of its bundle. */
function killDuringCreate(file: string, what: string): Case {
  return {
    name:
      `containerd is killed during Create, ${what}: the pod can be removed, and nothing is left`,
    async run(node) {
      await using pod = await node.cri.runSandbox({});
      const id = await pod.create({ name: "app", image: APPS.registry });
      const starting = pod.start("app").catch((error: unknown) => error);
      await waitUntil(() => exists(`${node.bundlesDir}/k8s.io/${id}/${file}`), {
        what: `"${file}" in the bundle`,
      });
      await node.end("SIGKILL");
      assert.ok(await starting instanceof Error);
      await node.launch();
      await waitUntil(() => node.cri.isReady(), { what: "containerd to be ready again" });
      await pod.remove();
      await assertNothingLeft(node);
    },
  };
}

/** As kubelet does it: again, for as long as containerd refuses. */
async function removeAtLast(pod: Pod): Promise<void> {
  let refusal: unknown;
  await waitUntil(async () => {
    try {
      await pod.remove();
      return true;
    } catch (error) {
      refusal = error;
      return false;
    }
  }, { what: "the pod to be removed", explain: () => String(refusal) });
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The cases. */
export const CRASHES: readonly Case[] = [
  restart("SIGTERM"),
  restart("SIGKILL"),
  killDuringCreate("config.json", "at its beginning"),
  killDuringCreate("init.pid", "at its end"),
  {
    name: "an app that ends while containerd is away has its exit code afterwards",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "job", image: APPS.job, args: ["sleep", "1500"] }, SIDECAR],
      });
      const pid = node.initPid(pod.idOf("job"));
      await node.end();
      await waitUntil(() => !exists(`/proc/${pid}`), { what: "the command to end" });
      await node.launch();
      await waitUntil(() => node.cri.isReady(), { what: "containerd to be ready again" });
      const { exitCode, reason } = await pod.ended("job");
      assert.deepEqual({ exitCode, reason }, { exitCode: 0, reason: "Completed" });
    },
  },
  {
    name: "a killed shim takes its pod with it, and nothing is left",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }, SIDECAR],
      });
      await pod.answer("/");
      const pids = ["app", "sidecar"].map((name) => node.initPid(pod.idOf(name)));
      Deno.kill(shimPid(node, pod.id), "SIGKILL");
      for (const name of ["app", "sidecar"]) {
        assert.notEqual((await pod.ended(name)).exitCode, 0);
      }
      await waitUntil(() => !pids.some((pid) => exists(`/proc/${pid}`)), {
        what: "the containers' processes to end",
      });
      await pod.remove();
      await assertNothingLeft(node);
    },
  },
  {
    name: "start twice finds the same server",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }],
      });
      await pod.answer("/");
      const before = shimProcesses(node);
      const socket = await shimSocket(node, pod.id);
      for (const id of [pod.id, pod.idOf("app")]) {
        const bundle = `${node.bundlesDir}/k8s.io/${id}`;
        const { code, stdout, stderr } = await callShim(node, { id, action: "start", bundle });
        assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
        assert.match(new TextDecoder().decode(stdout), RegExp(`unix://${socket}`));
      }
      // Who has answered may need a moment to end.
      await waitUntil(() => shimProcesses(node).join() === before.join(), {
        what: `no process beside ${before}`,
        explain: () => `there are ${shimProcesses(node)}`,
      });
      assert.equal((await pod.get("/")).status, 200);
    },
  },
  {
    name: "delete without start answers as if the task had been killed",
    async run(node) {
      const bundle = await Deno.makeTempDir({ dir: node.directory });
      await Deno.writeTextFile(`${bundle}/config.json`, '{"ociVersion":"1.0.2"}');
      for (const action of ["delete", "delete"]) {
        const call = { id: "never-started", action, bundle, cwd: node.directory };
        const { code, stdout } = await callShim(node, call);
        assert.equal(code, 0);
        assert.equal(decodeMessage(DELETE_RESPONSE, stdout).exitStatus, 137);
      }
      await assertNothingLeft(node);
    },
  },
  {
    name: "a pod that is removed while its app starts leaves nothing",
    async run(node) {
      for (const delayMs of [0, 50, 200]) {
        const pod = await node.cri.runSandbox({});
        await pod.create({ name: "app", image: APPS.tiny });
        const starting = pod.start("app").catch(() => {
          // Whether the start or the removal wins is not what this is about.
        });
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        await removeAtLast(pod);
        await starting;
      }
      await assertNothingLeft(node);
    },
  },
];

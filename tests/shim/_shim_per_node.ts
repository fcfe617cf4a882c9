/**
 * One shim for all pods of a node: what one pod suffers is no other's business, and none is lost
 * between a server that ends and the next.
 *
 * @module
 */

import assert from "node:assert/strict";
import { INSTALL_DIR } from "../../lib/install_dir.ts";
import { RUNTIME } from "../../crds/contract.ts";
import { assertNothingLeft, serverPids } from "../support/containerd_leftovers.ts";
import { type ContainerdNode, SHIM_PER_NODE } from "../support/containerd_node.ts";
import type { ContainerSpec, Pod } from "../support/cri_pod.ts";
import { BUSYBOX_IMAGE } from "../support/test_images.ts";
import { waitUntil } from "../support/wait.ts";
import { APPS } from "./_apps.ts";
import type { Case } from "./_case.ts";

const SPIN: ContainerSpec = { name: "app", image: APPS.registry };

function shell(name: string, script: string): ContainerSpec {
  return { name, image: BUSYBOX_IMAGE, command: ["sh", "-c", script] };
}

const SIDECAR = shell("sidecar", "trap 'exit 0' TERM; while :; do sleep 0.05; done");

function runPod(node: ContainerdNode, containers: readonly ContainerSpec[]): Promise<Pod> {
  return node.cri.runPod({ handler: SHIM_PER_NODE, containers });
}

function runPods(node: ContainerdNode, count: number): Promise<Pod[]> {
  return Promise.all(Array.from({ length: count }, () => runPod(node, [SPIN, SIDECAR])));
}

/** The server of the node's pods. @throws {Error} unless there is exactly one. */
function onlyServer(node: ContainerdNode): number {
  const servers = serverPids(node);
  assert.equal(servers.length, 1, `servers ${servers}`);
  return servers[0]!;
}

function socketOf(node: ContainerdNode, pod: Pod): string {
  const address = Deno.readTextFileSync(`${node.bundlesDir}/k8s.io/${pod.id}/address`);
  return address.replace("unix://", "");
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]);
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

/** All of it is gone: the server, its socket, and what its containers were. */
async function assertEnded(node: ContainerdNode, socket: string): Promise<void> {
  await assertNothingLeft(node);
  assert.ok(!exists(socket), `socket ${socket}`);
}

/** Does with a pod what kubelet may. */
async function assertWorks(pod: Pod): Promise<void> {
  assert.equal((await pod.answer("/")).status, 200);
  const exec = await pod.exec("sidecar", ["sh", "-c", "echo out; exit 5"]);
  assert.deepEqual(exec, { code: 5, stdout: "out\n", stderr: "" });
  for (const name of ["app", "sidecar"]) {
    assert.ok(Number((await pod.stats(name)).memory?.workingSetBytes?.value) > 0, name);
  }
}

/** The cases. */
export const ONE_SHIM: readonly Case[] = [
  {
    name: "pods that start at once have one server, which ends with the last of them",
    async run(node) {
      const pods = await runPods(node, 6);
      const server = onlyServer(node);
      const socket = socketOf(node, pods[0]!);
      for (const pod of pods) {
        await assertWorks(pod);
        assert.equal(parentOf(node.initPid(pod.idOf("app"))), server);
      }
      const [first, ...others] = pods;
      await first!.stop("app");
      assert.equal((await first!.status("app")).exitCode, 0);
      await first!.remove();
      // Its sandbox was the first container of the server.
      for (const pod of others) await assertWorks(pod);
      assert.equal(onlyServer(node), server);
      await Promise.all(others.map((pod) => pod.remove()));
      await assertEnded(node, socket);
    },
  },
  {
    name: "exit codes, OOM kills and log lines are those of each pod's own containers",
    async run(node) {
      const grows = shell("grows", "dd if=/dev/zero of=/dev/null bs=200M count=1");
      await using quiet = await runPod(node, [SPIN, SIDECAR]);
      await using loud = await runPod(node, [
        { ...grows, memoryBytes: 32 << 20 },
        shell("ends", "echo bye; exit 4"),
      ]);
      assert.equal((await loud.ended("grows")).reason, "OOMKilled");
      const { exitCode, reason } = await loud.ended("ends");
      assert.deepEqual({ exitCode, reason }, { exitCode: 4, reason: "Error" });
      assert.equal(loud.log("ends").stdout, "bye\n");
      await assertWorks(quiet);
      await using broken = await runPod(node, [{ name: "app", image: APPS.empty }]);
      await broken.waitForLog("app", /The image holds no Spin app/);
      assert.doesNotMatch(quiet.log("app").all, /holds no Spin app/);
    },
  },
  {
    name: "pods serve while containerd is away, and are its own again afterwards",
    async run(node) {
      const pods = await runPods(node, 5);
      const server = onlyServer(node);
      const socket = socketOf(node, pods[0]!);
      await node.end("SIGKILL");
      for (const pod of pods) assert.equal((await pod.answer("/")).status, 200);
      await node.launch();
      await waitUntil(() => node.cri.isReady(), { what: "containerd to be ready again" });
      for (const pod of pods) {
        assert.equal(await pod.sandboxState(), "ready");
        await assertWorks(pod);
      }
      const late = await runPod(node, [SPIN, SIDECAR]);
      assert.equal(onlyServer(node), server);
      await Promise.all([...pods, late].map((pod) => pod.remove()));
      await assertEnded(node, socket);
    },
  },
  {
    name: "a killed server takes its pods with it, and new ones work at once",
    async run(node) {
      const pods = await runPods(node, 5);
      const killed = onlyServer(node);
      const socket = socketOf(node, pods[0]!);
      const pids = pods.flatMap((pod) =>
        [pod.id, pod.idOf("app"), pod.idOf("sidecar")].map((id) => node.initPid(id))
      );
      Deno.kill(killed, "SIGKILL");
      const late = await runPod(node, [SPIN, SIDECAR]);
      await assertWorks(late);
      for (const pod of pods) {
        for (const name of ["app", "sidecar"]) {
          assert.notEqual((await pod.ended(name)).exitCode, 0);
        }
      }
      await waitUntil(() => !pids.some((pid) => exists(`/proc/${pid}`)), {
        what: "the containers' processes to end",
      });
      // What cleans up behind the dead one leaves the living one alone.
      await Promise.all(pods.map((pod) => pod.remove()));
      await assertWorks(late);
      assert.notEqual(onlyServer(node), killed);
      await late.remove();
      await assertEnded(node, socket);
    },
  },
  {
    name: "a pod that comes while the last one goes has a server",
    async run(node) {
      let pod = await runPod(node, [SIDECAR]);
      const socket = socketOf(node, pod);
      for (let round = 0; round < 12; round++) {
        // The end of the server and the next start meet at another moment each time.
        const delayMs = round * 40;
        const [next] = await Promise.all([
          new Promise((resolve) => setTimeout(resolve, delayMs)).then(() =>
            runPod(node, [SIDECAR])
          ),
          pod.remove(),
        ]);
        assert.equal((await next.exec("sidecar", ["true"])).code, 0);
        pod = next;
      }
      await pod.remove();
      await assertEnded(node, socket);
    },
  },
  {
    name: "a newer program has a server of its own, and pods stay with the one they have",
    async run(node) {
      await using old = await runPod(node, [SPIN]);
      const oldServer = onlyServer(node);
      const link = `${node.directory}/bin/${RUNTIME.binary}`;
      const shim = await Deno.readLink(link);
      const newer = `${node.directory}/newer`;
      await copyInstallDir(shim.slice(0, shim.lastIndexOf("/")), newer);
      await replaceLink(link, `${newer}/${INSTALL_DIR.shim}`);
      try {
        await using young = await runPod(node, [SPIN, SIDECAR]);
        await assertWorks(young);
        const newServer = parentOf(node.initPid(young.idOf("app")));
        assert.notEqual(newServer, oldServer);
        await old.run(SIDECAR);
        assert.equal(parentOf(node.initPid(old.idOf("sidecar"))), oldServer);
        await assertWorks(old);
        await old.remove();
        await waitUntil(() => serverPids(node).join() === String(newServer), {
          what: "the old server to end",
        });
        await assertWorks(young);
      } finally {
        await replaceLink(link, shim);
      }
      await assertNothingLeft(node);
    },
  },
  {
    name: "a server that does not answer is named, and pods of other runtimes start",
    async run(node) {
      await using pod = await runPod(node, [SIDECAR]);
      const server = onlyServer(node);
      Deno.kill(server, "SIGSTOP");
      try {
        let isRefused = false;
        const refused = assert.rejects(
          runPod(node, [SIDECAR]),
          /The server of this node's pods does not answer on "\/run\/containerd\/s\/[0-9a-f]{64}"/,
        ).then(() => isRefused = true);
        await using other = await node.cri.runPod({ containers: [SIDECAR] });
        assert.equal((await other.exec("sidecar", ["true"])).code, 0);
        assert.ok(!isRefused, "the other pod has waited for the server");
        await refused;
      } finally {
        Deno.kill(server, "SIGCONT");
      }
      assert.equal((await pod.exec("sidecar", ["true"])).code, 0);
      await pod.remove();
      await assertNothingLeft(node);
    },
  },
];

/** The same program elsewhere; its large files are the same ones. */
async function copyInstallDir(from: string, to: string): Promise<void> {
  const { code, stderr } = await new Deno.Command("cp", {
    args: ["-a", "--reflink=auto", from, to],
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

async function replaceLink(path: string, target: string): Promise<void> {
  await Deno.symlink(target, `${path}.new`);
  await Deno.rename(`${path}.new`, path);
}

/**
 * Ordinary containers in pods of our runtime, as sidecars are: CRI has to find what it finds with
 * containerd's own shim.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertNothingLeft } from "../support/containerd_leftovers.ts";
import type { ContainerSpec } from "../support/cri_pod.ts";
import { BUSYBOX_IMAGE } from "../support/test_images.ts";
import type { Case } from "./_case.ts";

const MIB = 1024 * 1024;

function shell(name: string, script: string): ContainerSpec {
  return { name, image: BUSYBOX_IMAGE, command: ["sh", "-c", script] };
}

/** Ends as soon as it is asked to. */
const WAITS = shell("waits", "trap 'echo trapped; exit 0' TERM; while :; do sleep 0.05; done");

/** A file of a process's memory cgroup, whichever version it is of. */
function readMemoryCgroup(pid: number, file: { v1: string; v2: string }): string {
  const lines = Deno.readTextFileSync(`/proc/${pid}/cgroup`).split("\n");
  const v1 = lines.map((line) => /^\d+:(?:\S+,)?memory(?:,\S+)?:(\/.*)$/.exec(line)?.[1])
    .find((path) => path !== undefined);
  const path = v1 === undefined
    ? `/sys/fs/cgroup${lines.find((line) => line.startsWith("0::"))!.slice(3)}/${file.v2}`
    : `/sys/fs/cgroup/memory${v1}/${file.v1}`;
  return Deno.readTextFileSync(path).trim();
}

/** The cases. */
export const LINUX_PODS: readonly Case[] = [
  {
    name: "status, exec, exit codes and stop in a pod of the node's network",
    async run(node) {
      await using pod = await node.cri.runPod({
        isHostNetwork: true,
        containers: [WAITS, shell("ends", "echo bye; exit 4")],
      });
      assert.equal((await pod.status("waits")).state, "running");
      const { exitCode, reason } = await pod.ended("ends");
      assert.deepEqual({ exitCode, reason }, { exitCode: 4, reason: "Error" });
      assert.equal(pod.log("ends").stdout, "bye\n");
      const script = "echo out; echo err >&2; exit 5";
      const exec = await pod.exec("waits", ["sh", "-c", script]);
      assert.deepEqual(exec, { code: 5, stdout: "out\n", stderr: "err\n" });
      await pod.stop("waits", 30);
      assert.equal((await pod.status("waits")).exitCode, 0);
      await pod.waitForLog("waits", /^trapped$/m);
      await pod.remove();
      await assertNothingLeft(node);
    },
  },
  {
    name: "an exec that takes too long is ended",
    async run(node) {
      await using pod = await node.cri.runPod({ containers: [WAITS] });
      const exec = pod.exec("waits", ["sleep", "1234"], { timeoutSeconds: 1 });
      await assert.rejects(exec, /deadline|timeout|timed out/i);
      const { stdout } = await pod.exec("waits", ["ps"]);
      assert.doesNotMatch(stdout, /1234/);
    },
  },
  {
    name: "an exec probe that fails and one that succeeds differ by their exit code",
    async run(node) {
      await using pod = await node.cri.runPod({ containers: [WAITS] });
      const codes: number[] = [];
      for (const path of ["/bin/busybox", "/absent"]) {
        codes.push((await pod.exec("waits", ["test", "-e", path])).code);
      }
      assert.deepEqual(codes, [0, 1]);
    },
  },
  {
    name: "limits can be changed in place",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ ...WAITS, memoryBytes: 32 * MIB }],
      });
      const limit = () =>
        readMemoryCgroup(node.initPid(pod.idOf("waits")), {
          v1: "memory.limit_in_bytes",
          v2: "memory.max",
        });
      assert.equal(limit(), String(32 * MIB));
      await pod.update("waits", { memoryBytes: 64 * MIB, milliCpu: 200 });
      assert.equal(limit(), String(64 * MIB));
    },
  },
  {
    name: "a container that outgrows its memory limit is OOMKilled",
    async run(node) {
      const grows = shell("grows", "dd if=/dev/zero of=/dev/null bs=200M count=1");
      await using pod = await node.cri.runPod({
        containers: [{ ...grows, memoryBytes: 32 * MIB }],
      });
      assert.equal((await pod.ended("grows")).reason, "OOMKilled");
    },
  },
  {
    name: "a container with a terminal has one",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ ...shell("terminal", "tty; echo err >&2"), hasTerminal: true }],
      });
      await pod.ended("terminal");
      await pod.waitForLog("terminal", /^\/dev\/(?:pts\/\d+|console)\r?\nerr\r?\n/);
    },
  },
  {
    name: "a runtime with options, also ones that nobody knows, works",
    async run(node) {
      await using pod = await node.cri.runPod({ handler: "with-options", containers: [WAITS] });
      assert.equal((await pod.status("waits")).state, "running");
    },
  },
  {
    name: "a container is created, removed before its start, and made again under its name",
    async run(node) {
      await using pod = await node.cri.runSandbox({});
      await pod.create(WAITS);
      await pod.removeContainer("waits");
      await pod.run(WAITS);
      assert.equal((await pod.status("waits")).state, "running");
      await pod.remove();
      await assertNothingLeft(node);
    },
  },
  {
    name: "a pod without containers leaves nothing",
    async run(node) {
      const pod = await node.cri.runSandbox({});
      assert.equal(await pod.sandboxState(), "ready");
      await pod.remove();
      await assertNothingLeft(node);
    },
  },
];

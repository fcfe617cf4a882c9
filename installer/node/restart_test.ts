import assert from "node:assert/strict";
import { FakeNode } from "./_node_fixture.ts";
import { detectDistribution } from "./distribution.ts";
import { CANNOT_ENTER } from "./host.ts";
import { findUnit, restartContainerd } from "./restart.ts";

const log = { info: () => {}, warn: () => {} };
const K3S = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml";

async function restart(node: FakeNode, configPath = "/etc/containerd/config.toml") {
  const detected = await detectDistribution(node.files, configPath);
  await restartContainerd(node.host, { detected, log, timeoutMs: 1000 });
  return node.commands.filter((command) => !command.includes("list-units"));
}

Deno.test("restartContainerd() restarts the unit of the distribution", async () => {
  await using plain = await FakeNode.create();
  assert.deepEqual(await restart(plain), ["systemctl restart containerd"]);
  await using k3s = await FakeNode.create({ kind: "k3s", config: "version = 2\n" });
  assert.deepEqual(await restart(k3s, K3S), ["systemctl restart k3s-agent.service"]);
});

Deno.test("findUnit() takes units of the distribution only", () => {
  const k3s = /^k3s(?:-.*)?\.service$/;
  assert.equal(findUnit(k3s, ["ssh.service", "k3s-edge.service"]), "k3s-edge.service");
  assert.equal(findUnit("containerd", []), "containerd");
  assert.throws(
    () => findUnit(k3s, ["my-k3s.service"]),
    /unable to find a pattern `.*` in systemd/,
  );
});

Deno.test("restartContainerd() ends containerd where nothing else is known", async () => {
  await using node = await FakeNode.create({ hasSystemd: false });
  assert.deepEqual(await restart(node), ["kill 77"]);
  await node.write("/proc/78/comm", "containerd\n");
  await assert.rejects(restart(node), /need exactly one containerd process, found: 2/);
});

Deno.test("restartContainerd() never ends a machine's first process", async () => {
  await using node = await FakeNode.create({
    kind: "k3s",
    config: "version = 2\n",
    hasSystemd: false,
  });
  assert.deepEqual(await restart(node, K3S), ["kill 1"]);
  await node.write("/proc/1/cmdline", "/sbin/init\0");
  await assert.rejects(restart(node, K3S), /it is not PID 1/);
});

Deno.test("restartContainerd() uses OpenRC where that runs", async () => {
  await using node = await FakeNode.create({ hasSystemd: false });
  await node.write("/run/openrc/softlevel", "default");
  await assert.rejects(restart(node), /OpenRC has no service "containerd"/);
  await node.write("/etc/init.d/containerd", "");
  assert.deepEqual(await restart(node), ["rc-service containerd restart"]);
  await node.change({ failingRestarts: 1 });
  await assert.rejects(restart(node), /containerd: containerd did not start/);
});

Deno.test("restartContainerd() does not take a node that it cannot enter for one without systemd", async () => {
  await using node = await FakeNode.create();
  const host = {
    ...node.host,
    run: () => Promise.resolve({ code: CANNOT_ENTER, stdout: "", stderr: "not privileged" }),
  };
  const detected = await detectDistribution(node.files);
  await assert.rejects(restartContainerd(host, { detected, log, timeoutMs: 1 }), /not privileged/);
  assert.equal(await node.restarts(), 0);
});

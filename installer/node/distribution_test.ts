import assert from "node:assert/strict";
import { FakeNode } from "./_node_fixture.ts";
import { configOfCommand, detectDistribution } from "./distribution.ts";
import { NodeError } from "./node_error.ts";
import { readNodeConfig } from "./node_config.ts";

const MICROK8S = "/var/snap/microk8s/current/args/containerd-template.toml";
const RKE2 = "/var/lib/rancher/rke2/agent/etc/containerd/config.toml";
const K3S = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml";
const K0S = "/etc/k0s/containerd.toml";
const DEFAULT = "/etc/containerd/config.toml";
const CUSTOM = "/data/k3s/agent/etc/containerd/config.toml";

interface Case {
  readonly files: readonly string[];
  readonly given?: string;
  /** Command line of the running containerd. */
  readonly command?: string;
  readonly expected: readonly [name: string, path: string, isAssumed: boolean];
}

const cases: readonly Case[] = [
  { files: [MICROK8S, DEFAULT], expected: ["microk8s", MICROK8S, false] },
  { files: [RKE2], expected: ["rke2", RKE2, false] },
  { files: [K3S], expected: ["k3s", K3S, false] },
  { files: [K0S, DEFAULT], expected: ["k0s", K0S, false] },
  { files: [DEFAULT], expected: ["containerd", DEFAULT, false] },
  { files: [], expected: ["containerd", DEFAULT, false] },
  { files: [DEFAULT], given: MICROK8S, expected: ["microk8s", MICROK8S, false] },
  { files: [DEFAULT], given: "/x/config.toml", expected: ["containerd", "/x/config.toml", true] },
  { files: [K3S], given: `${K3S}.tmpl`, expected: ["k3s", K3S, false] },
  { files: [DEFAULT], command: "containerd", expected: ["containerd", DEFAULT, false] },
  {
    files: [DEFAULT, "/y.toml"],
    command: "containerd --config /y.toml",
    expected: ["containerd", "/y.toml", false],
  },
  {
    files: [DEFAULT],
    command: "containerd --config /gone.toml",
    expected: ["containerd", DEFAULT, false],
  },
  { files: [CUSTOM], command: `containerd -c ${CUSTOM}`, expected: ["k3s", CUSTOM, false] },
];
for (const { files, given, command = "containerd", expected } of cases) {
  Deno.test(`detectDistribution() finds ${expected} with ${given ?? [...files, command]}`, async () => {
    await using node = await FakeNode.create();
    for (const path of files) await node.write(path, "version = 2\n");
    await node.write("/proc/77/cmdline", `${command.replaceAll(" ", "\0")}\0`);
    const found = await detectDistribution(node.files, given);
    assert.deepEqual([found.distribution.name, found.configPath, found.isAssumed], expected);
  });
}

Deno.test("detectDistribution() refuses a node without containerd", async () => {
  await using node = await FakeNode.create();
  await node.files.remove("/usr/bin/containerd");
  await assert.rejects(
    detectDistribution(node.files),
    (error) => error instanceof NodeError && error.exitCode === 3,
  );
});

Deno.test("configOfCommand() knows every form of the flag", () => {
  assert.equal(configOfCommand(["containerd", "-c", "/a"]), "/a");
  assert.equal(configOfCommand(["containerd", "-l", "info", "--config=/a"]), "/a");
  assert.equal(configOfCommand(["containerd", "-config", "/a"]), "/a");
  assert.equal(configOfCommand(["containerd", "--configure", "/a"]), undefined);
  assert.equal(configOfCommand([]), undefined);
});

Deno.test("readNodeConfig() edits the template that K3s takes", async () => {
  const directory = "/var/lib/rancher/k3s/agent/etc/containerd";
  for (const [version, name] of [[2, "config.toml.tmpl"], [3, "config-v3.toml.tmpl"]] as const) {
    await using node = await FakeNode.create({ kind: "k3s", version: "2.1.9" });
    await node.write(`${directory}/config.toml`, `version = ${version}\n`);
    const detected = await detectDistribution(node.files);
    const fresh = await readNodeConfig(node.files, detected);
    assert.deepEqual(fresh.target, {
      path: `${directory}/${name}`,
      text: undefined,
      initial: '{{ template "base" . }}\n',
      version,
    });
    await node.write(`${directory}/${name}`, "the user's");
    assert.equal((await readNodeConfig(node.files, detected)).target.text, "the user's");
  }
});

Deno.test("readNodeConfig() wants K3s to have started once", async () => {
  await using node = await FakeNode.create();
  const detected = await detectDistribution(node.files, K3S);
  await assert.rejects(readNodeConfig(node.files, detected), /when they start for the first time/);
});

Deno.test("readNodeConfig() edits k0s' own file if an admin has taken it over", async () => {
  await using node = await FakeNode.create();
  await node.write(K0S, 'version = 2\nimports = ["/etc/k0s/containerd.d/*.toml"]\n');
  const config = await readNodeConfig(node.files, await detectDistribution(node.files));
  assert.deepEqual([config.target.path, config.isRendered], [K0S, false]);
});

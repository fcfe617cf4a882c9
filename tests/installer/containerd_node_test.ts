/**
 * The installer on nodes with real containerds: after an install pods of Spin apps run there, after
 * an uninstall everything is as it was. See `tests/shim/containerd_test.ts` for what they need.
 *
 * @module
 */

import assert from "node:assert/strict";
import { buildInstallDir } from "../../deploy/image/install_dir.ts";
import { findAssets } from "../../installer/node/assets.ts";
import type { CommandResult, NodeHost } from "../../installer/node/host.ts";
import { inspectNode } from "../../installer/node/inspect.ts";
import { installShims } from "../../installer/node/install.ts";
import { createLocalHost } from "../../installer/node/local_host.ts";
import { NodeError } from "../../installer/node/node_error.ts";
import { uninstallShims } from "../../installer/node/uninstall.ts";
import { ContainerdNode } from "../support/containerd_node.ts";
import { findContainerds, unpackedDir } from "../support/containerd_versions.ts";
import type { ContainerSpec } from "../support/cri_pod.ts";
import { samplePath } from "../support/fixtures.ts";
import { registryImage } from "../support/spin_images.ts";
import { BUSYBOX_IMAGE } from "../support/test_images.ts";
import { waitUntil } from "../support/wait.ts";

const APP_IMAGE = "example.test/installed:1";
const APP: ContainerSpec = { name: "app", image: APP_IMAGE };
const ORDINARY: ContainerSpec = {
  name: "ordinary",
  image: BUSYBOX_IMAGE,
  command: ["sh", "-c", "echo ordinary; exit 3"],
};
/** The handler of pods that name none. */
const RUNC = "";

/** What the installer is told. */
function optionsFor(node: ContainerdNode) {
  return {
    rcmPath: `${node.directory}/rcm`,
    configPath: `${node.directory}/config.toml`,
    restarts: true,
    timeouts: { lockMs: 10_000, restartMs: 30_000, loadMs: 30_000 },
    log: { info: () => {}, warn: () => {} },
    isDryRun: false,
  };
}

/** The node, with something in the place of systemd. */
function hostOf(
  node: ContainerdNode,
  restart: () => Promise<void> = () => node.restart(),
): NodeHost {
  const host = createLocalHost({ root: "/" });
  async function runSystemctl(word: string | undefined): Promise<CommandResult> {
    if (word === "list-units") {
      return { code: 0, stdout: "containerd.service loaded\n", stderr: "" };
    }
    try {
      if (word === "restart") await restart();
      return { code: 0, stdout: "", stderr: "" };
    } catch (error) {
      return { code: 1, stdout: "", stderr: String(error) };
    }
  }
  return {
    ...host,
    run: async ([program = "", ...args], options) => {
      if (program === "systemctl") return await runSystemctl(args[0]);
      // Other nodes run on this machine too, with containerds of other versions.
      const own = program.endsWith("containerd") ? `${node.version.bin}/containerd` : program;
      return await host.run([own, ...args], options);
    },
  };
}

async function install(
  node: ContainerdNode,
  { source, host = hostOf(node) }: { source: string; host?: NodeHost },
) {
  return await installShims(host, {
    ...optionsFor(node),
    assets: await findAssets(source),
    handlers: [],
    hasAliases: true,
    runtimeOptions: { SystemdCgroup: "auto" },
    forcesOptions: false,
    arch: Deno.build.arch,
  });
}

/** Takes the runtimes of the shim's own tests out of the configuration. */
async function withoutSpin(node: ContainerdNode): Promise<string> {
  const path = `${node.directory}/config.toml`;
  const text = await Deno.readTextFile(path);
  const plain = text.replace(
    /^\s*\[plugins\.\S+\.runtimes\.(?:spin|with-options)\](?:.|\n)*$/m,
    "",
  );
  assert.match(plain, /runtimes\.runc\]/);
  assert.doesNotMatch(plain, /runtimes\.spin/);
  await Deno.writeTextFile(path, plain);
  await node.restart();
  return plain;
}

async function runsOrdinaryPod(node: ContainerdNode): Promise<void> {
  await using pod = await node.cri.runPod({ handler: RUNC, containers: [ORDINARY] });
  assert.equal((await pod.ended("ordinary")).exitCode, 3);
}

for (const version of findContainerds(unpackedDir((name) => Deno.env.get(name)))) {
  const why = version.missing === undefined ? "" : ` (skipped: ${version.missing})`;
  Deno.test({
    name: `containerd ${version.line}: install, update, failed update and uninstall${why}`,
    ignore: version.missing !== undefined && !Deno.env.get("SPINKUBE_TEST_REQUIRE"),
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "spinkube-installer-" });
      try {
        await testVersion(version, directory);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

async function testVersion(version: ContainerdNode["version"], directory: string): Promise<void> {
  const source = Deno.env.get("SPINKUBE_TEST_INSTALL_DIR") ?? `${directory}/install`;
  if (source.startsWith(directory)) await buildInstallDir(source, "0.0.0-test");
  await using node = await ContainerdNode.start({ version, shim: "/bin/false" });
  await node.importImage(await registryImage(APP_IMAGE, { manifest: samplePath("tiny-js") }));
  const path = `${node.directory}/config.toml`;
  const plain = await withoutSpin(node);

  const first = await install(node, { source });
  assert.deepEqual([first.isChanged, first.isRestarted], [true, true]);
  const report = await inspectNode(hostOf(node), optionsFor(node));
  assert.deepEqual(report.handlers, ["runc", "spin", "spin-v2"]);
  assert.deepEqual(report.shims.flatMap(({ problems }) => problems), []);
  await runsOrdinaryPod(node);
  await using pod = await node.cri.runPod({ handler: "spin-v2", containers: [APP] });
  assert.equal((await pod.answer("/")).status, 200);
  {
    await using other = await node.cri.runPod({ handler: "spin", containers: [APP] });
    assert.equal((await other.answer("/")).status, 200);
  }

  // A new version takes effect without a restart, and the old one stays as long as it runs.
  const containerd = node.pid;
  const newer = `${directory}/newer`;
  await copy(source, newer);
  await Deno.writeTextFile(`${newer}/VERSION`, '{"version":"0.0.1-test"}\n');
  const update = await install(node, { source: newer });
  assert.deepEqual([update.isChanged, update.isRestarted], [true, false]);
  assert.equal(node.pid, containerd);
  assert.equal([...Deno.readDirSync(`${node.directory}/rcm/lib`)].length, 2);
  assert.equal((await pod.answer("/")).status, 200);

  // What containerd does not start with is taken back.
  const installed = await Deno.readTextFile(path);
  const failing = hostOf(node, async () => {
    await node.end();
    const text = await Deno.readTextFile(path);
    if (text.includes("Broken = true")) throw new Error("containerd did not start");
    await node.launch();
  });
  await assert.rejects(
    installShims(failing, {
      ...optionsFor(node),
      assets: await findAssets(newer),
      handlers: [],
      hasAliases: true,
      runtimeOptions: { Broken: "true" },
      forcesOptions: false,
      arch: Deno.build.arch,
    }),
    (error) => error instanceof NodeError && error.exitCode === 5,
  );
  assert.equal(await Deno.readTextFile(path), installed);
  await waitUntil(() => node.cri.isReady(), { what: "containerd to be ready" });
  assert.equal((await pod.answer("/")).status, 200);

  await uninstallShims(hostOf(node), { ...optionsFor(node), shims: ["spin-v2"] });
  assert.equal(await Deno.readTextFile(path), plain);
  assert.equal((await pod.answer("/")).status, 200);
  await runsOrdinaryPod(node);
  await assert.rejects(
    node.cri.runSandbox({ handler: "spin" }),
    /no runtime for "spin" is configured/,
  );
  await pod.remove();
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

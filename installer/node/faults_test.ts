/** What becomes of a node when something goes wrong. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { FakeNode } from "./_node_fixture.ts";
import { findAssets } from "./assets.ts";
import { type InstallOptions, installShims } from "./install.ts";
import { explainFailure, NodeError } from "./node_error.ts";
import { DEFAULT_TIMEOUTS, type Stage } from "./session.ts";
import { uninstallShims } from "./uninstall.ts";

const MAIN = "/etc/containerd/config.toml";
const SHIM = "/opt/rcm/bin/containerd-shim-spin-v2";
const CONFIG = `version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
const OLD = "#!/bin/sh\n# old\n";
const NEW = "#!/bin/sh\n# new\n";
const STAGES: readonly Stage[] = [
  "locked",
  "planned",
  "copied",
  "backed-up",
  "journaled",
  "programs",
  "configured",
  "restarted",
  "loaded",
  "removed",
  "committed",
  "cleaned",
];
const common = {
  rcmPath: "/opt/rcm",
  restarts: true,
  timeouts: DEFAULT_TIMEOUTS,
  log: { info: () => {}, warn: () => {} },
};

/** A directory with the shim `text`, as files for a test. */
async function withShim<T>(text: string, use: (source: string) => Promise<T>): Promise<T> {
  const directory = await Deno.makeTempDir();
  try {
    const source = join(directory, "containerd-shim-spin-v2");
    await Deno.writeTextFile(source, text);
    return await use(source);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function install(node: FakeNode, text = NEW, options: Partial<InstallOptions> = {}) {
  return await withShim(text, async (source) =>
    await installShims(node.host, {
      ...common,
      assets: await findAssets(source),
      handlers: [],
      hasAliases: true,
      runtimeOptions: { SystemdCgroup: "true" },
      forcesOptions: false,
      arch: "x86_64",
      isDryRun: false,
      ...options,
    }));
}

async function uninstall(node: FakeNode) {
  return await uninstallShims(node.host, { ...common, shims: ["spin-v2"], isDryRun: false });
}

/** Starts the installer in a process of its own, which ends itself after a step. */
function startRun(node: FakeNode, args: readonly string[]): Deno.ChildProcess {
  const program = fileURLToPath(new URL("./_killed_run_fixture.ts", import.meta.url));
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", program, node.root, ...args],
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

/** Runs the installer in a process of its own that is killed after a step. */
async function killedRun(node: FakeNode, operation: "install" | "uninstall", stage: Stage) {
  await withShim(NEW, async (source) => {
    const { signal, stderr } = await startRun(node, [operation, stage, source]).output();
    assert.equal(signal, "SIGKILL", new TextDecoder().decode(stderr));
  });
}

async function handlers(node: FakeNode): Promise<string[] | undefined> {
  const loaded = await node.loaded();
  return loaded && [...loaded.keys()].sort();
}

/** Nothing of a run that did not end is left. */
async function assertClean(node: FakeNode): Promise<void> {
  const files = Object.keys(await node.snapshot("/"));
  assert.deepEqual(files.filter((path) => /\.rcm-(?:new|old|check)$/.test(path)), []);
  assert.deepEqual(await node.files.list("/opt/rcm/lib"), []);
  const state = JSON.parse(await node.files.readText("/opt/rcm/state.json") ?? "{}");
  assert.equal(state.journal, undefined);
}

for (const stage of STAGES) {
  Deno.test(`an install that is killed after "${stage}" is finished by the next`, async () => {
    await using node = await FakeNode.create({ config: CONFIG });
    await killedRun(node, "install", stage);
    assert.ok((await handlers(node))?.includes("runc"), "containerd serves");
    await install(node);
    assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
    assert.equal(await node.restarts(), 1);
    assert.equal(await node.files.readText(SHIM), NEW);
    await assertClean(node);
    await uninstall(node);
    assert.equal(await node.files.readText(MAIN), CONFIG);
  });

  Deno.test(`an install that is killed after "${stage}" is taken back by an uninstall`, async () => {
    await using node = await FakeNode.create({ config: CONFIG });
    await killedRun(node, "install", stage);
    await uninstall(node);
    assert.deepEqual(await handlers(node), ["runc"]);
    assert.equal(await node.files.readText(MAIN), CONFIG);
    assert.equal(await node.files.exists(SHIM), false);
    await assertClean(node);
  });

  Deno.test(`an uninstall that is killed after "${stage}" is finished by the next`, async () => {
    await using node = await FakeNode.create({ config: CONFIG });
    await install(node);
    await killedRun(node, "uninstall", stage);
    assert.ok((await handlers(node))?.includes("runc"), "containerd serves");
    await uninstall(node);
    assert.deepEqual(await handlers(node), ["runc"]);
    assert.equal(await node.files.readText(MAIN), CONFIG);
    assert.equal(await node.files.exists(SHIM), false);
    await assertClean(node);
  });

  Deno.test(`a failure after "${stage}" leaves the node as it was, or done`, async () => {
    await using node = await FakeNode.create({ config: CONFIG });
    await install(node, OLD, { runtimeOptions: {} });
    const config = await node.files.readText(MAIN);
    function fail(name: Stage) {
      if (name === stage) throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    }
    await assert.rejects(install(node, NEW, { onStage: fail }));
    const isDone = stage === "committed" || stage === "cleaned";
    if (!isDone) {
      assert.equal(await node.files.readText(MAIN), config);
      assert.equal(await node.files.readText(SHIM), OLD);
    }
    assert.deepEqual(
      (await node.loaded())?.get("spin")?.options,
      isDone ? { SystemdCgroup: true } : {},
    );
    await install(node);
    assert.equal(await node.files.readText(SHIM), NEW);
    await assertClean(node);
  });
}

// A run whose configuration is refused comes no further.
for (const stage of STAGES.slice(0, STAGES.indexOf("restarted"))) {
  Deno.test(`a bad update that is killed after "${stage}" is taken back by the next run`, async () => {
    await using node = await FakeNode.create({ config: CONFIG });
    await install(node, OLD, { runtimeOptions: {} });
    const config = await node.files.readText(MAIN);
    await node.change({ refuses: "SystemdCgroup" });
    await killedRun(node, "install", stage);
    await assert.rejects(
      install(node),
      (error) => error instanceof NodeError && error.exitCode === 5,
    );
    assert.equal(await node.files.readText(MAIN), config);
    assert.equal(await node.files.readText(SHIM), OLD);
    assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
    await assertClean(node);
    await node.change({ refuses: "nothing of the kind" });
    await install(node);
    assert.equal(await node.files.readText(SHIM), NEW);
    assert.deepEqual((await node.loaded())?.get("spin")?.options, { SystemdCgroup: true });
  });
}

Deno.test("a run that is killed at any time is finished by the next", async () => {
  const random = seededRandom();
  await using node = await FakeNode.create({ config: CONFIG });
  await withShim(NEW, async (source) => {
    for (let round = 0; round < 6; round++) {
      const note = `seed ${random.seed}, round ${round}`;
      const operation = round % 2 === 0 ? "install" : "uninstall";
      const child = startRun(node, [operation, "never", source]);
      const ended = child.output();
      await Promise.race([
        ended,
        new Promise((resolve) => setTimeout(resolve, 150 + random.below(500))),
      ]);
      try {
        child.kill("SIGKILL");
      } catch {
        // It was done before.
      }
      await ended;
      if (operation === "install") {
        await install(node);
        assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"], note);
        assert.equal(await node.files.readText(SHIM), NEW, note);
      } else {
        await uninstall(node);
        assert.deepEqual(await handlers(node), ["runc"], note);
        assert.equal(await node.files.readText(MAIN), CONFIG, note);
        assert.equal(await node.files.exists(SHIM), false, note);
      }
      await assertClean(node);
    }
  });
});

const refusals: readonly [string, Parameters<FakeNode["change"]>[0], RegExp][] = [
  [
    "containerd refuses the configuration",
    { refuses: "spin-v2" },
    /Job for containerd.service failed/,
  ],
  ["the restart fails once", { failingRestarts: 1 }, /Job for containerd.service failed/],
];
for (const [name, settings, message] of refusals) {
  Deno.test(`installShims() takes everything back when ${name}`, async () => {
    for (const config of [CONFIG, undefined]) {
      await using node = await FakeNode.create({ config });
      await node.change(settings);
      await assert.rejects(install(node), (error) => {
        assert.ok(error instanceof NodeError);
        assert.equal(error.exitCode, 5);
        assert.match(error.message, message);
        return true;
      });
      assert.equal(await node.files.readText(MAIN), config);
      assert.equal(await node.files.exists(SHIM), false);
      assert.deepEqual(await handlers(node), ["runc"]);
      assert.equal(await node.files.exists("/opt/rcm/rcm-lock.json"), false);
      assert.ok(node.commands.includes("systemctl reset-failed containerd"));
      await assertClean(node);
    }
  });
}

Deno.test("installShims() leaves the old shim in place when the new one does not start", async () => {
  // As containerd's shims end: with a signal, without a loader, or with an error of their own.
  const cases: [kind: "file" | "directory", code: number, isRefused: boolean][] = [
    ["file", 139, true],
    ["file", 127, true],
    ["file", 1, false],
    ["file", 124, false],
    ["directory", 1, true],
    ["directory", 124, false],
  ];
  for (const [kind, failingShim, isRefused] of cases) {
    await using node = await FakeNode.create({ config: CONFIG });
    await install(node, OLD);
    const before = await node.snapshot("/opt");
    await node.change({ failingShim });
    const warnings: string[] = [];
    const log = { info: () => {}, warn: (message: string) => void warnings.push(message) };
    const update = withShim(NEW, async (source) => {
      const assets = await findAssets(source);
      const directory = dirname(source);
      return await install(node, NEW, {
        log,
        assets: kind === "file"
          ? assets
          : assets.map((asset) => ({ ...asset, kind, source: directory })),
      });
    });
    if (!isRefused) {
      await update;
      assert.deepEqual(warnings, ["the shim does not tell its version"]);
      continue;
    }
    await assert.rejects(update, (error) => {
      assert.ok(error instanceof NodeError);
      assert.equal(error.exitCode, 4);
      assert.match(error.message, /-v" ends with \d+: it is broken\. Nothing was changed\.$/);
      return true;
    });
    assert.deepEqual(await node.snapshot("/opt"), before);
    assert.equal(await node.files.readText(SHIM), OLD);
    await assertClean(node);
  }
});

Deno.test("installShims() keeps the journal when taking back fails too, and the next run ends it", async () => {
  await using node = await FakeNode.create({ config: CONFIG });
  await node.change({ hangs: true });
  await assert.rejects(install(node), (error) => {
    assert.ok(error instanceof NodeError);
    assert.equal(error.exitCode, 1);
    assert.match(error.message, /Taking it back failed too.*config\.toml\.rcm-1\.bak/s);
    return true;
  });
  assert.equal(await node.files.readText(MAIN), CONFIG);
  await node.change({ hangs: false });
  await install(node);
  assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
  await assertClean(node);
});

Deno.test("a bad configuration that was written without a restart does not stay", async () => {
  await using node = await FakeNode.create({ config: CONFIG });
  await install(node, NEW, { restarts: false });
  await node.change({ refuses: "spin-v2" });
  await assert.rejects(
    install(node),
    (error) => error instanceof NodeError && error.exitCode === 5,
  );
  assert.equal(await node.files.readText(MAIN), CONFIG);
  assert.deepEqual(await handlers(node), ["runc"]);
  await assertClean(node);
});

Deno.test("a run for another shim proves what an interrupted one wrote", async () => {
  for (const refuses of ["nothing of the kind", "spin-v2"]) {
    await using node = await FakeNode.create({ config: CONFIG });
    await killedRun(node, "install", "configured");
    await node.change({ refuses });
    const other = uninstallShims(node.host, { ...common, shims: ["other"], isDryRun: false });
    if (refuses === "spin-v2") {
      await assert.rejects(other, (error) => error instanceof NodeError && error.exitCode === 5);
      assert.equal(await node.files.readText(MAIN), CONFIG);
      assert.deepEqual(await handlers(node), ["runc"]);
    } else {
      await other;
      assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
    }
    await assertClean(node);
  }
});

Deno.test("installShims() touches nothing when the configuration is no TOML", async () => {
  await using node = await FakeNode.create({ config: CONFIG });
  await node.write(MAIN, "version = 2\n<<<<<<< HEAD\n");
  await assert.rejects(install(node), (error) => {
    assert.ok(error instanceof NodeError);
    assert.match(error.message, /"\/etc\/containerd\/config.toml" is no TOML/);
    return true;
  });
  assert.equal(await node.restarts(), 0);
  assert.equal(await node.files.exists(SHIM), false);
});

Deno.test("installShims() touches nothing when containerd does not serve pods, or is not there", async () => {
  for (const [config, exitCode] of [['disabled_plugins = ["cri"]\n', 3], [undefined, 3]] as const) {
    await using node = await FakeNode.create({ config });
    if (config === undefined) await node.files.remove("/usr/bin/containerd");
    await assert.rejects(
      install(node),
      (error) => error instanceof NodeError && error.exitCode === exitCode,
    );
    assert.equal(await node.restarts(), 0);
    assert.equal(await node.files.exists(SHIM), false);
  }
});

Deno.test("installShims() refuses a directory that programs cannot be run from", async () => {
  await using node = await FakeNode.create({ config: CONFIG });
  await node.write(
    "/proc/1/mountinfo",
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:2 / /opt rw,noexec - ext4 /dev/sda2 rw\n",
  );
  await assert.rejects(
    install(node),
    (error) => error instanceof NodeError && error.exitCode === 3 && /noexec/.test(error.message),
  );
  await install(node, NEW, { rcmPath: "/home/rcm" });
  assert.equal(await node.files.readText("/home/rcm/bin/containerd-shim-spin-v2"), NEW);
});

Deno.test("installShims() does not edit a file whose runtimes containerd would not read", async () => {
  // With containerd 2 a file of version 1 has no runtimes.
  await using node = await FakeNode.create({ config: "[plugins.cri]\n", version: "2.1.9" });
  await assert.rejects(install(node), (error) => {
    assert.ok(error instanceof NodeError);
    assert.equal(error.exitCode, 4);
    assert.match(error.message, /would not have the runtime "spin-v2"/);
    return true;
  });
  assert.equal(await node.files.readText(MAIN), "[plugins.cri]\n");
});

Deno.test("two installs at once do the work once", async () => {
  await using node = await FakeNode.create({ config: CONFIG });
  const host = {
    ...node.host,
    now: () => Date.now(),
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 20)),
  };
  await withShim(NEW, async (source) => {
    const options: InstallOptions = {
      ...common,
      assets: await findAssets(source),
      handlers: [],
      hasAliases: true,
      runtimeOptions: {},
      forcesOptions: false,
      arch: "x86_64",
      isDryRun: false,
    };
    const results = await Promise.all([installShims(host, options), installShims(host, options)]);
    assert.deepEqual(results.map(({ isRestarted }) => isRestarted).sort(), [false, true]);
  });
  assert.equal(await node.restarts(), 1);
  await assertClean(node);
});

Deno.test("installShims() gives up when another run does not end", async () => {
  await using node = await FakeNode.create({ config: CONFIG });
  await node.files.makeDirectory("/opt/rcm");
  using _held = await node.files.tryLock("/opt/rcm/.lock");
  await assert.rejects(install(node), /Another installer holds the lock/);
  assert.equal(await node.files.exists(SHIM), false);
});

Deno.test("installShims() replaces a program that is running", async () => {
  await using node = await FakeNode.create({ config: CONFIG });
  await install(node, OLD);
  await Deno.copyFile("/bin/sleep", join(node.root, SHIM));
  const child = new Deno.Command(join(node.root, SHIM), { args: ["60"] }).spawn();
  try {
    await install(node);
    assert.equal(await node.files.readText(SHIM), NEW);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});

/** Runs `mount` or `umount`. @returns Whether this machine lets us. */
async function runMount(program: "mount" | "umount", args: string[]): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const { success } = await new Deno.Command(program, { args, stderr: "null" }).output();
  return success;
}

async function tryMount(): Promise<boolean> {
  const directory = await Deno.makeTempDir();
  try {
    const isMounted = await runMount("mount", ["-t", "tmpfs", "none", directory]);
    return isMounted && await runMount("umount", [directory]);
  } finally {
    await Deno.remove(directory);
  }
}

const mayMount = await tryMount();

const disks: readonly [
  name: string,
  directory: string,
  options: string,
  exitCode: number,
  RegExp,
][] = [
  ["the disk is full", "/opt/rcm", "size=64k", 1, /the disk is full/],
  ["the target is read-only", "/opt", "ro", 3, /read-only.*--rcm-path/],
];
for (const [name, directory, options, exitCode, message] of disks) {
  Deno.test({
    name: `installShims() leaves the node as it was when ${name}`,
    ignore: !mayMount,
    fn: async () => {
      await using node = await FakeNode.create({ config: CONFIG });
      await node.files.makeDirectory(directory);
      const real = join(node.root, directory);
      assert.ok(await runMount("mount", ["-t", "tmpfs", "-o", options, "none", real]));
      try {
        await assert.rejects(install(node, `#!/bin/sh\n${"#".repeat(200_000)}\n`), (error) => {
          assert.ok(error instanceof NodeError, String(error));
          assert.equal(error.exitCode, exitCode);
          assert.match(error.message, message);
          return true;
        });
        assert.equal(await node.files.readText(MAIN), CONFIG);
        assert.equal(await node.restarts(), 0);
        assert.equal(await node.files.exists(SHIM), false);
        await assertClean(node);
      } finally {
        await runMount("umount", [real]);
      }
    },
  });
}

Deno.test({
  name: "installShims() leaves the node as it was when the configuration is read-only",
  ignore: !mayMount,
  fn: async () => {
    await using node = await FakeNode.create({ config: CONFIG });
    const real = join(node.root, "etc/containerd");
    assert.ok(await runMount("mount", ["--bind", real, real]));
    assert.ok(await runMount("mount", ["-o", "remount,bind,ro", real]));
    try {
      await assert.rejects(
        install(node),
        (error) => error instanceof NodeError && error.exitCode === 3,
      );
      assert.equal(await node.restarts(), 0);
      assert.equal(await node.files.exists(SHIM), false);
    } finally {
      await runMount("umount", [real]);
    }
  },
});

Deno.test("explainFailure() tells read-only and full file systems apart", () => {
  const cases = [["EROFS", 3, /read-only/], ["ENOSPC", 1, /disk is full/], [
    "EIO",
    1,
    /broken/,
  ]] as const;
  for (const [code, exitCode, message] of cases) {
    const error = explainFailure(Object.assign(new Error("broken"), { code }), {
      what: "Cannot write",
    });
    assert.ok(error instanceof NodeError);
    assert.equal(error.exitCode, exitCode);
    assert.match(error.message, message);
  }
});

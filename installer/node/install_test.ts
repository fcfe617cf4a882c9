import assert from "node:assert/strict";
import { join } from "node:path";
import { FakeNode } from "./_node_fixture.ts";
import { findAssets } from "./assets.ts";
import { type InstallOptions, installShims } from "./install.ts";
import { NodeError } from "./node_error.ts";
import { DEFAULT_TIMEOUTS } from "./session.ts";
import { type UninstallOptions, uninstallShims } from "./uninstall.ts";

const MAIN = "/etc/containerd/config.toml";
const SHIM = "/opt/rcm/bin/containerd-shim-spin-v2";
const CRI = 'plugins."io.containerd.grpc.v1.cri"';
const V2 = `version = 2
[${CRI}.containerd]
  default_runtime_name = "runc"
[${CRI}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [${CRI}.containerd.runtimes.runc.options]
    SystemdCgroup = true
`;
const log = { info: () => {}, warn: () => {} };
const common = { rcmPath: "/opt/rcm", restarts: true, timeouts: DEFAULT_TIMEOUTS, log };

/** A shim to install, beside the node. */
async function shim(node: FakeNode, text = "#!/bin/sh\n", name = "containerd-shim-spin-v2") {
  await node.write(`/../${node.root.split("/").at(-1)}-assets/${name}`, text);
  return join(`${node.root}-assets`, name);
}

async function install(
  node: FakeNode,
  { source, ...options }: Partial<InstallOptions> & { source?: string } = {},
) {
  const path = source ?? await shim(node);
  try {
    return await installShims(node.host, {
      ...common,
      assets: await findAssets(path),
      handlers: [],
      hasAliases: true,
      runtimeOptions: { SystemdCgroup: "true" },
      forcesOptions: false,
      arch: "x86_64",
      isDryRun: false,
      ...options,
    });
  } finally {
    await Deno.remove(`${node.root}-assets`, { recursive: true });
  }
}

async function uninstall(node: FakeNode, options: Partial<UninstallOptions> = {}) {
  return await uninstallShims(node.host, {
    ...common,
    shims: ["spin-v2"],
    isDryRun: false,
    ...options,
  });
}

async function handlers(node: FakeNode): Promise<string[] | undefined> {
  const loaded = await node.loaded();
  return loaded && [...loaded.keys()].sort();
}

/** The node's files without what is only remembered. */
async function configuration(node: FakeNode): Promise<Record<string, string>> {
  const files = {
    ...await node.snapshot("/etc"),
    ...await node.snapshot("/var"),
    ...await node.snapshot("/opt"),
  };
  return Object.fromEntries(
    Object.entries(files).filter(([path]) =>
      !/\.bak$|\/opt\/rcm\/(?:\.lock|state|rcm-lock)/.test(path)
    ),
  );
}

interface Kind {
  readonly name: string;
  readonly settings: Parameters<typeof FakeNode.create>[0];
  readonly edited: string;
}

const V3_BASE = `version = 3
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
const K3S = "/var/lib/rancher/k3s/agent/etc/containerd";
const kinds: readonly Kind[] = [
  { name: "containerd 1.7", settings: { config: V2 }, edited: MAIN },
  { name: "containerd 2.1", settings: { config: V3_BASE, version: "2.1.9" }, edited: MAIN },
  {
    name: "containerd 2.1 with a file of 1.x",
    settings: { config: V2, version: "2.1.9" },
    edited: MAIN,
  },
  { name: "containerd 1.6 on its defaults", settings: { version: "1.6.20" }, edited: MAIN },
  { name: "containerd 2.1 on its defaults", settings: { version: "2.1.9" }, edited: MAIN },
  { name: "a file without runtimes", settings: { config: "version = 2\n" }, edited: MAIN },
  {
    name: "a file of comments",
    settings: { config: "# nothing\n", version: "2.1.9" },
    edited: MAIN,
  },
  { name: "a file of version 1", settings: { config: "[plugins.cri]\n" }, edited: MAIN },
  { name: "no systemd", settings: { config: V2, hasSystemd: false }, edited: MAIN },
  {
    name: "a containerd that cannot be asked",
    settings: { config: V2, cannotDump: true },
    edited: MAIN,
  },
  { name: "K3s", settings: { kind: "k3s", config: V2 }, edited: `${K3S}/config.toml.tmpl` },
  {
    name: "K3s with containerd 2",
    settings: { kind: "k3s", config: V3_BASE, version: "2.1.9" },
    edited: `${K3S}/config-v3.toml.tmpl`,
  },
  {
    name: "K3s as in k3d",
    settings: { kind: "k3s", config: V2, hasSystemd: false },
    edited: `${K3S}/config.toml.tmpl`,
  },
  {
    name: "k0s",
    settings: {
      kind: "k0s",
      config: '# k0s_managed=true\nversion = 2\nimports = ["/run/k0s/containerd-cri.toml"]\n',
    },
    edited: "/etc/k0s/containerd.d/config.toml",
  },
  {
    name: "MicroK8s",
    settings: { kind: "microk8s", config: V2 },
    edited: "/var/snap/microk8s/current/args/containerd-template.toml",
  },
];

for (const { name, settings, edited } of kinds) {
  Deno.test(`installShims() and uninstallShims() on ${name}`, async () => {
    await using node = await FakeNode.create(settings);
    const before = await configuration(node);
    const result = await install(node);
    assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
    assert.equal((await node.loaded())?.get("spin-v2")?.runtimeType, SHIM);
    assert.ok((await node.files.readText(edited))?.includes("# RCM runtime config for spin-v2"));
    assert.equal(result.isRestarted, true);
    assert.equal(await node.restarts(), 1);
    const isMicroK8s = settings?.kind === "microk8s";
    assert.deepEqual(
      (await node.loaded())?.get("spin-v2")?.options,
      isMicroK8s ? {} : { SystemdCgroup: true },
    );

    const installed = await node.snapshot("/opt");
    const again = await install(node);
    assert.equal(again.isChanged, false);
    assert.equal(await node.restarts(), 1);
    assert.deepEqual(await node.snapshot("/opt"), installed);

    await uninstall(node);
    assert.deepEqual(await handlers(node), ["runc"]);
    assert.equal(await node.restarts(), 2);
    assert.deepEqual(await configuration(node), before);
    assert.equal((await uninstall(node)).isChanged, false);
    assert.equal(await node.restarts(), 2);
  });
}

Deno.test("installShims() writes the lock file as runtime-class-manager does", async () => {
  await using node = await FakeNode.create({ config: V2 });
  await install(node);
  const sha256 = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode("#!/bin/sh\n")),
  ).toHex();
  assert.equal(
    await node.files.readText("/opt/rcm/rcm-lock.json"),
    `{\n "shims": {\n  "spin-v2": {\n   "sha256": "${sha256}",\n   "path": "${SHIM}"\n  }\n }\n}`,
  );
});

Deno.test("installShims() does not restart containerd for a new program alone", async () => {
  await using node = await FakeNode.create({ config: V2 });
  await install(node);
  const result = await install(node, { source: await shim(node, "#!/bin/sh\n# new\n") });
  assert.deepEqual([result.isChanged, result.isRestarted], [true, false]);
  assert.equal(await node.restarts(), 1);
  assert.equal(await node.files.readText(SHIM), "#!/bin/sh\n# new\n");
  assert.deepEqual(await node.files.list("/opt/rcm/bin"), ["containerd-shim-spin-v2"]);
});

Deno.test("installShims() restarts a containerd that has not read what is in the file", async () => {
  await using node = await FakeNode.create({ config: V2 });
  await install(node, { restarts: false });
  assert.deepEqual(await handlers(node), ["runc"]);
  await install(node);
  assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
  assert.equal(await node.restarts(), 1);
});

Deno.test("installShims() follows changed options and handlers", async () => {
  await using node = await FakeNode.create({ config: V2 });
  await install(node, { handlers: ["wasm"] });
  assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2", "wasm"]);
  await install(node, { runtimeOptions: {} });
  assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
  assert.deepEqual((await node.loaded())?.get("spin-v2")?.options, {});
  await uninstall(node);
  assert.equal(await node.files.readText(MAIN), V2);
});

Deno.test("installShims() takes the cgroup driver from containerd for auto", async () => {
  for (const [value, expected] of [["true", true], ["false", false]] as const) {
    await using node = await FakeNode.create({
      config: V2.replace("SystemdCgroup = true", `SystemdCgroup = ${value}`),
    });
    await install(node, { runtimeOptions: { SystemdCgroup: "auto" } });
    assert.deepEqual((await node.loaded())?.get("spin-v2")?.options, { SystemdCgroup: expected });
  }
});

Deno.test("installShims() installs several shims, and either goes alone", async () => {
  await using node = await FakeNode.create({ version: "1.6.20" });
  await shim(node);
  await install(node, {
    source: join(await shim(node, "#!/bin/sh\n", "containerd-shim-wasmtime-v1"), ".."),
  });
  assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2", "wasmtime-v1"]);
  await uninstall(node);
  assert.deepEqual(await handlers(node), ["runc", "wasmtime-v1"]);
  await uninstall(node, { shims: "all" });
  assert.deepEqual(await handlers(node), ["runc"]);
  assert.equal(await node.files.exists(MAIN), false);
});

Deno.test("installShims() leaves runtimes of others alone", async () => {
  const foreign =
    `${V2}[${CRI}.containerd.runtimes.spin]\nruntime_type = "io.containerd.spin.v2"\n`;
  await using node = await FakeNode.create({ config: foreign });
  await install(node);
  assert.equal((await node.loaded())?.get("spin")?.runtimeType, "io.containerd.spin.v2");
  await uninstall(node);
  assert.equal(await node.files.readText(MAIN), foreign);
  await assert.rejects(
    install(node, { source: await shim(node, "#!/bin/sh\n", "containerd-shim-spin") }),
    (error) =>
      error instanceof NodeError &&
      /"spin" is defined in .* "io.containerd.spin.v2"/.test(error.message),
  );
  assert.equal(await node.files.readText(MAIN), foreign);
});

Deno.test("installShims() does not take a handler from another shim", async () => {
  await using node = await FakeNode.create({ config: V2 });
  await install(node);
  await install(node, { source: await shim(node, "#!/bin/sh\n", "containerd-shim-spin-v3") });
  assert.equal((await node.loaded())?.get("spin")?.runtimeType, SHIM);
  await assert.rejects(
    install(node, {
      source: await shim(node, "#!/bin/sh\n", "containerd-shim-other"),
      handlers: ["spin-v2"],
    }),
    /handler "spin-v2" of the shim "other" belongs to the shim "spin-v2"/,
  );
});

Deno.test("installShims() replaces what kwasm left, its files too", async () => {
  const kwasm =
    `${V2}\n[${CRI}.containerd.runtimes.spin]\n    runtime_type = "/opt/kwasm/bin/containerd-shim-spin-v2"\n`;
  await using node = await FakeNode.create({ config: kwasm });
  await node.write("/opt/kwasm/bin/containerd-shim-spin-v2", "old");
  await node.write("/opt/kwasm/active", "");
  await Deno.mkdir(join(node.root, "usr/local/bin"), { recursive: true });
  await node.files.link(
    "/usr/local/bin/containerd-shim-spin-v2",
    "/opt/kwasm/bin/containerd-shim-spin-v2",
  );
  await install(node);
  assert.equal((await node.loaded())?.get("spin")?.runtimeType, SHIM);
  assert.deepEqual(await node.snapshot("/opt/kwasm"), {});
  assert.deepEqual(await node.files.list("/usr/local/bin"), []);
  await uninstall(node);
  assert.equal(await node.files.readText(MAIN), V2);
});

Deno.test("installShims() leaves kwasm's shim as long as somebody runs it", async () => {
  const kwasm =
    `${V2}\n[${CRI}.containerd.runtimes.spin]\n    runtime_type = "/opt/kwasm/bin/containerd-shim-spin-v2"\n`;
  await using node = await FakeNode.create({ config: kwasm });
  await node.write("/opt/kwasm/bin/containerd-shim-spin-v2", "old");
  await node.write(
    "/proc/99/cmdline",
    "/opt/kwasm/bin/containerd-shim-spin-v2\0-namespace\0k8s.io\0",
  );
  await install(node);
  assert.ok(await node.files.exists("/opt/kwasm/bin/containerd-shim-spin-v2"));
  await Deno.remove(join(node.root, "proc/99"), { recursive: true });
  await install(node);
  assert.ok(!await node.files.exists("/opt/kwasm/bin/containerd-shim-spin-v2"));
});

Deno.test("installShims() cleans kwasm's drop-in of k0s", async () => {
  await using node = await FakeNode.create({ kind: "k0s" });
  await node.write(
    "/etc/k0s/containerd.toml",
    '# k0s_managed=true\nversion = 2\nimports = ["/run/k0s/containerd-cri.toml"]\n',
  );
  await node.write(
    "/etc/k0s/containerd.d/spin.toml",
    `\n[${CRI}.containerd.runtimes.spin]\n    runtime_type = "/opt/kwasm/bin/containerd-shim-spin-v2"\n`,
  );
  await node.restart();
  await install(node);
  assert.equal((await node.loaded())?.get("spin")?.runtimeType, SHIM);
  assert.ok(!await node.files.exists("/etc/k0s/containerd.d/spin.toml"));
});

Deno.test("installShims() edits the file that counts when others are imported", async () => {
  for (const version of ["1.7.24", "2.1.9"]) {
    const main = `version = 2\nimports = ["conf.d/*.toml"]\n${V2.replace("version = 2\n", "")}`;
    await using node = await FakeNode.create({ config: main, version });
    const dropIn =
      `version = 2\n[${CRI}.containerd.runtimes.nvidia]\nruntime_type = "io.containerd.runc.v2"\n`;
    await node.write("/etc/containerd/conf.d/99-nvidia.toml", dropIn);
    await node.restart();
    const before = await handlers(node);
    await install(node);
    assert.deepEqual(await handlers(node), [...before!, "spin", "spin-v2"].sort());
    assert.equal(await node.files.readText(MAIN), main);
    await uninstall(node);
    assert.equal(await node.files.readText("/etc/containerd/conf.d/99-nvidia.toml"), dropIn);
  }
});

Deno.test("installShims() edits the main file when containerd does not find the imports", async () => {
  // containerd 1.6 looks for conf.d in /, where there is none.
  const main = `version = 2\nimports = ["conf.d/*.toml"]\n${V2.replace("version = 2\n", "")}`;
  await using node = await FakeNode.create({ config: main, version: "1.6.20" });
  const dropIn = V2.replace("runc]", "other]");
  await node.write("/etc/containerd/conf.d/a.toml", dropIn);
  await node.restart();
  await install(node);
  assert.deepEqual(await handlers(node), ["runc", "spin", "spin-v2"]);
  assert.equal(await node.files.readText("/etc/containerd/conf.d/a.toml"), dropIn);
  await uninstall(node);
  assert.equal(await node.files.readText(MAIN), main);
});

Deno.test("installShims() edits what a link leads to, inside the node", async () => {
  await using node = await FakeNode.create({});
  await node.write("/var/real/config.toml", V2);
  await Deno.mkdir(join(node.root, "etc/containerd"), { recursive: true });
  await Deno.symlink("/var/real/config.toml", join(node.root, MAIN));
  await node.restart();
  await install(node);
  assert.equal(await node.files.readLink(MAIN), "/var/real/config.toml");
  assert.match(await node.files.readText("/var/real/config.toml") ?? "", /runtimes\.spin-v2/);
});

Deno.test("installShims() keeps mode and owner of the configuration", async () => {
  await using node = await FakeNode.create({ config: V2 });
  await Deno.chmod(join(node.root, MAIN), 0o640);
  await install(node);
  assert.equal((await Deno.stat(join(node.root, MAIN))).mode! & 0o777, 0o640);
});

Deno.test("installShims() keeps three backups", async () => {
  await using node = await FakeNode.create({ config: V2 });
  for (let round = 0; round < 5; round++) {
    await install(node, { runtimeOptions: { Round: String(round) } });
  }
  const names = (await node.files.list("/etc/containerd")).filter((name) => name.endsWith(".bak"));
  assert.deepEqual(names, [3, 4, 5].map((number) => `config.toml.rcm-${number}.bak`));
  assert.match(await node.files.readText(`/etc/containerd/${names.at(-1)}`) ?? "", /Round = 3/);
});

Deno.test("installShims() only tells what it would do in a dry run", async () => {
  await using node = await FakeNode.create({ config: V2 });
  const before = await node.snapshot("/");
  const { diff, isChanged, isRestarted } = await install(node, { isDryRun: true });
  assert.ok(isChanged && isRestarted);
  assert.match(diff, /^--- \/etc\/containerd\/config.toml\n\+\+\+ .*\n@@ -\d+,3 \+\d+,\d+ @@\n/);
  assert.match(diff, /^\+\[plugins\..*runtimes\.spin-v2\]$/m);
  assert.deepEqual(await node.snapshot("/"), before);
});

Deno.test("installShims() installs a shim of several files, and removes its older versions", async () => {
  await using node = await FakeNode.create({ config: V2 });
  async function version(number: string) {
    await shim(node, `{"version":"${number}"}\n`, "dir/VERSION");
    await shim(node, number, "dir/lib/code.js");
    return join(await shim(node, "#!/bin/sh\n", "dir/containerd-shim-spin-v2"), "..");
  }
  await install(node, { source: await version("1.0.0") });
  const target = await node.files.readLink(SHIM);
  assert.match(target ?? "", /^\.\.\/lib\/spin-v2-[0-9a-f]{12}\/containerd-shim-spin-v2$/);
  const [old = ""] = await node.files.list("/opt/rcm/lib");
  assert.equal(await node.files.readText(`/opt/rcm/lib/${old}/lib/code.js`), "1.0.0");
  await node.write("/proc/99/cmdline", `/opt/rcm/lib/${old}/lib/ld.so\0`);
  await install(node, { source: await version("2.0.0") });
  assert.equal((await node.files.list("/opt/rcm/lib")).length, 2);
  assert.equal(await node.restarts(), 1);
  await Deno.remove(join(node.root, "proc/99"), { recursive: true });
  await install(node, { source: await version("2.0.0") });
  assert.equal((await node.files.list("/opt/rcm/lib")).length, 1);
  await uninstall(node);
  assert.deepEqual(await node.files.list("/opt/rcm/lib"), []);
  assert.deepEqual(await node.files.list("/opt/rcm/bin"), []);
});

Deno.test("installShims() refuses what cannot be a program of the node", async () => {
  const elf = new Uint8Array(120);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const view = new DataView(elf.buffer);
  view.setUint16(18, 183, true);
  for (
    const [content, expected] of [
      ["<html>404</html>", /web page/],
      ["", /empty/],
      ["\x1f\x8b", /./],
      [new TextDecoder("latin1").decode(elf), /is for arm64, and the node is x86-64/],
    ] as const
  ) {
    await using node = await FakeNode.create({ config: V2 });
    const source = await shim(node);
    await Deno.writeFile(source, Uint8Array.from(content, (letter) => letter.charCodeAt(0)));
    await assert.rejects(install(node, { source }), (error) => {
      assert.ok(error instanceof NodeError);
      assert.equal(error.exitCode, 4);
      assert.match(error.message, expected);
      return true;
    });
    assert.equal(await node.restarts(), 0);
    assert.deepEqual(await node.files.list("/opt/rcm/bin"), []);
  }
});

Deno.test("uninstallShims() is no failure where nothing is installed", async () => {
  await using node = await FakeNode.create({ config: V2 });
  const result = await uninstall(node);
  assert.deepEqual([result.isChanged, result.isRestarted], [false, false]);
});

Deno.test("uninstallShims() removes what runtime-class-manager installed", async () => {
  const config =
    `${V2}\n# RCM runtime config for spin-v2\n[${CRI}.containerd.runtimes.spin-v2]\nruntime_type = "${SHIM}"\n`;
  await using node = await FakeNode.create({ config });
  await node.write(SHIM, "old");
  await node.write(
    "/opt/rcm/rcm-lock.json",
    `{"shims":{"spin-v2":{"sha256":"00","path":"${SHIM}"}}}`,
  );
  await uninstall(node);
  assert.equal(await node.files.readText(MAIN), V2);
  assert.equal(await node.files.exists(SHIM), false);
  assert.equal(await node.files.readText("/opt/rcm/rcm-lock.json"), '{\n "shims": {}\n}');
});

/**
 * The mode `prepare-app`, as the shim starts it, against a double of containerd.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { PrepareAppResult, StoredApp } from "../../crds/contract.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { readEntry } from "../../shim/engine/prepared_store.ts";
import { ContainerdDouble } from "../support/containerd_double.ts";
import { copyAssets, PROGRAM_PATH, sampleWasm } from "../support/fixtures.ts";
import { artifact, digestOf, type OciImage } from "../support/oci_layout.ts";
import { run, type RunResult } from "../support/run.ts";
import { chainComponents, HANDLER, middlewareComponent } from "../support/spin_compositions.ts";
import { packageImage, registryImage } from "../support/spin_images.ts";

/** A node: containerd's double, a store, and root file systems. */
class Node implements AsyncDisposable {
  readonly containerd = new ContainerdDouble();
  readonly directory = Deno.makeTempDirSync({ prefix: "spinkube-node-" });
  readonly store = `${this.directory}/store`;

  /** A container of an image, with the files of its root. */
  create(id: string, { image, files = {} }: {
    image?: OciImage;
    files?: Readonly<Record<string, string | Uint8Array>>;
  } = {}): void {
    const known = this.containerd.namespace("k8s.io");
    if (image) this.containerd.pull(image);
    known.containers.set(id, { image: image?.name ?? "", snapshotKey: id });
    const rootfs = this.rootfs(id);
    Deno.mkdirSync(rootfs, { recursive: true });
    for (const [path, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      Deno.mkdirSync(`${rootfs}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeFileSync(`${rootfs}/${path}`, bytes);
    }
  }

  rootfs(id: string): string {
    return `${this.directory}/rootfs/${id}`;
  }

  async prepare(id: string): Promise<{ result: PrepareAppResult; output: RunResult }> {
    const output = await this.program(
      ...["--namespace", "k8s.io", "--container", id, "--rootfs", this.rootfs(id)],
    );
    assert.equal(output.code, 0, output.stderr);
    return { result: JSON.parse(output.stdout), output };
  }

  async program(...args: string[]): Promise<RunResult> {
    const address = ["--address", this.containerd.socket, "--store", this.store];
    return await run(Deno.execPath(), [
      "run",
      ...DENO_FLAGS,
      PROGRAM_PATH,
      "prepare-app",
      ...address,
      ...args,
    ], { timeoutMs: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.containerd[Symbol.asyncDispose]();
    await run("chmod", ["-R", "u+w", this.directory]);
    await Deno.remove(this.directory, { recursive: true });
  }
}

function assertApp(
  result: PrepareAppResult,
): { directory: string; stored: StoredApp; key: string } {
  assert.equal(result.kind, "app", JSON.stringify(result));
  const { directory, key } = result as Extract<PrepareAppResult, { kind: "app" }>;
  return { directory, key, stored: JSON.parse(Deno.readTextFileSync(`${directory}/app.json`)) };
}

function componentOf({ lockedApp }: StoredApp): Record<string, unknown> {
  return (lockedApp as { components: Record<string, unknown>[] }).components[0]!;
}

function manifest(source: string, files = "[]"): string {
  return `spin_manifest_version = 2
[application]
name = "app"
[[trigger.http]]
route = "/..."
component = "own"
[component.own]
source = ${source}
files = ${files}
`;
}

/** An image for Linux: what is in it is in the container's root. */
function rootImage(name: string): OciImage {
  const image = artifact(name, [{
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    data: new TextEncoder().encode(name),
  }]);
  const config = { architecture: "amd64", os: "linux" };
  return {
    ...image,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      data: new TextEncoder().encode(JSON.stringify(config)),
    },
  };
}

Deno.test("prepare-app stores an artifact once, for every container and process", async () => {
  await using node = new Node();
  copyAssets(node.directory);
  await Deno.copyFile(sampleWasm("torture"), `${node.directory}/torture.wasm`);
  const path = `${node.directory}/spin.toml`;
  await Deno.writeTextFile(
    path,
    manifest('"torture.wasm"', '[{ source = "assets", destination = "/" }]'),
  );
  const image = await registryImage("example.test/app:1", { manifest: path });
  for (const id of ["one", "two", "three"]) node.create(id, { image });
  const [one, two] = await Promise.all([node.prepare("one"), node.prepare("two")]);
  assert.deepEqual(one.result, two.result);
  const { directory, stored, key } = assertApp(one.result);
  assert.equal(directory, `${node.store}/apps/${key}`);
  assert.deepEqual(componentOf(stored).files, [
    { source: "file:///.spinkube/app/assets/own", path: "/" },
  ]);
  assert.equal(Deno.readTextFileSync(`${directory}/assets/own/sub/deep.txt`).trim(), "deeper");
  const entry = `prepared/${stored.prepared.own}/manifest.json`;
  assert.equal(
    Deno.statSync(`${directory}/${entry}`).ino,
    Deno.statSync(`${node.store}/${entry}`).ino,
    "apps share what is prepared",
  );
  const before = node.containerd.calls.length;
  const third = await node.prepare("three");
  assert.deepEqual(third.result, one.result);
  assert.equal(node.containerd.calls.length - before, 2, "it asks for container and image only");
  for (const id of ["one", "two", "three"]) {
    assert.equal(Deno.readTextFileSync(`${node.store}/refs/k8s.io/${id}`), key);
  }
});

Deno.test("prepare-app stores the app of a root file system, and leaves its directories there", async () => {
  await using node = new Node();
  const wasm = await Deno.readFile(sampleWasm("torture"));
  const image = rootImage("example.test/root:1");
  const files = {
    "spin.toml": manifest('"torture.wasm"', '["static"]'),
    "torture.wasm": wasm,
    "static/a.txt": "a",
  };
  for (const id of ["one", "two"]) node.create(id, { image, files });
  const { snapshots } = node.containerd.namespace("k8s.io");
  snapshots.set("one", "sha256:layers").set("two", "sha256:layers");
  const { directory, stored } = assertApp((await node.prepare("one")).result);
  assert.deepEqual(componentOf(stored).files, [{ source: "file:///static", path: "static" }]);
  assert.equal(
    (stored.lockedApp as { metadata: { origin: string } }).metadata.origin,
    "file:///spin.toml",
  );
  assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name).sort(), [
    "app.json",
    "prepared",
  ]);
  assert.deepEqual((await node.prepare("two")).result.kind, "app");
  assert.equal([...Deno.readDirSync(`${node.store}/apps`)].length, 1);
});

Deno.test("prepare-app downloads a source once per node", async () => {
  await using node = new Node();
  const wasm = await Deno.readFile(sampleWasm("wagi"));
  let downloads = 0;
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    downloads++;
    return new Response(wasm);
  });
  const url = `http://127.0.0.1:${server.addr.port}/app.wasm`;
  const toml = manifest(`{ url = "${url}", digest = "${digestOf(wasm)}" }`);
  // Without an image nothing tells what the root is made from: it is looked at every time.
  for (const id of ["one", "two"]) {
    node.create(id, { files: { "spin.toml": toml } });
    assertApp((await node.prepare(id)).result);
  }
  assert.equal(downloads, 1);
});

Deno.test("prepare-app stores a package, and tells what has no app or a broken one", async () => {
  await using node = new Node();
  const package_ = packageImage("example.test/package:1", [sampleWasm("wagi")]);
  node.create("package", { image: package_ });
  const { stored } = assertApp((await node.prepare("package")).result);
  const { triggers } = stored.lockedApp as { triggers: { trigger_config: unknown }[] };
  assert.deepEqual(triggers.map(({ trigger_config }) => trigger_config), [
    { component: componentOf(stored).id, route: "/..." },
  ]);

  node.create("empty", { image: rootImage("example.test/empty:1"), files: { "readme.txt": "" } });
  assert.deepEqual((await node.prepare("empty")).result, { kind: "none" });

  node.create("broken", {
    image: rootImage("example.test/broken:1"),
    files: { "spin.toml": manifest('"absent.wasm"', '["absent/"]') },
  });
  const { result } = await node.prepare("broken");
  assert.equal(result.kind, "failure");
  const { message } = result as { message: string };
  assert.match(message, /^spin\.toml:8:\d+: component "own": .*absent\.wasm.* no such file/m);
  assert.match(message, /^spin\.toml:9:\d+: component "own": "absent\/" does not exist/m);
  await assert.rejects(Deno.stat(`${node.store}/refs/k8s.io/broken`), Deno.errors.NotFound);

  const second = `[[trigger.http]]
route = "/second"
component = "second"
[component.second]
source = "other.wasm"
`;
  node.create("no-wasm", {
    image: rootImage("example.test/no-wasm:1"),
    files: {
      "spin.toml": manifest('"no.wasm"') + second,
      "no.wasm": "no Wasm",
      "other.wasm": "nor this",
    },
  });
  const { message: both } = (await node.prepare("no-wasm")).result as { message: string };
  assert.match(both, /^Cannot run component "own" \(\/no\.wasm\): /m);
  assert.match(both, /^Cannot run component "second" \(\/other\.wasm\): /m);

  const collected = await node.program("--gc", "--unused-for", "0s");
  assert.deepEqual(JSON.parse(collected.stdout), { apps: [], entries: [], notes: 0 });
});

Deno.test("prepare-app stores the middleware that a component was composed with", async () => {
  await using node = new Node();
  const components = await Promise.all(
    (["header-adder", "echo"] as const).map(middlewareComponent),
  );
  const composed = `${node.directory}/composed.wasm`;
  await Deno.writeFile(composed, chainComponents(components));
  node.create("one", { image: packageImage("example.test/composed:1", [composed]) });
  const { directory, stored } = assertApp((await node.prepare("one")).result);
  const [entry] = Object.values(stored.prepared);
  const prepared = await readEntry(`${directory}/prepared/${entry}`);
  assert.deepEqual(prepared?.middleware?.map(({ manifest }) => manifest.exports), [[HANDLER]]);
});

Deno.test("prepare-app says which options are missing or wrong", async () => {
  await using node = new Node();
  const { code, stderr } = await node.program("--namespace", "../x", "--rootfs", "/");
  assert.equal(code, 2);
  assert.match(stderr, /--namespace.*names in containerd are/);
  const missing = await node.program("--namespace", "x");
  assert.match(missing.stderr, /prepare-app needs --container, --rootfs/);
});

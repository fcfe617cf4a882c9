import assert from "node:assert/strict";
import { ContainerdDouble } from "../../tests/support/containerd_double.ts";
import { AppStore } from "./app_store.ts";
import { ContainerdClient } from "./containerd_client.ts";
import { type AppIdentity, findStoredApp, identifyApp, imageDigestOf } from "./find_app.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const TARGET = { mediaType: "application/json", digest: DIGEST, size: 1 };

/** Identifies container `c` of a node that has an image, with a root that has a manifest or not. */
async function withNode(
  use: (parts: {
    containerd: ContainerdDouble;
    identify: (options?: { hasManifest?: boolean }) => Promise<AppIdentity>;
    store: AppStore;
  }) => Promise<void>,
): Promise<void> {
  await using containerd = new ContainerdDouble();
  const directory = await Deno.makeTempDir();
  await Deno.mkdir(`${directory}/empty`);
  await Deno.mkdir(`${directory}/full`);
  // Whatever it is, it is looked at later.
  await Deno.symlink("/nowhere", `${directory}/full/spin.toml`);
  using client = new ContainerdClient(containerd.socket, { namespace: "ns" });
  const known = containerd.namespace("ns");
  known.images.set("app:1", TARGET);
  known.containers.set("c", { image: "app:1", snapshotKey: "c" });
  known.snapshots.set("c", "sha256:layers");
  try {
    await use({
      containerd,
      store: new AppStore(`${directory}/store`),
      identify: ({ hasManifest = false } = {}) =>
        identifyApp({
          client,
          namespace: "ns",
          container: "c",
          rootfs: `${directory}/${hasManifest ? "full" : "empty"}`,
        }),
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("identifyApp() asks no more than it needs", async () => {
  await withNode(async ({ containerd, identify }) => {
    const { imageKey, rootKey, hasManifest } = await identify();
    assert.equal(hasManifest, false);
    assert.equal(imageDigestOf(imageKey!), DIGEST);
    assert.equal(rootKey, undefined);
    assert.deepEqual(containerd.calls.map((path) => path.split("/").at(-2)!.split(".").at(-1)), [
      "Containers",
      "Images",
    ]);
  });
});

Deno.test("identifyApp() tells roots apart by their layers, whatever the image's name says", async () => {
  await withNode(async ({ containerd, identify }) => {
    const first = await identify({ hasManifest: true });
    const again = await identify({ hasManifest: true });
    containerd.namespace("ns").snapshots.set("c", "sha256:others");
    const other = await identify({ hasManifest: true });
    assert.deepEqual(again, first);
    assert.equal(other.imageKey, first.imageKey);
    assert.notEqual(other.rootKey, first.rootKey);
    assert.notEqual(first.rootKey, first.imageKey);
    assert.equal(imageDigestOf(first.rootKey!), DIGEST);
  });
});

Deno.test("identifyApp() has no keys for what nothing tells the content of", async () => {
  await withNode(async ({ containerd, identify }) => {
    const known = containerd.namespace("ns");
    const { snapshotKey } = known.containers.get("c")!;
    for (
      const container of [
        { image: "gone:1", snapshotKey: snapshotKey! },
        { snapshotKey: snapshotKey! },
        { image: "" },
      ]
    ) {
      known.containers.set("c", container);
      const { image, imageKey, rootKey } = await identify({ hasManifest: true });
      assert.deepEqual([image, imageKey, rootKey], [undefined, undefined, undefined]);
    }
    known.containers.set("c", { image: "app:1", snapshotKey: "gone" });
    const { imageKey, rootKey } = await identify({ hasManifest: true });
    assert.equal(imageDigestOf(imageKey!), DIGEST);
    assert.equal(rootKey, undefined);
  });
});

Deno.test("identifyApp() refuses digests that cannot be file names", async () => {
  await withNode(async ({ containerd, identify }) => {
    containerd.namespace("ns").images.set("app:1", { ...TARGET, digest: "sha512:../.." });
    await assert.rejects(
      identify(),
      /digest of image "app:1" is "sha512:\.\.\/\.\."; only SHA-256/,
    );
  });
});

Deno.test("findStoredApp() prefers the app in the image's layers, and notes who uses it", async () => {
  await withNode(async ({ identify, store }) => {
    const identity = await identify({ hasManifest: true });
    const name = { namespace: "ns", container: "c" };
    const note = `${store.root}/refs/ns/c`;
    assert.equal(findStoredApp(store, identity, name), undefined);
    await assert.rejects(Deno.stat(note), Deno.errors.NotFound);
    const stored = { format: 1, lockedApp: {}, prepared: {} } as const;
    for (const key of [identity.rootKey!, identity.imageKey!]) {
      await store.make(key, () => Promise.resolve(stored));
      const found = findStoredApp(store, identity, name);
      assert.deepEqual(found, { kind: "app", key, directory: store.appDir(key) });
      assert.equal(await Deno.readTextFile(note), key);
    }
  });
});

Deno.test("imageDigestOf() is undefined for other keys", () => {
  assert.equal(imageDigestOf("container-aaaa"), undefined);
  assert.equal(imageDigestOf(`${"a".repeat(63)}-b`), undefined);
});

import assert from "node:assert/strict";
import type { StoredApp } from "../../crds/contract.ts";
import { ContainerdDouble } from "../../tests/support/containerd_double.ts";
import { engineVersion } from "../engine/engine_version.ts";
import { AppStore } from "./app_store.ts";
import { type Collected, collectGarbage } from "./collect_garbage.ts";
import { ContainerdClient } from "./containerd_client.ts";

const DAY_MS = 24 * 60 * 60_000;

interface Node {
  readonly containerd: ContainerdDouble;
  readonly store: AppStore;
  readonly root: string;
  /** Stores an app of an image, with one prepared component of 1000 bytes. */
  readonly storeApp: (key: string, options?: { entry?: string; ageMs?: number }) => Promise<void>;
  readonly collect: (options?: { maxBytes?: number; unusedForMs?: number }) => Promise<Collected>;
}

async function withNode(use: (node: Node) => Promise<void>): Promise<void> {
  await using containerd = new ContainerdDouble();
  const root = await Deno.makeTempDir();
  const store = new AppStore(root);
  using client = new ContainerdClient(containerd.socket, { namespace: "default" });
  try {
    await use({
      containerd,
      store,
      root,
      async storeApp(key, { entry = `${key.slice(0, 4)}-${engineVersion()}`, ageMs = 0 } = {}) {
        const prepared = `${root}/prepared/${entry}`;
        await store.make(key, async ({ app }): Promise<StoredApp> => {
          await Deno.mkdir(prepared, { recursive: true });
          await Deno.writeFile(`${prepared}/core.wasm`, new Uint8Array(1000));
          await Deno.mkdir(`${app}/prepared/${entry}`, { recursive: true });
          await Deno.link(`${prepared}/core.wasm`, `${app}/prepared/${entry}/core.wasm`);
          return { format: 1, lockedApp: {}, prepared: { c: entry } };
        });
        const at = new Date(Date.now() - ageMs);
        for (const path of [prepared, store.appDir(key)]) Deno.utimeSync(path, at, at);
      },
      collect: ({ unusedForMs = DAY_MS, ...options } = {}) =>
        collectGarbage({ store, client, unusedForMs, ...options }),
    });
  } finally {
    await new Deno.Command("chmod", { args: ["-R", "u+w", root] }).output();
    await Deno.remove(root, { recursive: true });
  }
}

function keyOf(letter: string): string {
  return `${letter.repeat(64)}-0123456789abcdef`;
}

function pull({ containerd }: Node, letter: string, namespace = "k8s.io"): void {
  containerd.namespace(namespace).images.set(`${letter}:1`, {
    mediaType: "application/json",
    digest: `sha256:${letter.repeat(64)}`,
    size: 1,
  });
}

Deno.test("collectGarbage() keeps what a container or an image needs, and what is young", async () => {
  await withNode(async (node) => {
    const { store, containerd, storeApp, collect } = node;
    for (const letter of ["a", "b", "c", "d"]) await storeApp(keyOf(letter), { ageMs: 2 * DAY_MS });
    await storeApp(keyOf("e"), { ageMs: DAY_MS / 2 });
    containerd.namespace("k8s.io").containers.set("one", {});
    store.use(keyOf("a"), { namespace: "k8s.io", container: "one" });
    pull(node, "b", "somewhere else");
    store.use(keyOf("c"), { namespace: "k8s.io", container: "gone" });
    Deno.utimeSync(store.appDir(keyOf("c")), 0, 0);
    const { apps, entries, notes } = await collect();
    assert.deepEqual(apps, [keyOf("c"), keyOf("d")]);
    assert.deepEqual(entries, [`cccc-${engineVersion()}`, `dddd-${engineVersion()}`]);
    assert.equal(notes, 1);
    for (const letter of ["a", "b", "e"]) assert.ok(store.has(keyOf(letter)), letter);
    assert.deepEqual(await collect(), { apps: [], entries: [], notes: 0 });
  });
});

Deno.test("collectGarbage() removes what another version of the program prepared", async () => {
  await withNode(async (node) => {
    const { store, containerd, storeApp, collect } = node;
    pull(node, "a");
    pull(node, "b");
    for (const letter of ["a", "b"]) {
      await storeApp(keyOf(letter), { entry: `${letter}-of-old`, ageMs: 2 * DAY_MS });
    }
    containerd.namespace("k8s.io").containers.set("one", {});
    store.use(keyOf("b"), { namespace: "k8s.io", container: "one" });
    const { apps, entries } = await collect();
    assert.deepEqual(apps, [keyOf("a")], "pods that run still need theirs");
    assert.deepEqual(entries, ["a-of-old"]);
  });
});

Deno.test("collectGarbage() keeps prepared components that other apps have", async () => {
  await withNode(async ({ storeApp, collect, store, root, containerd }) => {
    const entry = `shared-${engineVersion()}`;
    await storeApp(keyOf("a"), { entry, ageMs: 2 * DAY_MS });
    await storeApp(keyOf("b"), { entry, ageMs: 2 * DAY_MS });
    containerd.namespace("k8s.io").containers.set("one", {});
    store.use(keyOf("b"), { namespace: "k8s.io", container: "one" });
    assert.deepEqual(await collect(), { apps: [keyOf("a")], entries: [], notes: 0 });
    assert.ok(await Deno.stat(`${root}/prepared/${entry}/core.wasm`));
  });
});

Deno.test("collectGarbage() makes the store small enough, the longest unused first", async () => {
  await withNode(async (node) => {
    const { store, containerd, storeApp, collect } = node;
    for (const [index, letter] of ["a", "b", "c", "d"].entries()) {
      pull(node, letter);
      await storeApp(keyOf(letter), { ageMs: (4 - index) * 1000 });
    }
    containerd.namespace("k8s.io").containers.set("one", {});
    store.use(keyOf("a"), { namespace: "k8s.io", container: "one" });
    assert.deepEqual((await collect({ maxBytes: 100_000 })).apps, []);
    // 1000 bytes of each component, and a few hundred of the rest.
    const { apps, entries } = await collect({ maxBytes: 3000 });
    assert.deepEqual(apps, [keyOf("b"), keyOf("c")]);
    assert.equal(entries.length, 2);
    assert.ok(store.has(keyOf("a")) && store.has(keyOf("d")));
    assert.deepEqual((await collect({ maxBytes: 0 })).apps, [keyOf("d")]);
  });
});

Deno.test("collectGarbage() removes old downloads and what was left unfinished", async () => {
  await withNode(async ({ root, collect, storeApp }) => {
    await storeApp(keyOf("a"));
    await Deno.mkdir(`${root}/wasm`);
    for (const [name, time] of [["old", 0], ["new", Date.now() / 1000]] as const) {
      await Deno.writeTextFile(`${root}/wasm/${name}`, name);
      Deno.utimeSync(`${root}/wasm/${name}`, time, time);
    }
    await Deno.mkdir(`${root}/tmp/k.dead/app`, { recursive: true });
    assert.deepEqual((await collect()).entries, ["old"]);
    for (const name of ["tmp", "locks"]) {
      assert.deepEqual([...Deno.readDirSync(`${root}/${name}`)], [], name);
    }
  });
});

Deno.test("collectGarbage() removes nothing when containerd cannot be asked", async () => {
  await withNode(async ({ store, storeApp }) => {
    await storeApp(keyOf("a"), { ageMs: 2 * DAY_MS });
    store.use("x", { namespace: "k8s.io", container: "gone" });
    using client = new ContainerdClient("/nonexistent", { namespace: "default" });
    await assert.rejects(collectGarbage({ store, client, unusedForMs: 0 }), /Cannot call contain/);
    assert.ok(store.has(keyOf("a")));
    assert.ok(Deno.statSync(`${store.root}/refs/k8s.io/gone`));
  });
});

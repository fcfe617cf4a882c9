import assert from "node:assert/strict";
import { ContainerdDouble } from "../../tests/support/containerd_double.ts";
import { AppStore } from "../store/app_store.ts";
import { ContainerdClient } from "../store/containerd_client.ts";
import { identifyApp } from "../store/find_app.ts";
import { prepareApp } from "./prepare_app.ts";

Deno.test("prepareApp() finds a stored app without a process, and notes the container", async () => {
  await using containerd = new ContainerdDouble();
  const directory = await Deno.makeTempDir();
  const store = new AppStore(`${directory}/store`);
  const known = containerd.namespace("ns");
  const digest = `sha256:${"a".repeat(64)}`;
  known.images.set("app:1", { mediaType: "application/json", digest, size: 1 });
  known.containers.set("c", { image: "app:1" });
  const container = { namespace: "ns", container: "c", rootfs: directory };
  try {
    using client = new ContainerdClient(containerd.socket, container);
    const { imageKey: key } = await identifyApp({ client, ...container });
    await store.make(key!, () => Promise.resolve({ format: 1, lockedApp: {}, prepared: {} }));
    const lines: string[] = [];
    // This process is no main module: starting another one would fail.
    const result = await prepareApp(
      { address: containerd.socket, store: store.root, ...container },
      (line) => lines.push(line),
    );
    assert.deepEqual(result, { kind: "app", key, directory: store.appDir(key!) });
    assert.deepEqual(lines, []);
    assert.equal(await Deno.readTextFile(`${store.root}/refs/ns/c`), key);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/**
 * What goes wrong on nodes and in images: whoever looks at a pod is told what it is, and nothing is
 * left behind.
 *
 * @module
 */

import assert from "node:assert/strict";
import { MEDIA_TYPES } from "../../crds/contract.ts";
import type { ContainerdNode } from "../support/containerd_node.ts";
import type { ContainerSpec } from "../support/cri_pod.ts";
import { digestOf } from "../support/oci_layout.ts";
import { run } from "../support/run.ts";
import { APPS } from "./_apps.ts";
import type { Case } from "./_case.ts";

/** Runs a container that is expected to end by itself, and to say why wherever users look. */
async function assertFails(
  node: ContainerdNode,
  spec: Omit<ContainerSpec, "name">,
  expected: { code: number; message: RegExp },
): Promise<void> {
  await using pod = await node.cri.runSandbox({});
  const directory = `${node.directory}/pods/${pod.id}/containers/app`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/last`, "");
  const mounts = { ...spec.mounts, "/dev/termination-log": `${directory}/last` };
  await pod.run({ name: "app", ...spec, mounts });
  const { exitCode, reason } = await pod.ended("app");
  const { stderr } = pod.log("app");
  assert.deepEqual({ exitCode, reason }, { exitCode: expected.code, reason: "Error" }, stderr);
  assert.match(stderr, expected.message);
  assert.doesNotMatch(stderr, /^\s+at /m, "no stack");
  assert.match(await Deno.readTextFile(`${directory}/last`), expected.message);
}

/** The digest of an image's component. */
function wasmDigest(node: ContainerdNode, image: string): string {
  const layer = node.image(image).layers.find(({ mediaType }) => mediaType === MEDIA_TYPES.wasm);
  assert.ok(layer, `"${image}" has no component`);
  return digestOf(layer.data);
}

function blobFile(node: ContainerdNode, digest: string): string {
  const content = "root/io.containerd.content.v1.content";
  return `${node.directory}/${content}/blobs/${digest.replace(":", "/")}`;
}

/** Apps that cannot be run: image, environment and what is said about it. */
const UNUSABLE: readonly {
  readonly what: string;
  readonly container: Omit<ContainerSpec, "name">;
  readonly code: number;
  readonly message: RegExp;
}[] = [
  {
    what: "an image without an app",
    container: { image: APPS.empty },
    code: 1,
    message: /^Error: The image holds no Spin app.*\/spin\.toml/m,
  },
  {
    what: "a package of two components",
    container: { image: APPS.doublePackage },
    code: 1,
    message: /expected single layer in OCI package, found 2 layers/,
  },
  {
    what: "a component that is no Wasm",
    container: { image: APPS.noWasm },
    code: 1,
    message: /component "own"/,
  },
  {
    what: "a required variable that nobody sets",
    container: { image: APPS.needy },
    code: 1,
    message: /^Error: no provider resolved required variable.*"greeting"/m,
  },
  {
    what: "an address that is none",
    container: { image: APPS.registry, env: { SPIN_HTTP_LISTEN_ADDR: "nonsense" } },
    code: 2,
    message: /SPIN_HTTP_LISTEN_ADDR.*nonsense|nonsense.*SPIN_HTTP_LISTEN_ADDR/,
  },
  {
    what: "a component to keep that the app does not have",
    container: { image: APPS.registry, env: { SPIN_COMPONENTS_TO_RETAIN: "absent" } },
    code: 1,
    message: /Specified component "absent" not found in application/,
  },
];

/** The cases. */
export const FAULTS: readonly Case[] = [
  ...UNUSABLE.map(({ what, container, code, message }): Case => ({
    name: `${what} is named in the log and the last message, with ${code}`,
    run: (node) => assertFails(node, container, { code, message }),
  })),
  {
    name: "a missing layer is named, and pulling the image again helps",
    async run(node) {
      const digest = wasmDigest(node, APPS.missingLayer);
      const { code, stderr } = await node.ctr(["-n", "k8s.io", "content", "rm", digest]);
      assert.equal(code, 0, stderr);
      await assertFails(node, { image: APPS.missingLayer }, { code: 1, message: RegExp(digest) });
      await node.importImage(node.image(APPS.missingLayer));
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.missingLayer }],
      });
      assert.equal((await pod.answer("/")).status, 200);
    },
  },
  {
    name: "a layer with other bytes than its digest is named and not run",
    async run(node) {
      const digest = wasmDigest(node, APPS.corruptLayer);
      const file = blobFile(node, digest);
      const bytes = await Deno.readFile(file);
      await Deno.writeFile(file, bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1));
      await assertFails(node, { image: APPS.corruptLayer }, { code: 1, message: RegExp(digest) });
    },
  },
  {
    name: "a full disk is named, and nothing half-made is used once there is space",
    async run(node) {
      await Deno.mkdir(node.storeDir, { recursive: true });
      await run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", node.storeDir]);
      try {
        const message = /the disk is full.*SPINKUBE_STORE_DIR/;
        await assertFails(node, { image: APPS.large }, { code: 1, message });
        await run("mount", ["-o", "remount,size=100m", node.storeDir]);
        await using pod = await node.cri.runPod({
          containers: [{ name: "app", image: APPS.large }],
        });
        assert.equal((await pod.answer("/")).status, 200);
      } finally {
        await run("umount", ["-l", node.storeDir]);
      }
    },
  },
  {
    name: "a port that another container of the pod has is named",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "first", image: APPS.registry }],
      });
      await pod.answer("/");
      await pod.run({ name: "second", image: APPS.tiny });
      const { exitCode } = await pod.ended("second");
      assert.ok(exitCode > 0 && exitCode < 128, `exit code ${exitCode}`);
      assert.match(pod.log("second").stderr, /^Error: .*0\.0\.0\.0:80/m);
      assert.equal((await pod.get("/")).status, 200);
    },
  },
  {
    name: "a killed host ends with 137",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }],
      });
      await pod.answer("/");
      Deno.kill(node.initPid(pod.idOf("app")), "SIGKILL");
      const { exitCode, reason } = await pod.ended("app");
      assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: "Error" });
    },
  },
  {
    name: "an app that outgrows its memory limit is OOMKilled",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry, memoryBytes: 128 * 1024 * 1024 }],
      });
      await pod.answer("/");
      // Its connection breaks with it.
      await pod.get("/alloc?mb=400").catch(() => undefined);
      const { exitCode, reason } = await pod.ended("app");
      assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: "OOMKilled" });
    },
  },
  {
    name: "a log of many lines arrives whole, and does not hold up the app",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }],
      });
      await pod.answer("/");
      const text = "x".repeat(400);
      for (let round = 0; round < 40; round++) {
        await Promise.all(
          Array.from({ length: 10 }, (_, index) => pod.get(`/log?${round}-${index}-${text}`)),
        );
      }
      await pod.waitForLog("app", /to standard error 39-9-/);
      const lines = pod.log("app").stderr.split("\n");
      for (const stream of ["output", "error"]) {
        const found = lines.filter((line) => line.startsWith(`to standard ${stream} `));
        assert.equal(new Set(found).size, 400, stream);
        assert.ok(found.every((line) => line.endsWith(text)));
      }
    },
  },
];

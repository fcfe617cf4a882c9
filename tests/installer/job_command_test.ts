/** The Jobs that the operator makes start the installer with what it takes. */

import assert from "node:assert/strict";
import { resolveArtifact } from "../../controllers/shim/artifact.ts";
import { contentOf } from "../../controllers/shim/content_hash.ts";
import { buildNodeJob } from "../../controllers/shim/node_job.ts";
import type { Node } from "../../controllers/shim/node_types.ts";
import { readShimSettings } from "../../controllers/shim/shim_settings.ts";
import type { Operation, Shim, ShimSpec } from "../../crds/shim.ts";
import { parseRuntimeOptions } from "../../installer/node_main.ts";
import { FETCH, INSTALL, UNINSTALL } from "../../installer/options.ts";
import { parseCommandLine } from "../../lib/command_line.ts";
import type { Container } from "../../lib/kube/workload_types.ts";

const NODE: Node = { metadata: { name: "worker", uid: "u" } };
const SETTINGS = readShimSettings((name) => name.endsWith("IMAGE") ? "image:1" : undefined, {
  ownNamespace: "nodes",
});

/** The containers of a Job. */
function containers(spec: Partial<ShimSpec>, operation: Operation = "install") {
  const shim: Shim = {
    metadata: { name: "spin-v2", uid: "s" },
    spec: {
      fetchStrategy: {},
      runtimeClass: { name: "wasmtime-spin-v2", handler: "spin" },
      rolloutStrategy: { type: "recreate" },
      ...spec,
    },
  };
  const content = contentOf(shim);
  const platform = { name: "worker", os: "linux", arch: "amd64" };
  const { template } = buildNodeJob({
    ...{ shim, content, operation, node: NODE, hash: "h", settings: SETTINGS },
    artifact: operation === "install"
      ? resolveArtifact(content.fetchStrategy, platform)
      : undefined,
  }).spec!;
  const [downloader] = template.spec.initContainers ?? [];
  return { downloader, provisioner: template.spec.containers[0]! };
}

/** What is left for the command, and the environment it is read with. */
function commandOf({ command, args, env }: Container, word: string) {
  assert.deepEqual(command, ["/usr/bin/spinkube", "installer"]);
  assert.equal(args![0], word);
  const values = new Map(env!.map(({ name, value }) => [name, value]));
  return { args: args!.slice(1), environment: (name: string) => values.get(name) };
}

Deno.test("buildNodeJob() starts fetch, and install of what was fetched", () => {
  const sha256 = "a".repeat(64);
  const { downloader, provisioner } = containers({
    fetchStrategy: {
      anonHttp: { location: "oci://registry.example/shim:v1", sha256 },
      pullSecret: "login",
      caConfigMap: { name: "ca", key: "ca" },
    },
    containerdRuntimeOptions: { SystemdCgroup: "true" },
  });
  const fetch = commandOf(downloader!, "fetch");
  const fetched = parseCommandLine(FETCH, fetch.args, fetch);
  assert.ok(fetched.kind !== "help");
  assert.equal(fetched.values["shim-name"], "spin-v2");
  assert.equal(fetched.values.source, "oci://registry.example/shim:v1");
  assert.equal(fetched.values.sha256, sha256);
  // What is read is mounted.
  const mounts = downloader!.volumeMounts!.map(({ mountPath }) => mountPath);
  const { "asset-path": assets = FETCH.options["asset-path"].default, ...given } = fetched.values;
  const paths = [assets, given["registry-config"]!, given["ca-file"]!];
  for (const path of paths) {
    assert.ok(mounts.some((mount) => `${path}/`.startsWith(`${mount}/`)), path);
  }

  const install = commandOf(provisioner, "install");
  const installed = parseCommandLine(INSTALL, install.args, install);
  assert.ok(installed.kind !== "help");
  assert.equal(installed.values["host-root"], "/mnt/node-root");
  assert.equal(installed.values["asset-path"], fetched.values["asset-path"]);
  assert.equal(installed.values.source, undefined);
  assert.deepEqual(installed.values.handler, ["spin"]);
  assert.deepEqual(parseRuntimeOptions(install.environment("RUNTIME_OPTIONS")!), {
    SystemdCgroup: "true",
  });
  assert.equal(install.environment("HOST_ROOT"), "/mnt/node-root");
});

Deno.test("buildNodeJob() starts install of the bundled shim without a download", () => {
  const { downloader, provisioner } = containers({});
  assert.equal(downloader, undefined);
  const install = commandOf(provisioner, "install");
  const parsed = parseCommandLine(INSTALL, install.args, install);
  assert.ok(parsed.kind !== "help");
  assert.deepEqual([parsed.values.source, parsed.values["shim-name"]], ["bundled", "spin-v2"]);
});

Deno.test("buildNodeJob() starts uninstall of the shim", () => {
  const { downloader, provisioner } = containers({}, "uninstall");
  assert.equal(downloader, undefined);
  const uninstall = commandOf(provisioner, "uninstall");
  const parsed = parseCommandLine(UNINSTALL, uninstall.args, uninstall);
  assert.ok(parsed.kind !== "help");
  assert.deepEqual([parsed.values.runtime, parsed.values.all], ["spin-v2", false]);
});

import assert from "node:assert/strict";
import { makeNode, sampleShim, SETTINGS } from "./_fixtures.ts";
import { resolveArtifact } from "./artifact.ts";
import { contentOf } from "./content_hash.ts";
import { buildNodeJob, type NodeJobInit, nodeJobName } from "./node_job.ts";

function jobFor(options: Partial<NodeJobInit> = {}) {
  const shim = options.shim ?? sampleShim();
  const node = options.node ?? makeNode({ name: "kind-worker" });
  const content = options.content ?? contentOf(shim);
  return buildNodeJob({
    shim,
    node,
    content,
    operation: "install",
    hash: "0123456789abcdef",
    artifact: resolveArtifact(content.fetchStrategy, { name: "n", os: "linux", arch: "amd64" }),
    settings: SETTINGS,
    ...options,
  });
}

async function golden(name: string): Promise<unknown> {
  return JSON.parse(
    await Deno.readTextFile(new URL(`testdata/${name}.json`, import.meta.url)),
  );
}

const JOBS: Record<string, () => unknown> = {
  "install": () => jobFor(),
  "install_bundled": () =>
    jobFor({
      shim: sampleShim({
        fetchStrategy: {},
        containerdRuntimeOptions: null,
        runtimeClass: { name: "wasmtime-spin-v2", handler: "spin" },
      }),
    }),
  "uninstall": () => jobFor({ operation: "uninstall", artifact: undefined, hash: "uninstall" }),
  "install_with_credentials": () =>
    jobFor({
      shim: sampleShim({
        fetchStrategy: {
          anonHttp: { location: "oci://registry.example/shim:v1" },
          pullSecret: "login",
          authorizationSecret: { name: "token", key: "header" },
          caConfigMap: { name: "ca", key: "bundle.pem" },
        },
      }),
      settings: {
        ...SETTINGS,
        downloaderConfigMap: "shim-downloader-config",
        imagePullSecrets: ["images"],
        imagePullPolicy: "Always",
      },
    }),
};

for (const [name, build] of Object.entries(JOBS)) {
  Deno.test(`buildNodeJob() builds the golden ${name}`, async () => {
    assert.deepEqual(JSON.parse(JSON.stringify(build())), await golden(name));
  });
}

Deno.test("buildNodeJob() gives root only to the container that needs it, and a token to none", () => {
  const { template } = jobFor().spec!;
  const [downloader] = template.spec.initContainers!;
  const [provisioner] = template.spec.containers;
  assert.equal(template.spec.automountServiceAccountToken, false);
  assert.equal(downloader!.securityContext!.privileged, undefined);
  assert.equal(downloader!.securityContext!.runAsNonRoot, true);
  assert.deepEqual(downloader!.volumeMounts!.map(({ name }) => name), ["shim-download", "tmp"]);
  assert.equal(provisioner!.securityContext!.readOnlyRootFilesystem, true);
  assert.deepEqual(provisioner!.envFrom, undefined);
});

Deno.test("nodeJobName() is the original's, and never the same for two", () => {
  assert.equal(nodeJobName("kind-worker", "spin-v2", "install"), "kind-worker-spin-v2-install");
  const fits = "n".repeat(63 - "-spin-v2-install".length);
  assert.equal(nodeJobName(fits, "spin-v2", "install").length, 63);
  const long = `${"n".repeat(53)}.-${"m".repeat(20)}`;
  const names = [
    nodeJobName(long, "spin-v2", "install"),
    nodeJobName(long, "spin-v2", "uninstall"),
    nodeJobName(`${long}x`, "spin-v2", "install"),
    nodeJobName(long, "spin-v3", "install"),
  ];
  assert.equal(new Set(names).size, names.length);
  for (const name of names) {
    assert.ok(name.length <= 63, name);
    // The cut does not end with punctuation.
    assert.match(name, /^n{53}-[0-9a-f]{8}$/);
  }
});

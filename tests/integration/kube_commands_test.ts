/**
 * `kube list`, `get`, `deploy`, `delete` and `version` on a real API server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { defineAll } from "../../crds/schema/generate.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import { type Deployment, DEPLOYMENTS } from "../../lib/kube/workload_types.ts";
import { connect, startApiServer, whyNoApiServer } from "../support/api_server.ts";
import { hasRegistryServer, RegistryServer } from "../support/registry_server.ts";
import { waitUntil } from "../support/wait.ts";
import { type Outcome, runProgram, SAMPLE, startProgram } from "./_program.ts";

const ignore = whyNoApiServer() !== undefined;

const DEFINITIONS: ResourceType<KubeObject> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};

interface Cluster {
  readonly client: KubeClient;
  readonly kubeconfig: string;
  /** Runs a command below `kube`. */
  run(...args: string[]): Promise<Outcome>;
}

/** Runs a test with a server of its own, without anything of SpinKube's. */
function clusterTest(
  name: string,
  run: (cluster: Cluster, t: Deno.TestContext) => Promise<void>,
) {
  Deno.test({
    name,
    ignore,
    async fn(t) {
      await using server = (await startApiServer())!;
      using connection = await connect(server);
      const { kubeconfig } = server;
      await run({
        client: connection.client,
        kubeconfig,
        run: (...args) => runProgram(["kube", ...args], { env: { KUBECONFIG: kubeconfig } }),
      }, t);
    },
  });
}

async function install(client: KubeClient): Promise<void> {
  for (const definition of defineAll() as unknown as KubeObject[]) {
    await client.apply(DEFINITIONS, definition);
  }
  await waitUntil(() => client.list(SPIN_APPS).then(() => true, () => false), {
    what: "SpinApps",
    timeoutMs: 30_000,
  });
}

const FROM = ["--from", "registry.example.com/shop:v1"];

clusterTest("kube commands explain a cluster without SpinKube", async ({ run }) => {
  for (const args of [["list"], ["get", "x"], ["delete", "x", "-y"], ["deploy", ...FROM]]) {
    const { code, stderr } = await run(...args);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Error: The cluster does not know SpinApps: the CRDs of SpinKube are not/,
    );
  }
  const { stdout } = await run("version");
  assert.match(
    stdout,
    /^Plugin Version: \S+\nKubernetes Version: v\S+\nSpinApp Version: SpinKube is not installed\n$/,
  );
});

clusterTest("kube deploy, list, get and delete work on the real API", async (cluster, t) => {
  const { client, run } = cluster;
  await install(client);
  const name = { name: "shop", namespace: "default" };

  await t.step("deploy tells what it did", async () => {
    for (const outcome of ["created", "unchanged"]) {
      const { stdout, stderr } = await run("deploy", ...FROM, "-r", "3");
      assert.equal(stderr, "");
      assert.equal(stdout, `spinapp.core.spinkube.dev/shop ${outcome}\n`);
    }
    const changed = await run("deploy", ...FROM, "-v", "a=true", "-c", "deno.json");
    assert.equal(
      changed.stdout,
      "secret/shop-runtime-config created\nspinapp.core.spinkube.dev/shop configured\n",
    );
    const app = await client.get<SpinApp>(SPIN_APPS, name);
    assert.deepEqual(app.spec.variables, [{ name: "a", value: "true" }]);
    assert.equal(app.spec.replicas, 2);
    assert.deepEqual(app.metadata.managedFields!.map(({ manager }) => manager), [
      "spin-plugin-kube",
    ]);
  });

  await t.step("deploy --dry-run and --diff change nothing", async () => {
    const before = await client.get(SPIN_APPS, name);
    const server = await run("deploy", ...FROM, "--dry-run=server");
    assert.equal(server.stdout, "spinapp.core.spinkube.dev/shop configured (server dry run)\n");
    const printed = await run("deploy", ...FROM, "--dry-run", "-r", "9");
    const { spec, status } = parse(printed.stdout);
    assert.equal(spec.replicas, 9);
    assert.deepEqual(status, { readyReplicas: 0 });
    const diff = await run("deploy", ...FROM, "-v", "a=false", "--diff");
    assert.equal(diff.code, 1);
    assert.match(diff.stdout, /\n-\s+value: "true"\n\+\s+value: "false"\n/);
    assert.deepEqual(await client.get(SPIN_APPS, name), before);
  });

  await t.step("what deploy --dry-run prints is what scaffold prints", async () => {
    const args = [
      ...[...FROM, "--autoscaler", "keda", "--cpu-limit", "1", "--memory-limit", "1Mi"],
      ...["-v", "a=b", "-c", "deno.json"],
    ];
    const [scaffolded, dry] = await Promise.all([
      run("scaffold", ...args, "-n", "default"),
      run("deploy", ...args, "--dry-run"),
    ]);
    const read = ({ stdout }: Outcome) =>
      new Map(parseAllDocuments(stdout).map((each) => [each.toJS().kind, each.toJS()]));
    const expected = read(scaffolded);
    const app = expected.get("SpinApp");
    app.spec = { checks: {}, ...app.spec };
    app.spec.resources.limits.cpu = "1";
    app.status = { readyReplicas: 0 };
    assert.deepEqual(read(dry), expected);
  });

  await t.step("list and get print the plugin's table", async () => {
    const table = "NAMESPACE\tNAME\tEXECUTOR            \tREADY\n" +
      "default  \tshop\tcontainerd-shim-spin\t0/2  \n";
    assert.equal((await run("list")).stdout, table);
    assert.equal((await run("list", "-A")).stdout, table);
    assert.equal((await run("-n", "default", "--context=test", "list")).stdout, table);
    assert.equal((await run("list", "-n", "other")).stdout, "NAMESPACE\tNAME\tEXECUTOR\tREADY\n");
    assert.equal((await run("get", "shop")).stdout, table);
    assert.equal((await run("list", "-o", "name")).stdout, "spinapp.core.spinkube.dev/shop\n");
    const json = JSON.parse((await run("get", "shop", "-o", "json")).stdout);
    assert.equal(json.spec.image, "registry.example.com/shop:v1");
    assert.equal((await run("list", "-l", "a=b", "--no-headers")).stdout, "");
  });

  await t.step("get takes the name from the directory", async () => {
    const directory = await Deno.makeTempDir();
    try {
      const env = { KUBECONFIG: cluster.kubeconfig };
      const get = () => runProgram(["kube", "get", "-o", "name"], { cwd: directory, env });
      const missing = await get();
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /^Error: no application name specified\n/);
      await Deno.writeTextFile(
        join(directory, "spin.toml"),
        'spin_manifest_version = 2\n[application]\nname = "shop"\n',
      );
      assert.equal((await get()).stdout, "spinapp.core.spinkube.dev/shop\n");
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });

  await t.step("deploy --wait says why not, and sees when it is", async () => {
    const late = await run("deploy", ...FROM, "--wait", "--timeout", "1s");
    assert.equal(late.code, 4);
    assert.match(
      late.stderr,
      /Error: shop is not ready after 1 s:\nthe operator has made no Deploy/,
    );
    await using program = startProgram(["kube", "deploy", ...FROM, "--wait"], {
      env: { KUBECONFIG: cluster.kubeconfig },
    });
    await actAsOperator(client);
    const { code, stdout } = await program.outcome();
    assert.equal(code, 0);
    assert.match(stdout, /\nhttp:\/\/shop\.default\.svc \(in the cluster\)\n$/);
  });

  await t.step("delete asks, and deletes", async () => {
    const asked = await run("delete", "shop");
    assert.equal(asked.stdout, "This action is irreversible. Are you sure? (y/N): ");
    assert.equal(asked.code, 1);
    const deleted = await run("delete", "shop", "--yes");
    assert.equal(deleted.stdout, "Succesfully deleted shop\n");
    const again = await run("delete", "shop", "--yes");
    assert.equal(again.stdout, "Could not find application with name shop\n");
    assert.equal(again.code, 3);
    const gone = await run("get", "shop");
    assert.equal(gone.stderr, 'Error: spinapps.core.spinkube.dev "shop" not found\n');
    assert.equal(gone.code, 3);
  });
});

Deno.test({
  name: "deploy pushes the app, and deploys exactly what was pushed",
  ignore: ignore || !hasRegistryServer(),
  async fn() {
    await using server = (await startApiServer())!;
    await using registry = await RegistryServer.start();
    using connection = await connect(server);
    await install(connection.client);
    const image = `${registry.host}/org/hello:v1`;
    const { code, stderr, stdout } = await runProgram([
      ...["deploy", "--from", image, "--app", SAMPLE, "--build=false", "--wait=false"],
      ...["--insecure-registry", "--kubeconfig", server.kubeconfig],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "spinapp.core.spinkube.dev/hello created\n");
    const [, digest] = /^Pushed with digest (sha256:[0-9a-f]{64})$/m.exec(stderr) ?? [];
    const app = await connection.client.get<SpinApp>(SPIN_APPS, {
      name: "hello",
      namespace: "default",
    });
    assert.equal(app.spec.image, `${image}@${digest}`);
  },
});

/** Makes the Deployment of "shop" as the operator would, and its status as Kubernetes would. */
async function actAsOperator(client: KubeClient): Promise<void> {
  const metadata = { name: "shop", namespace: "default" };
  const labels = { app: "shop" };
  const made = await client.create<Deployment>(DEPLOYMENTS, {
    metadata,
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "shop", image: "registry.example.com/shop:v1" }] },
      },
    },
  });
  await client.update<Deployment>(DEPLOYMENTS, {
    ...made,
    status: {
      observedGeneration: made.metadata.generation!,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
    },
  }, { subresource: "status" });
}

const BROKEN: readonly (readonly [name: string, kubeconfig: string, stderr: RegExp])[] = [
  ["is no YAML", "{broken", /^Error: Kubeconfig "config": it is no YAML: /],
  [
    "names no cluster",
    "current-context: a\n",
    /^Error: Kubeconfig "config": it has no context "a"/,
  ],
  [
    "leads nowhere",
    JSON.stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a" } }],
      clusters: [{ name: "a", cluster: { server: "http://127.0.0.1:3" } }],
    }),
    /^Error: Cannot reach the cluster at http:\/\/127\.0\.0\.1:3 \(context "a"\): /,
  ],
];

for (const [name, kubeconfig, stderr] of BROKEN) {
  Deno.test(`kube list explains a kubeconfig that ${name}`, async () => {
    const cwd = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(join(cwd, "config"), kubeconfig);
      const outcome = await runProgram(["kube", "list", "--kubeconfig", "config"], { cwd });
      assert.match(outcome.stderr, stderr);
      assert.equal(outcome.code, 1);
      // Nothing of it is needed for this.
      const short = await runProgram(["kube", "version", "-s"], {
        cwd,
        env: { KUBECONFIG: "config" },
      });
      assert.equal(short.code, 0);
      const version = await runProgram(["kube", "version"], {
        cwd,
        env: { KUBECONFIG: "config", SPIN_VERSION: "4.0.0" },
      });
      assert.match(version.stdout, /^Plugin Version: \S+\nSpin Version {2}: v4\.0\.0\n$/);
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  });
}

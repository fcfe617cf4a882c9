/**
 * `doctor --cluster` on a real API server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import { SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import { makeSelfSignedCertificate } from "../../lib/certificates.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import { DEPLOYMENTS, RUNTIME_CLASSES } from "../../lib/kube/workload_types.ts";
import {
  DEFINITIONS,
  ENDPOINT_SLICES,
  MUTATING,
  NODES,
  VALIDATING,
} from "../../deploy/cli/doctor/cluster_objects.ts";
import type { Finding } from "../../deploy/cli/doctor/finding.ts";
import { connect, startApiServer, whyNoApiServer } from "../support/api_server.ts";
import { waitUntil } from "../support/wait.ts";
import { runProgram } from "./_program.ts";

const INSTALL = new URL("../../deploy/manifests/install.yaml", import.meta.url);
const OPERATOR_NAMESPACE = "spin-operator";

const NAMESPACES: ResourceType = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  isNamespaced: false,
};

/** Kinds of `install.yaml` that the doctor looks at. */
const TYPES: readonly ResourceType[] = [
  NAMESPACES,
  DEFINITIONS,
  DEPLOYMENTS,
  RUNTIME_CLASSES,
  MUTATING,
  VALIDATING,
];

interface Report {
  readonly code: number;
  readonly problems: number;
  /** `check state: message`. */
  readonly lines: readonly string[];
}

async function examine(kubeconfig: string, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await runProgram(
    ["doctor", "--cluster", "-o", "json", "--kubeconfig", kubeconfig, ...args],
  );
  assert.equal(stderr, "");
  const { problems, findings } = JSON.parse(stdout) as { problems: number; findings: Finding[] };
  return {
    code,
    problems,
    lines: findings.map(({ check, state, message }) => `${check} ${state}: ${message}`),
  };
}

function assertHas(report: Report, patterns: readonly RegExp[]): void {
  for (const pattern of patterns) {
    assert.ok(
      report.lines.some((line) => pattern.test(line)),
      `${pattern}\n${report.lines.join("\n")}`,
    );
  }
}

async function install(client: KubeClient): Promise<void> {
  const objects = parseAllDocuments(await Deno.readTextFile(INSTALL))
    .map((document) => document.toJS() as KubeObject);
  for (const type of TYPES) {
    for (const object of objects.filter(({ kind }) => kind === type.kind)) {
      await client.apply(type, object);
    }
  }
}

/** Plays the controllers of Kubernetes, and the operator. */
async function bringUp(client: KubeClient): Promise<void> {
  const { cert } = await makeSelfSignedCertificate(["spin"], { days: 1 });
  const caBundle = new TextEncoder().encode(cert).toBase64();
  for (const type of [MUTATING, VALIDATING]) {
    for (const { metadata, webhooks = [] } of await client.list(type)) {
      await client.mergePatch(type, metadata, {
        patch: {
          webhooks: webhooks.map((webhook) => ({
            ...webhook,
            // Nobody listens here; what the test writes has to get through.
            failurePolicy: "Ignore",
            clientConfig: { ...webhook.clientConfig, caBundle },
          })),
        },
      });
    }
  }
  const [deployment] = await client.list(DEPLOYMENTS, { namespace: OPERATOR_NAMESPACE });
  await client.mergePatch(DEPLOYMENTS, deployment!.metadata, {
    subresource: "status",
    patch: {
      status: { replicas: 1, readyReplicas: 1, availableReplicas: 1, observedGeneration: 1 },
    },
  });
  await client.create(ENDPOINT_SLICES, {
    metadata: {
      name: "webhooks",
      namespace: OPERATOR_NAMESPACE,
      labels: { "kubernetes.io/service-name": "spin-operator-webhook-service" },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.0.0.9"], conditions: { ready: true } }],
  } as KubeObject);
}

async function createNode(client: KubeClient, handlers: readonly string[]): Promise<void> {
  await client.create(NODES, { metadata: { name: "node1" } });
  await client.mergePatch(NODES, { name: "node1" }, {
    subresource: "status",
    patch: {
      status: {
        conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "" }],
        runtimeHandlers: handlers.map((name) => ({ name })),
      },
    },
  });
}

Deno.test({
  name: "doctor --cluster finds what is missing, until nothing is",
  ignore: whyNoApiServer() !== undefined,
  async fn(t) {
    await using server = (await startApiServer())!;
    const { kubeconfig } = server;
    using connection = await connect(server);
    const { client } = connection;

    await t.step("an empty cluster", async () => {
      const report = await examine(kubeconfig);
      assert.equal(report.code, 1);
      assertHas(report, [
        /^API server ok: Kubernetes v\d.* at https:\/\/127\.0\.0\.1/,
        /^definitions problem: The CustomResourceDefinition spinapps/,
        /^operator problem: There is none/,
        /^executors problem: Namespace "default" has no SpinAppExecutor/,
        /^permissions ok: You may deploy/,
      ]);
    });

    await t.step("what install.yaml brings, before anything runs", async () => {
      await install(client);
      await waitUntil(
        async () => (await examine(kubeconfig)).lines.some((line) => /^definitions ok/.test(line)),
        { what: "definitions that are established", timeoutMs: 20_000 },
      );
      const report = await examine(kubeconfig);
      assert.equal(report.code, 1);
      assertHas(report, [
        /^definitions ok: spinapps.*shims\.runtime\.spinkube\.dev \(with what/,
        /^operator problem: Deployment "spin-operator-controller-manager" .* is not ready/,
        /^webhooks problem: MutatingWebhookConfiguration .* \(mspinapp\.kb\.io, mspinappexecutor/,
        /leads to no pod that is ready, so that nothing of SpinKube can be written/,
      ]);
    });

    await t.step("an executor whose nodes lack the handler", async () => {
      await bringUp(client);
      await client.create(SPIN_APP_EXECUTORS, {
        metadata: { name: "containerd-shim-spin", namespace: "default" },
        spec: {
          createDeployment: true,
          deploymentConfig: { runtimeClassName: "wasmtime-spin-v2" },
        },
      });
      await createNode(client, ["", "runc"]);
      const report = await examine(kubeconfig);
      assertHas(report, [
        /^operator ok: Deployment "spin-operator-controller-manager" in namespace "spin-operator"/,
        /^webhooks ok: "spin-operator-mutating-webhook-configuration" and "spin-operator-valid/,
        /^executors ok: "containerd-shim-spin" in namespace "default" runs apps by RuntimeClass/,
        /^nodes problem: 1 of 1 nodes .* do not have its handler "spin"/,
      ]);
      assert.deepEqual([report.code, report.problems], [1, 1]);
    });

    await t.step("a cluster in order", async () => {
      await client.mergePatch(NODES, { name: "node1" }, {
        subresource: "status",
        patch: { status: { runtimeHandlers: [{ name: "" }, { name: "spin" }] } },
      });
      const report = await examine(kubeconfig);
      assert.deepEqual([report.code, report.problems], [0, 0], report.lines.join("\n"));
      const { stdout, code } = await runProgram(
        ["doctor", "--cluster", "--kubeconfig", kubeconfig],
      );
      assert.match(stdout, /^ok {7}API server {3}Kubernetes v\d[^]*\n\nNo problems found\.\n$/);
      assert.equal(code, 0);
    });

    await t.step("an app that is not ready", async () => {
      const app = await client.create<SpinApp>(SPIN_APPS, {
        metadata: { name: "cart", namespace: "default" },
        spec: { image: "ghcr.io/me/cart:v1", executor: "containerd-shim-spin", replicas: 1 },
      });
      const report = await examine(kubeconfig);
      assertHas(report, [
        /^apps problem: SpinApp "cart" is not ready: the operator has made no De/,
      ]);
      await client.delete(SPIN_APPS, app.metadata);
    });

    await t.step("a user who may do nothing", async () => {
      const report = await examine(kubeconfig, "--as", "nobody");
      assert.equal(report.code, 1);
      assertHas(report, [
        /^definitions unknown/,
        /^operator unknown/,
        /^apps unknown: Apps of namespace "default" may not be listed: .*forbidden/,
        /^permissions problem: You may not get spinapps\.core\.spinkube\.dev, create spinapps/,
      ]);
    });
  },
});

Deno.test("doctor --cluster says that a cluster cannot be reached", async () => {
  const directory = await Deno.makeTempDir();
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const server = `https://127.0.0.1:${listener.addr.port}`;
    listener.close();
    const { code, stdout } = await runProgram(["doctor", "--cluster", "--server", server], {
      env: { KUBECONFIG: `${directory}/none` },
    });
    assert.match(stdout, /^problem {2}API server {2}https:.* cannot be reached: .*\n +Fix: Start/);
    assert.equal(code, 1);
    const wrong = await runProgram(["doctor", "--fix", "--cluster", "-f", "app"]);
    assert.match(wrong.stderr, /--fix cannot be used together with --cluster\n--from cannot be/);
    assert.equal(wrong.code, 2);
    const none = await runProgram(["doctor", "--cluster"], {
      env: { KUBECONFIG: `${directory}/none` },
    });
    assert.match(none.stderr, /^Error: No cluster is configured/);
    assert.equal(none.code, 1);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

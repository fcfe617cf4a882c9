import assert from "node:assert/strict";
import { OPERATOR } from "../../crds/contract.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../crds/spin_app_executor.ts";
import type { ApiError } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import {
  configureWebhooks,
  ensureNamespace,
  installCrds,
  recordLog,
  startTestWebhooks,
  untilReady,
} from "../support/admission.ts";
import { type ApiServer, connect, startApiServer, whyNoApiServer } from "../support/api_server.ts";

interface Parts {
  readonly client: KubeClient;
  readonly server: ApiServer;
}

/** Runs something against an API server that calls our webhooks. */
async function withAdmission(run: (parts: Parts) => Promise<void>): Promise<void> {
  await using server = (await startApiServer())!;
  using connection = await connect(server);
  const { client } = connection;
  await installCrds(client);
  using operator = await connect(server, OPERATOR);
  const record = recordLog();
  const webhooks = await startTestWebhooks(operator.client, { log: record.log });
  try {
    await configureWebhooks(client, webhooks.port);
    await untilReady(webhooks, record);
    await run({ client, server });
  } finally {
    await webhooks.stop();
  }
}

function executor(name: string, namespace?: string): SpinAppExecutor {
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
  };
}

function app(name: string, spec: Record<string, unknown>, namespace = "default"): SpinApp {
  return {
    metadata: { name, namespace },
    spec: { image: "registry.example.com/shop:1", replicas: 1, ...spec },
  } as unknown as SpinApp;
}

async function refusal(work: Promise<unknown>): Promise<ApiError> {
  try {
    await work;
  } catch (error) {
    return error as ApiError;
  }
  throw new assert.AssertionError({ message: "It was not refused" });
}

Deno.test({
  name: "admission by an API server",
  ignore: whyNoApiServer() !== undefined,
  fn: (test) =>
    withAdmission(async (parts) => {
      await test.step("completes and refuses apps as SpinKube does", () => testApps(parts));
      await test.step("lets an app go whose executor is gone", () => testDeletion(parts));
    }),
});

async function testApps({ client, server }: Parts): Promise<void> {
  const none = await refusal(client.create(SPIN_APPS, app("shop", {})));
  assert.equal(none.code, 422);
  assert.equal(none.reason, "Invalid");
  assert.equal(
    none.message,
    'admission webhook "vspinapp.kb.io" denied the request: SpinApp.core.spinkube.dev "shop" ' +
      'is invalid: spec.executor: Invalid value: "": executor must be set, likely no default ' +
      "executor was set because you have no executors installed",
  );
  assert.deepEqual(none.details?.causes, [{
    reason: "FieldValueInvalid",
    message: 'Invalid value: "": executor must be set, likely no default executor was set ' +
      "because you have no executors installed",
    field: "spec.executor",
  }]);

  // An executor of another namespace is no default, one of the cluster is.
  await ensureNamespace(client, "elsewhere");
  await client.create(SPIN_APP_EXECUTORS, executor("aaa", "elsewhere"));
  await client.create(CLUSTER_SPIN_APP_EXECUTORS, executor("shared"));
  const shared = await client.create(SPIN_APPS, app("one", {}));
  assert.equal(shared.spec.executor, "shared");
  await client.create(SPIN_APP_EXECUTORS, executor("zzz", "default"));
  await client.create(SPIN_APP_EXECUTORS, executor("mmm", "default"));
  const own = await client.create(SPIN_APPS, app("two", { replicas: 0 }));
  assert.equal(own.spec.executor, "mmm");
  assert.equal(own.spec.replicas, 0);
  assert.equal("checks" in own.spec || "resources" in own.spec, false);

  const unknown = await refusal(client.create(SPIN_APPS, app("x", { executor: "aaa" })));
  assert.match(unknown.message, /"aaa": executor does not exist in namespace$/);
  const several = await refusal(
    client.create(
      SPIN_APPS,
      app("x", { executor: "aaa", replicas: null, invocationLimits: { memory: "lots" } }),
    ),
  );
  assert.equal(
    several.message,
    'admission webhook "vspinapp.kb.io" denied the request: SpinApp.core.spinkube.dev "x" is ' +
      'invalid: [spec.executor: Invalid value: "aaa": executor does not exist in namespace, ' +
      "spec.replicas: Invalid value: 0: replicas must be > 0, " +
      'spec.invocationLimits[memory]: Invalid value: "lots": memory limit must be a valid ' +
      "memory quantity (e.g. 128Mi, 1Gi)]",
  );
  const image = await refusal(
    client.create(SPIN_APPS, {
      metadata: { name: "x", namespace: "default" },
      spec: { replicas: 1 },
    } as unknown as SpinApp),
  );
  assert.match(image.message, /spec\.image: Required value/);
  // What SpinKube's own webhook makes impossible.
  const probed = await client.create(
    SPIN_APPS,
    app("probed", { checks: { readiness: { httpGet: { path: "/healthz" } } } }),
  );
  assert.equal(probed.spec.checks?.readiness?.periodSeconds, 10);

  const both = await refusal(client.create(SPIN_APP_EXECUTORS, {
    ...executor("both", "default"),
    spec: {
      createDeployment: true,
      deploymentConfig: { runtimeClassName: "spin", spinImage: "spin" },
    },
  }));
  // The schema may say it first, in its own form.
  assert.match(both.message, /SpinAppExecutor\.core\.spinkube\.dev "both" is invalid: /);
  assert.match(both.message, /: runtimeClassName and spinImage are mutually exclusive$/);
  const said = await kubectlApply(server, app("shop", { executor: "nobody" }));
  assert.equal(
    said ?? KUBECTL_REFUSAL,
    KUBECTL_REFUSAL,
  );
}

async function testDeletion({ client }: Parts): Promise<void> {
  await client.create(SPIN_APP_EXECUTORS, executor("shim", "default"));
  const name = { name: "held", namespace: "default" };
  await client.create(SPIN_APPS, {
    ...app("held", { executor: "shim" }),
    metadata: { ...name, finalizers: ["example.com/hold"] },
  });
  await client.delete(SPIN_APP_EXECUTORS, { name: "shim", namespace: "default" });
  const changed = await refusal(
    client.mergePatch(SPIN_APPS, name, { patch: { spec: { replicas: 2 } } }),
  );
  assert.match(changed.message, /executor does not exist in namespace/);
  await client.delete(SPIN_APPS, name);
  await client.mergePatch(SPIN_APPS, name, { patch: { metadata: { finalizers: null } } });
  assert.equal(await client.find(SPIN_APPS, name), undefined);
}

const KUBECTL_REFUSAL = 'The SpinApp "shop" is invalid: spec.executor: Invalid value: "nobody": ' +
  "executor does not exist in namespace\n";

/** What `kubectl apply` complains of; undefined if there is no kubectl. */
async function kubectlApply(
  { kubeconfig }: ApiServer,
  object: SpinApp,
): Promise<string | undefined> {
  const manifest = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(
      manifest,
      JSON.stringify({ apiVersion: "core.spinkube.dev/v1alpha1", kind: "SpinApp", ...object }),
    );
    const { stderr } = await new Deno.Command("kubectl", {
      args: ["--kubeconfig", kubeconfig, "apply", "-f", manifest],
      stdin: "null",
      stdout: "null",
    }).output();
    return new TextDecoder().decode(stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(manifest);
  }
}

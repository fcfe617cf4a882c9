/**
 * The definitions on a real API server: what it accepts, refuses, fills in and shows.
 *
 * @module
 */

import assert from "node:assert/strict";
import { defineAll } from "../../crds/schema/generate.ts";
import { SPIN_APPS, type SpinApp } from "../../crds/spin_app.ts";
import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../crds/spin_app_executor.ts";
import { ApiError } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { KubeObject, ResourceType } from "../../lib/kube/types.ts";
import { connect, startApiServer, whyNoApiServer } from "../support/api_server.ts";
import { type AnyObject, readObjects } from "../support/helm.ts";
import { waitUntil } from "../support/wait.ts";

const DEFINITIONS: ResourceType<KubeObject> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};

const SAMPLES = new URL("../../deploy/samples/kubernetes/", import.meta.url);

const TYPES: readonly ResourceType[] = [SPIN_APPS, SPIN_APP_EXECUTORS, CLUSTER_SPIN_APP_EXECUTORS];

const ignore = whyNoApiServer() !== undefined;

/** Runs a test with a client of a server of its own. */
function serverTest(name: string, run: (client: KubeClient, t: Deno.TestContext) => Promise<void>) {
  Deno.test({
    name,
    ignore,
    async fn(t) {
      await using server = (await startApiServer())!;
      using connection = await connect(server);
      await run(connection.client, t);
    },
  });
}

/** Installs definitions, and waits until their objects can be written. */
async function install(client: KubeClient, definitions: readonly unknown[]): Promise<void> {
  for (const definition of definitions as AnyObject[]) {
    await client.apply(DEFINITIONS, definition);
    const { group, versions, names } = definition.spec;
    const path = `/apis/${group}/${versions[0].name}/${names.plural}`;
    await waitUntil(
      () => client.transport.json({ method: "GET", path }).then(() => true, isKnown),
      {
        what: path,
        timeoutMs: 30_000,
      },
    );
  }
}

/** Paths of new definitions are not found for a moment. */
function isKnown(error: unknown): boolean {
  if (error instanceof ApiError && error.code === 404) return false;
  throw error;
}

function app(name: string, spec: Partial<SpinApp["spec"]> | Record<string, unknown> = {}): SpinApp {
  return {
    metadata: { name, namespace: "default" },
    spec: { executor: "e", image: "registry.example.com/a:1", replicas: 1, ...spec },
  };
}

/** What the server says to a request, or undefined if it does it. */
async function refusal(request: Promise<unknown>): Promise<string | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.message;
  }
}

const LONG = "a".repeat(52);
const NAME = /metadata\.name: .*the name must/;

/** Name, spec, and what the server says to it. */
const APPS: readonly (readonly [string, Record<string, unknown>, RegExp?])[] = [
  ["a", {}],
  [LONG, {}],
  [`${LONG}a`, {}, /metadata\.name: .*at most 52 characters/],
  ["1a", {}, NAME],
  ["a.b", {}, NAME],
  ["empty-executor", { executor: "" }],
  ["no-executor", { executor: undefined }, /spec\.executor: Required value/],
  ["no-image", { image: undefined }, /spec\.image: Required value/],
  ["empty-image", { image: "" }, /spec\.image: .*the image must not be empty/],
  ["stopped", { replicas: 0 }],
  ["negative", { replicas: -1 }, /spec\.replicas: .*replicas must be > 0\W/],
  ["scaled", { enableAutoscaling: true, replicas: undefined }],
  ["scaled-zero", { enableAutoscaling: true, replicas: 0 }],
  [
    "scaled-one",
    { enableAutoscaling: true, replicas: 1 },
    /spec\.replicas: .*replicas cannot be set when autoscaling is enabled/,
  ],
  ["port", { port: 8080 }],
  ["port-zero", { port: 0 }, /spec\.port: .*greater than or equal to 1/],
  ["port-high", { port: 65_536 }, /spec\.port: .*less than or equal to 65535/],
  ["no-components", { components: [] }, /spec\.components: .*at least 1 items/],
  ["variables", { variables: [{ name: "a" }, { name: "b" }] }],
  // Nothing bounds what SpinKube does not bound.
  [
    "many-variables",
    { variables: Array.from({ length: 1_000 }, (_, index) => ({ name: `v${index}` })) },
  ],
  [
    "volumes",
    {
      volumes: [{ name: "a", emptyDir: {} }, { name: "b", configMap: { name: "c" } }],
      volumeMounts: [{ name: "a", mountPath: "/a" }, { name: "b", mountPath: "/b" }],
    },
  ],
  [
    "own-volume",
    { volumes: [{ name: "spin-runtime-config", emptyDir: {} }] },
    /spec\.volumes\[0\]: .*belong to the operator/,
  ],
  [
    "own-mount",
    { volumeMounts: [{ name: "a", mountPath: "/runtime-config.toml" }] },
    /spec\.volumeMounts\[0\]: .*use runtimeConfig\.loadFromSecret/,
  ],
  ["quantity", { resources: { limits: { cpu: "much" } } }, /spec\.resources\.limits\.cpu: /],
  ["null-headers", { checks: { liveness: { httpGet: { path: "/", httpHeaders: null } } } }],
];

/** The `deploymentConfig` of an executor, and what the server says to it. */
const EXECUTORS: readonly (readonly [Record<string, unknown> | undefined, RegExp?])[] = [
  [undefined],
  [{ runtimeClassName: "spin" }],
  [{ runtimeClassName: "" }],
  [{ spinImage: "spin" }],
  [
    { runtimeClassName: "a", spinImage: "b" },
    /deploymentConfig\.runtimeClassName: .*runtimeClassName and spinImage are mutually exclusive/,
  ],
  [
    { installDefaultCACerts: true },
    /deploymentConfig\.runtimeClassName: .*either runtimeClassName or spinImage must be set/,
  ],
];

serverTest("the definitions are accepted, and decide about objects", async (client, t) => {
  await install(client, defineAll());

  await t.step("they are established without conditions against them", async () => {
    for (const { metadata } of defineAll()) {
      const stored = await client.get(DEFINITIONS, metadata) as AnyObject;
      const conditions = stored.status.conditions as { type: string; status: string }[];
      const isFalse = conditions.filter(({ status }) => status !== "True");
      assert.deepEqual(isFalse, [], metadata.name);
      assert.ok(conditions.some(({ type }) => type === "Established"));
    }
  });

  await t.step("rules refuse the worst mistakes, and nothing else", async () => {
    for (const [name, spec, expected] of APPS) {
      const said = await refusal(client.apply(SPIN_APPS, app(name, spec), { dryRun: true }));
      if (expected) assert.match(said ?? "accepted", expected, name);
      else assert.equal(said, undefined, name);
    }
    for (const [deploymentConfig, expected] of EXECUTORS) {
      const spec = { createDeployment: true, ...(deploymentConfig && { deploymentConfig }) };
      for (const type of [SPIN_APP_EXECUTORS, CLUSTER_SPIN_APP_EXECUTORS]) {
        const metadata = { name: "e", ...(type.isNamespaced && { namespace: "default" }) };
        const said = await refusal(client.apply(type, { metadata, spec }, { dryRun: true }));
        if (expected) assert.match(said ?? "accepted", expected);
        else assert.equal(said, undefined, JSON.stringify(deploymentConfig));
      }
    }
  });

  await t.step("every sample is accepted", async () => {
    let count = 0;
    for await (const { name } of Deno.readDir(SAMPLES)) {
      for (const object of readObjects(await Deno.readTextFile(new URL(name, SAMPLES)))) {
        const type = TYPES.find(({ kind }) => kind === object.kind);
        if (!type) continue;
        if (type.isNamespaced) object.metadata.namespace = "default";
        assert.equal(await refusal(client.apply(type, object, { dryRun: true })), undefined, name);
        count++;
      }
    }
    assert.ok(count >= 25, `${count}`);
  });

  await t.step("defaults are filled in", async () => {
    const made = await client.apply(
      SPIN_APPS,
      app("probes", { checks: { readiness: { httpGet: { path: "/" } } } }),
      { dryRun: true },
    );
    assert.equal(made.spec.enableAutoscaling, false);
    assert.deepEqual(made.spec.checks, {
      readiness: {
        httpGet: { path: "/" },
        initialDelaySeconds: 10,
        timeoutSeconds: 1,
        periodSeconds: 10,
        successThreshold: 1,
        failureThreshold: 3,
      },
    });
  });

  await t.step("volumes of a later Kubernetes are kept, other unknown fields are not", async () => {
    const made = await client.create(
      SPIN_APPS,
      app("later", { volumes: [{ name: "v", laterSource: { a: 1 } }], laterField: 1 }),
    );
    assert.deepEqual(made.spec.volumes, [{ name: "v", laterSource: { a: 1 } }]);
    assert.equal("laterField" in made.spec, false);
  });
});

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

interface Scale {
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

serverTest("apps can be scaled, listed and explained", async (client, t) => {
  await install(client, defineAll());
  await client.create(SPIN_APPS, app("shop"));
  await client.create(SPIN_APPS, app("auto", { enableAutoscaling: true, replicas: undefined }));
  const path = "/apis/core.spinkube.dev/v1alpha1/namespaces/default/spinapps";
  const scale = async (name: string, replicas: number): Promise<Scale> =>
    await client.transport.json<Scale>({
      method: "PATCH",
      path: `${path}/${name}/scale`,
      contentType: "application/merge-patch+json",
      body: { spec: { replicas } },
    });
  await client.mergePatch(SPIN_APPS, { name: "shop", namespace: "default" }, {
    subresource: "status",
    patch: {
      status: {
        readyReplicas: 1,
        replicas: 2,
        selector: "a=b",
        deploymentName: "shop",
        conditions: [{
          type: "Ready",
          status: "False",
          reason: "Starting",
          message: "1 of 2 pods ready",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        }],
      },
    },
  });

  await t.step("scale writes spec.replicas and reads the status", async () => {
    assert.deepEqual(await scale("shop", 3).then(({ spec, status }) => ({ spec, status })), {
      spec: { replicas: 3 },
      status: { replicas: 2, selector: "a=b" },
    });
    const { spec } = await client.get(SPIN_APPS, { name: "shop", namespace: "default" });
    assert.equal(spec.replicas, 3);
  });

  await t.step("an autoscaler may write replicas, and the app stays editable", async () => {
    await scale("auto", 4);
    const auto = { name: "auto", namespace: "default" };
    const patched = await client.mergePatch(SPIN_APPS, auto, {
      patch: { spec: { podLabels: { a: "b" } } },
    });
    assert.deepEqual([patched.spec.replicas, patched.spec.podLabels], [4, { a: "b" }]);
  });

  await t.step("the list has SpinKube's columns first", async () => {
    const table = await client.transport.json<Table>({
      method: "GET",
      path,
      accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
    });
    const shown = table.columnDefinitions.filter(({ priority }) => priority === 0);
    assert.deepEqual(shown.map(({ name }) => name), [
      "Name",
      "Ready",
      "Desired",
      "Executor",
      "Reason",
      "Age",
    ]);
    const row = table.rows.find(({ cells }) => cells[0] === "shop")!;
    assert.deepEqual(row.cells.slice(0, 5), ["shop", 1, 3, "e", "shop"]);
    assert.ok(row.cells.includes("Starting"));
  });

  await t.step("apps can be selected by their executor", async () => {
    await client.create(SPIN_APPS, app("other", { executor: "another" }));
    const found = await client.list(SPIN_APPS, { fieldSelector: "spec.executor=another" });
    assert.deepEqual(found.map(({ metadata }) => metadata.name), ["other"]);
  });

  await t.step("fields are described where kubectl explain looks", async () => {
    const described = await client.transport.json<AnyObject>({
      method: "GET",
      path: "/openapi/v3/apis/core.spinkube.dev/v1alpha1",
    });
    const schema = described.components.schemas["dev.spinkube.core.v1alpha1.SpinApp"];
    assert.match(schema.properties.spec.properties.image.description, /OCI reference/);
  });
});

/** Objects that SpinKube's definitions accept and these would refuse, and what may change in them. */
const BEFORE: readonly (readonly [string, Record<string, unknown>])[] = [
  [`${LONG}aaaaaaaa`, {}],
  ["1.dotted", {}],
  ["empty-image", { image: "" }],
  ["same-variables", { variables: [{ name: "a" }, { name: "A" }] }],
  ["own-volume", { volumes: [{ name: "spin-ca", emptyDir: {} }] }],
  ["same-mounts", {
    volumes: [{ name: "a", emptyDir: {} }],
    volumeMounts: [{ name: "a", mountPath: "/a" }, { name: "a", mountPath: "/a" }],
  }],
  ["scaled", { enableAutoscaling: true, replicas: 2 }],
];

serverTest("the definitions take over from SpinKube's, with all objects", async (client, t) => {
  const originals = readObjects(
    await Deno.readTextFile(new URL("testdata/spinkube_crds.yaml", import.meta.url)),
  );
  await install(client, originals);
  for (const [name, spec] of BEFORE) await client.create(SPIN_APPS, app(name, spec));
  const executor: SpinAppExecutor = {
    metadata: { name: "both", namespace: "default" },
    spec: {
      createDeployment: true,
      deploymentConfig: { runtimeClassName: "a", spinImage: "b" },
    },
  };
  await client.create(SPIN_APP_EXECUTORS, executor);
  const before = await client.list(SPIN_APPS);

  await install(client, defineAll());

  await t.step("objects stay as they were", async () => {
    const after = await client.list(SPIN_APPS);
    assert.deepEqual(
      after.map(({ metadata, spec }) => [metadata.uid, spec]),
      before.map(({ metadata, spec }) => [metadata.uid, spec]),
    );
  });

  await t.step("other fields of theirs can be changed, and their status written", async () => {
    for (const [name] of BEFORE) {
      const place = { name, namespace: "default" };
      const patched = await client.mergePatch(SPIN_APPS, place, {
        patch: { spec: { podLabels: { a: "b" } } },
      });
      assert.deepEqual(patched.spec.podLabels, { a: "b" }, name);
      await client.mergePatch(SPIN_APPS, place, {
        patch: { status: { readyReplicas: 1 } },
        subresource: "status",
      });
    }
    await client.mergePatch(SPIN_APP_EXECUTORS, executor.metadata, {
      patch: { metadata: { finalizers: ["core.spinkube.dev/finalizer"] } },
    });
  });

  await t.step("what is wrong can be made right, but not wrong in another way", async () => {
    const place = { name: "own-volume", namespace: "default" };
    const patch = (names: readonly string[]) =>
      client.mergePatch(SPIN_APPS, place, {
        patch: { spec: { volumes: names.map((name) => ({ name, emptyDir: {} })) } },
      });
    assert.match((await refusal(patch(["spin-runtime-config"])))!, /belong to the operator/);
    assert.equal(await refusal(patch(["a", "b"])), undefined);
  });

  await t.step("they can be deleted", async () => {
    for (const [name] of BEFORE) {
      assert.equal(await client.delete(SPIN_APPS, { name, namespace: "default" }), true);
    }
  });
});

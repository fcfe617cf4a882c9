import assert from "node:assert/strict";
import type { SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import { MAX_REVIEW_BYTES } from "./admission_review.ts";
import type { ExecutorLookup } from "./executor_lookup.ts";
import { answerWebhook, isWebhook } from "./webhooks.ts";

const EXECUTOR: SpinAppExecutor = {
  metadata: { name: "shim", namespace: "default" },
  spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
};

const EXECUTORS: ExecutorLookup = {
  names: (namespace) =>
    Promise.resolve(
      namespace === "default"
        ? { namespace: ["shim"], cluster: [] }
        : { namespace: [], cluster: [] },
    ),
  find: (namespace, name) =>
    Promise.resolve(namespace === "default" && name === "shim" ? EXECUTOR : undefined),
};

const MUTATE = "/mutate-core-spinkube-dev-v1alpha1-spinapp";
const VALIDATE = "/validate-core-spinkube-dev-v1alpha1-spinapp";
const VALIDATE_EXECUTOR = "/validate-core-spinkube-dev-v1alpha1-spinappexecutor";

function review(request: Record<string, unknown>): string {
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: { uid: "u-1", operation: "CREATE", name: "shop", namespace: "default", ...request },
  });
}

async function answer(
  path: string,
  body: string | Uint8Array | undefined,
  options: { contentType?: string; executors?: ExecutorLookup; troubles?: unknown[] } = {},
) {
  const { contentType = "application/json", executors = EXECUTORS, troubles } = options;
  const text = await answerWebhook({
    path,
    contentType,
    body: typeof body === "string" ? new TextEncoder().encode(body) : body,
  }, { executors, onTrouble: (_path, error) => troubles?.push(error) });
  const parsed = JSON.parse(text);
  assert.equal(parsed.apiVersion, "admission.k8s.io/v1");
  assert.equal(parsed.kind, "AdmissionReview");
  return parsed.response;
}

function app(spec: Record<string, unknown>) {
  return {
    metadata: { name: "shop", namespace: "default" },
    spec: { image: "registry.example.com/shop:1", replicas: 1, ...spec },
  };
}

Deno.test("answerWebhook() refuses calls that are no reviews", async () => {
  const cases: [
    what: string,
    body: string | Uint8Array | undefined,
    contentType: string,
    code: number,
    message: RegExp,
  ][] = [
    ["empty", "", "application/json", 400, /^request body is empty$/],
    [
      "another type",
      review({}),
      "text/plain",
      400,
      /^contentType=text\/plain, expected application\/json$/,
    ],
    ["no type", review({}), "", 400, /^contentType=, expected application\/json$/],
    ["no JSON", "{", "application/json", 400, /^couldn't decode the request: /],
    ["no UTF-8", new Uint8Array([0xff]), "application/json", 400, /^couldn't decode/],
    ["another kind", '{"kind":"Pod"}', "application/json", 400, /expected AdmissionReview/],
    [
      "another version",
      review({}).replace("io/v1", "io/v1beta1"),
      "application/json",
      400,
      /expected AdmissionReview of admission\.k8s\.io\/v1$/,
    ],
    [
      "no request",
      '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
      "application/json",
      400,
      /it has no request with a uid$/,
    ],
    ["too large", undefined, "application/json", 413, /limit is 7340032 bytes$/],
    ["no object", review({ object: 1 }), "application/json", 400, /request\.object is no object$/],
    ["nothing to check", review({}), "application/json", 400, /^there is no content to decode$/],
  ];
  assert.equal(MAX_REVIEW_BYTES, 7 * 1024 * 1024);
  for (const [what, body, contentType, code, message] of cases) {
    const { allowed, status } = await answer(VALIDATE, body, { contentType });
    assert.equal(allowed, false, what);
    assert.equal(status.code, code, what);
    assert.match(status.message, message, what);
  }
});

Deno.test("answerWebhook() answers with the uid that it was asked with", async () => {
  const response = await answer(VALIDATE, review({ object: app({ executor: "shim" }) }), {
    contentType: "application/json; charset=utf-8",
  });
  assert.deepEqual(response, { uid: "u-1", allowed: true, status: { code: 200 } });
});

Deno.test("answerWebhook() completes a SpinApp by a JSON patch", async () => {
  const response = await answer(MUTATE, review({ object: app({}) }));
  assert.equal(response.allowed, true);
  assert.equal(response.patchType, "JSONPatch");
  assert.deepEqual(JSON.parse(atob(response.patch)), [
    { op: "add", path: "/spec/executor", value: "shim" },
  ]);
  const complete = await answer(MUTATE, review({ object: app({ executor: "x" }) }));
  assert.equal("patch" in complete || "patchType" in complete, false);
});

Deno.test("answerWebhook() refuses a SpinApp with the status of an invalid object", async () => {
  const { allowed, status } = await answer(VALIDATE, review({ object: app({ executor: "no" }) }));
  assert.equal(allowed, false);
  assert.equal(status.code, 422);
  assert.equal(status.reason, "Invalid");
  assert.equal(
    status.message,
    'SpinApp.core.spinkube.dev "shop" is invalid: spec.executor: Invalid value: "no": executor ' +
      "does not exist in namespace",
  );
});

Deno.test("answerWebhook() shows warnings, also long ones", async () => {
  const keyValueStores = [{ name: "x", type: "redis", options: [{ name: "y".repeat(300) }] }];
  const object = app({ executor: "shim", runtimeConfig: { keyValueStores } });
  const { allowed, warnings } = await answer(VALIDATE, review({ object }));
  assert.equal(allowed, true);
  assert.equal(warnings.length, 2);
  assert.ok(warnings[0].length <= 256);
});

Deno.test("answerWebhook() checks executors of a namespace and of the cluster", async () => {
  const object = {
    metadata: { name: "both" },
    spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "a", spinImage: "b" } },
  };
  const cases = [
    [VALIDATE_EXECUTOR, "SpinAppExecutor"],
    ["/validate-core-spinkube-dev-v1alpha1-clusterspinappexecutor", "ClusterSpinAppExecutor"],
  ] as const;
  for (const [path, kind] of cases) {
    const { status } = await answer(path, review({ object }));
    assert.match(
      status.message,
      new RegExp(`^${kind}\\.core\\.spinkube\\.dev "both" is invalid: `),
    );
  }
  const mutated = await answer(
    "/mutate-core-spinkube-dev-v1alpha1-spinappexecutor",
    review({ object }),
  );
  assert.deepEqual(mutated, { uid: "u-1", allowed: true, status: { code: 200 } });
});

Deno.test("answerWebhook() looks at what is stored only", async () => {
  for (const operation of ["DELETE", "CONNECT"]) {
    const { allowed } = await answer(VALIDATE, review({ operation, object: null }));
    assert.equal(allowed, true);
  }
});

Deno.test("answerWebhook() does not blame an app for trouble with the API server", async () => {
  const troubles: unknown[] = [];
  const executors: ExecutorLookup = {
    names: () => Promise.reject(new Error("connection refused")),
    find: () => Promise.reject(new Error("connection refused")),
  };
  for (const path of [MUTATE, VALIDATE]) {
    const object = app(path === MUTATE ? {} : { executor: "shim" });
    const response = await answer(path, review({ object }), { executors, troubles });
    assert.equal(response.uid, "u-1");
    assert.equal(response.allowed, false);
    assert.equal(response.status.code, 500);
    assert.equal(response.status.message, "connection refused");
  }
  assert.equal(troubles.length, 2);
});

Deno.test("isWebhook() knows SpinKube's paths", () => {
  for (const path of [MUTATE, VALIDATE, VALIDATE_EXECUTOR]) assert.ok(isWebhook(path));
  assert.equal(isWebhook("/convert"), false);
});

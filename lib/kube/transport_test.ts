import assert from "node:assert/strict";
import { ApiError, isNotFound } from "./api_error.ts";
import { CONFIG_MAPS, configMap, failure, startApiDouble } from "./_api_double.ts";

const NAME = { name: "a", namespace: "default" };

Deno.test("KubeClient.get() tries again what may pass, and nothing else", async (t) => {
  const cases: [string, Response[], { requests: number; code?: number }][] = [
    ["503 without advice", [failure(503)], { requests: 2 }],
    ["429 with advice", [failure(429, { headers: { "retry-after": "0" } })], { requests: 2 }],
    ["404", [failure(404, { reason: "NotFound" })], { requests: 1, code: 404 }],
    ["403", [failure(403, { reason: "Forbidden" })], { requests: 1, code: 403 }],
  ];
  for (const [name, answers, expected] of cases) {
    await t.step(name, async () => {
      const left = [...answers];
      await using api = startApiDouble(() => left.shift() ?? Response.json(configMap("a", 1)));
      if (expected.code === undefined) {
        assert.equal((await api.client.get(CONFIG_MAPS, NAME)).metadata.name, "a");
      } else {
        await assert.rejects(api.client.get(CONFIG_MAPS, NAME), (error: unknown) => {
          assert.ok(error instanceof ApiError);
          assert.equal(error.code, expected.code);
          assert.equal(isNotFound(error), expected.code === 404);
          return true;
        });
      }
      assert.equal(api.requests.length, expected.requests);
    });
  }
});

Deno.test("KubeClient.create() is not sent twice when its outcome is unknown", async () => {
  await using api = startApiDouble(() => failure(500));
  await assert.rejects(api.client.create(CONFIG_MAPS, configMap("a", 1)), ApiError);
  assert.equal(api.requests.length, 1);
});

Deno.test("KubeClient shows what a proxy says", async () => {
  await using api = startApiDouble(() => new Response("upstream is down", { status: 400 }));
  await assert.rejects(api.client.get(CONFIG_MAPS, NAME), /^ApiError: upstream is down$/);
});

Deno.test("KubeClient.list() reads all pages", async () => {
  const pages = [
    { metadata: { resourceVersion: "5", continue: "next" }, items: [configMap("a", 1)] },
    { metadata: { resourceVersion: "5" }, items: [configMap("b", 2)] },
  ];
  await using api = startApiDouble(() => Response.json(pages.shift()));
  const items = await api.client.list(CONFIG_MAPS, { labelSelector: "x=y" });
  assert.deepEqual(items.map(({ metadata }) => metadata.name), ["a", "b"]);
  assert.deepEqual(api.requests, [
    "GET /api/v1/configmaps?labelSelector=x%3Dy&limit=500",
    "GET /api/v1/configmaps?labelSelector=x%3Dy&limit=500&continue=next",
  ]);
});

Deno.test("KubeClient.apply() names itself, and the object's type", async () => {
  let sent: unknown;
  await using api = startApiDouble(async (request) => {
    assert.equal(request.headers.get("content-type"), "application/apply-patch+yaml");
    sent = await request.json();
    return Response.json(sent);
  });
  await api.client.apply(CONFIG_MAPS, { metadata: { ...NAME } });
  assert.deepEqual(sent, { apiVersion: "v1", kind: "ConfigMap", metadata: NAME });
  assert.deepEqual(api.requests, [
    "PATCH /api/v1/namespaces/default/configmaps/a?fieldManager=test&force=true",
  ]);
});

Deno.test("KubeClient.delete() takes an object that is gone for deleted", async () => {
  await using api = startApiDouble(() => failure(404, { reason: "NotFound" }));
  assert.equal(await api.client.delete(CONFIG_MAPS, NAME), false);
});

import assert from "node:assert/strict";
import { parse } from "yaml";
import type { SpinApp } from "../../crds/spin_app.ts";
import { formatApps } from "./app_objects.ts";

const APP: SpinApp = {
  metadata: { name: "shop", namespace: "prod", managedFields: [{ manager: "x" }] },
  spec: { image: "a/b:1", executor: "containerd-shim-spin", replicas: 3 },
  status: { readyReplicas: 2 },
};

const SCALED: SpinApp = {
  metadata: { name: "auto", namespace: "prod" },
  spec: { image: "a/b:1", executor: "e", enableAutoscaling: true },
  status: { readyReplicas: 1, replicas: 4 },
};

const TABLE = { output: "table", hasHeadings: true, isSingle: false } as const;

Deno.test("formatApps() prints the plugin's table", async () => {
  assert.equal(
    await formatApps([APP, SCALED], TABLE),
    "NAMESPACE\tNAME\tEXECUTOR            \tREADY\n" +
      "prod     \tshop\tcontainerd-shim-spin\t2/3  \n" +
      "prod     \tauto\te                   \t1/4  \n",
  );
  assert.equal(await formatApps([], TABLE), "NAMESPACE\tNAME\tEXECUTOR\tREADY\n");
  assert.equal(await formatApps([], { ...TABLE, hasHeadings: false }), "");
});

Deno.test("formatApps() prints objects with their types, and without what only servers need", async () => {
  const expected = {
    apiVersion: "core.spinkube.dev/v1alpha1",
    kind: "SpinApp",
    metadata: { name: "shop", namespace: "prod" },
    spec: APP.spec,
    status: APP.status,
  };
  const one = await formatApps([APP], { ...TABLE, output: "json", isSingle: true });
  assert.deepEqual(JSON.parse(one), expected);
  const list = await formatApps([APP], { ...TABLE, output: "yaml" });
  assert.deepEqual(parse(list), { apiVersion: "v1", kind: "List", items: [expected] });
  assert.equal(
    await formatApps([APP, SCALED], { ...TABLE, output: "name" }),
    "spinapp.core.spinkube.dev/shop\nspinapp.core.spinkube.dev/auto\n",
  );
});

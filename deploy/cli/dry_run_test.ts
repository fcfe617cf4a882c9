import assert from "node:assert/strict";
import { formatDryRun } from "./dry_run.ts";
import { QuotedText } from "./yaml_text.ts";

Deno.test("formatDryRun() prints what the plugin does: sorted, and with the fields Go always has", () => {
  const spec = { image: new QuotedText("a/b:1"), executor: "e", replicas: 2 };
  assert.equal(
    formatDryRun([{
      kind: "SpinApp",
      apiVersion: "core.spinkube.dev/v1alpha1",
      metadata: { namespace: "default", name: "b" },
      spec,
    }]),
    `apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata:
  name: b
  namespace: default
spec:
  checks: {}
  executor: e
  image: a/b:1
  replicas: 2
  resources: {}
  runtimeConfig: {}
status:
  readyReplicas: 0
`,
  );
});

Deno.test("formatDryRun() leaves other objects and given fields as they are", () => {
  const text = formatDryRun([
    { kind: "Secret", data: { a: "b" } },
    { kind: "SpinApp", spec: { resources: { limits: { cpu: "1" } } } },
  ]);
  assert.match(text, /^data:\n {2}a: b\nkind: Secret\n---\nkind: SpinApp\n/);
  assert.match(text, /resources:\n {4}limits:\n {6}cpu: "1"\n/);
});

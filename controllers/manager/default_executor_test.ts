import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { failure, startApiDouble } from "../../lib/kube/_api_double.ts";
import { createLog } from "../../lib/structured_log.ts";
import { ensureDefaultExecutor, parseDefaultExecutor } from "./default_executor.ts";

const CLUSTER = `apiVersion: core.spinkube.dev/v1alpha1
kind: ClusterSpinAppExecutor
metadata:
  name: containerd-shim-spin
spec:
  createDeployment: true
  deploymentConfig:
    runtimeClassName: wasmtime-spin-v2
`;

const PATH = "/apis/core.spinkube.dev/v1alpha1/clusterspinappexecutors";

Deno.test("parseDefaultExecutor() takes both kinds", async () => {
  const { type, object } = await parseDefaultExecutor(CLUSTER, "e.yaml");
  assert.equal(type.plural, "clusterspinappexecutors");
  assert.equal(object.spec.deploymentConfig?.runtimeClassName, "wasmtime-spin-v2");
  const namespaced = CLUSTER.replace("Cluster", "").replace("spec:", "  namespace: apps\nspec:");
  const own = await parseDefaultExecutor(namespaced, "e.yaml");
  assert.equal(own.type.plural, "spinappexecutors");
  assert.equal(own.object.metadata.namespace, "apps");
});

const WRONG: readonly (readonly [string, RegExp])[] = [
  ["a: [", /"e.yaml" is no YAML \(/],
  ["", /has another kind or apiVersion/],
  [CLUSTER.replace("v1alpha1", "v2"), /has another kind or apiVersion/],
  [CLUSTER.replace("ClusterSpinAppExecutor", "SpinApp"), /has another kind or apiVersion/],
  [CLUSTER.replace("  name: containerd-shim-spin\n", ""), /has no metadata.name/],
  [CLUSTER.replace("Cluster", ""), /has no metadata.namespace/],
];

Deno.test("parseDefaultExecutor() says what is wrong with the file", async () => {
  for (const [text, message] of WRONG) {
    await assert.rejects(() => parseDefaultExecutor(text, "e.yaml"), (error) => {
      assert.ok(error instanceof TerminalError);
      assert.match(error.message, message);
      return true;
    });
  }
});

/** Runs it against a server that answers with these, the last one for ever. */
async function run(answers: readonly (() => Response)[], signal = new AbortController().signal) {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "console", write: (line) => lines.push(line) });
  let count = 0;
  await using api = startApiDouble(() => answers[Math.min(count++, answers.length - 1)]!());
  await ensureDefaultExecutor(api.client, {
    executor: await parseDefaultExecutor(CLUSTER, "e.yaml"),
    log,
    signal,
    firstDelayMs: 1,
  });
  return { requests: api.requests.map((request) => request.split("?")[0]), lines };
}

const missing = (): Response => failure(404, { reason: "NotFound" });
const accepted = (): Response => Response.json({ metadata: { name: "containerd-shim-spin" } });

Deno.test("ensureDefaultExecutor() makes the executor once", async () => {
  const { requests, lines } = await run([missing, accepted]);
  assert.deepEqual(requests, [`GET ${PATH}/containerd-shim-spin`, `POST ${PATH}`]);
  assert.match(lines.join("\n"), /The default executor is made/);
});

Deno.test("ensureDefaultExecutor() leaves one that is there as it is", async () => {
  const { requests, lines } = await run([accepted]);
  assert.deepEqual(requests, [`GET ${PATH}/containerd-shim-spin`]);
  assert.deepEqual(lines, []);
});

Deno.test("ensureDefaultExecutor() waits for the definition", async () => {
  const { requests, lines } = await run([missing, missing, missing, missing, missing, accepted]);
  assert.equal(requests.length, 6);
  assert.equal(lines.filter((line) => /yet/.test(line)).length, 1, lines.join("\n"));
});

Deno.test("ensureDefaultExecutor() ends when another replica was faster", async () => {
  const { lines } = await run([missing, () => failure(409, { reason: "AlreadyExists" })]);
  assert.deepEqual(lines, []);
});

Deno.test("ensureDefaultExecutor() does not insist on an invalid executor", async () => {
  const { requests, lines } = await run([
    missing,
    () => failure(422, { reason: "Invalid", message: "spec.createDeployment: Required value" }),
  ]);
  assert.equal(requests.length, 2);
  assert.match(lines.join("\n"), /invalid.*spec\.createDeployment: Required value/);
});

Deno.test("ensureDefaultExecutor() ends with its signal", async () => {
  const stop = new AbortController();
  const running = run([() => failure(403, { reason: "Forbidden" })], stop.signal);
  setTimeout(() => stop.abort(), 50);
  const { lines } = await running;
  assert.equal(lines.length, 1);
});

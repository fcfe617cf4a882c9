/** The operator as a process: what it serves, how it shares work with a second one, and how it ends. */

import assert from "node:assert/strict";
import { SPIN_APPS } from "../../crds/spin_app.ts";
import { SPIN_APP_EXECUTORS } from "../../crds/spin_app_executor.ts";
import { LEASES } from "../../lib/kube/lease.ts";
import type { KubeObject } from "../../lib/kube/types.ts";
import { UnverifiedFetch } from "../../lib/kube/unverified_fetch.ts";
import { DEPLOYMENTS } from "../../lib/kube/workload_types.ts";
import { whyNoApiServer } from "../support/api_server.ts";
import { fakeClock, whyNoFakeClock } from "../support/fake_clock.ts";
import { waitUntil } from "../support/wait.ts";
import { accountToken, OperatorCluster, spinApp, waitFor } from "./_operator.ts";
import { fetchText, OperatorProcess } from "./_operator_process.ts";

const SKIP = whyNoApiServer();
// Other API servers let everybody do everything.
const HAS_RBAC = Deno.env.get("KUBEBUILDER_ASSETS") !== undefined;
const NOTE = SKIP ? ` (ignored: ${SKIP})` : "";
const LEASE = { name: "90ba2d18.spinkube.dev", namespace: "default" };

Deno.test({
  name: `the operator answers probes and shows metrics${NOTE}`,
  ignore: SKIP !== undefined,
  async fn(t) {
    await using cluster = await OperatorCluster.start();
    await using operator = await OperatorProcess.start({ kubeconfig: cluster.kubeconfig });
    await operator.until(async () => await fetchText(`${operator.probes}/readyz`) === "ok");

    await t.step("probes are those of controller-runtime", async () => {
      assert.equal(
        await fetchText(`${operator.probes}/readyz?verbose`),
        "[+]readyz ok\nhealthz check passed\n",
      );
      assert.equal(await fetchText(`${operator.probes}/readyz/readyz`), "ok");
      assert.equal(await fetchText(`${operator.probes}/nothing`), "404 page not found\n");
    });

    await t.step("the level of the log can be changed", async () => {
      const url = `${operator.probes}/log-level`;
      assert.equal(await fetchText(url), "info");
      assert.equal(await fetchText(url, { method: "PUT", body: "debug" }), "debug");
      assert.equal(await fetchText(url), "debug");
      assert.match((await fetchText(url, { method: "PUT", body: "loud" }))!, /"loud" is no level/);
    });

    await t.step({
      name: "metrics are for those whom Kubernetes lets read them",
      ignore: !HAS_RBAC,
      fn: async () => {
        const user = await accountToken(cluster.user, "nobody");
        const reader = await accountToken(cluster.user, "reader");
        await allowMetrics(cluster, "reader");
        const cases: [string | undefined, number, RegExp][] = [
          [undefined, 401, /^Unauthorized/],
          ["bogus", 500, /^Authentication failed/],
          [user, 403, /^Authorization denied for user system:serviceaccount:default:nobody/],
          [
            reader,
            200,
            /^controller_runtime_max_concurrent_reconciles\{controller="spinapp"\} 8$/m,
          ],
        ];
        for (const [token, status, body] of cases) {
          const answer = await getMetrics(operator, token);
          assert.equal(answer.status, status, answer.body);
          assert.match(answer.body, body);
        }
      },
    });

    await t.step("SIGTERM ends it", async () => {
      operator.kill("SIGTERM");
      assert.equal((await operator.ended()).code, 0, operator.log);
    });
  },
});

Deno.test({
  name: `of two operators one works, and the other one when it stops or hangs${NOTE}`,
  ignore: SKIP !== undefined,
  async fn(t) {
    await using cluster = await OperatorCluster.start();
    const { user } = cluster;
    const init = { kubeconfig: cluster.kubeconfig, args: ["--leader-elect"] };
    await using first = await OperatorProcess.start(init);
    await first.until(() => first.log.includes("Controllers have started"));
    await using second = await OperatorProcess.start(init);
    await second.until(() => second.log.includes("Waiting to be the leader"));
    await user.create(SPIN_APP_EXECUTORS, {
      metadata: { name: "containerd-shim-spin", namespace: "default" },
      spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
    });

    await t.step("one that hangs loses its work, and ends when it notices", async () => {
      first.kill("SIGSTOP");
      await second.until(() => second.log.includes("Controllers have started"));
      await user.create(SPIN_APPS, spinApp("default"));
      await waitFor(user, { type: DEPLOYMENTS, name: { name: "app", namespace: "default" } });
      first.kill("SIGCONT");
      assert.equal((await first.ended()).code, 1, first.log);
      assert.match(first.log, /Leadership was lost/);
    });

    await t.step("one that stops gives its work away at once", async () => {
      await using third = await OperatorProcess.start(init);
      await third.until(() => third.log.includes("Waiting to be the leader"));
      const from = performance.now();
      second.kill("SIGTERM");
      assert.equal((await second.ended()).code, 0, second.log);
      await third.until(() => third.log.includes("Controllers have started"));
      // A lease that is not given back lasts 15 s.
      assert.ok(performance.now() - from < 12_000, `${performance.now() - from} ms`);
      const holder = (await user.find(LEASES, LEASE))?.spec?.holderIdentity;
      assert.ok(third.log.includes(holder!), `${holder} is not in ${third.log}`);
    });
  },
});

const CLOCK_SKIP = SKIP ?? whyNoFakeClock();

Deno.test({
  name: "clocks that are two hours apart make no second leader" +
    (CLOCK_SKIP ? ` (ignored: ${CLOCK_SKIP})` : ""),
  ignore: CLOCK_SKIP !== undefined,
  async fn() {
    await using cluster = await OperatorCluster.start();
    const { user } = cluster;
    const init = { kubeconfig: cluster.kubeconfig, args: ["--leader-elect"] };
    await using late = await OperatorProcess.start({ ...init, env: fakeClock("-1h") });
    await late.until(() => late.log.includes("Controllers have started"));
    const renewed = Date.parse((await user.find(LEASES, LEASE))!.spec!.renewTime!);
    assert.ok(Date.now() - renewed > 3_000_000, `the clock of ${new Date(renewed)} is right`);
    await using early = await OperatorProcess.start({ ...init, env: fakeClock("+1h") });
    await early.until(() => early.log.includes("Waiting to be the leader"));
    // Longer than a lease lasts that is not renewed.
    await new Promise((resolve) => setTimeout(resolve, 17_000));
    assert.doesNotMatch(early.log, /Controllers have started/);
    assert.doesNotMatch(late.log, /Leadership was lost/);
    late.kill("SIGTERM");
    assert.equal((await late.ended()).code, 0, late.log);
    await early.until(() => early.log.includes("Controllers have started"));
  },
});

Deno.test({
  name: `the operator waits for its CRDs${NOTE}`,
  ignore: SKIP !== undefined,
  async fn() {
    await using cluster = await OperatorCluster.start({ withCrds: false });
    await using operator = await OperatorProcess.start({ kubeconfig: cluster.kubeconfig });
    await operator.until(() => operator.log.includes("Cannot watch"));
    assert.notEqual(await fetchText(`${operator.probes}/readyz`), "ok");
    await cluster.applyCrds();
    await operator.until(async () => await fetchText(`${operator.probes}/readyz`) === "ok");
    await waitUntil(() => operator.log.includes("Controllers have started"), {
      what: "the controllers",
    });
  },
});

async function getMetrics(
  operator: OperatorProcess,
  token: string | undefined,
): Promise<{ status: number; body: string }> {
  // It makes its certificate itself, as the original's metrics server does.
  const client = new UnverifiedFetch();
  try {
    const response = await client.fetch(`${operator.metrics}/metrics`, {
      method: "GET",
      headers: token === undefined ? [] : [["authorization", `Bearer ${token}`]],
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, body: await response.text() };
  } finally {
    client.close();
  }
}

async function allowMetrics({ user }: OperatorCluster, account: string): Promise<void> {
  const rbac = { group: "rbac.authorization.k8s.io", version: "v1", isNamespaced: false };
  await user.create<KubeObject>({ ...rbac, kind: "ClusterRole", plural: "clusterroles" }, {
    metadata: { name: "metrics-reader" },
    ...{ rules: [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }] },
  });
  const bindings = { kind: "ClusterRoleBinding", plural: "clusterrolebindings" };
  await user.create<KubeObject>({ ...rbac, ...bindings }, {
    metadata: { name: "metrics-reader" },
    ...{
      roleRef: { apiGroup: rbac.group, kind: "ClusterRole", name: "metrics-reader" },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: "default" }],
    },
  });
}

/**
 * How much work the operator is for a cluster: `deno task bench:controller`.
 *
 * The baseline, in the same run on the same API server, is a program that only writes the objects
 * that the operator has to write, knowing all of them beforehand.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { OPERATOR } from "../../../crds/contract.ts";
import { SPIN_APPS } from "../../../crds/spin_app.ts";
import { SPIN_APP_EXECUTORS } from "../../../crds/spin_app_executor.ts";
import { buildBundle } from "../../../deploy/image/bundle.ts";
import { installedEnvironment } from "../../../lib/install_dir.ts";
import { Informer } from "../../../lib/kube/informer.ts";
import type { KubeObject } from "../../../lib/kube/types.ts";
import {
  type Deployment,
  DEPLOYMENTS,
  RUNTIME_CLASSES,
  SECRETS,
  SERVICES,
} from "../../../lib/kube/workload_types.ts";
import {
  connectAs,
  NAMESPACES,
  OperatorCluster,
  spinApp,
  waitFor,
} from "../../operator/_operator.ts";
import { fetchText, OperatorProcess } from "../../operator/_operator_process.ts";
import { whyNoApiServer } from "../../support/api_server.ts";
import { waitUntil } from "../../support/wait.ts";
import { readMemory } from "../process_memory.ts";
import { formatMegabytes, formatNumber, formatRatio, formatTable } from "../table.ts";

const USAGE =
  `Measures the operator with many SpinApps, against a program that only writes their objects.

Usage: deno task bench:controller [OPTIONS]

  --apps N     SpinApps; default 1000
  -h, --help   Show this help

It needs an API server: KUBEBUILDER_ASSETS=$(tests/operator/install_api_server.sh)`;

const NAMESPACE = "apps";
/** Apps that are created at the same time, and objects that the baseline writes at the same time. */
const CONCURRENCY = 8;
/** Changes of single apps that are timed. */
const CHANGES = 20;
/**
 * How often all apps are looked at again: in an hour an operator lists everything six times. A new
 * process knows nothing of what it has written, so that it has to look at everything.
 */
const LOOKS = 6;
/** Milliseconds that all apps may take. */
const PATIENCE_MS = 600_000;

const { values } = parseArgs({
  args: Deno.args,
  options: { apps: { type: "string" }, help: { type: "boolean", short: "h" } },
});
const missing = whyNoApiServer();
if (values.help || missing !== undefined) {
  console.log(values.help ? USAGE : `There is no API server: ${missing}`);
  Deno.exit(values.help ? 0 : 1);
}
await measure(Number(values.apps ?? 1_000));

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly reads: number;
  readonly writes: number;
}

async function measure(apps: number): Promise<void> {
  await using cluster = await OperatorCluster.start();
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "spinkube-bench-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  // What runs in the operator's image, not the source, for which Deno keeps more in memory.
  await buildBundle(`${directory}/bundle`);
  const start = {
    kubeconfig: cluster.kubeconfig,
    program: `${directory}/bundle/app/main.js`,
    args: ["--metrics-secure=false"],
    env: installedEnvironment(directory),
  };
  const { user } = cluster;
  await user.create<KubeObject>(NAMESPACES, { metadata: { name: NAMESPACE } });
  await user.create(SPIN_APP_EXECUTORS, {
    metadata: { name: "containerd-shim-spin", namespace: NAMESPACE },
    spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
  });
  await user.create<KubeObject>(RUNTIME_CLASSES, {
    metadata: { name: "spin" },
    ...{ handler: "spin" },
  });
  const names = Array.from({ length: apps }, (_, index) => `app-${index}`);

  const rows: string[][] = [];
  let made: Figures;
  {
    await using operator = await OperatorProcess.start(start);
    await operator.until(() => operator.log.includes("Controllers have started"));
    made = await during(operator, async () => {
      await forAll(names, (name) => user.create(SPIN_APPS, spinApp(NAMESPACE, { name })));
      await allMade(cluster, apps);
    });
    rows.push(row("all apps made", made, apps));
    const memory = readMemory(operator.pid)!;
    const heap = sum(await metricsOf(operator), /^process_heap_bytes (\S+)$/gm);
    console.log(
      `After ${apps} apps: ${formatMegabytes(memory.residentBytes)} MB resident, ` +
        `${formatMegabytes(memory.peakBytes)} MB at most, ${formatMegabytes(heap)} MB heap.`,
    );
    console.log(`One change, until its Deployment has it: ${await changes(cluster)}`);
  }
  let written = 0;
  for (let look = 1; look <= LOOKS; look++) {
    await using operator = await OperatorProcess.start(start);
    const restarted = await during(operator, async () => {
      await operator.until(async () => await reconciled(operator) >= apps);
    });
    written += restarted.writes;
    if (look < LOOKS) continue;
    rows.push(row("restarted: all looked at again", restarted, apps));
    const memory = readMemory(operator.pid)!;
    console.log(`After a restart: ${formatMegabytes(memory.residentBytes)} MB resident.`);
  }
  console.log(`All apps looked at again, as often as in an hour: ${written} writes.`);
  const bare = await baseline(cluster, names);
  rows.push(["only written, nothing else", formatNumber(bare), "–", "–", "–"]);
  const header = ["", "s", "CPU s", "reads per app", "writes per app"];
  console.log(formatTable(header, rows));
  console.log(`Operator : only written = ${formatRatio(made.seconds / bare)}`);
}

function row(name: string, figures: Figures, apps: number): string[] {
  return [
    name,
    formatNumber(figures.seconds),
    formatNumber(figures.cpuSeconds),
    formatNumber(figures.reads / apps),
    formatNumber(figures.writes / apps),
  ];
}

async function during(operator: OperatorProcess, work: () => Promise<void>): Promise<Figures> {
  const before = await countersOf(operator);
  const from = performance.now();
  await work();
  const seconds = (performance.now() - from) / 1e3;
  const after = await countersOf(operator);
  return {
    seconds,
    cpuSeconds: after.cpu - before.cpu,
    reads: after.reads - before.reads,
    writes: after.writes - before.writes,
  };
}

interface Counters {
  readonly cpu: number;
  readonly reads: number;
  readonly writes: number;
}

async function countersOf(operator: OperatorProcess): Promise<Counters> {
  const text = await metricsOf(operator);
  return {
    cpu: sum(text, /^process_cpu_seconds_total (\S+)$/gm),
    reads: sum(text, /^rest_client_requests_total\{[^}]*method="GET"[^}]*\} (\S+)$/gm),
    writes: sum(text, /^rest_client_requests_total\{[^}]*method="P[^}]*\} (\S+)$/gm),
  };
}

async function reconciled(operator: OperatorProcess): Promise<number> {
  const line = /^controller_runtime_reconcile_time_seconds_count\{controller="spinapp"\} (\S+)$/gm;
  return sum(await metricsOf(operator), line);
}

async function metricsOf(operator: OperatorProcess): Promise<string> {
  return await fetchText(`${operator.metrics.replace("https:", "http:")}/metrics`) ?? "";
}

function sum(text: string, line: RegExp): number {
  return [...text.matchAll(line)].reduce((total, [, value]) => total + Number(value), 0);
}

/** Waits until every app has all its objects, and a status. */
async function allMade(cluster: OperatorCluster, apps: number): Promise<void> {
  const watcher = await connectAs("watcher", cluster);
  const stop = new AbortController();
  const informer = new Informer(SPIN_APPS, { namespace: NAMESPACE });
  const done = new Set<string>();
  informer.onChange(({ after }) => {
    if (after?.status?.deploymentName && after.status.serviceName) done.add(after.metadata.name);
  });
  const running = informer.run(watcher, stop.signal);
  await waitUntil(() => done.size === apps, { what: "all apps", timeoutMs: PATIENCE_MS });
  stop.abort();
  await running;
  watcher.transport.close();
}

/** Milliseconds from the change of an app's spec to that of its Deployment, as a watch sees it. */
async function changes(cluster: OperatorCluster): Promise<string> {
  const { user } = cluster;
  const watcher = await connectAs("watcher", cluster);
  const stop = new AbortController();
  const informer = new Informer(DEPLOYMENTS, { namespace: NAMESPACE });
  const running = informer.run(watcher, stop.signal);
  await informer.synced;
  const seen = new Map<string, (at: number) => void>();
  informer.onChange(({ after }) => {
    if (after?.spec.replicas === 2) seen.get(after.metadata.name)?.(performance.now());
  });
  const times: number[] = [];
  for (let index = 0; index < CHANGES; index++) {
    const name = `app-${index}`;
    const changed = new Promise<number>((resolve) => seen.set(name, resolve));
    const from = performance.now();
    await user.mergePatch(SPIN_APPS, { name, namespace: NAMESPACE }, {
      patch: { spec: { replicas: 2 } },
    });
    times.push(await changed - from);
  }
  stop.abort();
  await running;
  watcher.transport.close();
  times.sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  return `${formatNumber(median)} ms (median of ${CHANGES}, ${
    formatNumber(times.at(-1))
  } ms at most).`;
}

/** Seconds to write what the operator has written, under other names and knowing all beforehand. */
async function baseline(cluster: OperatorCluster, names: readonly string[]): Promise<number> {
  const { user } = cluster;
  const name = { name: names[0]!, namespace: NAMESPACE };
  const deployment = (await user.find(DEPLOYMENTS, name))!;
  const service = await waitFor(user, { type: SERVICES, name });
  const writer = await connectAs(OPERATOR.fieldManager, cluster);
  const from = performance.now();
  await forAll(names, async (app) => {
    const metadata = { name: `bare-${app}`, namespace: NAMESPACE };
    await user.create(SPIN_APPS, spinApp(NAMESPACE, { name: metadata.name }));
    await writer.create<KubeObject>(SECRETS, {
      metadata,
      ...{ stringData: { "runtime-config.toml": "x" } },
    });
    await writer.apply<Deployment>(DEPLOYMENTS, { metadata, spec: deployment.spec } as Deployment);
    const { ports, selector } = (service as unknown as { spec: Record<string, unknown> }).spec;
    await writer.apply<KubeObject>(SERVICES, { metadata, ...{ spec: { ports, selector } } });
    await writer.mergePatch(SPIN_APPS, metadata, {
      subresource: "status",
      patch: { status: { readyReplicas: 0, deploymentName: metadata.name } },
    });
  });
  const seconds = (performance.now() - from) / 1e3;
  writer.transport.close();
  return seconds;
}

async function forAll(
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<void> {
  const left = names[Symbol.iterator]();
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    for (const name of left) await work(name);
  }));
}

/**
 * How long a Shim takes to come to many nodes, and what that costs: `deno task bench:rollout`.
 *
 * The nodes have no machines: as soon as there is a Job, it is ended, so that all the time is that of
 * the operator and the API server. The baseline, in the same run on the same API server, is a program
 * that only writes what has to be written for each node.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { JOBS, NODES } from "../../../controllers/shim/node_types.ts";
import { type Shim, SHIMS } from "../../../crds/shim.ts";
import { Informer } from "../../../lib/kube/informer.ts";
import type { KubeObject } from "../../../lib/kube/types.ts";
import { connectAs, NAMESPACES, OperatorCluster } from "../../operator/_operator.ts";
import { fetchText, OperatorProcess } from "../../operator/_operator_process.ts";
import {
  createNode,
  FakeKubelets,
  type JobFate,
  nodeNameOf,
  shim,
} from "../../operator/_shim_nodes.ts";
import { whyNoApiServer } from "../../support/api_server.ts";
import { waitUntil } from "../../support/wait.ts";
import { readMemory } from "../process_memory.ts";
import { formatMegabytes, formatNumber, formatRatio, formatTable } from "../table.ts";

const USAGE = `Measures how a Shim comes to many nodes, of which some fail.

Usage: deno task bench:rollout [OPTIONS]

  --nodes N    Nodes; default 1000
  --failing P  Per cent of them that fail until they are repaired; default 5
  -h, --help   Show this help

It needs an API server: KUBEBUILDER_ASSETS=$(tests/operator/install_api_server.sh)`;

const NAMESPACE = "shim-jobs";
/** Where the baseline's Jobs are, which nobody ends. */
const BARE = "bare-jobs";
const NAME = "spin-v2";
/** Nodes that are created, and that the baseline writes, at the same time. */
const CONCURRENCY = 16;
/** Milliseconds that one step may take. */
const PATIENCE_MS = 600_000;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    nodes: { type: "string" },
    failing: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});
const missing = whyNoApiServer();
if (values.help || missing !== undefined) {
  console.log(values.help ? USAGE : `There is no API server: ${missing}`);
  Deno.exit(values.help ? 0 : 1);
}
await measure(Number(values.nodes ?? 1_000), Number(values.failing ?? 5));

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly reads: number;
  readonly writes: number;
}

async function measure(nodes: number, failing: number): Promise<void> {
  await using cluster = await OperatorCluster.start();
  const { user } = cluster;
  for (const name of [NAMESPACE, BARE]) {
    await user.create<KubeObject>(NAMESPACES, { metadata: { name } });
  }
  const names = Array.from({ length: nodes }, (_, index) => `node-${index}`);
  await forAll(names, (name) => createNode(user, { name, labels: { pool: NAME } }));
  // Spread over all of them.
  const bad = new Set(names.filter((_, index) => index % 100 < failing));
  const fails: (node: string) => JobFate = (node) => bad.has(node) ? "fail" : "succeed";
  await using kubelets = new FakeKubelets(user, {
    namespace: NAMESPACE,
    fate: (job) => fails(nodeNameOf(job)),
  });
  const env = {
    CONTROLLER_NAMESPACE: NAMESPACE,
    SHIM_NODE_INSTALLER_IMAGE: "registry.example/spinkube:1",
  };
  const args = ["--metrics-secure=false"];
  const rows: string[][] = [];
  let first: Figures;
  {
    await using operator = await OperatorProcess.start({
      kubeconfig: cluster.kubeconfig,
      args,
      env,
    });
    await operator.until(() => operator.log.includes("Controllers have started"));
    const idle = readMemory(operator.pid)!;
    first = await during(operator, async () => {
      await user.create(
        SHIMS,
        shim(NAME, {
          rolloutStrategy: { type: "rolling", rolling: { maxUpdate: "10%", maxFailed: "10%" } },
        }),
      );
      await status(
        cluster,
        ({ nodesUpdated = 0, nodesFailed = 0 }) =>
          nodesUpdated === nodes - bad.size && nodesFailed === bad.size,
      );
    });
    rows.push(row(`first rollout, ${bad.size} nodes fail`, first, nodes));
    const afterFirst = kubelets.peak;
    bad.clear();
    rows.push(row(
      "those repaired",
      await during(operator, async () => {
        const failed = await user.list(NODES, { labelSelector: `${NAME}=failed` });
        await forAll(
          failed.map(({ metadata }) => metadata.name),
          (name) =>
            user.mergePatch(NODES, { name }, { patch: { metadata: { labels: { [NAME]: null } } } }),
        );
        await status(cluster, ({ nodesUpdated }) => nodesUpdated === nodes);
      }),
      nodes,
    ));
    rows.push(row(
      "update of all nodes",
      await during(operator, async () => {
        const anonHttp = { location: "https://example.com/shim-2.tar.gz" };
        await user.mergePatch(SHIMS, { name: NAME }, {
          patch: { spec: { fetchStrategy: { anonHttp } } },
        });
        await status(
          cluster,
          ({ nodesUpdated }, { metadata, status }) =>
            nodesUpdated === nodes && status!.observedGeneration === metadata.generation,
        );
      }),
      nodes,
    ));
    const memory = readMemory(operator.pid)!;
    console.log(
      `${nodes} nodes: ${formatMegabytes(memory.residentBytes)} MB resident, ` +
        `${formatMegabytes(memory.peakBytes)} MB at most; ` +
        `${formatMegabytes(idle.residentBytes)} MB before there was a Shim.`,
    );
    console.log(`Nodes at once: ${afterFirst} at most, ${Math.floor(nodes / 10)} allowed.`);
  }
  {
    await using operator = await OperatorProcess.start({
      kubeconfig: cluster.kubeconfig,
      args,
      env,
    });
    const restarted = await during(
      operator,
      () => operator.until(async () => await reconciled(operator) > 1),
    );
    rows.push(row("operator restarted", restarted, nodes));
    rows.push(row(
      "taken off all nodes",
      await during(operator, async () => {
        await user.delete(SHIMS, { name: NAME });
        await waitUntil(async () => !await user.find(SHIMS, { name: NAME }), {
          what: "the end of the Shim",
          timeoutMs: PATIENCE_MS,
        });
      }),
      nodes,
    ));
  }
  const bare = await baseline(cluster, names);
  rows.push(["only written, nothing else", formatNumber(bare), "–", "–", "3"]);
  const header = ["", "s", "CPU s", "reads per node", "writes per node"];
  console.log(formatTable(header, rows));
  console.log(`First rollout : only written = ${formatRatio(first.seconds / bare)}`);
}

function row(name: string, figures: Figures, nodes: number): string[] {
  return [
    name,
    formatNumber(figures.seconds),
    formatNumber(figures.cpuSeconds),
    formatNumber(figures.reads / nodes),
    formatNumber(figures.writes / nodes),
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

async function countersOf(
  operator: OperatorProcess,
): Promise<{ cpu: number; reads: number; writes: number }> {
  const text = await metricsOf(operator);
  return {
    cpu: sum(text, /^process_cpu_seconds_total (\S+)$/gm),
    reads: sum(text, /^rest_client_requests_total\{[^}]*method="GET"[^}]*\} (\S+)$/gm),
    // Deletions are writes too.
    writes: sum(text, /^rest_client_requests_total\{[^}]*method="[PD][^}]*\} (\S+)$/gm),
  };
}

async function reconciled(operator: OperatorProcess): Promise<number> {
  const line = /^controller_runtime_reconcile_time_seconds_count\{controller="shim"\} (\S+)$/gm;
  return sum(await metricsOf(operator), line);
}

async function metricsOf(operator: OperatorProcess): Promise<string> {
  return await fetchText(`${operator.metrics.replace("https:", "http:")}/metrics`) ?? "";
}

function sum(text: string, line: RegExp): number {
  return [...text.matchAll(line)].reduce((total, [, value]) => total + Number(value), 0);
}

/** Waits until the Shim says something. */
async function status(
  cluster: OperatorCluster,
  says: (status: NonNullable<Shim["status"]>, shim: Shim) => boolean,
): Promise<void> {
  const watcher = await connectAs("watcher", cluster);
  const stop = new AbortController();
  const informer = new Informer(SHIMS);
  let isSo = false;
  informer.onChange(({ after }) => {
    if (after?.status && says(after.status, after)) isSo = true;
  });
  const running = informer.run(watcher, stop.signal);
  await waitUntil(() => isSo, {
    what: "the Shim",
    timeoutMs: PATIENCE_MS,
    explain: () => JSON.stringify([...informer.all()][0]?.status, undefined, 2),
  });
  stop.abort();
  await running;
  watcher.transport.close();
}

/** Seconds to write a claim, a Job and its end for each node, knowing all beforehand. */
async function baseline(cluster: OperatorCluster, names: readonly string[]): Promise<number> {
  const { user } = cluster;
  const writer = await connectAs("bare", cluster);
  const [job] = await user.list(JOBS, { namespace: NAMESPACE });
  const label = (name: string, value: string) =>
    writer.mergePatch(NODES, { name }, { patch: { metadata: { labels: { bare: value } } } });
  const from = performance.now();
  await forAll(names, async (name) => {
    await label(name, "pending");
    const { labels = {}, annotations = {} } = job!.metadata;
    const { template } = job!.spec!;
    await writer.create(JOBS, {
      metadata: { name, namespace: BARE, labels, annotations },
      spec: {
        template: {
          spec: { ...template.spec, nodeName: name },
        },
      },
    });
    await label(name, "provisioned");
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

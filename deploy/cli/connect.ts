/**
 * `kube connect`: a port of this machine that leads to an app of the cluster, whatever becomes of its
 * pods.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import type { OptionValues } from "../../lib/command_line.ts";
import { errorText, TerminalError, UsageError } from "../../lib/errors.ts";
import type { Deployment, Pod } from "../../lib/kube/workload_types.ts";
import type { CONNECT } from "./app_commands_options.ts";
import { chooseAppName } from "./app_name.ts";
import { type Cluster, explainCluster, openCluster } from "./cluster.ts";
import type { KubeContext } from "./kube_main.ts";
import { copyLog, mainContainer, writeOutput } from "./logs.ts";
import { pause } from "./pause.ts";
import { findDeployment, isPodReady, listPods, podSelectorOf, waitForPod } from "./pods.ts";
import { carry, openPodPort, type PodSocket } from "./port_forward.ts";

type ConnectValues = OptionValues<typeof CONNECT.options>;

const DEFAULT_TIMEOUT_MS = 30_000;
/** Pods are looked for again after so many milliseconds. */
const POD_LIST_MS = 1_000;
/** Pods that are tried for one connection. */
const TRIES = 3;

/** Runs `kube connect` until it is told to stop. @returns The exit code. */
export async function connect(
  values: ConnectValues,
  { words, ...context }: KubeContext & { readonly words: readonly string[] },
): Promise<number> {
  const port = localPort(values["local-port"] ?? "");
  const choice = await chooseDeployment(values, words);
  using cluster = await openCluster(values, context);
  checkIsVerified(cluster);
  const deployment = await explainCluster(cluster, () => findDeployment(cluster, choice));
  if (!deployment) {
    throw new TerminalError(
      "NotFound",
      "no active deployment found for the given application name or selector",
    );
  }
  const selector = podSelectorOf(deployment);
  const timeoutMs = values["pod-running-timeout"] ?? DEFAULT_TIMEOUT_MS;
  const first = await explainCluster(cluster, () => waitForPod(cluster, { selector, timeoutMs }));
  console.error(`connecting to pod ${cluster.namespace}/${first.metadata.name}`);
  const { watchStopSignals } = await import("../../shim/local/stop_signals.ts");
  using stop = watchStopSignals();
  using listener = listen(port);
  console.log(`http://127.0.0.1:${listener.addr.port}`);
  const pods = new PodChoice(cluster, { selector, isAll: values.all, timeoutMs });
  stop.signal.addEventListener("abort", () => listener.close(), { once: true });
  const following = values["no-logs"]
    ? Promise.resolve()
    : followLogs(cluster, { selector, isAll: values.all, signal: stop.signal });
  const remote = remotePort(deployment);
  for (;;) {
    const connection = await listener.accept().catch(() => undefined);
    if (!connection) break;
    // Every connection is on its own; what fails is told, and the next one may succeed.
    void serve(connection, { cluster, pods, port: remote });
  }
  await following;
  return stop.exitCode();
}

/** Which pod the next connection goes to. */
class PodChoice {
  readonly #cluster: Cluster;
  readonly #options: { selector: string; isAll: boolean; timeoutMs: number };
  #ready: readonly Pod[] = [];
  #listedAt = -Infinity;
  #turn = 0;

  constructor(
    cluster: Cluster,
    options: { selector: string; isAll: boolean; timeoutMs: number },
  ) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** The name of a ready pod; waits for one to run if there is none. */
  async next(): Promise<string> {
    const { selector, isAll, timeoutMs } = this.#options;
    if (performance.now() - this.#listedAt > POD_LIST_MS) {
      this.#ready = (await listPods(this.#cluster, selector)).filter(isPodReady);
      this.#listedAt = performance.now();
    }
    const pod = isAll ? this.#ready[this.#turn++ % this.#ready.length] : this.#ready[0];
    return (pod ?? await waitForPod(this.#cluster, { selector, timeoutMs })).metadata.name;
  }

  /** Pods have changed: they are looked for again at once. */
  forget(): void {
    this.#listedAt = -Infinity;
  }
}

async function serve(
  connection: Deno.TcpConn,
  { cluster, pods, port }: { cluster: Cluster; pods: PodChoice; port: number },
): Promise<void> {
  try {
    const socket = await openAny(cluster, { pods, port });
    await carry(socket, connection);
  } catch (error) {
    console.error(`Error: ${errorText(error)}`);
    pods.forget();
    closeQuietly(connection);
  }
}

/** Opens a way to a pod; to another one where a pod has just gone. */
async function openAny(
  cluster: Cluster,
  { pods, port }: { pods: PodChoice; port: number },
): Promise<PodSocket> {
  for (let attempt = 1;; attempt++) {
    try {
      return await openPodPort(cluster, { pod: await pods.next(), port });
    } catch (error) {
      if (attempt >= TRIES) throw error;
      pods.forget();
    }
  }
}

/** Follows the log of one pod, or of all, and of those that take their places. */
async function followLogs(
  cluster: Cluster,
  { selector, isAll, signal }: { selector: string; isAll: boolean; signal: AbortSignal },
): Promise<void> {
  const followed = new Map<string, Promise<void>>();
  const since = new Date().toISOString();
  async function follow(pod: Pod): Promise<void> {
    const source = { pod: pod.metadata.name, container: mainContainer(pod) };
    const query = { follow: true, sinceTime: since };
    try {
      await copyLog(cluster, source, { query, hasPrefix: isAll, write: writeOutput, signal });
    } catch {
      // The pod has gone, or has no log yet; what is there is looked at again.
    }
  }
  while (!signal.aborted) {
    const pods = await listPods(cluster, selector).catch(() => []);
    for (const pod of pods.filter(({ status }) => status?.phase === "Running")) {
      const { name } = pod.metadata;
      if (followed.has(name) || (!isAll && followed.size > 0)) continue;
      followed.set(name, follow(pod).finally(() => followed.delete(name)));
    }
    await pause(POD_LIST_MS, signal);
  }
  await Promise.all(followed.values());
}

async function chooseDeployment(
  values: ConnectValues,
  words: readonly string[],
): Promise<{ name?: string; labelSelector?: string; fieldSelector?: string }> {
  const { selector, "field-selector": fieldSelector } = values;
  const hasSelector = Boolean(selector || fieldSelector);
  const name = hasSelector && words.length === 0 ? undefined : await chooseAppName(words);
  if (name !== undefined) return { name };
  if (!hasSelector) {
    throw new UsageError("either one of <name>, --field-selector, or --label-selector is required");
  }
  return {
    ...(selector ? { labelSelector: selector } : {}),
    ...(fieldSelector ? { fieldSelector } : {}),
  };
}

/** @throws {TerminalError} if the server's certificate is not to be checked. */
function checkIsVerified({ config: { isInsecure, server } }: Cluster): void {
  if (!isInsecure || server.startsWith("http:")) return;
  throw new TerminalError(
    "InsecureCluster",
    `Cannot connect by way of ${server} without checking its certificate: WebSockets always check. ` +
      "Give --certificate-authority FILE",
  );
}

/** 0 stands for any. */
function localPort(text: string): number {
  if (text.includes(":")) throw new UsageError("local port should not contain ':' character");
  const port = text === "" ? 0 : /^\d+$/.test(text) ? Number(text) : NaN;
  if (port <= 65535) return port;
  throw new UsageError(`Invalid value "${text}" for --local-port: give a port from 0 to 65535`);
}

function listen(port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new TerminalError(
      "PortInUse",
      `Port ${port} is already in use; choose another one with --local-port, or none for any`,
    );
  }
}

/** Where the app listens in its pods. */
function remotePort({ spec }: Deployment): number {
  const ports = spec.template.spec.containers.flatMap(({ ports = [] }) => ports);
  return ports.find(({ name }) => name === OPERATOR.portName)?.containerPort ?? OPERATOR.port;
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    // It is closed already.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

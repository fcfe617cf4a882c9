/**
 * `kube logs`.
 *
 * @module
 */

import type { OptionValues } from "../../lib/command_line.ts";
import { errorText, TerminalError, UsageError } from "../../lib/errors.ts";
import type { Pod } from "../../lib/kube/workload_types.ts";
import type { LOGS } from "./app_commands_options.ts";
import { requireAppName } from "./app_name.ts";
import { type Cluster, explainCluster, openCluster } from "./cluster.ts";
import { EXIT_NOT_FOUND } from "./exit_codes.ts";
import type { KubeContext } from "./kube_main.ts";
import { prefixLines } from "../../lib/prefix_lines.ts";
import { findDeployment, listPods, podSelectorOf, waitForPod } from "./pods.ts";

type LogsValues = OptionValues<typeof LOGS.options>;

/** One container of a pod. */
export interface LogSource {
  readonly pod: string;
  readonly container: string;
}

/** Options of {@link copyLog}. */
export interface CopyLogOptions {
  /** As the API takes them. */
  readonly query: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Begin every line with pod and container. */
  readonly hasPrefix: boolean;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 20_000;
const DEFAULT_STREAMS = 5;

/** Runs `kube logs`. @returns The exit code. */
export async function logs(
  values: LogsValues,
  { words, ...context }: KubeContext & { readonly words: readonly string[] },
): Promise<number> {
  const since = values["since-time"];
  if (since && Number.isNaN(Date.parse(since))) {
    throw new UsageError(`Invalid value "${since}" for --since-time: give a time as in RFC 3339`);
  }
  if (since && values.since !== undefined) {
    throw new UsageError("at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  if (values.selector && words.length > 0) {
    throw new UsageError("only a selector (-l) or a name is allowed");
  }
  const name = values.selector ? undefined : await requireAppName(words);
  using cluster = await openCluster(values, context);
  const selector = name === undefined
    ? values.selector!
    : await explainCluster(cluster, () => selectorOf(cluster, name));
  if (selector === undefined) {
    console.error(`Error: deployments.apps "${name}" not found`);
    return EXIT_NOT_FOUND;
  }
  const pods = await explainCluster(cluster, () => choosePods(cluster, { selector, values }));
  const sources = pods.flatMap((pod) => containersOf(pod, values));
  checkCount(sources.length, values);
  const hasPrefix = values.prefix || values["all-pods"];
  const query = logQuery(values);
  async function copy(source: LogSource): Promise<void> {
    try {
      await copyLog(cluster, source, { query, hasPrefix, write: writeOutput });
    } catch (error) {
      if (!values["ignore-errors"]) throw error;
      console.error(`${source.pod}: ${errorText(error)}`);
    }
  }
  await explainCluster(cluster, async () => {
    if (values.follow) await Promise.all(sources.map(copy));
    else for (const source of sources) await copy(source);
  });
  return 0;
}

/** Copies the log of a container until it ends, or until the signal fires. */
export async function copyLog(
  { client, namespace }: Cluster,
  { pod, container }: LogSource,
  { query, hasPrefix, write, signal }: CopyLogOptions,
): Promise<void> {
  const response = await client.transport.send({
    method: "GET",
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`,
    query: { ...query, container },
    accept: "*/*",
    ...(signal ? { signal } : {}),
  });
  if (!response.body) return;
  const body = hasPrefix
    ? response.body.pipeThrough(prefixLines(`[pod/${pod}/${container}] `))
    : response.body;
  for await (const chunk of body) await write(chunk);
}

/** The container that people mean: the one that is told, or the first. */
export function mainContainer({ metadata, spec }: Pod): string {
  return metadata.annotations?.["kubectl.kubernetes.io/default-container"] ??
    spec?.containers[0]?.name ?? "";
}

/** Writes to standard output, all of it. Ends the program if nobody reads it any more. */
export async function writeOutput(bytes: Uint8Array): Promise<void> {
  try {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await Deno.stdout.write(rest));
  } catch (error) {
    // As with `| head`.
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw error;
  }
}

async function selectorOf(cluster: Cluster, name: string): Promise<string | undefined> {
  const deployment = await findDeployment(cluster, { name });
  return deployment && podSelectorOf(deployment);
}

async function choosePods(
  cluster: Cluster,
  { selector, values }: { selector: string; values: LogsValues },
): Promise<Pod[]> {
  const pods = await listPods(cluster, selector);
  if (values["all-pods"] || values.selector) {
    if (pods.length > 0) return pods;
    throw new TerminalError("NoPods", `There is no pod with the labels ${selector}`);
  }
  const [first] = pods;
  if (first?.status?.phase !== undefined && first.status.phase !== "Pending") return [first];
  const timeoutMs = values["pod-running-timeout"] ?? DEFAULT_TIMEOUT_MS;
  return [await waitForPod(cluster, { selector, timeoutMs })];
}

function containersOf(pod: Pod, values: LogsValues): LogSource[] {
  const names = (pod.spec?.containers ?? []).map(({ name }) => name);
  const { container } = values;
  if (container && !names.includes(container)) {
    throw new UsageError(
      `container ${container} is not valid for pod ${pod.metadata.name}; it has ${
        names.join(", ")
      }`,
    );
  }
  const chosen = values["all-containers"] ? names : [container || mainContainer(pod)];
  return chosen.map((name) => ({ pod: pod.metadata.name, container: name }));
}

function checkCount(count: number, values: LogsValues): void {
  const limit = values["max-log-requests"] ?? DEFAULT_STREAMS;
  if (!values.follow || count <= limit) return;
  throw new UsageError(
    `you are attempting to follow ${count} log streams, but maximum allowed concurrency is ` +
      `${limit}, use --max-log-requests to increase the limit`,
  );
}

function logQuery(values: LogsValues): CopyLogOptions["query"] {
  const { tail, since } = values;
  return {
    follow: values.follow || undefined,
    previous: values.previous || undefined,
    timestamps: values.timestamps || undefined,
    tailLines: tail === undefined || tail < 0 ? undefined : tail,
    sinceSeconds: since === undefined ? undefined : Math.max(1, Math.round(since / 1000)),
    sinceTime: values["since-time"] || undefined,
    limitBytes: values["limit-bytes"],
    insecureSkipTLSVerifyBackend: values["insecure-skip-tls-verify-backend"] || undefined,
  };
}

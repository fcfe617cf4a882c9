/**
 * The mode `doctor --cluster`: finds out what keeps apps from running on a cluster.
 *
 * @module
 */

import { parseCommandLine } from "../../../lib/command_line.ts";
import { errorText } from "../../../lib/errors.ts";
import { ApiError, ConnectionError } from "../../../lib/kube/api_error.ts";
import { type Cluster, openCluster } from "../cluster.ts";
import type { KubeContext } from "../kube_main.ts";
import { checkAccess } from "./check_access.ts";
import { checkApps, checkCertificates } from "./check_apps.ts";
import { checkDefinitions, checkOperator } from "./check_operator.ts";
import { checkExecutors, checkNodeMarks, checkShims } from "./check_runtime.ts";
import { checkWebhooks } from "./check_webhooks.ts";
import { type ClusterFacts, readClusterFacts } from "./cluster_facts.ts";
import { CLUSTER_DOCTOR } from "./doctor_options.ts";
import { countOf, type Finding, formatFindings, formatFindingsJson } from "./finding.ts";

/** Milliseconds until a cluster that does not answer is one that cannot be reached. */
const REACH_MS = 10_000;

/**
 * Runs `doctor --cluster` with the arguments that follow `doctor`.
 * @returns The exit code: 0 if there is no problem, else 1; warnings are none.
 * @throws {TerminalError} if no cluster is configured, or not rightly.
 */
export async function runClusterDoctor(
  args: readonly string[],
  context: KubeContext,
): Promise<number> {
  const parsed = parseCommandLine(CLUSTER_DOCTOR, args, {
    environment: (name) => Deno.env.get(name),
  });
  if (parsed.kind === "help") {
    const { formatHelp } = await import("../../../lib/command_help.ts");
    console.log(formatHelp(CLUSTER_DOCTOR));
    return 0;
  }
  const { output, ...connection } = parsed.values;
  using cluster = await openCluster({ ...connection, cluster: undefined }, context);
  const findings = await examine(cluster);
  console.log(output === "json" ? formatFindingsJson(findings) : formatFindings(findings));
  return countOf(findings, "problem") === 0 ? 0 : 1;
}

async function examine(cluster: Cluster): Promise<Finding[]> {
  const reached = await checkServer(cluster);
  if (reached.state === "problem") return [reached];
  try {
    return [reached, ...diagnose(await readClusterFacts(cluster), { now: new Date() })];
  } catch (error) {
    if (!isTroubleOfCluster(error)) throw error;
    return [reached, {
      check: "API server",
      state: "problem",
      message: `It stopped answering: ${errorText(error)}`,
      fix: "Try again",
    }];
  }
}

/** All checks of what was read. Pure. */
export function diagnose(facts: ClusterFacts, { now }: { now: Date }): Finding[] {
  return [
    ...checkDefinitions(facts),
    ...checkOperator(facts),
    ...checkWebhooks(facts, { now }),
    ...checkExecutors(facts),
    ...checkShims(facts),
    ...checkApps(facts),
    ...checkAccess(facts.access, facts.namespace),
    ...checkCertificates(facts),
    ...checkNodeMarks(facts),
  ];
}

async function checkServer({ client, config }: Cluster): Promise<Finding> {
  const check = "API server";
  const shown = `${config.server} (context "${config.context}")`;
  try {
    const { gitVersion } = await client.transport.json<{ gitVersion: string }>({
      method: "GET",
      path: "/version",
      signal: AbortSignal.timeout(REACH_MS),
    });
    return { check, state: "ok", message: `Kubernetes ${gitVersion} at ${shown}` };
  } catch (error) {
    if (!isTroubleOfCluster(error)) throw error;
    const isLogin = error instanceof ApiError && (error.code === 401 || error.code === 403);
    return {
      check,
      state: "problem",
      message: isLogin
        ? `${shown} refuses the login: ${errorText(error)}`
        : `${shown} cannot be reached: ${errorText(error)}`,
      fix: isLogin
        ? "Log in anew, or choose another user of the kubeconfig with --user or --context"
        : "Start the cluster, or choose another one with --context or --kubeconfig",
    };
  }
}

function isTroubleOfCluster(error: unknown): boolean {
  return error instanceof ApiError || error instanceof ConnectionError ||
    error instanceof DOMException && error.name === "TimeoutError";
}

/**
 * Whether there is somewhere for apps to run: executors, RuntimeClasses, nodes and their shims.
 *
 * @module
 */

import { type Shim, SHIM_CONTRACT } from "../../../crds/shim.ts";
import type { SpinAppExecutor } from "../../../crds/spin_app_executor.ts";
import type { RuntimeClass } from "../../../lib/kube/workload_types.ts";
import { type ClusterFacts, itemsOf, nameOf, SHIM_OPERATORS } from "./cluster_facts.ts";
import type { Node } from "./cluster_objects.ts";
import type { Finding } from "./finding.ts";

/** Nodes that a message names. */
const MAX_NAMED = 5;

const SHIM_FIX =
  "Put the shim on nodes: kubectl apply -f deploy/samples/kubernetes/shim-bundled.yaml, " +
  "or run `spinkube installer install` on them";

/** The executors that apps of the namespace can have. */
export function checkExecutors(facts: ClusterFacts): Finding[] {
  const check = "executors";
  const { executors, clusterExecutors, namespace } = facts;
  if (executors.kind === "refused") {
    return [{
      check,
      state: "unknown",
      message: `Executors of namespace "${namespace}" may not be listed: ${executors.why}`,
    }];
  }
  const own = itemsOf(executors);
  const names = new Set(own.map(({ metadata: { name } }) => name));
  const all = [
    ...own,
    ...itemsOf(clusterExecutors).filter((each) => !names.has(each.metadata.name)),
  ];
  if (all.length === 0) {
    return [{
      check,
      state: "problem",
      message: `Namespace "${namespace}" has no SpinAppExecutor, and the cluster no ` +
        "ClusterSpinAppExecutor: no app can run there",
      fix: `kubectl apply -n ${namespace} -f deploy/samples/kubernetes/spin-shim-executor.yaml`,
    }];
  }
  return all.flatMap((executor) => checkExecutor(executor, facts));
}

function checkExecutor(executor: SpinAppExecutor, facts: ClusterFacts): Finding[] {
  const check = "executors";
  const shown = nameOf(executor);
  const { createDeployment, deploymentConfig: { runtimeClassName, spinImage } = {} } =
    executor.spec;
  if (!createDeployment) {
    const message = `${shown} makes no Deployments: something else has to run its apps`;
    return [{ check, state: "ok", message }];
  }
  if (spinImage) {
    return [{ check, state: "ok", message: `${shown} runs apps by the image ${spinImage}` }];
  }
  if (!runtimeClassName) {
    return [{
      check,
      state: "problem",
      message: `${shown} has neither spec.deploymentConfig.runtimeClassName nor spinImage`,
      fix: "Give one of them",
    }];
  }
  const { runtimeClasses } = facts;
  if (runtimeClasses.kind !== "seen") {
    return [{ check, state: "unknown", message: `${shown}: RuntimeClasses may not be listed` }];
  }
  const found = runtimeClasses.items.find(({ metadata }) => metadata.name === runtimeClassName);
  if (!found) {
    const there = runtimeClasses.items.map(({ metadata, handler }) =>
      `"${metadata.name}" (handler ${handler})`
    );
    return [{
      check,
      state: "problem",
      message: `${shown} names the RuntimeClass "${runtimeClassName}", which is not there; ` +
        (there.length === 0 ? "there is none" : `there are ${there.join(", ")}`),
      fix:
        "kubectl apply -f deploy/samples/kubernetes/spin-runtime-class.yaml, or name another one",
    }];
  }
  const nodes = checkNodes(found, facts);
  const message =
    `${shown} runs apps by RuntimeClass "${runtimeClassName}" (handler ${found.handler})`;
  return [{ check, state: "ok", message }, ...nodes];
}

/** Whether nodes that pods of a class can go to have its handler. */
export function checkNodes(runtimeClass: RuntimeClass, { nodes }: ClusterFacts): Finding[] {
  const check = "nodes";
  const { handler, scheduling, metadata: { name } } = runtimeClass;
  if (nodes.kind !== "seen") {
    return [{ check, state: "unknown", message: "Nodes may not be listed" }];
  }
  const selector = Object.entries(scheduling?.nodeSelector ?? {});
  const selected = nodes.items.filter(({ metadata: { labels = {} } }) =>
    selector.every(([key, value]) => labels[key] === value)
  );
  const labels = selector.map(([key, value]) => `${key}=${value}`).join(",");
  if (selected.length === 0) {
    return [{
      check,
      state: "problem",
      message: selector.length === 0
        ? "The cluster has no nodes"
        : `No node has the labels ${labels} that RuntimeClass "${name}" asks for`,
      fix: selector.length === 0 ? "Add a node" : SHIM_FIX,
    }];
  }
  const usable = selected.filter(isUsable);
  if (usable.length === 0) {
    return [{
      check,
      state: "problem",
      message: `No node for RuntimeClass "${name}" is ready and takes pods: ${namesOf(selected)}`,
      fix: "See kubectl get nodes",
    }];
  }
  const telling = usable.filter(({ status }) => (status?.runtimeHandlers ?? []).length > 0);
  const lacking = telling.filter(({ status }) =>
    !status!.runtimeHandlers!.some((each) => each.name === handler)
  );
  if (lacking.length > 0) {
    return [{
      check,
      state: "problem",
      message:
        `${lacking.length} of ${usable.length} nodes for RuntimeClass "${name}" do not have ` +
        `its handler "${handler}", and apps do not start there: ${namesOf(lacking)}`,
      fix: SHIM_FIX,
    }];
  }
  const told = telling.length === usable.length
    ? "have its handler"
    : telling.length === 0
    ? "can be used; their kubelets do not tell which handlers they have"
    : `can be used; ${telling.length} of them tell that they have its handler`;
  return [{
    check,
    state: "ok",
    message: `${usable.length} of ${selected.length} nodes for RuntimeClass "${name}" ${told}`,
  }];
}

function isUsable({ spec, status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" && spec?.unschedulable !== true;
}

function namesOf(nodes: readonly Node[]): string {
  const names = nodes.slice(0, MAX_NAMED).map(({ metadata }) => metadata.name).join(", ");
  return nodes.length > MAX_NAMED ? `${names} and ${nodes.length - MAX_NAMED} more` : names;
}

/** How far the Shims are that put shims on nodes. */
export function checkShims({ shims, operators }: ClusterFacts): Finding[] {
  const others = itemsOf(operators).map(({ deployment }) => deployment).filter(({ metadata }) =>
    SHIM_OPERATORS.includes(metadata.labels?.["app.kubernetes.io/name"] ?? "")
  );
  const rivals: Finding[] = others.map((deployment) => ({
    check: "shims",
    state: "warning",
    message: `Deployment ${nameOf(deployment)} puts shims on nodes too`,
    fix: "Keep it, and give this operator --enable-shims=false; or delete it",
  }));
  return [...rivals, ...itemsOf(shims).map(checkShim)];
}

function checkShim({ metadata: { name }, status }: Shim): Finding {
  const check = "shims";
  const { nodes = 0, nodesReady = 0, nodesFailed = 0, failures = [], conditions = [] } = status ??
    {};
  const degraded = conditions.find(({ type, status }) => type === "Degraded" && status === "True");
  const count = `${nodesReady} of ${nodes} nodes have it`;
  if (degraded || nodesFailed > 0) {
    const why = failures.slice(0, MAX_NAMED).map(({ node, message }) => `\n${node}: ${message}`);
    return {
      check,
      state: "problem",
      message: `Shim "${name}": ${count}, ${degraded?.message ?? `${nodesFailed} have failed`}` +
        why.join(""),
      fix: `See kubectl describe shim ${name}, and the logs of its Jobs`,
    };
  }
  if (nodes > 0 && nodesReady >= nodes) {
    return { check, state: "ok", message: `Shim "${name}": ${count}` };
  }
  return {
    check,
    state: "warning",
    message: `Shim "${name}": ${nodes === 0 ? "it is for no node" : count}`,
    fix: nodes === 0
      ? "Label nodes as spec.nodeSelector says"
      : "Wait, and see kubectl describe shim " + name,
  };
}

/** Marks that older installers have left on nodes. */
export function checkNodeMarks({ nodes, operators }: ClusterFacts): Finding[] {
  const { kwasmNode, kwasmProvisioned } = SHIM_CONTRACT;
  const hasKwasm = itemsOf(operators).some(({ deployment: { metadata } }) =>
    metadata.labels?.["app.kubernetes.io/name"] === "kwasm-operator"
  );
  const marked = itemsOf(nodes).filter(({ metadata: { labels = {}, annotations = {} } }) =>
    kwasmNode in annotations || kwasmProvisioned in labels
  );
  if (marked.length === 0 || hasKwasm) return [];
  return [{
    check: "leftovers",
    state: "warning",
    message: `${marked.length} nodes have marks of KWasm, which is not here any more: ${
      namesOf(marked)
    }`,
    fix:
      `kubectl annotate nodes --all ${kwasmNode}-; kubectl label nodes --all ${kwasmProvisioned}-`,
  }];
}

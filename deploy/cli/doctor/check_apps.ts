/**
 * How the apps of the namespace are.
 *
 * @module
 */

import { type ClusterFacts, isInTrouble, isOwnOperator, itemsOf } from "./cluster_facts.ts";
import type { Finding } from "./finding.ts";

const CHECK = "apps";

/** Apps that are not ready, each with its reason. */
export function checkApps(facts: ClusterFacts): Finding[] {
  const { apps, namespace, reasons } = facts;
  if (apps.kind === "refused") {
    const message = `Apps of namespace "${namespace}" may not be listed: ${apps.why}`;
    return [{ check: CHECK, state: "unknown", message }];
  }
  // An executor of the namespace hides one of the cluster.
  const executors = [...itemsOf(facts.clusterExecutors), ...itemsOf(facts.executors)];
  const known = new Map(executors.map((each) => [each.metadata.name, each.spec]));
  const findings = itemsOf(apps).flatMap((app): Finding[] => {
    const { metadata: { name }, spec: { executor = "" } } = app;
    if (!known.has(executor)) {
      const there = [...known.keys()].map((each) => `"${each}"`).join(", ") || "none";
      return [{
        check: CHECK,
        state: "problem",
        message:
          `SpinApp "${name}" has the executor "${executor}", which is not there; there are: ${there}`,
        fix: `kubectl patch spinapp ${name} -n ${namespace} --type merge -p ` +
          `'{"spec":{"executor":"NAME"}}'`,
      }];
    }
    const ready = app.status?.conditions?.find(({ type }) => type === "Ready");
    const isElsewhere = known.get(executor)?.createDeployment === false && !ready;
    // What runs apps in ways of its own need not count pods.
    if (isElsewhere || !isInTrouble(app)) return [];
    const told = reasons.get(name) ?? (ready ? [`${ready.reason}: ${ready.message}`] : []);
    return [{
      check: CHECK,
      state: "problem",
      message: `SpinApp "${name}" is not ready: ${told.join("\n") || "it does not say why"}`,
      fix: `See kubectl describe spinapp ${name} -n ${namespace}`,
    }];
  });
  const count = itemsOf(apps).length;
  if (findings.length > 0) return findings;
  const message = count === 0
    ? `Namespace "${namespace}" has none`
    : `${count === 1 ? "The one" : `All ${count}`} of namespace "${namespace}" ${
      count === 1 ? "is" : "are"
    } ready`;
  return [{ check: CHECK, state: "ok", message }];
}

/** Certificates of the original operator, which this one makes itself. */
export function checkCertificates({ certificates, operators }: ClusterFacts): Finding[] {
  const found = itemsOf(certificates);
  const hasOwn = itemsOf(operators).some(({ deployment }) => isOwnOperator(deployment));
  if (found.length === 0 || !hasOwn) return [];
  return found.map(({ metadata: { name, namespace } }): Finding => ({
    check: "leftovers",
    state: "warning",
    message:
      `cert-manager's Certificate "${namespace}/${name}" is not needed: the operator makes ` +
      "its certificate itself",
    fix: `kubectl delete certificate ${name} -n ${namespace}`,
  }));
}

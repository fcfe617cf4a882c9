/**
 * Whether the cluster knows SpinKube's objects, and whether somebody works on them.
 *
 * @module
 */

import { SHIMS } from "../../../crds/shim.ts";
import { SPIN_APPS } from "../../../crds/spin_app.ts";
import { CLUSTER_SPIN_APP_EXECUTORS, SPIN_APP_EXECUTORS } from "../../../crds/spin_app_executor.ts";
import {
  type ClusterFacts,
  isOwnOperator,
  itemsOf,
  nameOf,
  OPERATOR_NAME,
  type Workload,
} from "./cluster_facts.ts";
import type { Definition } from "./cluster_objects.ts";
import type { Finding } from "./finding.ts";

const INSTALL = "Install SpinKube: helm install spin-operator deploy/chart, or kubectl apply " +
  "--server-side -f deploy/manifests/install.yaml";

/** A field of SpinApps that the original's definition does not have. */
const ADDED_FIELD = "imagePullPolicy";

/** The definitions of SpinKube's objects. */
export function checkDefinitions({ definitions, operators }: ClusterFacts): Finding[] {
  const check = "definitions";
  if (definitions.kind !== "seen") {
    return [{ check, state: "unknown", message: "CustomResourceDefinitions may not be read" }];
  }
  const needed = [SPIN_APPS, SPIN_APP_EXECUTORS].map(fullName);
  const byName = new Map(definitions.items.map((each) => [each.metadata.name, each]));
  const problems = needed.flatMap((name) => checkDefinition(name, byName.get(name)));
  if (problems.length > 0) {
    return problems.map((message): Finding => ({ check, state: "problem", message, fix: INSTALL }));
  }
  const isOwn = hasAddedFields(byName.get(fullName(SPIN_APPS))!);
  const hasOwnOperator = itemsOf(operators).some(({ deployment }) => isOwnOperator(deployment));
  if (hasOwnOperator && !isOwn) {
    return [{
      check,
      state: "warning",
      message: `${fullName(SPIN_APPS)} is the original's: what this operator adds ` +
        `(spec.${ADDED_FIELD} and more) is dropped when apps are written`,
      fix: "kubectl apply --server-side --force-conflicts -f crds/",
    }];
  }
  const optional = [CLUSTER_SPIN_APP_EXECUTORS, SHIMS].map(fullName)
    .filter((name) => byName.has(name));
  return [{
    check,
    state: "ok",
    message:
      `${[...needed, ...optional].join(", ")} (${isOwn ? "with" : "the original's, without"} ` +
      "what this program adds)",
  }];
}

function fullName({ plural, group }: { plural: string; group: string }): string {
  return `${plural}.${group}`;
}

function checkDefinition(name: string, definition: Definition | undefined): string[] {
  if (!definition) return [`The CustomResourceDefinition ${name} is not there`];
  const version = definition.spec.versions.find((each) => each.name === SPIN_APPS.version);
  if (!version?.served) {
    const served = definition.spec.versions.filter((each) => each.served).map((each) => each.name);
    return [
      `${name} is not served as ${SPIN_APPS.version}, but as ${served.join(", ") || "nothing"}`,
    ];
  }
  const established = definition.status?.conditions?.find(({ type }) => type === "Established");
  if (established?.status === "True") return [];
  return [`${name} is not established${established ? `: ${established.message}` : " yet"}`];
}

function hasAddedFields({ spec: { versions } }: Definition): boolean {
  const version = versions.find(({ name }) => name === SPIN_APPS.version);
  const fields = version?.schema?.openAPIV3Schema?.properties?.spec?.properties ?? {};
  return Object.hasOwn(fields, ADDED_FIELD);
}

/** The Deployment of the operator. */
export function checkOperator({ operators }: ClusterFacts): Finding[] {
  const check = "operator";
  if (operators.kind !== "seen") {
    return [{
      check,
      state: "unknown",
      message: "Deployments of all namespaces may not be listed, and so the operator not be found",
    }];
  }
  const found = operators.items.filter(({ deployment }) =>
    deployment.metadata.labels?.["app.kubernetes.io/name"] === OPERATOR_NAME
  );
  if (found.length === 0) {
    return [{
      check,
      state: "problem",
      message:
        `There is none: no Deployment has the label app.kubernetes.io/name=${OPERATOR_NAME}, ` +
        "and nobody makes Deployments of SpinApps",
      fix: INSTALL,
    }];
  }
  const several: Finding[] = found.length < 2 ? [] : [{
    check,
    state: "problem",
    message: `There are ${found.length}, which undo each other's work: ${
      found.map(({ deployment }) => nameOf(deployment)).join(", ")
    }`,
    fix: "Delete all of them but one",
  }];
  return [...several, ...found.map(checkWorkload)];
}

function checkWorkload({ deployment, reasons }: Workload): Finding {
  const check = "operator";
  const image = deployment.spec.template.spec.containers.map((each) => each.image).join(", ");
  if (reasons.length === 0) {
    return { check, state: "ok", message: `Deployment ${nameOf(deployment)} is ready (${image})` };
  }
  const { name, namespace } = deployment.metadata;
  return {
    check,
    state: "problem",
    message: `Deployment ${nameOf(deployment)} is not ready: ${reasons.join("\n")}`,
    fix: `See kubectl describe deployment ${name} -n ${namespace}, and kubectl logs deployment/` +
      `${name} -n ${namespace}`,
  };
}

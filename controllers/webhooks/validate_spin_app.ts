/**
 * Whether a SpinApp can be: the checks of SpinKube's operator with their texts, in their order.
 *
 * @module
 */

import { compareQuantities, formatQuantity, parseQuantity } from "../../crds/quantity.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import type { SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import { backendWarnings } from "./backend_warnings.ts";
import { checkPods } from "./check_pods.ts";
import { type FieldError, fieldErrorText, type Findings, invalid } from "./field_error.ts";

/** What a SpinApp is checked with. */
export interface SpinAppContext {
  /** The app before the change; undefined for a new one. */
  readonly before?: SpinApp | undefined;
  /** The executor that it names; undefined if there is none. */
  readonly executor: SpinAppExecutor | undefined;
}

/**
 * Checks a SpinApp that is created or changed.
 *
 * Beyond SpinKube's checks it refuses what no Deployment can be made of, see {@link checkPods}; an
 * app that was accepted with such a fault before can still be changed in other ways. `replicas: 0`
 * is allowed if it is written out. An app that is being deleted is not checked: its executor may be
 * gone, and its finalizers have to be removable.
 */
export function validateSpinApp(app: SpinApp, context: SpinAppContext): Findings {
  if (app.metadata.deletionTimestamp) return { errors: [], warnings: [] };
  // The schema does not want a spec.
  const complete: SpinApp = { ...app, spec: app.spec ?? {} };
  const known = context.before?.spec
    ? new Set(checkPods(context.before, { isNew: false }).map(fieldErrorText))
    : new Set<string>();
  const errors = [
    ...checkExecutor(complete, context.executor),
    ...checkReplicas(complete, context.before),
    ...checkAnnotations(complete, context.executor),
    ...checkInvocationLimits(complete),
    ...checkPods(complete, { isNew: context.before === undefined })
      .filter((error) => !known.has(fieldErrorText(error))),
  ];
  return { errors, warnings: [...limitWarnings(complete), ...backendWarnings(complete)] };
}

function checkExecutor({ spec }: SpinApp, executor: SpinAppExecutor | undefined): FieldError[] {
  const { executor: value = "" } = spec;
  const field = "spec.executor";
  if (value === "") {
    const detail = "executor must be set, likely no default executor was set because you have no " +
      "executors installed";
    return [invalid(field, { value, detail })];
  }
  if (executor) return [];
  return [invalid(field, { value, detail: "executor does not exist in namespace" })];
}

function checkReplicas({ spec }: SpinApp, before: SpinApp | undefined): FieldError[] {
  const { replicas, enableAutoscaling = false } = spec;
  const field = "spec.replicas";
  // An autoscaler of the app itself, not of its Deployment, writes them through `/scale`.
  if (enableAutoscaling && before?.spec?.enableAutoscaling) return [];
  if (enableAutoscaling) {
    if ((replicas ?? 0) === 0) return [];
    const detail = "replicas cannot be set when autoscaling is enabled";
    return [invalid(field, { value: replicas, detail })];
  }
  if (replicas !== undefined && replicas !== null && replicas >= 0) return [];
  return [invalid(field, { value: replicas ?? 0, detail: "replicas must be > 0" })];
}

function checkAnnotations({ spec }: SpinApp, executor: SpinAppExecutor | undefined): FieldError[] {
  if (!executor || executor.spec?.createDeployment) return [];
  for (const name of ["deploymentAnnotations", "podAnnotations"] as const) {
    const value = spec[name] ?? {};
    if (Object.keys(value).length === 0) continue;
    const detail = `${name} can't be set when the executor does not use operator deployments`;
    return [invalid(`spec.${name}`, { value, detail })];
  }
  return [];
}

function checkInvocationLimits({ spec }: SpinApp): FieldError[] {
  const text = spec.invocationLimits?.memory;
  if (text === undefined) return [];
  const field = "spec.invocationLimits[memory]";
  const quantity = parseQuantity(text);
  if (!quantity) {
    const detail = "memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)";
    return [invalid(field, { value: text, detail })];
  }
  const value = formatQuantity(quantity);
  if (quantity.nanos <= 0n) return [invalid(field, { value, detail: "must be greater than zero" })];
  const { limits, requests } = spec.resources ?? {};
  const [kind, given] = limits?.memory !== undefined && limits.memory !== null
    ? ["limit", limits.memory]
    : ["request", requests?.memory ?? ""];
  const constraint = parseQuantity(given);
  if (!constraint || compareQuantities(quantity, constraint) <= 0) return [];
  const detail = `invocation limit quantity cannot be greater than the memory ${kind} ` +
    `(${formatQuantity(constraint)})`;
  return [invalid(field, { value, detail })];
}

/** Keys without a domain are this operator's, which knows one; others belong to other executors. */
function limitWarnings({ spec }: SpinApp): string[] {
  return Object.keys(spec.invocationLimits ?? {})
    .filter((key) => key !== "memory" && !key.includes("/"))
    .map((key) =>
      `spec.invocationLimits[${key}]: has no effect; the only limit without a domain is memory`
    );
}

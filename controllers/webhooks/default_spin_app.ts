/**
 * What a SpinApp gets when it is written: an executor, if it names none.
 *
 * @module
 */

import type { KubeObject } from "../../lib/kube/types.ts";

/** One operation of a JSON patch (RFC 6902). */
export interface PatchOperation {
  readonly op: "add" | "replace";
  readonly path: string;
  readonly value: unknown;
}

/** The executors that an app may use. */
export interface ExecutorNames {
  /** Those of its namespace. */
  readonly namespace: readonly string[];
  /** Those of the whole cluster. */
  readonly cluster: readonly string[];
}

/** Whether {@link defaultSpinApp} needs to know the executors. */
export function needsDefaultExecutor(app: KubeObject): boolean {
  const { spec } = app as { spec?: unknown };
  if (spec === undefined) return true;
  return isRecord(spec) && (spec.executor ?? "") === "";
}

/**
 * The patch that names the executor: the first by name of the app's namespace, else the first of the
 * cluster. SpinKube's operator takes the first of all namespaces, which the app may not be able to
 * use.
 *
 * Without any executor the field becomes empty, since the schema wants it to be there, and only then
 * asks the validating webhook, which says what is missing. Nothing else is touched; an app without
 * `spec` is left to the validation if there is no executor.
 */
export function defaultSpinApp(app: KubeObject, executors: ExecutorNames): PatchOperation[] {
  if (!needsDefaultExecutor(app)) return [];
  const { spec } = app as { spec?: { executor?: unknown } };
  const executor = first(executors.namespace) ?? first(executors.cluster);
  if (spec === undefined) {
    return executor === undefined ? [] : [{ op: "add", path: "/spec", value: { executor } }];
  }
  const value = executor ?? "";
  if (spec.executor === value) return [];
  const op = spec.executor === undefined ? "add" : "replace";
  return [{ op, path: "/spec/executor", value }];
}

/** By bytes, as Go sorts; names are ASCII. */
function first(names: readonly string[]): string | undefined {
  return [...names].sort()[0];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

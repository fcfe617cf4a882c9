/**
 * The environment of an app's container as Kubernetes would make it, on a machine without it.
 *
 * @module
 */

import { parseQuantity, type Quantity } from "../../../crds/quantity.ts";
import type { EnvVar, EnvVarSource, SpinApp } from "../../../crds/spin_app.ts";
import { DEFAULT_NAMESPACE, type KubeManifest, valuesKey } from "./manifest.ts";

/** What an environment comes to. */
export interface ResolvedEnvironment {
  readonly values: Readonly<Record<string, string>>;
  /** Variables that have no value because what they refer to is not there: name → why. */
  readonly missing: ReadonlyMap<string, string>;
}

/** What is known of an app while its environment is resolved. */
export interface EnvironmentContext {
  readonly app: SpinApp;
  readonly values: KubeManifest["values"];
  /** The name of this machine, which stands for the node. */
  readonly hostname: string;
}

/** Resolves variables in order; later ones may refer to earlier ones by `$(NAME)`. */
export function resolveEnvironment(
  variables: readonly EnvVar[],
  context: EnvironmentContext,
): ResolvedEnvironment {
  const values: Record<string, string> = {};
  const missing = new Map<string, string>();
  for (const { name, value, valueFrom } of variables) {
    if (!valueFrom) {
      values[name] = expand(value ?? "", values);
      continue;
    }
    const found = resolveSource(valueFrom, context);
    if (found.kind === "value") values[name] = found.value;
    else if (found.kind === "missing") missing.set(name, found.reason);
  }
  return { values, missing };
}

type Found =
  | { readonly kind: "value"; readonly value: string }
  /** Optional, and not there. */
  | { readonly kind: "none" }
  | { readonly kind: "missing"; readonly reason: string };

function resolveSource(source: EnvVarSource, context: EnvironmentContext): Found {
  const { secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef } = source;
  if (secretKeyRef) return keyValue({ kind: "Secret", ...secretKeyRef }, context);
  if (configMapKeyRef) return keyValue({ kind: "ConfigMap", ...configMapKeyRef }, context);
  if (fieldRef) return fieldValue(fieldRef.fieldPath, context);
  if (resourceFieldRef) return resourceValue(resourceFieldRef, context);
  return {
    kind: "missing",
    reason: `a file of a volume (${Object.keys(source).join(", ")}) is not there without a cluster`,
  };
}

function keyValue(
  { kind, name = "", key, optional = false }: {
    kind: "Secret" | "ConfigMap";
    name?: string;
    key: string;
    optional?: boolean;
  },
  { app, values }: EnvironmentContext,
): Found {
  const { namespace = DEFAULT_NAMESPACE } = app.metadata;
  const all = values.get(valuesKey(kind, { namespace, name }));
  if (all && Object.hasOwn(all, key)) return { kind: "value", value: all[key]! };
  if (optional) return { kind: "none" };
  const where = `${kind} "${name}" of namespace "${namespace}"`;
  const reason = all ? `${where} has no key "${key}"` : `${where} is not in the manifest`;
  return { kind: "missing", reason };
}

/** Fields of the pod; an app without pods has its own ones in their place. */
function fieldValue(path: string, { app, hostname }: EnvironmentContext): Found {
  const { metadata, spec } = app;
  const entry = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (entry) {
    const map = entry[1] === "labels" ? spec.podLabels : spec.podAnnotations;
    return { kind: "value", value: map?.[entry[2]!] ?? "" };
  }
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": metadata.name,
    "metadata.namespace": metadata.namespace ?? DEFAULT_NAMESPACE,
    "spec.serviceAccountName": spec.serviceAccountName ?? "default",
    "spec.nodeName": hostname,
    "status.hostIP": "127.0.0.1",
    "status.hostIPs": "127.0.0.1",
    "status.podIP": "127.0.0.1",
    "status.podIPs": "127.0.0.1",
  };
  return Object.hasOwn(fields, path)
    ? { kind: "value", value: fields[path]! }
    : { kind: "missing", reason: `the field "${path}" of a pod is not there without a cluster` };
}

function resourceValue(
  { resource, divisor }: { resource: string; divisor?: string },
  { app }: EnvironmentContext,
): Found {
  const [kind, name] = splitOnce(resource);
  const { limits = {}, requests = {} } = app.spec.resources ?? {};
  // A request that is not given is the limit, as in pods.
  const text = kind === "limits" ? limits[name] : requests[name] ?? limits[name];
  const amount = text === undefined ? undefined : parseQuantity(text);
  if (!amount) return { kind: "missing", reason: `spec.resources has no ${resource}` };
  const unit = parseQuantity(divisor ?? "1");
  // As in pods, a divisor of 0 stands for 1.
  return { kind: "value", value: String(divideUp(amount, unit?.nanos ? unit : ONE)) };
}

const ONE: Quantity = { nanos: 1_000_000_000n, format: "decimal" };

/** Rounded up, as Kubernetes does it. */
function divideUp(amount: Quantity, unit: Quantity): bigint {
  return (amount.nanos + unit.nanos - 1n) / unit.nanos;
}

function splitOnce(text: string): [string, string] {
  const dot = text.indexOf(".");
  return dot < 0 ? [text, ""] : [text.slice(0, dot), text.slice(dot + 1)];
}

/** `$(NAME)` of a known variable; `$$` is a dollar sign; everything else stays. */
function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (whole, name?: string) => {
    if (whole === "$$") return "$";
    return name !== undefined && Object.hasOwn(values, name) ? values[name]! : whole;
  });
}

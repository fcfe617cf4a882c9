/**
 * Faults of a SpinApp that its Deployment or Service would be refused for, every time it is tried.
 *
 * Kubernetes' own rules are followed as far as a SpinApp can break them. Most of this is in the
 * schema too; clusters may have SpinKube's schema, which has none of it.
 *
 * @module
 */

import { MOUNTED, VARIABLE_PREFIX } from "../../crds/contract.ts";
import { compareQuantities, formatQuantity, parseQuantity } from "../../crds/quantity.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import { duplicate, type FieldError, invalid, required } from "./field_error.ts";

/** The label `app.<name>.status` has 63 characters at most. */
const MAX_NAME = 52;

/** Characters that every supported version of Kubernetes takes in names of the environment. */
const ENVIRONMENT_NAME = /^[-._a-zA-Z0-9]+$/;

/**
 * Finds all of them.
 * @param options.isNew Whether the app is created: a name cannot be changed later.
 */
export function checkPods(app: SpinApp, { isNew }: { isNew: boolean }): FieldError[] {
  return [
    ...(isNew ? checkName(app.metadata.name ?? "") : []),
    ...checkImage(app),
    ...checkVariables(app),
    ...checkVolumes(app),
    ...checkMounts(app),
    ...checkResources(app),
    ...checkProbes(app),
    ...checkStores(app),
  ];
}

function checkName(name: string): FieldError[] {
  // Given by the API server, which has not chosen it yet.
  if (name === "") return [];
  const field = "metadata.name";
  if (name.length > MAX_NAME) {
    const detail = `must be no more than ${MAX_NAME} characters: labels of the pods contain it`;
    return [invalid(field, { value: name, detail })];
  }
  if (/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name)) return [];
  const detail =
    "must consist of lower case letters, digits or '-', start with a letter, and end " +
    "with a letter or digit: the app's Service has this name";
  return [invalid(field, { value: name, detail })];
}

function checkImage({ spec }: SpinApp): FieldError[] {
  if (spec.image !== "") return [];
  const detail = "image must be set: the reference of the app, such as " +
    "registry.example.com/shop:1.0";
  return [invalid("spec.image", { value: "", detail })];
}

function checkVariables({ spec }: SpinApp): FieldError[] {
  const { variables = [], env = [] } = spec;
  const own = new Set(env.map(({ name }) => name));
  const seen = new Set<string>();
  return variables.flatMap(({ name, value, valueFrom }, index) => {
    const field = `spec.variables[${index}]`;
    const errors: FieldError[] = [];
    const variable = `${VARIABLE_PREFIX}${name.toUpperCase()}`;
    if (!ENVIRONMENT_NAME.test(name)) {
      const detail = "must consist of letters, digits, '_', '-' or '.'";
      errors.push(invalid(`${field}.name`, { value: name, detail }));
    }
    // The environment has them in upper case.
    if (seen.has(variable)) errors.push(duplicate(`${field}.name`, name));
    seen.add(variable);
    if (own.has(variable)) {
      const detail = `spec.env sets ${variable} too, which is this variable`;
      errors.push(invalid(`${field}.name`, { value: name, detail }));
    }
    if (!valueFrom) return errors;
    if (value) {
      const detail = "may not be specified when `value` is not empty";
      errors.push(invalid(`${field}.valueFrom`, { value: "", detail }));
    }
    const sources = Object.values(valueFrom).filter((source) => source ?? false).length;
    if (sources !== 1) {
      const detail = sources === 0
        ? "must specify one source of the value, such as `secretKeyRef`"
        : "may not have more than one field specified at a time";
      errors.push(invalid(`${field}.valueFrom`, { value: "", detail }));
    }
    return errors;
  });
}

function checkVolumes({ spec }: SpinApp): FieldError[] {
  const reserved: readonly string[] = Object.values(MOUNTED).map(({ volume }) => volume);
  return repeated(spec.volumes ?? [], {
    field: "spec.volumes",
    key: "name",
    check: (name) => reserved.includes(name) ? "the operator has a volume of this name" : undefined,
  });
}

function checkMounts({ spec }: SpinApp): FieldError[] {
  const names = new Set<string>([
    ...(spec.volumes ?? []).map(({ name }) => name),
    ...Object.values(MOUNTED).map(({ volume }) => volume),
  ]);
  const { path } = MOUNTED.runtimeConfig;
  return [
    ...repeated(spec.volumeMounts ?? [], {
      field: "spec.volumeMounts",
      key: "mountPath",
      check: (mountPath) =>
        mountPath === path
          ? "the operator mounts the runtime configuration there; use " +
            "spec.runtimeConfig.loadFromSecret for one of your own"
          : undefined,
    }),
    ...(spec.volumeMounts ?? []).flatMap(({ name }, index) => {
      if (names.has(name)) return [];
      const detail = "spec.volumes has no volume of this name";
      return [invalid(`spec.volumeMounts[${index}].name`, { value: name, detail })];
    }),
  ];
}

function checkResources({ spec }: SpinApp): FieldError[] {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  return Object.entries(requests ?? {}).flatMap(([name, text]) => {
    const request = parseQuantity(text ?? "");
    const limit = parseQuantity(limits?.[name] ?? "");
    if (!request || !limit || compareQuantities(request, limit) <= 0) return [];
    return [invalid(`spec.resources.requests[${name}]`, {
      value: formatQuantity(request),
      detail: `must be less than or equal to ${name} limit of ${formatQuantity(limit)}`,
    })];
  });
}

function checkProbes({ spec }: SpinApp): FieldError[] {
  const { liveness } = spec.checks ?? {};
  const successes = liveness?.successThreshold ?? 1;
  const wrong = successes === 1 ? [] : [
    invalid("spec.checks.liveness.successThreshold", { value: successes, detail: "must be 1" }),
  ];
  const empty = (["readiness", "liveness"] as const).flatMap((name) => {
    const probe = spec.checks?.[name];
    if (!probe || probe.httpGet) return [];
    const detail = "probe exists but with unknown configuration, expected httpGet";
    return [required(`spec.checks.${name}.httpGet`, detail)];
  });
  return [...empty, ...wrong];
}

/** Names under which an app finds its stores; ignored if the configuration is the user's. */
function checkStores({ spec }: SpinApp): FieldError[] {
  const config = spec.runtimeConfig;
  if (!config || config.loadFromSecret) return [];
  return (["keyValueStores", "sqliteDatabases"] as const).flatMap((list) =>
    repeated(config[list] ?? [], { field: `spec.runtimeConfig.${list}`, key: "name" })
  );
}

interface UniqueRule<K extends string> {
  readonly field: string;
  /** The field of each item that may not occur twice. */
  readonly key: K;
  /** What is wrong with a value, beside that. */
  readonly check?: (value: string) => string | undefined;
}

function repeated<K extends string>(
  items: readonly Readonly<Record<K, string>>[],
  { field, key, check }: UniqueRule<K>,
): FieldError[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const value = item[key];
    const path = `${field}[${index}].${key}`;
    const detail = check?.(value);
    const isRepeated = seen.has(value);
    seen.add(value);
    return [
      ...(detail === undefined ? [] : [invalid(path, { value, detail })]),
      ...(isRepeated ? [duplicate(path, value)] : []),
    ];
  });
}

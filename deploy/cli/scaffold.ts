/**
 * From the options of `kube scaffold` to Kubernetes objects. Pure.
 *
 * Order and form of what the plugin `kube` of Spin writes are kept to the byte; what it cannot write
 * follows after it.
 *
 * @module
 */

import type { AppOutline } from "../../shim/loader/mod.ts";
import type { Pair } from "./flag_values.ts";
import { readImage, SCAFFOLD_DEFAULTS, withoutScheme } from "./scaffold_checks.ts";
import type { ScaffoldValues } from "./scaffold_options.ts";
import { formatYaml, LinesOfText, PlainText, QuotedText, type YamlValue } from "./yaml_text.ts";
import { repositoryBaseName } from "../../lib/oci/reference.ts";

/** What {@link buildManifest} works on. The values have been checked. */
export interface ScaffoldRequest {
  readonly values: ScaffoldValues;
  /** Content of `--runtime-config-file`. */
  readonly runtimeConfig: Uint8Array | undefined;
  /** The app of `--app`: its secret variables are put into a Secret. */
  readonly app: AppOutline | undefined;
}

/** A Kubernetes object, its fields in the order in which they are written. */
export type ManifestDocument = { readonly [key: string]: YamlValue | undefined };

/** Name of the SpinApp. */
export function scaffoldName(values: ScaffoldValues): string {
  return values.name || repositoryBaseName(readImage(values.from!)!);
}

/** The SpinApp, and what belongs to it. */
export function buildManifest(request: ScaffoldRequest): ManifestDocument[] {
  const { values, runtimeConfig } = request;
  const name = scaffoldName(values);
  const secrets = secretVariables(request);
  const context = { values, name };
  return [
    buildSpinApp(request, { name, secrets }),
    ...(runtimeConfig === undefined ? [] : [buildSecret(context, {
      name: `${name}-runtime-config`,
      data: [["runtime-config.toml", runtimeConfig]],
    })]),
    ...(secrets.length === 0 ? [] : [buildSecret(context, {
      name: variablesSecret(name),
      data: secrets.map(([variable, value]) => [variable, new TextEncoder().encode(value)]),
    })]),
    ...(values.autoscaler ? [buildAutoscaler(context)] : []),
  ];
}

/** The documents as one text of YAML. */
export function formatManifest(documents: readonly ManifestDocument[]): string {
  const style = { indentedSequences: ["imagePullSecrets"] };
  return documents.map((document) => formatYaml(document, style)).join("---\n");
}

/** The documents as one JSON document: a List if they are several. */
export function formatManifestJson(documents: readonly ManifestDocument[]): string {
  const value = documents.length === 1
    ? documents[0]
    : { apiVersion: "v1", kind: "List", items: documents };
  return `${JSON.stringify(value, null, 2)}\n`;
}

interface Context {
  readonly values: ScaffoldValues;
  readonly name: string;
}

function buildSpinApp(
  { values, runtimeConfig }: ScaffoldRequest,
  { name, secrets }: { name: string; secrets: readonly Pair[] },
): ManifestDocument {
  const spec: Record<string, YamlValue | undefined> = {
    image: new QuotedText(withoutScheme(values.from!)),
    executor: values.executor ?? SCAFFOLD_DEFAULTS.executor,
    ...(values.autoscaler
      ? { enableAutoscaling: true }
      : { replicas: values.replicas ?? SCAFFOLD_DEFAULTS.replicas }),
    podLabels: podLabels(values),
    serviceAccountName: values["service-account-name"] || undefined,
    variables: variables(values, { name, secrets }),
    components: nonEmpty(values.component.flat()),
    resources: resources(values),
    imagePullSecrets: nonEmpty(
      values["image-pull-secret"].flat().map((secret) => ({
        name: secret,
      })),
    ),
    runtimeConfig: runtimeConfig === undefined
      ? inlineRuntimeConfig(values)
      : { loadFromSecret: `${name}-runtime-config` },
    ...furtherFields(values),
  };
  for (const [path, text] of values.set) setField(spec, { path, text });
  return {
    apiVersion: "core.spinkube.dev/v1alpha1",
    kind: "SpinApp",
    metadata: {
      ...metadata({ values, name }),
      labels: record(values.label.flat()),
      annotations: record(values.annotation.flat()),
    },
    spec,
  };
}

function metadata({ values, name }: Context): { name: string; namespace?: string } {
  return { name, ...(values.namespace ? { namespace: values.namespace } : {}) };
}

function podLabels(values: ScaffoldValues): YamlValue | undefined {
  const azure = values["azure-identity"]
    ? { "azure.workload.identity/use": new QuotedText("true") }
    : {};
  return nonEmptyRecord({ ...azure, ...record(values["pod-label"].flat()) });
}

/** All variables by name; a later one wins over an earlier one of its name. */
function variables(
  values: ScaffoldValues,
  { name, secrets }: { name: string; secrets: readonly Pair[] },
): YamlValue[] | undefined {
  const byName = new Map<string, YamlValue>();
  for (const [variable, value] of values.variable.flat()) {
    byName.set(variable, { name: variable, value });
  }
  for (const [variable] of secrets) {
    const reference = { name: variablesSecret(name), key: variable };
    byName.set(variable, { name: variable, valueFrom: { secretKeyRef: reference } });
  }
  for (const [variable, source] of values["variable-from"]) {
    const reference = { name: source.name, key: source.key };
    byName.set(variable, {
      name: variable,
      valueFrom: source.kind === "secret"
        ? { secretKeyRef: reference }
        : { configMapKeyRef: reference },
    });
  }
  const sorted = [...byName].sort(([left], [right]) => left < right ? -1 : 1);
  return nonEmpty(sorted.map(([, entry]) => entry));
}

/** The given values of variables that the app calls secret. */
function secretVariables({ values, app }: ScaffoldRequest): Pair[] {
  const secret = new Set(app?.variables.filter(({ isSecret }) => isSecret).map(({ name }) => name));
  const given = Object.entries(record(values.variable.flat()) ?? {});
  return given.filter(([variable]) => secret.has(variable)).sort();
}

function variablesSecret(name: string): string {
  return `${name}-variables`;
}

function resources(values: ScaffoldValues): YamlValue | undefined {
  function amounts(kind: "limit" | "request"): YamlValue | undefined {
    const [cpu, memory] = [values[`cpu-${kind}`], values[`memory-${kind}`]];
    // Written as given: Kubernetes takes numbers as well as texts.
    return nonEmptyRecord({
      ...(cpu ? { cpu: new PlainText(cpu) } : {}),
      ...(memory ? { memory: new PlainText(memory) } : {}),
    });
  }
  const [limits, requests] = [amounts("limit"), amounts("request")];
  return nonEmptyRecord({
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
  });
}

function inlineRuntimeConfig(values: ScaffoldValues): YamlValue | undefined {
  const { llm } = values;
  const [stores, databases, providers] = [values.kv, values.sqlite, values["variable-provider"]];
  return nonEmptyRecord({
    ...(stores.length === 0 ? {} : { keyValueStores: asYaml(stores) }),
    ...(databases.length === 0 ? {} : { sqliteDatabases: asYaml(databases) }),
    ...(llm === undefined ? {} : { llmCompute: asYaml(llm) }),
    ...(providers.length === 0 ? {} : { variableProviders: asYaml(providers) }),
  });
}

/** What the plugin cannot write. */
function furtherFields(values: ScaffoldValues): Record<string, YamlValue | undefined> {
  const [readiness, liveness] = [values["readiness-path"], values["liveness-path"]];
  return {
    checks: nonEmptyRecord({
      ...(readiness ? { readiness: { httpGet: { path: readiness } } } : {}),
      ...(liveness ? { liveness: { httpGet: { path: liveness } } } : {}),
    }),
    volumes: nonEmpty(values.volume.map(asYaml)),
    volumeMounts: nonEmpty(values.mount.map(asYaml)),
    env: nonEmpty(values.env.flat().map(([variable, value]) => ({ name: variable, value }))),
    serviceAnnotations: record(values["service-annotation"].flat()),
    deploymentAnnotations: record(values["deployment-annotation"].flat()),
    podAnnotations: record(values["pod-annotation"].flat()),
    invocationLimits: record(values["invocation-limit"].flat()),
    port: values.port,
  };
}

/** Sets a field of the spec; the path is of names with dots between them, `\.` is a dot in a name. */
function setField(
  spec: Record<string, YamlValue | undefined>,
  { path, text }: { path: string; text: string },
): void {
  const names = path.split(/(?<!\\)\./).map((name) => name.replaceAll("\\.", "."));
  const last = names.pop()!;
  let target = spec;
  for (const name of names) {
    const inner = Object.hasOwn(target, name) ? target[name] : undefined;
    const isMapping = typeof inner === "object" && !Array.isArray(inner) &&
      !(inner instanceof QuotedText);
    // A copy: parts of the options are not ours to change.
    const copy: Record<string, YamlValue | undefined> = isMapping
      ? { ...inner as ManifestDocument }
      : {};
    target[name] = copy;
    target = copy;
  }
  target[last] = parseJsonOrText(text);
}

function parseJsonOrText(text: string): YamlValue | undefined {
  try {
    return JSON.parse(text) ?? undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function buildSecret(
  context: Context,
  { name, data }: { name: string; data: readonly (readonly [key: string, value: Uint8Array])[] },
): ManifestDocument {
  const form = context.values["with-secret"] ?? "data";
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadata({ ...context, name }),
    type: "Opaque",
    [form]: Object.fromEntries(data.map(([key, value]) => [
      key,
      form === "data"
        ? new PlainText(value.toBase64())
        : new LinesOfText(new TextDecoder().decode(value)),
    ])),
  };
}

function buildAutoscaler(context: Context): ManifestDocument {
  const { values, name } = context;
  const min = values.replicas ?? SCAFFOLD_DEFAULTS.replicas;
  const max = values["max-replicas"] ?? SCAFFOLD_DEFAULTS.maxReplicas;
  const cpu = values["autoscaler-target-cpu-utilization"] ?? SCAFFOLD_DEFAULTS.targetUtilization;
  const memory = values["autoscaler-target-memory-utilization"] ??
    SCAFFOLD_DEFAULTS.targetUtilization;
  const common = { metadata: metadata({ values, name: `${name}-autoscaler` }) };
  const target = { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name } };
  const metrics = [["cpu", cpu], ["memory", memory]] as const;
  if (values.autoscaler === "hpa") {
    return {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      ...common,
      spec: {
        ...target,
        minReplicas: min,
        maxReplicas: max,
        metrics: metrics.map(([resource, percent]) => ({
          type: "Resource",
          resource: {
            name: resource,
            target: { type: "Utilization", averageUtilization: percent },
          },
        })),
      },
    };
  }
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    ...common,
    spec: {
      ...target,
      minReplicaCount: min,
      maxReplicaCount: max,
      triggers: metrics.map(([resource, percent]) => ({
        type: resource,
        metricType: "Utilization",
        metadata: { value: new QuotedText(String(percent)) },
      })),
    },
  };
}

/** The pairs as a mapping in which the last of equal names counts; undefined if there are none. */
function record(pairs: readonly Pair[]): Record<string, string> | undefined {
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function nonEmptyRecord(
  value: Record<string, YamlValue | undefined>,
): ManifestDocument | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** The types of Kubernetes are plain data, which their declarations do not say. */
function asYaml(value: object): YamlValue {
  return JSON.parse(JSON.stringify(value));
}

/**
 * From a manifest for Kubernetes to what is to be started on this machine.
 *
 * @module
 */

import { MOUNTED, VARIABLE_PREFIX } from "../../../crds/contract.ts";
import { buildEnvironment } from "../../../crds/environment.ts";
import { configSources, formatRuntimeConfig } from "../../../crds/runtime_config.ts";
import type { EnvVar, SpinApp } from "../../../crds/spin_app.ts";
import type { SpinAppExecutor } from "../../../crds/spin_app_executor.ts";
import { errorText, TerminalError } from "../../../lib/errors.ts";
import { resolveEnvironment } from "./environment_values.ts";
import { DEFAULT_NAMESPACE, type KubeManifest, valuesKey } from "./manifest.ts";

/** One app to start. */
export interface AppPlan {
  /** The app's name; with its namespace before it where a manifest has several of the name. */
  readonly name: string;
  readonly namespace: string;
  /** The name of its Service in its namespace. */
  readonly service: string;
  readonly image: string;
  /** An app of this machine that takes the place of the image. */
  readonly localApp: string | undefined;
  /** Components to serve; empty: all. */
  readonly components: readonly string[];
  /** What the container's environment would be, but for the address. */
  readonly environment: Readonly<Record<string, string>>;
  /** TOML. */
  readonly runtimeConfig: string;
  /** Docker configurations with the logins of `imagePullSecrets`, as JSON. */
  readonly logins: readonly string[];
}

/** What is to be started, and what the user should know about it. */
export interface ManifestPlan {
  readonly apps: readonly AppPlan[];
  /** What this machine does otherwise than a cluster; one line each. */
  readonly notes: readonly string[];
}

/** Options of {@link planApps}. */
export interface PlanOptions {
  /** How messages name the manifest. */
  readonly file: string;
  /** App → the app of this machine that takes the place of its image. */
  readonly localApps: readonly (readonly [name: string, source: string])[];
  /** Variables that the user gives to all apps: their sources in the manifest may be missing. */
  readonly givenVariables: readonly string[];
  readonly hostname: string;
}

/**
 * Plans all apps of a manifest.
 * @throws {TerminalError} with everything that keeps apps from being started.
 */
export function planApps(manifest: KubeManifest, options: PlanOptions): ManifestPlan {
  const { file, localApps } = options;
  if (manifest.apps.length === 0) {
    throw new TerminalError(
      "NoSpinApp",
      `"${file}" holds no SpinApp (core.spinkube.dev/v1alpha1), so that there is nothing to serve`,
    );
  }
  const problems: string[] = [];
  const notes: string[] = [];
  const names = appNames(manifest.apps);
  for (const [name] of localApps) {
    if ([...names.values()].includes(name)) continue;
    problems.push(
      `--app ${name}=…: "${file}" has no SpinApp of this name, only ${
        [...names.values()].join(", ")
      }`,
    );
  }
  const apps = manifest.apps.flatMap((app) => {
    const name = names.get(app)!;
    try {
      const executor = findExecutor(app, manifest.executors);
      notes.push(...describeDifferences(app, executor).map((note) => `${name}: ${note}`));
      return [planApp(app, { ...options, name, manifest, executor, notes })];
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      problems.push(...error.message.split("\n").map((line) => `SpinApp "${name}": ${line}`));
      return [];
    }
  });
  if (problems.length > 0) throw new TerminalError("InvalidManifest", problems.join("\n"));
  if (manifest.others.length > 0) notes.push(`ignored: ${manifest.others.join(", ")}`);
  return { apps, notes };
}

function appNames(apps: readonly SpinApp[]): Map<SpinApp, string> {
  return new Map(apps.map((app) => {
    const { name, namespace = DEFAULT_NAMESPACE } = app.metadata;
    const isShared = apps.filter(({ metadata }) => metadata.name === name).length > 1;
    return [app, isShared ? `${namespace}.${name}` : name];
  }));
}

/** One of the app's namespace, else one of the cluster. */
function findExecutor(
  { spec, metadata }: SpinApp,
  executors: readonly SpinAppExecutor[],
): SpinAppExecutor | undefined {
  const named = executors.filter((executor) => executor.metadata.name === spec.executor);
  const { namespace = DEFAULT_NAMESPACE } = metadata;
  return named.find((executor) =>
    executor.kind === "SpinAppExecutor" &&
    (executor.metadata.namespace ?? DEFAULT_NAMESPACE) === namespace
  ) ?? named.find(({ kind }) => kind === "ClusterSpinAppExecutor");
}

interface AppContext extends PlanOptions {
  readonly name: string;
  readonly manifest: KubeManifest;
  readonly executor: SpinAppExecutor | undefined;
  readonly notes: string[];
}

/** @throws {TerminalError} with the problems of the app, one a line. */
function planApp(app: SpinApp, context: AppContext): AppPlan {
  const { name, manifest, localApps, notes } = context;
  const problems: string[] = [];
  const environment = collect(problems, () => planEnvironment(app, context));
  const runtimeConfig = collect(problems, () => planRuntimeConfig(app, manifest));
  if (problems.length > 0) throw new TerminalError("InvalidManifest", problems.join("\n"));
  const { namespace = DEFAULT_NAMESPACE } = app.metadata;
  const logins = (app.spec.imagePullSecrets ?? []).flatMap(({ name: secret = "" }) => {
    const values = manifest.values.get(valuesKey("Secret", { namespace, name: secret }));
    const login = values?.[".dockerconfigjson"];
    if (login !== undefined) return [login];
    notes.push(
      `${name}: the image pull secret "${secret}" is not in the manifest; the image is pulled with ` +
        "the logins of this machine",
    );
    return [];
  });
  return {
    name,
    namespace,
    service: app.metadata.name,
    image: app.spec.image,
    localApp: localApps.findLast(([app]) => app === name)?.[1],
    components: app.spec.components ?? [],
    environment: environment!,
    runtimeConfig: runtimeConfig!,
    logins,
  };
}

function collect<T>(problems: string[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    problems.push(errorText(error));
    return undefined;
  }
}

/** Said otherwise by this machine: where to listen, and which components to serve. */
const OWN_VARIABLES: readonly string[] = ["SPIN_HTTP_LISTEN_ADDR", "SPIN_COMPONENTS_TO_RETAIN"];

function planEnvironment(app: SpinApp, context: AppContext): Record<string, string> {
  const { manifest, executor, hostname, givenVariables, file } = context;
  const all: EnvVar[] = buildEnvironment(app, executor?.spec.deploymentConfig ?? {});
  const { values, missing } = resolveEnvironment(
    all.filter(({ name }) => !OWN_VARIABLES.includes(name)),
    { app, values: manifest.values, hostname },
  );
  const given = givenVariables.map((name) => VARIABLE_PREFIX + name.toUpperCase());
  const problems = [...missing].filter(([name]) => !given.includes(name)).map(([name, reason]) =>
    describeMissing(name, { reason, file })
  );
  if (problems.length > 0) throw new TerminalError("MissingValue", problems.join("\n"));
  return { ...values };
}

function describeMissing(
  name: string,
  { reason, file }: { reason: string; file: string },
): string {
  if (!name.startsWith(VARIABLE_PREFIX)) {
    return `env "${name}": ${reason}; add the object to "${file}"`;
  }
  const variable = name.slice(VARIABLE_PREFIX.length).toLowerCase();
  return `variable "${variable}": ${reason}; add the object to "${file}", or give ` +
    `--variable ${variable}=VALUE`;
}

/** @throws {TerminalError} if what it is made from is not in the manifest. */
function planRuntimeConfig(app: SpinApp, { values }: KubeManifest): string {
  const { namespace } = app.metadata;
  const secret = app.spec.runtimeConfig?.loadFromSecret;
  if (secret) {
    const { key } = MOUNTED.runtimeConfig;
    const text = values.get(valuesKey("Secret", { namespace, name: secret }))?.[key];
    if (text !== undefined) return text;
    throw new TerminalError(
      "MissingValue",
      `runtimeConfig.loadFromSecret: the Secret "${secret}" with the key "${key}" is not in the ` +
        "manifest; add it",
    );
  }
  const missing = configSources(app).filter(({ kind, name }) =>
    !values.has(valuesKey(kind, { namespace, name }))
  );
  if (missing.length > 0) {
    throw new TerminalError(
      "MissingValue",
      missing.map(({ kind, name }) =>
        `runtimeConfig: the ${kind} "${name}" is not in the manifest; add it`
      ).join("\n"),
    );
  }
  return formatRuntimeConfig(
    app,
    ({ kind, name }) => values.get(valuesKey(kind, { namespace, name })) ?? {},
  );
}

/** Fields that say how a cluster runs pods, and nothing about the app. */
const CLUSTER_FIELDS = [
  "affinity",
  "checks",
  "nodeSelector",
  "podSecurityContext",
  "priorityClassName",
  "schedulerName",
  "securityContext",
  "serviceAccountName",
  "tolerations",
  "topologySpreadConstraints",
] as const;

/** What this machine does otherwise than a cluster. */
function describeDifferences(
  { spec }: SpinApp,
  executor: SpinAppExecutor | undefined,
): string[] {
  const notes: string[] = [];
  const { replicas = 1, enableAutoscaling = false, resources } = spec;
  if (enableAutoscaling) notes.push("it is not scaled automatically; one process serves it");
  else if (replicas > 1) notes.push(`one process serves it instead of ${replicas} pods`);
  else if (replicas === 0) notes.push("it is served, though it has 0 replicas");
  if (resources?.limits || resources?.requests) {
    notes.push("resources do not limit it (--max-instance-memory and --workers do)");
  }
  if (spec.volumes?.length || spec.volumeMounts?.length) notes.push("volumes are not mounted");
  const fields = CLUSTER_FIELDS.filter((field) => spec[field] !== undefined);
  if (fields.length > 0) notes.push(`without effect here: ${fields.join(", ")}`);
  if (executor?.spec.createDeployment === false) {
    notes.push(`the executor "${spec.executor}" makes no pods; it is served all the same`);
  }
  const { spinImage, caCertSecret, installDefaultCACerts } = executor?.spec.deploymentConfig ?? {};
  if (spinImage) notes.push(`this program serves it, not the Spin of the image "${spinImage}"`);
  if (caCertSecret || installDefaultCACerts) {
    notes.push("the CA certificates of this machine are used, not those of its executor");
  }
  return notes;
}

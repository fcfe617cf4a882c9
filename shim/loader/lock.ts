/**
 * Normalized manifest to locked app. Pure: where the content is has been found out before.
 *
 * @module
 */

import { serviceChainingTarget } from "./allowed_hosts.ts";
import type {
  ContentRef,
  Json,
  JsonObject,
  LockedApp,
  LockedComponent,
  LockedDependency,
  LockedTrigger,
  LockedVariable,
} from "./locked_app.ts";
import type { InheritSetting, ManifestBuild, ManifestSource } from "./manifest.ts";
import { attachTriggerDependencies } from "./lock_trigger_dependencies.ts";
import type { NormalComponent, NormalDependency, NormalManifest } from "./normalize.ts";
import { triggerConfig } from "./trigger_config.ts";

/** Where the content of an app is. */
export interface AppContents {
  /** By {@link sourceKey}. */
  readonly sources: ReadonlyMap<string, ContentRef>;
  /** The mounts of each component that has some. */
  readonly files: ReadonlyMap<string, ({ path: string } & ContentRef)[]>;
  /** `file:` URL of the manifest; undefined if there is none. */
  readonly origin: string | undefined;
}

/** Equal for sources that are the same. */
export function sourceKey(source: ManifestSource): string {
  return JSON.stringify(Object.entries(source).sort());
}

/**
 * Builds the locked app. What is empty is left out and keys are ordered as Spin has them, so that
 * equal manifests give equal bytes.
 *
 * @throws {Error} if the content of a source has not been found out.
 */
export function lockManifest(manifest: NormalManifest, contents: AppContents): LockedApp {
  const components = [...manifest.components]
    .map(([id, component]) => lockComponent(component, { id, contents }));
  const triggers = manifest.triggers.map((trigger): LockedTrigger => ({
    id: trigger.id,
    trigger_type: trigger.type,
    trigger_config: sortKeys(triggerConfig(trigger)),
    ...withEntries("trigger_dependencies", lockTriggerDependencies(trigger.dependencies, contents)),
  }));
  const attached = attachTriggerDependencies(triggers, components);
  const hasRequirements = attached.components.some((component) => component.host_requirements);
  const app: LockedApp = {
    spin_lock_version: hasRequirements ? 1 : 0,
    ...(hasRequirements ? { must_understand: ["component_host_requirements"] } : {}),
    metadata: lockMetadata(manifest, contents),
    ...withEntries("variables", lockVariables(manifest.variables)),
    triggers: attached.triggers,
    components: attached.components,
  };
  // One plain copy: parts of the manifest must not be shared with, or differ in kind from, an app
  // that was read from a file.
  return JSON.parse(JSON.stringify(app));
}

function lockMetadata(manifest: NormalManifest, { origin }: AppContents): JsonObject {
  const { application, profile, triggers } = manifest;
  const globals: JsonObject = Object.create(null);
  for (const [type, { config }] of application.triggers) globals[type] = config;
  const types = new Set(triggers.map(({ type }) => type));
  const [onlyType] = types;
  const single = types.size === 1 && onlyType !== undefined
    ? { trigger: { ...application.triggers.get(onlyType)?.config, type: onlyType } }
    : {};
  return sortKeys({
    ...withoutEmpty({
      name: application.name,
      version: application.version,
      description: application.description,
      authors: [...application.authors],
    }),
    ...(origin === undefined ? {} : { origin }),
    ...(profile === undefined ? {} : { profile }),
    ...single,
    triggers: globals,
  });
}

function lockVariables(variables: NormalManifest["variables"]): Record<string, LockedVariable> {
  return sortedRecord(variables.map((variable) => [variable.name, {
    ...(variable.description ? { description: variable.description } : {}),
    ...(variable.default === undefined ? {} : { default: variable.default }),
    ...(variable.isSecret ? { secret: true as const } : {}),
  }]));
}

function lockComponent(
  component: NormalComponent,
  { id, contents }: { id: string; contents: AppContents },
): LockedComponent {
  const hosts = component.allowedOutboundHosts.map(({ text }) => text);
  const metadata = sortKeys(withoutEmpty({
    description: component.description,
    allowed_outbound_hosts: hosts,
    key_value_stores: [...component.keyValueStores],
    databases: [...component.sqliteDatabases],
    ai_models: [...component.aiModels],
    ...(component.build ? { build: lockBuild(component.build) } : {}),
  }));
  const isChaining = hosts.some((host) => serviceChainingTarget(host) !== undefined);
  return {
    id,
    ...withEntries("metadata", metadata),
    source: lockSource(component.source, contents),
    ...withEntries("env", sortedRecord(component.environment)),
    ...(contents.files.has(id) ? { files: contents.files.get(id)! } : {}),
    ...withEntries("config", sortedRecord(component.variables)),
    ...withEntries(
      "dependencies",
      sortedRecord(component.dependencies.map((dependency) => [
        dependency.name,
        lockDependency(dependency, contents),
      ])),
    ),
    ...(isChaining ? { host_requirements: { local_service_chaining: "required" } } : {}),
  };
}

function lockBuild({ command, workdir, watch }: ManifestBuild): JsonObject {
  return {
    command: typeof command === "string" ? command : [...command],
    ...(workdir === undefined ? {} : { workdir }),
    ...(watch.length === 0 ? {} : { watch: [...watch] }),
  };
}

function lockSource(
  source: ManifestSource | undefined,
  contents: AppContents,
): LockedComponent["source"] {
  const content = source && contents.sources.get(sourceKey(source));
  if (!content) throw new Error("Cannot lock a component before its source has been found");
  return { content_type: "application/wasm", ...content };
}

function lockDependency(dependency: NormalDependency, contents: AppContents): LockedDependency {
  const { inherit } = dependency;
  return {
    source: lockSource(dependency.source, contents),
    export: dependency.export,
    ...lockInheritance(inherit),
  };
}

function lockInheritance(inherit: InheritSetting): Pick<LockedDependency, "inherit"> {
  if (inherit === undefined || inherit === "All") return inherit ? { inherit } : {};
  return inherit.Some.length === 0 ? {} : { inherit: { Some: [...inherit.Some] } };
}

function lockTriggerDependencies(
  roles: readonly (readonly [string, readonly NormalDependency[]])[],
  contents: AppContents,
): Record<string, LockedDependency[]> {
  return sortedRecord(
    roles.filter(([, dependencies]) => dependencies.length > 0).map(([role, dependencies]) => [
      role,
      dependencies.map((dependency) => lockDependency(dependency, contents)),
    ]),
  );
}

/** `{ [key]: value }`, or nothing if `value` has no entries. */
function withEntries<Key extends string, Value extends object>(
  key: Key,
  value: Value,
): { [K in Key]?: Value } {
  return Object.keys(value).length === 0 ? {} : { [key]: value } as { [K in Key]?: Value };
}

function withoutEmpty(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) =>
      value !== "" && !(Array.isArray(value) && value.length === 0)
    ),
  );
}

function sortedRecord<Value>(
  entries: Iterable<readonly [string, Value]>,
): Record<string, Value> {
  const record: Record<string, Value> = Object.create(null);
  for (const [key, value] of [...entries].sort(compareKeys)) record[key] = value;
  return record;
}

function sortKeys(object: JsonObject): JsonObject {
  return sortedRecord(
    Object.entries(object).map(([key, value]) => [key, sortValue(value)] as const),
  );
}

function sortValue(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortValue);
  return typeof value === "object" && value !== null ? sortKeys(value) : value;
}

function compareKeys(
  [left]: readonly [string, unknown],
  [right]: readonly [string, unknown],
): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

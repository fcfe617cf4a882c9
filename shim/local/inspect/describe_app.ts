/**
 * An app as `inspect` shows it.
 *
 * @module
 */

import { fromFileUrl } from "../../../lib/file_url.ts";
import { join } from "../../../lib/path.ts";
import { type ComponentReport, reportComponent } from "../../host/component_report.ts";
import type { Json, JsonObject, LockedApp, LockedComponent } from "../../loader/mod.ts";

/** An app. Everything can be written as JSON. */
export interface AppDescription {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Path of the manifest, or the image's reference. */
  readonly source: string;
  /** Of an image's manifest; null for an app of this machine. */
  readonly digest: string | null;
  readonly triggers: readonly TriggerDescription[];
  readonly variables: readonly VariableDescription[];
  readonly components: readonly ComponentDescription[];
  /** Whether this program can run all of it. */
  readonly runnable: boolean;
}

/** A trigger, with its own configuration. */
export interface TriggerDescription {
  readonly type: string;
  readonly component: string | null;
  /** What sets it off: a route, a channel, a schedule. */
  readonly on: string;
}

/** A variable of the app. */
export interface VariableDescription {
  readonly name: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** Null if there is none, or it is a secret. */
  readonly default: string | null;
}

/** A component: its permissions, its files and its Wasm. */
export interface ComponentDescription {
  readonly id: string;
  readonly description: string;
  readonly allowedOutboundHosts: readonly string[];
  readonly keyValueStores: readonly string[];
  readonly sqliteDatabases: readonly string[];
  readonly aiModels: readonly string[];
  /** Names of the environment variables it gets. */
  readonly environment: readonly string[];
  readonly dependencies: readonly string[];
  readonly files: { readonly count: number; readonly bytes: number };
  readonly wasm: ComponentReport;
}

/** Where an app came from. */
export interface AppOrigin {
  readonly source: string;
  readonly digest: string | undefined;
}

/** Describes a loaded app. @throws {TerminalError} if a source is no file. */
export async function describeApp(app: LockedApp, origin: AppOrigin): Promise<AppDescription> {
  const components: ComponentDescription[] = [];
  for (const component of app.components) components.push(await describeComponent(component));
  const { metadata } = app;
  return {
    name: textOf(metadata.name),
    version: textOf(metadata.version),
    description: textOf(metadata.description),
    source: origin.source,
    digest: origin.digest ?? null,
    triggers: app.triggers.map(({ trigger_type: type, trigger_config: config }) => ({
      type,
      component: typeof config.component === "string" ? config.component : null,
      on: describeEvent(type, config),
    })),
    variables: Object.entries(app.variables ?? {}).map(([name, variable]) => ({
      name,
      required: variable.default === undefined,
      secret: variable.secret === true,
      default: variable.secret ? null : variable.default ?? null,
    })),
    components,
    runnable: components.every(({ wasm }) => wasm.kind !== undefined && wasm.missing.length === 0),
  };
}

async function describeComponent(component: LockedComponent): Promise<ComponentDescription> {
  const { id, metadata = {}, env = {}, dependencies = {} } = component;
  return {
    id,
    description: textOf(metadata.description),
    allowedOutboundHosts: textsOf(metadata.allowed_outbound_hosts),
    keyValueStores: textsOf(metadata.key_value_stores),
    sqliteDatabases: textsOf(metadata.databases),
    aiModels: textsOf(metadata.ai_models),
    environment: Object.keys(env),
    dependencies: Object.keys(dependencies),
    files: await measureFiles(component),
    wasm: await reportComponent(component),
  };
}

/** The keys of each kind of trigger that say what sets it off. */
const EVENT_KEYS: Readonly<Record<string, readonly string[]>> = {
  http: ["route"],
  redis: ["channel"],
  mqtt: ["topic"],
  cron: ["cron_expression"],
  sqs: ["queue_url"],
};

function describeEvent(type: string, config: JsonObject): string {
  const key = EVENT_KEYS[type]?.find((candidate) => config[candidate] !== undefined);
  const value = key === undefined ? undefined : config[key];
  if (typeof value === "string") return value;
  const isPrivate = typeof value === "object" && value !== null && "private" in value;
  return isPrivate ? "private" : value === undefined ? "" : JSON.stringify(value);
}

async function measureFiles(
  { files = [] }: LockedComponent,
): Promise<{ count: number; bytes: number }> {
  const total = { count: 0, bytes: 0 };
  async function measure(path: string): Promise<void> {
    const info = await Deno.stat(path);
    if (!info.isDirectory) {
      total.count++;
      total.bytes += info.size;
      return;
    }
    for await (const { name } of Deno.readDir(path)) await measure(join(path, name));
  }
  for (const { source } of files) {
    if (source?.startsWith("file:")) await measure(fromFileUrl(source));
  }
  return total;
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

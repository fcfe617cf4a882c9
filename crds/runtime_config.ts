/**
 * The runtime configuration that is made for an app.
 *
 * @module
 */

import { VARIABLE_PREFIX } from "./contract.ts";
import type { Backend, BackendOption, NamedBackend, SpinApp } from "./spin_app.ts";
import { TerminalError } from "../lib/errors.ts";
import { formatTable, formatTables, type TextTable } from "./toml_text.ts";

/** A Secret or ConfigMap of the app's namespace. */
export interface ConfigSource {
  readonly kind: "Secret" | "ConfigMap";
  readonly name: string;
}

/** The values of a source, decoded. A key that is not there is empty. */
export type SourceValues = (source: ConfigSource) => Readonly<Record<string, string>>;

/** The Secrets and ConfigMaps that the configuration is made from, each once. */
export function configSources({ spec }: SpinApp): ConfigSource[] {
  const config = spec.runtimeConfig;
  if (!config || config.loadFromSecret) return [];
  const found = new Map<string, ConfigSource>();
  for (const { options = [] } of allBackends(config)) {
    for (const option of options) {
      const source = sourceOf(option)?.source;
      if (source) found.set(`${source.kind}/${source.name}`, source);
    }
  }
  return [...found.values()];
}

/** Where the value of an option comes from; a value of its own wins. */
function sourceOf(
  { value, valueFrom }: BackendOption,
): { source: ConfigSource; key: string } | undefined {
  if (value) return undefined;
  const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
  if (configMapKeyRef) {
    const { name = "", key } = configMapKeyRef;
    return { source: { kind: "ConfigMap", name }, key };
  }
  if (!secretKeyRef) return undefined;
  return { source: { kind: "Secret", name: secretKeyRef.name ?? "" }, key: secretKeyRef.key };
}

function allBackends(config: NonNullable<SpinApp["spec"]["runtimeConfig"]>): Backend[] {
  const { keyValueStores = [], sqliteDatabases = [], llmCompute, variableProviders = [] } = config;
  return [
    ...variableProviders,
    ...keyValueStores,
    ...sqliteDatabases,
    ...(llmCompute ? [llmCompute] : []),
  ];
}

/**
 * The configuration as TOML, byte for byte as SpinKube's operator writes it.
 * @throws {TerminalError} if a name occurs twice.
 */
export function formatRuntimeConfig({ spec }: SpinApp, values: SourceValues): string {
  const { keyValueStores = [], sqliteDatabases = [], llmCompute, variableProviders = [] } =
    spec.runtimeConfig ?? {};
  const sections = [
    ...variableProviders.map((backend) => provider(backendTable(backend, values))),
    // In the file's own order, which for this one is not that of the alphabet.
    `[[config_provider]]\ntype = 'env'\nprefix = '${VARIABLE_PREFIX}'\n`,
    ...named("key_value_store", { backends: keyValueStores, what: "key value store", values }),
    ...named("sqlite_database", { backends: sqliteDatabases, what: "sqlite database", values }),
    ...(llmCompute ? [`[llm_compute]\n${formatTable(backendTable(llmCompute, values))}`] : []),
  ];
  return sections.join("\n");
}

function provider(table: TextTable): string {
  return `[[config_provider]]\n${formatTable(table)}`;
}

function named(
  header: string,
  { backends, what, values }: {
    backends: readonly NamedBackend[];
    what: string;
    values: SourceValues;
  },
): string[] {
  if (backends.length === 0) return [];
  const tables: Record<string, TextTable> = Object.create(null);
  for (const backend of backends) {
    if (tables[backend.name]) {
      throw new TerminalError(
        "InvalidRuntimeConfig",
        `failed to construct RuntimeConfig: duplicate definition for ${what} with name: ` +
          backend.name,
      );
    }
    tables[backend.name] = backendTable(backend, values);
  }
  return [formatTables(header, tables)];
}

/** An option given twice counts as it was given last, and one called `type` wins over the type. */
function backendTable({ type, options = [] }: Backend, values: SourceValues): TextTable {
  const table: Record<string, string> = Object.create(null);
  table.type = type;
  for (const option of options) table[option.name] = optionValue(option, values);
  return table;
}

function optionValue(option: BackendOption, values: SourceValues): string {
  const found = sourceOf(option);
  if (!found) return option.value ?? "";
  const all = values(found.source);
  return Object.hasOwn(all, found.key) ? all[found.key]! : "";
}

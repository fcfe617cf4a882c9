/**
 * The operator's `runtime-config.toml`: which stores stand behind the labels of an app, where
 * variables come from and which networks are closed.
 *
 * `loadRuntimeConfig` reads the file, `resolveRuntimeConfig` (in `runtime_config_defaults.ts`)
 * merges it with flags and defaults.
 *
 * @module
 */

import { isAbsolute, join } from "node:path";
import { ManifestError } from "../../lib/errors.ts";
import { nearest, suggest } from "../../lib/nearest.ts";
import { parseTomlDocument, type TomlTable, type TomlValue } from "../loader/toml_document.ts";
import { type ConfigReader, createConfigReader } from "./_config_reader.ts";
import { createBlockedNetworks } from "./ip_networks.ts";
import { readLlmCompute, type RemoteLlmConfig } from "./_llm_config.ts";
import { readVariableProviders, type VariableProviderConfig } from "./variable_providers.ts";

export type { RemoteLlmConfig } from "./_llm_config.ts";
export type { VariableProviderConfig } from "./variable_providers.ts";

/** A key-value store; `spin` keeps it in a SQLite file. */
export interface KeyValueStoreConfig {
  readonly type: "spin";
  /** Absolute path of the SQLite file. */
  readonly path: string;
  /** The file lives as long as the process: durability is not needed. */
  readonly isTemporary: boolean;
}

/** A SQLite database; `spin` keeps it in a file. */
export interface SqliteDatabaseConfig extends KeyValueStoreConfig {
  /** Whether guests may `ATTACH` other files. */
  readonly allowAttachFile: boolean;
}

/** Limits of outbound connections. Each isolate counts its own; 0 admits none, undefined has no limit. */
export interface OutboundNetworkingConfig {
  /** CIDRs, and `private` for every address that is not global. */
  readonly blockNetworks: readonly string[];
  readonly maxSocketConnections?: number;
  readonly maxTotalConnections?: number;
}

/** Settings of outbound HTTP. */
export interface OutboundHttpConfig {
  /** Whether connections are kept for the next request. */
  readonly connectionPooling: boolean;
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
}

/** Settings of outbound Redis. */
export interface OutboundRedisConfig {
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
}

/** Settings of outbound MQTT. */
export interface OutboundMqttConfig {
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
  /** Bytes of one message; undefined: as many as the protocol allows. */
  readonly maxPayloadSizeBytes?: number;
}

/** Settings of outbound PostgreSQL or MySQL. */
export interface OutboundSqlConfig {
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
}

/** What a file says that neither flags nor defaults change. */
interface FileSettings {
  readonly outboundNetworking: OutboundNetworkingConfig;
  readonly outboundHttp: OutboundHttpConfig;
  readonly outboundRedis?: OutboundRedisConfig;
  readonly outboundMqtt?: OutboundMqttConfig;
  readonly outboundPg?: OutboundSqlConfig;
  readonly outboundMysql?: OutboundSqlConfig;
  /** Where models run; undefined: nowhere. */
  readonly llmCompute?: RemoteLlmConfig;
}

/** The merged configuration: plain data that can be posted to a worker. */
export interface RuntimeConfig extends FileSettings {
  /** Absolute; undefined if nothing is kept. */
  readonly stateDir?: string;
  /** Absolute; undefined if guest output is not written to files. */
  readonly logDir?: string;
  /** Bytes of linear memory one instance may have. */
  readonly maxInstanceMemory?: number;
  readonly keyValueStores: Readonly<Record<string, KeyValueStoreConfig>>;
  readonly sqliteDatabases: Readonly<Record<string, SqliteDatabaseConfig>>;
  /** In the order they are asked; the environment provider that always exists is not in here. */
  readonly variableProviders: readonly VariableProviderConfig[];
}

/** What one file says, before flags and defaults. Paths are absolute; `""` means unset on purpose. */
export interface ParsedRuntimeConfig extends FileSettings {
  /** The file, for messages. */
  readonly file: string;
  readonly stateDir?: string;
  readonly logDir?: string;
  readonly maxInstanceMemory?: number;
  /** Without a path: in memory. */
  readonly keyValueStores: Readonly<Record<string, { readonly path?: string }>>;
  readonly sqliteDatabases: Readonly<
    Record<string, { readonly path?: string; readonly allowAttachFile: boolean }>
  >;
  readonly variableProviders: readonly VariableProviderConfig[];
}

/** Where {@link loadRuntimeConfig} finds what the text refers to. */
export interface LoadRuntimeConfigOptions {
  /** Path of the file; paths of key-value stores are relative to its directory. */
  readonly file: string;
  /** Current directory; all other relative paths start there. */
  readonly cwd: string;
  /** Reads a `dotenv_path`. A file that does not exist counts as empty. Default: the file system. */
  readonly readTextFile?: (path: string) => string;
}

const TOP_LEVEL_KEYS = [
  "state_dir",
  "log_dir",
  "max_instance_memory",
  "key_value_store",
  "sqlite_database",
  "llm_compute",
  "variables_provider",
  "config_provider",
  "outbound_networking",
  "client_tls",
  "outbound_http",
  "outbound_redis",
  "outbound_pg",
  "outbound_mysql",
  "outbound_mqtt",
] as const;

/** Store types that Spin knows and this version does not offer. */
const OTHER_KEY_VALUE_TYPES = ["redis", "azure_cosmos", "aws_dynamo"];
const OTHER_SQLITE_TYPES = ["libsql"];

/**
 * Parses the text of a `runtime-config.toml`.
 * @throws {ManifestError} with every problem: wrong TOML, unused keys, wrong types, unknown store
 * kinds, and kinds that Spin has but this version has not.
 */
export function loadRuntimeConfig(
  text: string,
  options: LoadRuntimeConfigOptions,
): ParsedRuntimeConfig {
  const document = parseTomlDocument(text, options.file);
  const { root } = document;
  const reader = createConfigReader(document);
  const stateDir = reader.string([], root, "state_dir");
  const logDir = reader.string([], root, "log_dir");
  const maxInstanceMemory = reader.integer([], root, "max_instance_memory", 1);
  const llmCompute = readLlmCompute(reader, root);
  const resolve = (path: string) => path === "" ? "" : absolutePath(options.cwd, path);
  const parsed: ParsedRuntimeConfig = {
    file: options.file,
    ...(stateDir === undefined ? {} : { stateDir: resolve(stateDir) }),
    ...(logDir === undefined ? {} : { logDir: resolve(logDir) }),
    ...(maxInstanceMemory === undefined ? {} : { maxInstanceMemory }),
    keyValueStores: readKeyValueStores(reader, root, options),
    sqliteDatabases: readSqliteDatabases(reader, root, options),
    variableProviders: readVariableProviders(reader, root, options),
    outboundNetworking: readOutboundNetworking(reader, root),
    outboundHttp: readOutboundHttp(reader, root),
    ...readOutboundRedis(reader, root),
    ...readOutboundMqtt(reader, root),
    ...readOutboundSql(reader, root),
    ...(llmCompute ? { llmCompute } : {}),
  };
  checkUnsupported(reader, root);
  checkUnused(reader, root);
  if (reader.problems.length > 0) throw new ManifestError(reader.problems);
  return parsed;
}

function absolutePath(base: string, path: string): string {
  return isAbsolute(path) ? path : join(base, path);
}

function readKeyValueStores(
  reader: ConfigReader,
  root: TomlTable,
  options: LoadRuntimeConfigOptions,
): ParsedRuntimeConfig["keyValueStores"] {
  const stores: Record<string, { path?: string }> = {};
  for (const { label, path, table } of labelledTables(reader, root, "key_value_store")) {
    const type = reader.requiredString(path, table, "type");
    if (type !== "spin") {
      reportType(reader, { path, label, type, others: OTHER_KEY_VALUE_TYPES, what: "key-value" });
      continue;
    }
    reader.unknownKeys(path, table, ["type", "path"]);
    const file = reader.string(path, table, "path");
    const base = join(absolutePath(options.cwd, options.file), "..");
    stores[label] = file === undefined ? {} : { path: absolutePath(base, file) };
  }
  return stores;
}

function readSqliteDatabases(
  reader: ConfigReader,
  root: TomlTable,
  options: LoadRuntimeConfigOptions,
): ParsedRuntimeConfig["sqliteDatabases"] {
  const databases: Record<string, { path?: string; allowAttachFile: boolean }> = {};
  for (const { label, path, table } of labelledTables(reader, root, "sqlite_database")) {
    const type = reader.requiredString(path, table, "type");
    if (type !== "spin") {
      reportType(reader, { path, label, type, others: OTHER_SQLITE_TYPES, what: "database" });
      continue;
    }
    reader.unknownKeys(path, table, ["type", "path", "allow_attach_file"]);
    const file = reader.string(path, table, "path");
    databases[label] = {
      ...(file === undefined ? {} : { path: absolutePath(options.cwd, file) }),
      allowAttachFile: reader.boolean(path, table, "allow_attach_file") ?? false,
    };
  }
  return databases;
}

function labelledTables(
  reader: ConfigReader,
  root: TomlTable,
  key: string,
): { label: string; path: string[]; table: TomlTable }[] {
  if (root[key] === undefined) return [];
  const all = reader.table([key], root[key]);
  return Object.entries(all ?? {}).flatMap(([label, value]) => {
    const path = [key, label];
    const table = reader.table(path, value);
    return table ? [{ label, path, table }] : [];
  });
}

interface WrongType {
  readonly path: readonly string[];
  readonly label: string;
  readonly type: string | undefined;
  readonly others: readonly string[];
  readonly what: "key-value" | "database";
}

function reportType(reader: ConfigReader, { path, label, type, others, what }: WrongType): void {
  // Absent, or not a string: reported already.
  if (type === undefined) return;
  const at = [...path, "type"];
  if (others.includes(type)) {
    reader.problem(
      at,
      `the ${what} type "${type}" of label "${label}" is not supported yet by this version; ` +
        `use type = "spin"`,
    );
    return;
  }
  const hint = `; ${suggest(type, ["spin", ...others])}`;
  reader.problem(
    at,
    what === "database"
      ? `Unknown database kind: ${type}${hint}`
      : `Unknown key-value store type "${type}" of label "${label}"${hint}`,
  );
}

function readOutboundNetworking(
  reader: ConfigReader,
  root: TomlTable,
): OutboundNetworkingConfig {
  const path = ["outbound_networking"];
  if (root.outbound_networking === undefined) return { blockNetworks: [] };
  const table = reader.table(path, root.outbound_networking);
  if (!table) return { blockNetworks: [] };
  reader.unknownKeys(path, table, [
    "block_networks",
    "max_socket_connections",
    "max_total_connections",
  ]);
  const at = [...path, "block_networks"];
  const blockNetworks = reader.array(at, table.block_networks).filter((network, i) => {
    const problem = networkProblem(network);
    if (problem) reader.problem([...at, i], problem);
    return !problem;
  }) as string[];
  const maxSocketConnections = reader.integer(path, table, "max_socket_connections", 0);
  const maxTotalConnections = reader.integer(path, table, "max_total_connections", 0);
  return {
    blockNetworks,
    ...(maxSocketConnections === undefined ? {} : { maxSocketConnections }),
    ...(maxTotalConnections === undefined ? {} : { maxTotalConnections }),
  };
}

function networkProblem(network: TomlValue): string | undefined {
  if (typeof network !== "string") return "block_networks must be a list of strings";
  try {
    createBlockedNetworks([network]);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function readOutboundHttp(
  reader: ConfigReader,
  root: TomlTable,
): OutboundHttpConfig {
  const path = ["outbound_http"];
  const defaults = { connectionPooling: true };
  if (root.outbound_http === undefined) return defaults;
  const table = reader.table(path, root.outbound_http);
  if (!table) return defaults;
  reader.unknownKeys(path, table, [
    "connection_pooling",
    "max_connections",
    "max_concurrent_requests",
  ]);
  const connections = reader.integer(path, table, "max_connections", 0);
  const requests = reader.integer(path, table, "max_concurrent_requests", 0);
  if (table.max_connections !== undefined && table.max_concurrent_requests !== undefined) {
    reader.problem(
      [...path, "max_concurrent_requests"],
      'give either "max_connections" or the deprecated "max_concurrent_requests", not both',
    );
  }
  // Spin has always counted the deprecated key from one less.
  const maxConnections = connections ?? (requests === undefined ? undefined : requests + 1);
  return {
    connectionPooling: reader.boolean(path, table, "connection_pooling") ?? true,
    ...(maxConnections === undefined ? {} : { maxConnections }),
  };
}

function readOutboundRedis(
  reader: ConfigReader,
  root: TomlTable,
): { outboundRedis?: OutboundRedisConfig } {
  const path = ["outbound_redis"];
  if (root.outbound_redis === undefined) return {};
  const table = reader.table(path, root.outbound_redis);
  if (!table) return {};
  reader.unknownKeys(path, table, ["max_connections"]);
  const maxConnections = reader.integer(path, table, "max_connections", 0);
  return { outboundRedis: maxConnections === undefined ? {} : { maxConnections } };
}

function readOutboundMqtt(
  reader: ConfigReader,
  root: TomlTable,
): { outboundMqtt?: OutboundMqttConfig } {
  const path = ["outbound_mqtt"];
  if (root.outbound_mqtt === undefined) return {};
  const table = reader.table(path, root.outbound_mqtt);
  if (!table) return {};
  reader.unknownKeys(path, table, ["max_connections", "max_payload_size_bytes"]);
  const maxConnections = reader.integer(path, table, "max_connections", 0);
  const maxPayloadSizeBytes = reader.integer(path, table, "max_payload_size_bytes", 0);
  return {
    outboundMqtt: {
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(maxPayloadSizeBytes === undefined ? {} : { maxPayloadSizeBytes }),
    },
  };
}

function readOutboundSql(
  reader: ConfigReader,
  root: TomlTable,
): { outboundPg?: OutboundSqlConfig; outboundMysql?: OutboundSqlConfig } {
  const outboundPg = readSqlLimits("outbound_pg", { reader, root });
  const outboundMysql = readSqlLimits("outbound_mysql", { reader, root });
  return { ...(outboundPg ? { outboundPg } : {}), ...(outboundMysql ? { outboundMysql } : {}) };
}

function readSqlLimits(
  key: "outbound_pg" | "outbound_mysql",
  { reader, root }: { reader: ConfigReader; root: TomlTable },
): OutboundSqlConfig | undefined {
  const table = root[key] === undefined ? undefined : reader.table([key], root[key]);
  if (!table) return undefined;
  reader.unknownKeys([key], table, ["max_connections"]);
  const maxConnections = reader.integer([key], table, "max_connections", 0);
  return maxConnections === undefined ? {} : { maxConnections };
}

function checkUnsupported(reader: ConfigReader, root: TomlTable): void {
  if (root.client_tls === undefined) return;
  reader.problem(["client_tls"], "client_tls is not supported yet by this version; remove it");
}

function checkUnused(reader: ConfigReader, root: TomlTable): void {
  const unused = Object.keys(root).filter((key) =>
    !(TOP_LEVEL_KEYS as readonly string[]).includes(key)
  );
  if (unused.length === 0) return;
  const hints = unused.map((key) => nearest(key, TOP_LEVEL_KEYS)).filter((key) =>
    key !== undefined
  );
  const hint = hints.length === 0
    ? ""
    : `; did you mean ${hints.map((key) => `"${key}"`).join(", ")}?`;
  reader.problem([unused[0]!], `unused runtime config key(s): ${unused.join(", ")}${hint}`);
}

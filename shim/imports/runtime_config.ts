/**
 * The operator's `runtime-config.toml`: which stores stand behind the labels of an app, where
 * variables come from and which networks are closed.
 *
 * `loadRuntimeConfig` reads the file, `resolveRuntimeConfig` (in `runtime_config_defaults.ts`)
 * merges it with flags and defaults.
 *
 * @module
 */

import { ManifestError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import { isAbsolute, join } from "../../lib/path.ts";
import { parseTomlDocument, type TomlTable } from "../loader/toml_document.ts";
import { type ClientTlsConfig, readClientTls } from "./_client_tls_config.ts";
import { type ConfigReader, createConfigReader } from "./_config_reader.ts";
import { readLlmCompute, type RemoteLlmConfig } from "./_llm_config.ts";
import { type OutboundConfig, readOutbound } from "./_outbound_config.ts";
import {
  type KeyValueStoreConfig,
  type ParsedKeyValueStore,
  type ParsedSqliteDatabase,
  readKeyValueStores,
  readSqliteDatabases,
  type SqliteDatabaseConfig,
} from "./_store_config.ts";
import { readVariableProviders, type VariableProviderConfig } from "./variable_providers.ts";

export type { ClientTlsConfig } from "./_client_tls_config.ts";
export type { RemoteLlmConfig } from "./_llm_config.ts";
export type {
  OutboundHttpConfig,
  OutboundMqttConfig,
  OutboundNetworkingConfig,
  OutboundRedisConfig,
  OutboundSqlConfig,
} from "./_outbound_config.ts";
export type {
  CosmosStoreConfig,
  DynamoStoreConfig,
  KeyValueStoreConfig,
  LibsqlConfig,
  LocalSqliteConfig,
  LocalStoreConfig,
  RedisStoreConfig,
  SqliteDatabaseConfig,
} from "./_store_config.ts";
export type { VariableProviderConfig } from "./variable_providers.ts";

/** What a file says that neither flags nor defaults change. */
interface FileSettings extends OutboundConfig {
  /** In file order; the first that fits a component and a host counts. */
  readonly clientTls: readonly ClientTlsConfig[];
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
  readonly keyValueStores: Readonly<Record<string, ParsedKeyValueStore>>;
  readonly sqliteDatabases: Readonly<Record<string, ParsedSqliteDatabase>>;
  readonly variableProviders: readonly VariableProviderConfig[];
}

/** Where {@link loadRuntimeConfig} finds what the text refers to. */
export interface LoadRuntimeConfigOptions {
  /** Path of the file; paths of key-value stores and certificates start in its directory. */
  readonly file: string;
  /** Current directory; all other relative paths start there. */
  readonly cwd: string;
  /**
   * Reads certificates and a `dotenv_path`, which counts as empty if it does not exist. Default: the
   * file system.
   */
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

/**
 * Parses the text of a `runtime-config.toml`.
 * @throws {ManifestError} with every problem: wrong TOML, unused keys, wrong types, unknown kinds of
 * stores and providers, values that cannot be right, files that cannot be read.
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
  const configDir = join(absolutePath(options.cwd, options.file), "..");
  const places = { configDir, cwd: options.cwd };
  const parsed: ParsedRuntimeConfig = {
    file: options.file,
    ...(stateDir === undefined ? {} : { stateDir: resolve(stateDir) }),
    ...(logDir === undefined ? {} : { logDir: resolve(logDir) }),
    ...(maxInstanceMemory === undefined ? {} : { maxInstanceMemory }),
    keyValueStores: readKeyValueStores(reader, root, places),
    sqliteDatabases: readSqliteDatabases(reader, root, places),
    variableProviders: readVariableProviders(reader, root, options),
    ...readOutbound(reader, root),
    clientTls: readClientTls(reader, root, { ...options, configDir: places.configDir }),
    ...(llmCompute ? { llmCompute } : {}),
  };
  checkUnused(reader, root);
  if (reader.problems.length > 0) throw new ManifestError(reader.problems);
  return parsed;
}

function absolutePath(base: string, path: string): string {
  return isAbsolute(path) ? path : join(base, path);
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

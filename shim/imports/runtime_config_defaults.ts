/**
 * Merges the runtime configuration file with flags and defaults, checks an app against the result,
 * and says what the user should know about it.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { suggest } from "../../lib/nearest.ts";
import { isAbsolute, join } from "../../lib/path.ts";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { componentLabels } from "./labels.ts";
import { parseRedisAddress } from "./_redis_address.ts";
import type {
  KeyValueStoreConfig,
  ParsedRuntimeConfig,
  RuntimeConfig,
  SqliteDatabaseConfig,
} from "./runtime_config.ts";

/** The label every app may use without configuration. */
const DEFAULT_LABEL = "default";

/**
 * A private directory for stores that live as long as the process. Files rather than memory, since
 * every isolate of the process has to see the same data.
 */
export interface TemporaryStores extends AsyncDisposable {
  /** The file for `name`. The first call creates the directory. */
  path(name: string): string;
  /** Deletes everything. May be called more than once; call it when all connections are closed. */
  remove(): Promise<void>;
}

/**
 * Creates nothing yet; see {@link TemporaryStores}. The caller removes it at the end.
 * @param options.parent Where the directory is made; default: the system's temporary directory.
 */
export function createTemporaryStores(options: { parent?: string } = {}): TemporaryStores {
  let directory: string | undefined;
  async function remove(): Promise<void> {
    if (!directory) return;
    const gone = directory;
    directory = undefined;
    await removeIfThere(gone, { recursive: true });
  }
  return {
    path(name) {
      directory ??= Deno.makeTempDirSync({
        prefix: "spinkube-stores-",
        ...(options.parent === undefined ? {} : { dir: options.parent }),
      });
      return join(directory, `${encodeURIComponent(name)}.db`);
    },
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

/** What {@link resolveRuntimeConfig} merges, strongest first: flags, file, defaults. */
export interface RuntimeConfigSources {
  /** The file, if there is one. */
  readonly parsed?: ParsedRuntimeConfig;
  /** `--state-dir`; `""` means none. */
  readonly stateDirFlag?: string;
  /** `--log-dir` or `SPIN_LOG_DIR`; `""` means no log files. */
  readonly logDirFlag?: string;
  /** `--max-instance-memory` or its environment variable, in bytes. */
  readonly maxInstanceMemoryFlag?: number;
  /** Directory of the manifest of a local app; undefined for any other app. */
  readonly appDir?: string;
  /** Relative directories start here. */
  readonly cwd: string;
  /** Holds the stores without a path. */
  readonly temporary: TemporaryStores;
}

/** Merges all sources; every path in the result is absolute. */
export function resolveRuntimeConfig(sources: RuntimeConfigSources): RuntimeConfig {
  const { parsed, cwd } = sources;
  const fallbackState = sources.appDir === undefined ? "" : join(sources.appDir, ".spin");
  const stateDir = absolute(cwd, sources.stateDirFlag ?? parsed?.stateDir ?? fallbackState);
  const fallbackLogs = stateDir === "" ? "" : join(stateDir, "logs");
  const logDir = absolute(cwd, sources.logDirFlag ?? parsed?.logDir ?? fallbackLogs);
  const maxInstanceMemory = sources.maxInstanceMemoryFlag ?? parsed?.maxInstanceMemory;
  return {
    ...(stateDir === "" ? {} : { stateDir }),
    ...(logDir === "" ? {} : { logDir }),
    ...(maxInstanceMemory === undefined ? {} : { maxInstanceMemory }),
    keyValueStores: resolveKeyValueStores(sources, stateDir),
    sqliteDatabases: resolveSqliteDatabases(sources, stateDir),
    variableProviders: parsed?.variableProviders ?? [],
    outboundNetworking: parsed?.outboundNetworking ?? { blockNetworks: [] },
    outboundHttp: parsed?.outboundHttp ?? { connectionPooling: true },
    ...(parsed?.outboundRedis ? { outboundRedis: parsed.outboundRedis } : {}),
    ...(parsed?.outboundMqtt ? { outboundMqtt: parsed.outboundMqtt } : {}),
    ...(parsed?.outboundPg ? { outboundPg: parsed.outboundPg } : {}),
    ...(parsed?.outboundMysql ? { outboundMysql: parsed.outboundMysql } : {}),
    clientTls: parsed?.clientTls ?? [],
    ...(parsed?.llmCompute ? { llmCompute: parsed.llmCompute } : {}),
  };
}

function absolute(cwd: string, path: string): string {
  return path === "" || isAbsolute(path) ? path : join(cwd, path);
}

function defaultPath(stateDir: string, file: string): { path?: string } {
  return stateDir === "" ? {} : { path: join(stateDir, file) };
}

function location(
  path: string | undefined,
  temporaryPath: () => string,
): { path: string; isTemporary: boolean } {
  return path === undefined
    ? { path: temporaryPath(), isTemporary: true }
    : { path, isTemporary: false };
}

function resolveKeyValueStores(
  { parsed, temporary }: RuntimeConfigSources,
  stateDir: string,
): Record<string, KeyValueStoreConfig> {
  const stores: ParsedRuntimeConfig["keyValueStores"] = {
    [DEFAULT_LABEL]: { type: "spin", ...defaultPath(stateDir, "sqlite_key_value.db") },
    ...parsed?.keyValueStores,
  };
  return Object.fromEntries(
    Object.entries(stores).map(([label, store]) => [
      label,
      store.type === "spin"
        ? { type: "spin", ...location(store.path, () => temporary.path(`key_value_${label}`)) }
        : store,
    ]),
  );
}

function resolveSqliteDatabases(
  { parsed, temporary }: RuntimeConfigSources,
  stateDir: string,
): Record<string, SqliteDatabaseConfig> {
  const databases: ParsedRuntimeConfig["sqliteDatabases"] = {
    [DEFAULT_LABEL]: {
      type: "spin",
      ...defaultPath(stateDir, "sqlite_db.db"),
      allowAttachFile: false,
    },
    ...parsed?.sqliteDatabases,
  };
  return Object.fromEntries(
    Object.entries(databases).map(([label, database]) => [
      label,
      database.type === "spin"
        ? {
          type: "spin",
          ...location(database.path, () => temporary.path(`sqlite_${label}`)),
          allowAttachFile: database.allowAttachFile,
        }
        : database,
    ]),
  );
}

/**
 * Checks that every label the app names is configured.
 * @throws {TerminalError} listing every label that is not, key-value stores first.
 */
export function checkStores(app: LockedApp, config: RuntimeConfig): void {
  const stores: string[] = [];
  const databases: string[] = [];
  for (const component of app.components) {
    for (const label of componentLabels(component, "key_value_stores")) {
      if (Object.hasOwn(config.keyValueStores, label)) continue;
      stores.push(`unknown key_value_stores label "${label}" for component "${component.id}"`);
    }
    for (const label of componentLabels(component, "databases")) {
      if (Object.hasOwn(config.sqliteDatabases, label)) continue;
      databases.push(`- Component ${component.id} uses database '${label}'`);
    }
  }
  const lines: string[] = [];
  if (stores.length > 0) {
    lines.push(
      ...stores,
      "Check the spelling, or define [key_value_store.<label>] in a file given with " +
        "--runtime-config-file.",
    );
  }
  if (databases.length > 0) {
    lines.push(
      "One or more components use SQLite databases which are not defined.",
      "Check the spelling, or define [sqlite_database.<label>] in a file given with " +
        "--runtime-config-file.",
      "Details:",
      ...databases,
    );
  }
  if (lines.length > 0) throw new TerminalError("UnknownStore", lines.join("\n"));
}

/** What {@link describeRuntimeConfig} looks at. */
export interface RuntimeConfigDescription {
  readonly app: LockedApp;
  readonly config: RuntimeConfig;
  readonly parsed?: ParsedRuntimeConfig;
}

/**
 * The lines for stderr: the summary of the file if it configures something, the log directory, and
 * where the default stores are kept if some component uses them.
 */
export function describeRuntimeConfig(
  { app, config, parsed }: RuntimeConfigDescription,
): string[] {
  const lines: string[] = [];
  const configured = [
    ...Object.entries(parsed?.keyValueStores ?? {}).map(([label, { type }]) =>
      `[key_value_store.${label}: ${type}]`
    ),
    ...Object.entries(parsed?.sqliteDatabases ?? {}).map(([label, { type }]) =>
      `[sqlite_database.${label}: ${type}]`
    ),
  ];
  if (parsed && configured.length > 0) {
    lines.push(`Using runtime config ${configured.join(", ")} from "${parsed.file}"`);
  }
  lines.push(...describeUnknownClients(app, config));
  if (config.logDir !== undefined) {
    lines.push(`Logging component stdio to "${join(config.logDir, "/")}"`);
  }
  const store = config.keyValueStores[DEFAULT_LABEL];
  if (store && isUsed(app, "key_value_stores")) {
    lines.push(`Storing default key-value data to ${describePlace(store)}.`);
  }
  const database = config.sqliteDatabases[DEFAULT_LABEL];
  if (database && isUsed(app, "databases")) {
    lines.push(`Storing default SQLite data to ${describePlace(database)}.`);
  }
  return lines;
}

function isUsed(app: LockedApp, key: "key_value_stores" | "databases"): boolean {
  return app.components.some((component) =>
    componentLabels(component, key).includes(DEFAULT_LABEL)
  );
}

/** Remote places in Spin's words. Nothing of what is shown is a secret. */
function describePlace(store: KeyValueStoreConfig | SqliteDatabaseConfig): string {
  switch (store.type) {
    case "spin":
      return store.isTemporary ? "a temporary in-memory database" : `"${store.path}"`;
    case "redis": {
      const address = parseRedisAddress(store.url);
      return address ? `Redis at ${address.host}:${address.port}` : "Redis";
    }
    case "azure_cosmos":
      return `Azure CosmosDB database: ${store.database}, container: ${store.container}`;
    case "aws_dynamo":
      return `AWS DynamoDB region: ${store.region}, table: ${store.table}`;
    case "libsql":
      return `libSQL at ${store.url}`;
  }
}

/** An id in `[[client_tls]]` that is misspelt would do nothing, and nobody would know why. */
function describeUnknownClients(app: LockedApp, config: RuntimeConfig): string[] {
  const ids = app.components.map(({ id }) => id);
  const named = new Set(config.clientTls.flatMap(({ componentIds }) => componentIds));
  return [...named].filter((id) => !ids.includes(id)).map((id) =>
    `Warning: [[client_tls]] names the component "${id}", which this app does not have; ` +
    suggest(id, ids)
  );
}

/**
 * The tables `[key_value_store.<label>]` and `[sqlite_database.<label>]` of the runtime
 * configuration.
 *
 * @module
 */

import { suggest } from "../../lib/nearest.ts";
import { isAbsolute, join } from "../../lib/path.ts";
import type { TomlTable } from "../loader/toml_document.ts";
import type { ConfigReader } from "./_config_reader.ts";
import { checkHttpUrl } from "./_http_url.ts";
import { parseRedisAddress } from "./_redis_address.ts";

/** A file of the host. */
export interface LocalStoreConfig {
  readonly type: "spin";
  /** Absolute path of the SQLite file. */
  readonly path: string;
  /** The file lives as long as the process: durability is not needed. */
  readonly isTemporary: boolean;
}

/** A Redis server, shared by everything that uses its keys: labels are no part of them. */
export interface RedisStoreConfig {
  readonly type: "redis";
  /** `redis[s]://[[username]:password@]host[:port][/database]`; a secret. */
  readonly url: string;
}

/** Which identity is shown to Azure where no key is given. */
export type AzureAuthType =
  | "managed_identity"
  | "workload_identity"
  | "service_principal"
  | "developer_tools";

/** A container of Azure Cosmos DB (its API for NoSQL), whose partition key is `/id`. */
export interface CosmosStoreConfig {
  readonly type: "azure_cosmos";
  /** Base64; undefined: the identity of the environment. */
  readonly key?: string;
  readonly account: string;
  readonly database: string;
  readonly container: string;
  /** Undefined: whichever the environment offers. */
  readonly authType?: AzureAuthType;
  /** The client id of a managed identity that is assigned by the user. */
  readonly clientId?: string;
  /** Where the account is, if not at `https://<account>.documents.azure.com`. */
  readonly endpoint?: string;
}

/** A table of Amazon DynamoDB, whose partition key is the string `PK`. */
export interface DynamoStoreConfig {
  readonly type: "aws_dynamo";
  readonly region: string;
  readonly table: string;
  /** Undefined: those of the environment. */
  readonly credentials?: AwsKeyConfig;
  /** Whether reads see every write that was confirmed before. */
  readonly consistentRead: boolean;
}

/** An access key of AWS. */
export interface AwsKeyConfig {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A store that is no file. */
export type RemoteKeyValueConfig = RedisStoreConfig | CosmosStoreConfig | DynamoStoreConfig;

/** A key-value store. */
export type KeyValueStoreConfig = LocalStoreConfig | RemoteKeyValueConfig;

/** A SQLite database in a file. */
export interface LocalSqliteConfig extends LocalStoreConfig {
  /** Whether guests may `ATTACH` other files. */
  readonly allowAttachFile: boolean;
}

/** A database of a libSQL server. */
export interface LibsqlConfig {
  readonly type: "libsql";
  /** `http` or `https`. */
  readonly url: string;
  /** Sent as a bearer token, unless empty. */
  readonly token: string;
}

/** A SQLite database. */
export type SqliteDatabaseConfig = LocalSqliteConfig | LibsqlConfig;

/** A key-value store as a file describes it. Without a path: in memory. */
export type ParsedKeyValueStore =
  | { readonly type: "spin"; readonly path?: string }
  | RemoteKeyValueConfig;

/** A database as a file describes it. Without a path: in memory. */
export type ParsedSqliteDatabase =
  | { readonly type: "spin"; readonly path?: string; readonly allowAttachFile: boolean }
  | LibsqlConfig;

/** Where relative paths start. */
export interface StorePlaces {
  /** Directory of the file: of key-value stores. */
  readonly configDir: string;
  /** Current directory: of databases. */
  readonly cwd: string;
}

interface Entry {
  readonly label: string;
  readonly path: readonly string[];
  readonly table: TomlTable;
}

const KEY_VALUE_TYPES = ["spin", "redis", "azure_cosmos", "aws_dynamo"];
const SQLITE_TYPES = ["spin", "libsql"];
const AUTH_TYPES: readonly AzureAuthType[] = [
  "managed_identity",
  "workload_identity",
  "service_principal",
  "developer_tools",
];

/** Reads all stores; problems go to `reader`, and a store with one is left out. */
export function readKeyValueStores(
  reader: ConfigReader,
  root: TomlTable,
  { configDir }: StorePlaces,
): Record<string, ParsedKeyValueStore> {
  const stores: Record<string, ParsedKeyValueStore> = {};
  for (const entry of labelledTables(reader, root, "key_value_store")) {
    const store = readKeyValueStore(reader, entry, configDir);
    if (store) stores[entry.label] = store;
  }
  return stores;
}

function readKeyValueStore(
  reader: ConfigReader,
  entry: Entry,
  configDir: string,
): ParsedKeyValueStore | undefined {
  const { path, table, label } = entry;
  const type = reader.requiredString(path, table, "type");
  switch (type) {
    case "spin": {
      reader.unknownKeys(path, table, ["type", "path"]);
      const file = reader.string(path, table, "path");
      return { type, ...(file === undefined ? {} : { path: absolutePath(configDir, file) }) };
    }
    case "redis":
      return readRedis(reader, entry);
    case "azure_cosmos":
      return readCosmos(reader, entry);
    case "aws_dynamo":
      return readDynamo(reader, entry);
    case undefined:
      // Absent, or not a string: reported already.
      return undefined;
    default:
      reader.problem(
        [...path, "type"],
        `Unknown key-value store type "${type}" of label "${label}"; ` +
          suggest(type, KEY_VALUE_TYPES),
      );
      return undefined;
  }
}

function readRedis(reader: ConfigReader, { path, table }: Entry): RedisStoreConfig | undefined {
  reader.unknownKeys(path, table, ["type", "url"]);
  const url = reader.requiredString(path, table, "url");
  if (url === undefined) return undefined;
  // The value may have a password in it and is not shown.
  if (!parseRedisAddress(url)) {
    reader.problem(
      [...path, "url"],
      `${
        path.join(".")
      }.url must be of the form redis[s]://[[user]:password@]host[:port][/database]`,
    );
  }
  return { type: "redis", url };
}

function readCosmos(reader: ConfigReader, { path, table }: Entry): CosmosStoreConfig | undefined {
  const keys = ["type", "key", "account", "database", "container", "region", "auth_type"];
  reader.unknownKeys(path, table, [...keys, "client_id", "endpoint"]);
  const key = reader.string(path, table, "key");
  const account = reader.requiredString(path, table, "account");
  const database = reader.requiredString(path, table, "database");
  const container = reader.requiredString(path, table, "container");
  // Spin's SDK sorts the account's regions by their distance from this one. Here every request goes
  // to the account's own endpoint, which needs no such hint.
  reader.string(path, table, "region");
  const authType = readAuthType(reader, { path, table });
  const clientId = reader.string(path, table, "client_id");
  const endpoint = reader.string(path, table, "endpoint");
  if (endpoint !== undefined) checkHttpUrl(reader, [...path, "endpoint"], endpoint);
  if (key !== undefined && !/^[A-Za-z0-9+/]+={0,2}$/.test(key)) {
    reader.problem([...path, "key"], `${path.join(".")}.key must be Base64, as Azure shows it`);
  }
  // It becomes the first part of a host name.
  if (account !== undefined && !/^[a-z0-9-]+$/i.test(account)) {
    reader.problem(
      [...path, "account"],
      `${path.join(".")}.account must be the account's name alone, not "${account}"`,
    );
  }
  if (account === undefined || database === undefined || container === undefined) return undefined;
  return {
    type: "azure_cosmos",
    ...(key === undefined ? {} : { key }),
    account,
    database,
    container,
    ...(authType === undefined ? {} : { authType }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

function readAuthType(
  reader: ConfigReader,
  { path, table }: Pick<Entry, "path" | "table">,
): AzureAuthType | undefined {
  const text = reader.string(path, table, "auth_type");
  if (text === undefined) return undefined;
  const known = AUTH_TYPES.find((type) => type === text.toLowerCase());
  if (!known) {
    reader.problem(
      [...path, "auth_type"],
      `Unknown ${path.join(".")}.auth_type "${text}"; ${suggest(text, AUTH_TYPES)}`,
    );
  }
  return known;
}

function readDynamo(reader: ConfigReader, { path, table }: Entry): DynamoStoreConfig | undefined {
  const keys = ["type", "region", "table", "access_key", "secret_key", "token"];
  reader.unknownKeys(path, table, [...keys, "consistent_read"]);
  const region = reader.requiredString(path, table, "region");
  const name = reader.requiredString(path, table, "table");
  const accessKeyId = reader.string(path, table, "access_key");
  const secretAccessKey = reader.string(path, table, "secret_key");
  const sessionToken = reader.string(path, table, "token");
  const consistentRead = reader.boolean(path, table, "consistent_read") ?? false;
  const isHalf = (table.access_key === undefined) !== (table.secret_key === undefined);
  if (isHalf || (table.token !== undefined && table.access_key === undefined)) {
    reader.problem(
      [...path],
      `${
        path.join(".")
      } needs both "access_key" and "secret_key", or neither for the credentials ` +
        "of the environment",
    );
  }
  // It becomes a part of a host name.
  if (region !== undefined && !/^[a-z0-9-]+$/i.test(region)) {
    reader.problem(
      [...path, "region"],
      `${path.join(".")}.region must be a name such as "us-east-1", not "${region}"`,
    );
  }
  if (region === undefined || name === undefined) return undefined;
  const hasKey = accessKeyId !== undefined && secretAccessKey !== undefined;
  const token = sessionToken === undefined ? {} : { sessionToken };
  return {
    type: "aws_dynamo",
    region,
    table: name,
    ...(hasKey ? { credentials: { accessKeyId, secretAccessKey, ...token } } : {}),
    consistentRead,
  };
}

/** Reads all databases; problems go to `reader`, and a database with one is left out. */
export function readSqliteDatabases(
  reader: ConfigReader,
  root: TomlTable,
  { cwd }: StorePlaces,
): Record<string, ParsedSqliteDatabase> {
  const databases: Record<string, ParsedSqliteDatabase> = {};
  for (const entry of labelledTables(reader, root, "sqlite_database")) {
    const { label, path, table } = entry;
    const type = reader.requiredString(path, table, "type");
    if (type === "spin") {
      reader.unknownKeys(path, table, ["type", "path", "allow_attach_file"]);
      const file = reader.string(path, table, "path");
      databases[label] = {
        type,
        ...(file === undefined ? {} : { path: absolutePath(cwd, file) }),
        allowAttachFile: reader.boolean(path, table, "allow_attach_file") ?? false,
      };
    } else if (type === "libsql") {
      const database = readLibsql(reader, entry);
      if (database) databases[label] = database;
    } else if (type !== undefined) {
      const hint = suggest(type, SQLITE_TYPES);
      reader.problem([...path, "type"], `Unknown database kind: ${type}; ${hint}`);
    }
  }
  return databases;
}

function readLibsql(reader: ConfigReader, { path, table }: Entry): LibsqlConfig | undefined {
  reader.unknownKeys(path, table, ["type", "url", "token"]);
  const url = reader.requiredString(path, table, "url");
  const token = reader.requiredString(path, table, "token");
  if (url !== undefined) checkHttpUrl(reader, [...path, "url"], url);
  // What a header cannot hold; the value is a secret and is not shown.
  if (token !== undefined && !/^[\x21-\x7e]*$/.test(token)) {
    reader.problem(
      [...path, "token"],
      `${path.join(".")}.token must be of visible ASCII characters: it is sent in a header`,
    );
  }
  return url === undefined || token === undefined ? undefined : { type: "libsql", url, token };
}

function absolutePath(base: string, path: string): string {
  return isAbsolute(path) ? path : join(base, path);
}

function labelledTables(reader: ConfigReader, root: TomlTable, key: string): Entry[] {
  if (root[key] === undefined) return [];
  const all = reader.table([key], root[key]);
  return Object.entries(all ?? {}).flatMap(([label, value]) => {
    const path = [key, label];
    const table = reader.table(path, value);
    return table ? [{ label, path, table }] : [];
  });
}

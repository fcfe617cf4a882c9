/**
 * The `[[variables_provider]]` entries of a runtime configuration.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { suggest } from "../../lib/nearest.ts";
import { util } from "../../lib/node_builtins.ts";
import { isAbsolute, join } from "../../lib/path.ts";
import type { TomlTable } from "../loader/toml_document.ts";
import { type ConfigReader, formatPath } from "./_config_reader.ts";
import { checkHttpUrl } from "./_http_url.ts";

/** Where values of app variables come from; plain data. */
export type VariableProviderConfig =
  | { readonly type: "static"; readonly values: Readonly<Record<string, string>> }
  | {
    readonly type: "env";
    /** Variable `x` is read from `<prefix>_X`. */
    readonly prefix: string;
    /** Content of the `dotenv_path`, read once; the process environment wins over it. */
    readonly dotenv: Readonly<Record<string, string>>;
  }
  | VaultProviderConfig
  | AzureKeyVaultConfig;

/** A provider that has to be asked over the network. */
export type RemoteProviderConfig = VaultProviderConfig | AzureKeyVaultConfig;

/** The key-value engine, version 2, of a HashiCorp Vault. */
export interface VaultProviderConfig {
  readonly type: "vault";
  /** `http` or `https`. */
  readonly url: string;
  /** A secret. */
  readonly token: string;
  /** Where the engine is mounted. */
  readonly mount: string;
  /** Variable `x` is the secret `<prefix>/x`; undefined: `x`. */
  readonly prefix?: string;
}

/** An Azure Key Vault. */
export interface AzureKeyVaultConfig {
  readonly type: "azure_key_vault";
  readonly vaultUrl: string;
  /** Undefined: the identity of the environment. */
  readonly credentials?: {
    readonly tenantId: string;
    readonly clientId: string;
    readonly clientSecret: string;
    /** Base URL of the identity provider. */
    readonly authority: string;
  };
}

/** The prefix of the environment provider unless configured otherwise. */
export const DEFAULT_ENV_PREFIX = "SPIN_VARIABLE";

const TYPES = ["static", "env", "vault", "azure_key_vault"];

/** Names of `authority_host`, and what they stand for. */
const AUTHORITIES: Readonly<Record<string, string>> = {
  AzurePublicCloud: "https://login.microsoftonline.com",
  AzureChina: "https://login.chinacloudapi.cn",
  AzureGermany: "https://login.microsoftonline.de",
  AzureGovernment: "https://login.microsoftonline.us",
};

/** Where a `dotenv_path` is looked up. */
export interface ProviderFiles {
  readonly cwd: string;
  readonly readTextFile?: (path: string) => string;
}

/** Reads all providers in file order; problems go to `reader`. */
export function readVariableProviders(
  reader: ConfigReader,
  root: TomlTable,
  files: ProviderFiles,
): VariableProviderConfig[] {
  if (root.variables_provider !== undefined && root.config_provider !== undefined) {
    reader.problem(
      ["config_provider"],
      "config_provider is the old name of variables_provider; use only one of them",
    );
  }
  return ["variables_provider", "config_provider"].flatMap((key) =>
    reader.array([key], root[key]).flatMap((value, i) => {
      const path = [key, i];
      const table = reader.table(path, value);
      return (table && readProvider(reader, { path, table, files })) ?? [];
    })
  );
}

interface ProviderEntry {
  readonly path: (string | number)[];
  readonly table: TomlTable;
  readonly files: ProviderFiles;
}

function readProvider(
  reader: ConfigReader,
  entry: ProviderEntry,
): VariableProviderConfig | undefined {
  const { path, table } = entry;
  const type = reader.requiredString(path, table, "type");
  if (type === "static") return readStatic(reader, entry);
  if (type === "env") return readEnv(reader, entry);
  if (type === "vault") return readVault(reader, entry);
  if (type === "azure_key_vault") return readAzureKeyVault(reader, entry);
  if (type === undefined) return undefined;
  reader.problem(
    [...path, "type"],
    `unknown variables provider "${type}"; ${suggest(type, TYPES)}`,
  );
  return undefined;
}

function readStatic(reader: ConfigReader, { path, table }: ProviderEntry): VariableProviderConfig {
  reader.unknownKeys(path, table, ["type", "values"]);
  const at = [...path, "values"];
  if (table.values === undefined) {
    reader.problem(path, 'the variables provider "static" needs the key "values"');
    return { type: "static", values: {} };
  }
  const values = reader.table(at, table.values) ?? {};
  for (const name of Object.keys(values)) reader.string(at, values, name);
  return { type: "static", values: { ...values } as Record<string, string> };
}

function readEnv(
  reader: ConfigReader,
  { path, table, files }: ProviderEntry,
): VariableProviderConfig {
  reader.unknownKeys(path, table, ["type", "prefix", "dotenv_path"]);
  const prefix = reader.string(path, table, "prefix") ?? DEFAULT_ENV_PREFIX;
  const dotenvPath = reader.string(path, table, "dotenv_path");
  if (dotenvPath === undefined) return { type: "env", prefix, dotenv: {} };
  const file = isAbsolute(dotenvPath) ? dotenvPath : join(files.cwd, dotenvPath);
  try {
    const text = (files.readTextFile ?? Deno.readTextFileSync)(file);
    return { type: "env", prefix, dotenv: parseDotenv(text) };
  } catch (error) {
    // As in Spin: one configuration serves machines with and without the file.
    if (!(error instanceof Deno.errors.NotFound)) {
      reader.problem([...path, "dotenv_path"], `Cannot read "${file}": ${errorText(error)}`);
    }
    return { type: "env", prefix, dotenv: {} };
  }
}

function readVault(
  reader: ConfigReader,
  { path, table }: ProviderEntry,
): VaultProviderConfig | undefined {
  reader.unknownKeys(path, table, ["type", "url", "token", "mount", "prefix"]);
  const url = reader.requiredString(path, table, "url");
  const token = reader.requiredString(path, table, "token");
  const mount = reader.requiredString(path, table, "mount");
  const prefix = reader.string(path, table, "prefix");
  if (url !== undefined) checkHttpUrl(reader, [...path, "url"], url);
  // What a header cannot hold; the value is a secret and is not shown.
  if (token !== undefined && !/^[\x21-\x7e]*$/.test(token)) {
    reader.problem(
      [...path, "token"],
      `${formatPath(path)}.token must be of visible ASCII characters: it is sent in a header`,
    );
  }
  if (url === undefined || token === undefined || mount === undefined) return undefined;
  return { type: "vault", url, token, mount, ...(prefix === undefined ? {} : { prefix }) };
}

function readAzureKeyVault(
  reader: ConfigReader,
  { path, table }: ProviderEntry,
): AzureKeyVaultConfig | undefined {
  const secretKeys = ["client_id", "client_secret", "tenant_id"];
  reader.unknownKeys(path, table, ["type", "vault_url", ...secretKeys, "authority_host"]);
  const vaultUrl = reader.requiredString(path, table, "vault_url");
  const clientId = reader.string(path, table, "client_id");
  const clientSecret = reader.string(path, table, "client_secret");
  const tenantId = reader.string(path, table, "tenant_id");
  const host = reader.string(path, table, "authority_host") ?? "AzurePublicCloud";
  const authority = Object.hasOwn(AUTHORITIES, host) ? AUTHORITIES[host] : undefined;
  if (authority === undefined) {
    const hint = suggest(host, Object.keys(AUTHORITIES));
    reader.problem(
      [...path, "authority_host"],
      `unknown ${formatPath(path)}.authority_host "${host}"; ${hint}`,
    );
  }
  if (vaultUrl !== undefined) checkHttpUrl(reader, [...path, "vault_url"], vaultUrl);
  const missing = secretKeys.filter((key) => table[key] === undefined);
  if (missing.length > 0 && missing.length < secretKeys.length) {
    reader.problem(
      path,
      `${formatPath(path)} specifies some but not all of 'client_id', 'client_secret', and ` +
        `'tenant_id': give ${missing.map((key) => `"${key}"`).join(" and ")} too, or remove all ` +
        "three to use the credentials of the environment",
    );
  }
  if (vaultUrl === undefined) return undefined;
  const isComplete = clientId !== undefined && clientSecret !== undefined &&
    tenantId !== undefined && authority !== undefined;
  return {
    type: "azure_key_vault",
    vaultUrl,
    ...(isComplete ? { credentials: { tenantId, clientId, clientSecret, authority } } : {}),
  };
}

/** The values of a `.env` file. Lines that are no assignment are skipped. */
export function parseDotenv(text: string): Record<string, string> {
  return { ...util().parseEnv(text) } as Record<string, string>;
}

/**
 * Values of variables from Azure Key Vault.
 *
 * @module
 */

import { createAzureTokens } from "./_azure_tokens.ts";
import { createServiceClient, type Fetch, parseJsonObject } from "./_service_client.ts";
import type { AzureKeyVaultConfig } from "./variable_providers.ts";

/** Options of {@link createAzureKeyVaultLookup}; the defaults are for production. */
export interface AzureKeyVaultOptions {
  /** The process environment, for an identity. */
  readonly environment: (name: string) => string | undefined;
  /** Milliseconds for each request. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

const API_VERSION = "7.4";
const PUBLIC_SUFFIX = "vault.azure.net";

/** What the vaults of Azure's other clouds end with; a token is for one of these. */
const SUFFIXES = [
  PUBLIC_SUFFIX,
  "vault.azure.cn",
  "vault.usgovcloudapi.net",
  "vault.microsoftazure.de",
];

/**
 * Creates a lookup. Key Vault allows no `_` in a name, so that variable `db_password` is the secret
 * `db-password`. It resolves with undefined where there is no such secret, so that the next provider
 * is asked.
 * @throws {Error} by rejection, for every other trouble. It tells nothing of a secret.
 */
export function createAzureKeyVaultLookup(
  config: AzureKeyVaultConfig,
  options: AzureKeyVaultOptions,
): (name: string) => Promise<string | undefined> {
  const client = createServiceClient({ ...options, what: "Azure Key Vault" });
  const { host } = new URL(config.vaultUrl);
  const suffix = SUFFIXES.find((candidate) => host.endsWith(`.${candidate}`)) ?? PUBLIC_SUFFIX;
  const { credentials } = config;
  const tokens = createAzureTokens({
    ...options,
    resource: `https://${suffix}`,
    ...(credentials ? { identity: credentials } : {}),
  });
  const base = `${config.vaultUrl.replace(/\/+$/, "")}/secrets/`;
  return async (name) => {
    const url = `${base}${name.replaceAll("_", "-")}?api-version=${API_VERSION}`;
    const { status, text } = await client.send(url, {
      headers: { authorization: `Bearer ${await tokens()}` },
    });
    const { value, error } = parseJsonObject(text);
    if (status === 200 && typeof value === "string") return value;
    const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
    if (status === 404) return undefined;
    const reason = typeof code === "string" && typeof message === "string"
      ? `${code}: ${message.split(/\r?\n/)[0]}`
      : `HTTP status ${status}`;
    throw new Error(`Failed to read variable from Azure Key Vault: ${reason}`);
  };
}

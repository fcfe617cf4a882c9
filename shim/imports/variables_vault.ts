/**
 * Values of variables from HashiCorp Vault: the field `value` of a secret in its key-value engine,
 * version 2.
 *
 * @module
 */

import {
  createServiceClient,
  type Fetch,
  parseJsonObject,
  type ServiceResponse,
} from "./_service_client.ts";
import type { VaultProviderConfig } from "./variable_providers.ts";

/** Options of {@link createVaultLookup}; the defaults are for production. */
export interface VaultOptions {
  /** Milliseconds for each request. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/**
 * Creates a lookup. It resolves with undefined where Vault has no such secret, so that the next
 * provider is asked.
 * @throws {Error} by rejection, for every other trouble. It tells nothing of the token or the value.
 */
export function createVaultLookup(
  config: VaultProviderConfig,
  options: VaultOptions = {},
): (name: string) => Promise<string | undefined> {
  const client = createServiceClient({ ...options, what: "Vault server" });
  const base = `${config.url.replace(/\/+$/, "")}/v1/${encodePath(config.mount)}/data/`;
  const headers = { "x-vault-token": config.token, "x-vault-request": "true" };
  return async (name) => {
    const path = config.prefix === undefined ? name : `${config.prefix}/${name}`;
    const response = await client.send(base + encodePath(path), { headers });
    if (response.status === 404) return undefined;
    if (response.status !== 200) {
      throw new Error(`Failed to check Vault for config: ${reasonOf(response)}`);
    }
    const value = valueOf(response.text);
    if (value !== undefined) return value;
    throw new Error(
      `Failed to check Vault for config: the secret "${path}" has no field "value" with text`,
    );
  };
}

/** The parts between slashes; slashes at either end count for nothing. */
function encodePath(path: string): string {
  return path.split("/").filter((step) => step !== "").map(encodeURIComponent).join("/");
}

function valueOf(text: string): string | undefined {
  const outer = parseJsonObject(text).data as { data?: { value?: unknown } } | null | undefined;
  const value = outer?.data?.value;
  return typeof value === "string" ? value : undefined;
}

function reasonOf({ status, text }: ServiceResponse): string {
  const { errors } = parseJsonObject(text);
  const told = Array.isArray(errors) ? errors.filter((error) => typeof error === "string") : [];
  return told.length > 0 ? `HTTP status ${status}: ${told.join("; ")}` : `HTTP status ${status}`;
}

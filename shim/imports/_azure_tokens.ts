/**
 * Access tokens of Microsoft Entra ID, which is what Azure's services accept instead of a key.
 *
 * The few requests are made by hand: Azure's own library is 9 MB of modules with a browser's log-in
 * in it.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { createServiceClient, type Fetch, parseJsonObject } from "./_service_client.ts";
import type { AzureAuthType } from "./_store_config.ts";

/** An application that proves itself with a secret. */
export interface AzureClientSecret {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Base URL of the identity provider; undefined: the environment's, or the public one. */
  readonly authority?: string;
}

/** Options of {@link createAzureTokens}. */
export interface AzureTokensOptions {
  /** Whom the token is for: `https://vault.azure.net`, without a path. */
  readonly resource: string;
  /** The process environment. */
  readonly environment: (name: string) => string | undefined;
  /** Which identity is used; default: whichever the environment offers. */
  readonly identity?: AzureClientSecret | AzureAuthType;
  /** The client id of a managed identity. Default: that of the environment. */
  readonly clientId?: string;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
  /** Default: the file system. */
  readonly readTextFile?: (path: string) => string;
  /** Runs a command and gives what it prints. Default: a child process. */
  readonly runCommand?: (command: readonly string[]) => Promise<string>;
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: () => number;
}

/** Gives a token that is valid at the moment. @throws {Error} by rejection. */
export type AzureTokens = () => Promise<string>;

interface Issued {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Milliseconds before the end from which a token is replaced. */
const RENEW_MS = 5 * 60_000;

/** Milliseconds of a token whose end nobody told. */
const DEFAULT_LIFE_MS = 10 * 60_000;

/** The machine's own service answers at once, or there is none. */
const INSTANCE_TIMEOUT_MS = 1_000;
const INSTANCE_URL = "http://169.254.169.254/metadata/identity/oauth2/token";
const PUBLIC_AUTHORITY = "https://login.microsoftonline.com";
const WHAT = "Azure identity service";

/**
 * Without an identity, the first that the environment offers, in the order of Azure's tools: an
 * application with a secret (`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`), workload
 * identity (`AZURE_FEDERATED_TOKEN_FILE`, which Kubernetes renews), the managed identity of App
 * Service or of the machine, at last who is logged in with the Azure CLI. A token is asked for again
 * before it ends, once for all who wait.
 */
export function createAzureTokens(options: AzureTokensOptions): AzureTokens {
  const now = options.now ?? Date.now;
  let current: Issued | undefined;
  let renewing: Promise<Issued> | undefined;
  return async () => {
    if (!current || current.expiresAtMs - now() <= RENEW_MS) {
      renewing ??= find({ ...options, now }).finally(() => renewing = undefined);
      current = await renewing;
    }
    return current.token;
  };
}

type FindOptions = AzureTokensOptions & { readonly now: () => number };

async function find(options: FindOptions): Promise<Issued> {
  const { identity, environment } = options;
  if (typeof identity === "object") return await useSecret(options, identity);
  switch (identity) {
    case "service_principal":
      return await useSecret(options, secretOf(environment));
    case "workload_identity":
      return await useFederatedToken(options);
    case "managed_identity":
      return await useManagedIdentity(options);
    case "developer_tools":
      return await useCli(options);
    default:
      return await findAny(options);
  }
}

async function findAny(options: FindOptions): Promise<Issued> {
  const { environment } = options;
  if (environment("AZURE_CLIENT_SECRET")) return await useSecret(options, secretOf(environment));
  if (environment("AZURE_FEDERATED_TOKEN_FILE")) return await useFederatedToken(options);
  if (environment("IDENTITY_ENDPOINT")) return await useManagedIdentity(options);
  const problems: string[] = [];
  for (const use of [useManagedIdentity, useCli]) {
    try {
      return await use(options);
    } catch (error) {
      problems.push(errorText(error));
    }
  }
  throw new Error(
    "There are no Azure credentials: give them in the runtime configuration, or set " +
      `AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (${problems.join("; ")})`,
  );
}

function secretOf(environment: FindOptions["environment"]): AzureClientSecret {
  const get = (name: string) => required(environment, { name, what: "a service principal" });
  return {
    tenantId: get("AZURE_TENANT_ID"),
    clientId: get("AZURE_CLIENT_ID"),
    clientSecret: get("AZURE_CLIENT_SECRET"),
  };
}

function required(
  environment: FindOptions["environment"],
  { name, what }: { name: string; what: string },
): string {
  const value = environment(name);
  if (!value) throw new Error(`Azure: ${what} needs the environment variable ${name}`);
  return value;
}

async function useSecret(options: FindOptions, secret: AzureClientSecret): Promise<Issued> {
  return await askTenant(options, {
    tenantId: secret.tenantId,
    authority: secret.authority,
    form: { client_id: secret.clientId, client_secret: secret.clientSecret },
  });
}

async function useFederatedToken(options: FindOptions): Promise<Issued> {
  const get = (name: string) =>
    required(options.environment, { name, what: "a workload identity" });
  const file = get("AZURE_FEDERATED_TOKEN_FILE");
  let assertion: string;
  try {
    assertion = (options.readTextFile ?? Deno.readTextFileSync)(file).trim();
  } catch (error) {
    throw new Error(`Cannot read the token in "${file}": ${errorText(error)}`, { cause: error });
  }
  return await askTenant(options, {
    tenantId: get("AZURE_TENANT_ID"),
    form: {
      client_id: get("AZURE_CLIENT_ID"),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion,
    },
  });
}

interface TenantRequest {
  readonly tenantId: string;
  readonly authority?: string | undefined;
  readonly form: Readonly<Record<string, string>>;
}

async function askTenant(options: FindOptions, request: TenantRequest): Promise<Issued> {
  const client = createServiceClient({ ...options, what: WHAT });
  const authority = request.authority ?? options.environment("AZURE_AUTHORITY_HOST") ??
    PUBLIC_AUTHORITY;
  const tenant = encodeURIComponent(request.tenantId);
  const response = await client.send(
    `${authority.replace(/\/+$/, "")}/${tenant}/oauth2/v2.0/token`,
    {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        ...request.form,
        grant_type: "client_credentials",
        scope: `${options.resource}/.default`,
      }).toString(),
    },
  );
  return toIssued(response, options);
}

/** App Service and Container Apps have a service of their own; everything else is a machine. */
async function useManagedIdentity(options: FindOptions): Promise<Issued> {
  const { environment, resource } = options;
  const clientId = options.clientId ?? environment("AZURE_CLIENT_ID");
  const endpoint = environment("IDENTITY_ENDPOINT");
  const secret = environment("IDENTITY_HEADER");
  const isService = endpoint !== undefined && secret !== undefined;
  const url = new URL(isService ? endpoint : INSTANCE_URL);
  url.searchParams.set("api-version", isService ? "2019-08-01" : "2018-02-01");
  url.searchParams.set("resource", resource);
  if (clientId) url.searchParams.set("client_id", clientId);
  const client = createServiceClient({
    ...options,
    what: "Azure managed identity service",
    timeoutMs: isService ? 10_000 : INSTANCE_TIMEOUT_MS,
  });
  const headers: Record<string, string> = isService
    ? { "x-identity-header": secret }
    : { "metadata": "true" };
  return toIssued(await client.send(url.href, { headers }), options);
}

async function useCli(options: FindOptions): Promise<Issued> {
  const { resource, environment } = options;
  const tenantId = environment("AZURE_TENANT_ID");
  const text = await (options.runCommand ?? runCommand)([
    ...["az", "account", "get-access-token", "--output", "json", "--resource", resource],
    ...(tenantId ? ["--tenant", tenantId] : []),
  ]);
  const { accessToken, expires_on } = parseJsonObject(text);
  if (typeof accessToken !== "string") throw new Error("The Azure CLI gave no token");
  return { token: accessToken, expiresAtMs: endOf(options, { absoluteSeconds: expires_on }) };
}

async function runCommand([program, ...args]: readonly string[]): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program!, { args, stdin: "null" }).output();
  } catch (error) {
    throw new Error(`Cannot run the Azure CLI: ${errorText(error)}`, { cause: error });
  }
  const decoder = new TextDecoder();
  if (output.success) return decoder.decode(output.stdout);
  throw new Error(`The Azure CLI: ${decoder.decode(output.stderr).trim()}`);
}

function toIssued(
  { status, text }: { status: number; text: string },
  options: FindOptions,
): Issued {
  const answer = parseJsonObject(text);
  const { access_token, expires_in, expires_on, error_description } = answer;
  if (status === 200 && typeof access_token === "string") {
    const end = endOf(options, { absoluteSeconds: expires_on, relativeSeconds: expires_in });
    return { token: access_token, expiresAtMs: end };
  }
  const reason = typeof error_description === "string"
    // What follows are numbers for Microsoft's support.
    ? error_description.split(/\r?\n/)[0]!
    : `HTTP status ${status}`;
  throw new Error(`Azure gave no token for ${options.resource}: ${reason}`);
}

/** The services tell seconds as numbers or as text, from now or since 1970. */
function endOf(
  { now }: FindOptions,
  times: { readonly absoluteSeconds?: unknown; readonly relativeSeconds?: unknown },
): number {
  const relative = Number(times.relativeSeconds ?? NaN);
  if (Number.isFinite(relative)) return now() + relative * 1000;
  const absolute = Number(times.absoluteSeconds ?? NaN);
  return Number.isFinite(absolute) ? absolute * 1000 : now() + DEFAULT_LIFE_MS;
}

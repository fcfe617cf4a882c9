/**
 * Doubles of the services that variables come from: HashiCorp Vault, and Azure Key Vault with the
 * identity service that it trusts. They check what the real ones check of a request.
 *
 * @module
 */

import { startUpstream, type Upstream } from "./upstream.ts";

/** Secrets by path or name. */
export type Secrets = Readonly<Record<string, unknown>>;

/** What both kinds have. Whoever made one disposes it. */
export interface SecretServer extends AsyncDisposable {
  readonly url: string;
  /** Instead of an answer, if set. */
  answer: (() => Response | Promise<Response>) | undefined;
}

/**
 * Starts a Vault with the key-value engine, version 2, at `mount`.
 * @param secrets The fields of each secret, by its path.
 */
export function startVault(
  secrets: Readonly<Record<string, Secrets>>,
  { token, mount = "secret" }: { token: string; mount?: string },
): SecretServer {
  return start((request, { pathname }) => {
    if (request.headers.get("x-vault-token") !== token) {
      return Response.json({ errors: ["permission denied"] }, { status: 403 });
    }
    // Vault answers nothing else where requests are forged by a browser.
    if (request.headers.get("x-vault-request") !== "true") {
      return Response.json({ errors: ["missing the X-Vault-Request header"] }, { status: 412 });
    }
    const prefix = `/v1/${mount}/data/`;
    const path = pathname.startsWith(prefix)
      ? decodeURIComponent(pathname.slice(prefix.length))
      : "";
    const data = secrets[path];
    if (request.method !== "GET" || !data) return Response.json({ errors: [] }, { status: 404 });
    return Response.json({ data: { data, metadata: { version: 1 } } });
  });
}

/** An application that the identity service knows. */
export interface AzureApplication {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Starts an identity service that gives `token` for `scope` to one application. */
export function startAzureIdentity(
  { tenantId, clientId, clientSecret }: AzureApplication,
  { token, scope }: { token: string; scope: string },
): SecretServer {
  return start(async (request, { pathname, searchParams }) => {
    // The managed identity of App Service: the header proves that the request is no forged one.
    if (pathname === "/msi/token") {
      const isGood = request.headers.get("x-identity-header") === "secret header" &&
        searchParams.get("api-version") === "2019-08-01" &&
        `${searchParams.get("resource")}/.default` === scope;
      return isGood
        ? Response.json({ access_token: token, expires_on: String(Date.now() / 1000 + 3600) })
        : new Response(null, { status: 400 });
    }
    const form = new URLSearchParams(await request.text());
    const isKnown = pathname === `/${tenantId}/oauth2/v2.0/token` &&
      form.get("grant_type") === "client_credentials" && form.get("scope") === scope;
    if (!isKnown) {
      const error_description = `AADSTS90002: Tenant or scope '${form.get("scope")}' not found.`;
      return Response.json({ error: "invalid_request", error_description }, { status: 400 });
    }
    if (form.get("client_id") !== clientId || form.get("client_secret") !== clientSecret) {
      const error_description = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 0";
      return Response.json({ error: "invalid_client", error_description }, { status: 401 });
    }
    return Response.json({ token_type: "Bearer", expires_in: 3599, access_token: token });
  });
}

/** Starts a Key Vault. Names of secrets have no `_`, as in Azure. */
export function startKeyVault(secrets: Secrets, { token }: { token: string }): SecretServer {
  return start((request, { pathname, searchParams }) => {
    if (request.headers.get("authorization") !== `Bearer ${token}`) {
      return azureError(401, "Unauthorized", "AKV10000: Request is missing a Bearer token.");
    }
    if (searchParams.get("api-version") === null) {
      return azureError(400, "BadParameter", "AKV10055: api-version must be specified");
    }
    const [, name = ""] = /^\/secrets\/([0-9a-zA-Z-]+)$/.exec(pathname) ?? [];
    if (name === "") {
      return azureError(400, "BadParameter", "The request URI contains an invalid name");
    }
    if (secrets[name] !== undefined) return Response.json({ value: secrets[name], id: name });
    return azureError(404, "SecretNotFound", `A secret with (name/id) ${name} was not found.`);
  });
}

function azureError(status: number, code: string, message: string): Response {
  return Response.json({ error: { code, message } }, { status });
}

function start(
  serve: (request: Request, url: URL) => Response | Promise<Response>,
): SecretServer {
  const server: { answer: SecretServer["answer"] } = { answer: undefined };
  const upstream: Upstream = startUpstream((request) =>
    server.answer ? server.answer() : serve(request, new URL(request.url))
  );
  return Object.assign(server, {
    url: `http://${upstream.authority}`,
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  });
}

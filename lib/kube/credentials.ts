/**
 * What a request carries so that the API server knows who asks.
 *
 * @module
 */

import { errorText, TerminalError } from "../errors.ts";
import { join } from "../path.ts";
import type { ClusterConfig, Credentials, ExecPlugin, PemSource } from "./kubeconfig.ts";

/** Milliseconds after which a token file is read again; kubelet renews it long before it ends. */
const TOKEN_FILE_MS = 60_000;
/** Milliseconds before its end that what a plugin printed is not used any more. */
const EXPIRY_MARGIN_MS = 10_000;

/** What a request carries. */
export interface Identity {
  /** The header `authorization`, if there is one. */
  readonly authorization: string | undefined;
  /** For TLS. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined;
}

const NOBODY: Identity = { authorization: undefined, certificate: undefined };

/** Gives out the identity, renewed when it ages. */
export class IdentitySource {
  readonly #cluster: ClusterConfig;
  readonly #now: () => number;
  #current: Promise<Identity> | undefined;
  #validUntil = 0;

  /** @param now Milliseconds of a clock. */
  constructor(cluster: ClusterConfig, now: () => number = Date.now) {
    this.#cluster = cluster;
    this.#now = now;
  }

  /** The identity to use now. @throws {TerminalError} if it cannot be had. */
  async get(): Promise<Identity> {
    if (!this.#current || this.#now() >= this.#validUntil) {
      this.#validUntil = Infinity;
      this.#current = this.#load();
      // The next request tries again.
      this.#current.catch(() => this.#current = undefined);
    }
    return await this.#current;
  }

  /** Forgets what it has: the server did not accept it. */
  refresh(): void {
    if (this.#cluster.credentials.kind !== "token") this.#current = undefined;
  }

  async #load(): Promise<Identity> {
    const { credentials } = this.#cluster;
    if (credentials.kind === "exec") {
      const { identity, expiresAt } = await runPlugin(credentials.plugin, this.#cluster);
      if (expiresAt !== undefined) this.#validUntil = expiresAt - EXPIRY_MARGIN_MS;
      return identity;
    }
    const identity = readIdentity(credentials);
    if (changes(credentials)) this.#validUntil = this.#now() + TOKEN_FILE_MS;
    return identity;
  }
}

/** Whether it comes from files that may be replaced. */
function changes(credentials: Credentials): boolean {
  return credentials.kind === "token-file" ||
    (credentials.kind === "certificate" && credentials.cert.kind === "file");
}

function readIdentity(credentials: Exclude<Credentials, { kind: "exec" }>): Identity {
  switch (credentials.kind) {
    case "none":
      return NOBODY;
    case "token":
      return bearer(credentials.token);
    case "token-file":
      return bearer(readFile(credentials.path, "token").trim());
    case "basic": {
      const bytes = new TextEncoder().encode(`${credentials.username}:${credentials.password}`);
      return { ...NOBODY, authorization: `Basic ${bytes.toBase64()}` };
    }
    case "certificate":
      return {
        ...NOBODY,
        certificate: {
          cert: readPem(credentials.cert, "client certificate"),
          key: readPem(credentials.key, "client key"),
        },
      };
  }
}

function bearer(token: string): Identity {
  return { ...NOBODY, authorization: `Bearer ${token}` };
}

/** The text of a PEM source, as it is now. @throws {TerminalError} naming the file. */
export function readPem(source: PemSource, what: string): string {
  return source.kind === "text" ? source.text : readFile(source.path, what);
}

function readFile(path: string, what: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new TerminalError(
      "UnreadableCredentials",
      `Cannot read the ${what} "${path}": ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** What a plugin prints. */
interface ExecCredential {
  status?: {
    token?: string;
    clientCertificateData?: string;
    clientKeyData?: string;
    expirationTimestamp?: string;
  };
}

async function runPlugin(
  plugin: ExecPlugin,
  cluster: ClusterConfig,
): Promise<{ identity: Identity; expiresAt: number | undefined }> {
  const info = {
    apiVersion: plugin.apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false, ...clusterInfo(plugin, cluster) },
  };
  const program = plugin.command.includes("/") && !plugin.command.startsWith("/")
    ? join(plugin.directory, plugin.command)
    : plugin.command;
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, {
      args: [...plugin.args],
      env: { ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).output();
  } catch (error) {
    const hint = plugin.installHint === undefined ? "" : `\n${plugin.installHint}`;
    throw new TerminalError(
      "CredentialPlugin",
      `Cannot run the credential plugin "${plugin.command}": ${errorText(error)}${hint}`,
      { cause: error },
    );
  }
  if (!output.success) {
    throw new TerminalError(
      "CredentialPlugin",
      `The credential plugin "${plugin.command}" ended with ${output.code}`,
    );
  }
  return parseCredential(new TextDecoder().decode(output.stdout), plugin.command);
}

function clusterInfo(plugin: ExecPlugin, cluster: ClusterConfig): Record<string, unknown> {
  if (!plugin.providesClusterInfo) return {};
  const ca = cluster.ca && readPem(cluster.ca, "certificate authority");
  return {
    cluster: {
      server: cluster.server,
      ...(ca === undefined
        ? {}
        : { "certificate-authority-data": new TextEncoder().encode(ca).toBase64() }),
    },
  };
}

function parseCredential(
  output: string,
  command: string,
): { identity: Identity; expiresAt: number | undefined } {
  let credential: ExecCredential;
  try {
    credential = JSON.parse(output);
  } catch (error) {
    throw new TerminalError(
      "CredentialPlugin",
      `The credential plugin "${command}" printed what is no JSON: ${errorText(error)}`,
      { cause: error },
    );
  }
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } =
    credential.status ?? {};
  if (!token && !(cert && key)) {
    throw new TerminalError(
      "CredentialPlugin",
      `The credential plugin "${command}" printed neither a token nor a certificate with its key`,
    );
  }
  return {
    identity: {
      authorization: token ? `Bearer ${token}` : undefined,
      certificate: cert && key ? { cert, key } : undefined,
    },
    expiresAt: expirationTimestamp === undefined ? undefined : Date.parse(expirationTimestamp),
  };
}

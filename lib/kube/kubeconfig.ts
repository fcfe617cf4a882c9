/**
 * Where the API server is and who we are: kubeconfig files and a pod's service account.
 *
 * @module
 */

import { errorText, TerminalError } from "../errors.ts";
import { parseYaml } from "../parse_yaml.ts";
import { dirname, isAbsolute, join, LIST_SEPARATOR } from "../path.ts";

/** How to reach a cluster. */
export interface ClusterConfig {
  /** `https://127.0.0.1:6443`, without a slash at the end. */
  readonly server: string;
  /** Authorities that the server's certificate is checked with; the system's if there are none. */
  readonly ca: PemSource | undefined;
  readonly isInsecure: boolean;
  /** The name that the certificate is for, if it is not the host's. */
  readonly tlsServerName: string | undefined;
  readonly proxyUrl: string | undefined;
  readonly credentials: Credentials;
  /** The namespace of the context; `default` if it names none. */
  readonly namespace: string;
  /** For messages: the context's name, or `in-cluster`. */
  readonly context: string;
}

/** PEM text, in the configuration itself or in a file that may be replaced while we run. */
export type PemSource =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** Who we are. */
export type Credentials =
  | { readonly kind: "none" }
  | { readonly kind: "token"; readonly token: string }
  /** A token that somebody renews; read again from time to time. */
  | { readonly kind: "token-file"; readonly path: string }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "certificate"; readonly cert: PemSource; readonly key: PemSource }
  | { readonly kind: "exec"; readonly plugin: ExecPlugin };

/** A program that prints credentials, `client.authentication.k8s.io`. */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What to tell whoever does not have the program. */
  readonly installHint: string | undefined;
  readonly providesClusterInfo: boolean;
  /** Where the kubeconfig is: relative commands are meant from there. */
  readonly directory: string;
}

/** What the search for a configuration may look at. */
export interface KubeconfigEdge {
  readonly environment: (name: string) => string | undefined;
  readonly readTextFile: (path: string) => string;
  readonly homeDir: string | undefined;
}

/** Options of {@link loadClusterConfig}. */
export interface KubeconfigOptions {
  /** `--kubeconfig`; nothing else is looked at then. */
  readonly path?: string | undefined;
  /** `--context`; default: the file's current one. */
  readonly context?: string | undefined;
  /** `--cluster`; default: the context's. */
  readonly cluster?: string | undefined;
  /** `--user`; default: the context's. */
  readonly user?: string | undefined;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the configuration in kubectl's order: the given path, `KUBECONFIG` (several files are merged,
 * the first that says something wins), the pod's service account, `~/.kube/config`.
 *
 * @throws {TerminalError} by rejection, naming the file and what is wrong with it, or every place looked at.
 */
export async function loadClusterConfig(
  options: KubeconfigOptions,
  edge: KubeconfigEdge,
): Promise<ClusterConfig> {
  const listed = options.path ?? edge.environment("KUBECONFIG");
  if (listed) {
    const files = listed.split(options.path === undefined ? LIST_SEPARATOR : "\0").filter(Boolean);
    return await fromFiles(files, { ...options, edge });
  }
  const inCluster = options.context === undefined ? fromServiceAccount(edge) : undefined;
  if (inCluster) return inCluster;
  if (edge.homeDir === undefined) throw notFound("$HOME is not set");
  return await fromFiles([join(edge.homeDir, ".kube", "config")], { ...options, edge });
}

function notFound(detail: string): TerminalError {
  return new TerminalError(
    "NoKubeconfig",
    `No cluster is configured: ${detail}. Give --kubeconfig FILE or set KUBECONFIG`,
  );
}

function fromServiceAccount(edge: KubeconfigEdge): ClusterConfig | undefined {
  const host = edge.environment("KUBERNETES_SERVICE_HOST");
  const port = edge.environment("KUBERNETES_SERVICE_PORT");
  if (!host || !port) return undefined;
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca: { kind: "file", path: `${SERVICE_ACCOUNT}/ca.crt` },
    isInsecure: false,
    tlsServerName: undefined,
    proxyUrl: undefined,
    credentials: { kind: "token-file", path: `${SERVICE_ACCOUNT}/token` },
    namespace: readNamespace(edge),
    context: "in-cluster",
  };
}

function readNamespace({ readTextFile, environment }: KubeconfigEdge): string {
  try {
    return readTextFile(`${SERVICE_ACCOUNT}/namespace`).trim();
  } catch {
    // Some pods are given a token only; the downward API may say more.
    return environment("POD_NAMESPACE") || "default";
  }
}

interface NamedEntry {
  readonly value: Record<string, unknown>;
  /** The directory of the file it is from. */
  readonly directory: string;
}

/** The entries of all files; the first of a name wins, as kubectl has it. */
interface Merged {
  readonly clusters: Map<string, NamedEntry>;
  readonly users: Map<string, NamedEntry>;
  readonly contexts: Map<string, NamedEntry>;
  currentContext: string | undefined;
}

async function fromFiles(
  files: readonly string[],
  options: KubeconfigOptions & { edge: KubeconfigEdge },
): Promise<ClusterConfig> {
  const merged: Merged = {
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
    currentContext: undefined,
  };
  const missing: string[] = [];
  for (const file of files) {
    const text = readIfThere(file, options.edge);
    if (text === undefined) missing.push(file);
    else merge(merged, { file, document: await readDocument(file, text) });
  }
  const places = files.join(", ");
  if (missing.length === files.length) throw notFound(`there is no ${missing.join(" and no ")}`);
  return resolveContext(merged, { ...options, places });
}

function readIfThere(file: string, edge: KubeconfigEdge): string | undefined {
  try {
    return edge.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw invalid(file, `it cannot be read: ${errorText(error)}`);
  }
}

function invalid(place: string, detail: string): TerminalError {
  return new TerminalError("InvalidKubeconfig", `Kubeconfig "${place}": ${detail}`);
}

async function readDocument(file: string, text: string): Promise<unknown> {
  try {
    return await parseYaml(text);
  } catch (error) {
    throw invalid(file, `it is no YAML: ${errorText(error)}`);
  }
}

function merge(
  merged: Merged,
  { file, document }: { file: string; document: unknown },
): void {
  if (document === null) return;
  if (!isRecord(document)) throw invalid(file, "it is no mapping with clusters, users, contexts");
  const directory = dirname(file);
  for (
    const [list, entry] of [["clusters", "cluster"], ["users", "user"], ["contexts", "context"]]
  ) {
    const items = document[list!];
    if (items === undefined || items === null) continue;
    if (!Array.isArray(items)) throw invalid(file, `"${list}" must be a list`);
    const target = merged[list as "clusters" | "users" | "contexts"];
    items.forEach((item: unknown, index) => {
      if (!isRecord(item) || typeof item.name !== "string") {
        throw invalid(file, `${list}[${index}] has no name`);
      }
      if (target.has(item.name)) return;
      const value = item[entry!];
      target.set(item.name, { value: isRecord(value) ? value : {}, directory });
    });
  }
  const current = document["current-context"];
  if (typeof current === "string" && current !== "") merged.currentContext ??= current;
}

function resolveContext(
  merged: Merged,
  { context: wanted, cluster: wantedCluster, user: wantedUser, places }:
    & Pick<KubeconfigOptions, "context" | "cluster" | "user">
    & { places: string },
): ClusterConfig {
  const name = wanted ?? merged.currentContext;
  const known = [...merged.contexts.keys()].map((key) => `"${key}"`).join(", ") || "none";
  if (name === undefined) {
    throw invalid(
      places,
      `it has no current-context; choose one with --context (there is ${known})`,
    );
  }
  const context = merged.contexts.get(name);
  if (!context) throw invalid(places, `it has no context "${name}" (there is ${known})`);
  const clusterName = wantedCluster ?? text(context.value.cluster);
  const cluster = clusterName === undefined ? undefined : merged.clusters.get(clusterName);
  if (!cluster) {
    throw invalid(
      places,
      wantedCluster === undefined
        ? `context "${name}" names no cluster that it has`
        : `it has no cluster "${wantedCluster}"`,
    );
  }
  const server = text(cluster.value.server);
  if (server === undefined || !URL.canParse(server)) {
    throw invalid(
      places,
      `cluster "${clusterName}": "server" must be a URL, got ${server ?? "none"}`,
    );
  }
  const userName = wantedUser ?? text(context.value.user);
  const user = userName === undefined ? undefined : merged.users.get(userName);
  if (userName !== undefined && !user) {
    throw invalid(
      places,
      wantedUser === undefined
        ? `context "${name}" names the user "${userName}", which it does not have`
        : `it has no user "${wantedUser}"`,
    );
  }
  return {
    server: server.replace(/\/+$/, ""),
    ca: pem(cluster, "certificate-authority"),
    isInsecure: cluster.value["insecure-skip-tls-verify"] === true,
    tlsServerName: text(cluster.value["tls-server-name"]),
    proxyUrl: text(cluster.value["proxy-url"]),
    credentials: user ? credentialsOf(user, { places, name: userName! }) : { kind: "none" },
    namespace: text(context.value.namespace) ?? "default",
    context: name,
  };
}

function credentialsOf(
  user: NamedEntry,
  { places, name }: { places: string; name: string },
): Credentials {
  const { value, directory } = user;
  const cert = pem(user, "client-certificate");
  const key = pem(user, "client-key");
  if (cert && key) return { kind: "certificate", cert, key };
  if (cert || key) throw invalid(places, `user "${name}" has a certificate or a key, but not both`);
  const file = text(value.tokenFile);
  if (file !== undefined) return { kind: "token-file", path: fromDirectory(directory, file) };
  const token = text(value.token);
  if (token !== undefined) return { kind: "token", token };
  const username = text(value.username);
  if (username !== undefined) {
    return { kind: "basic", username, password: text(value.password) ?? "" };
  }
  if (isRecord(value.exec)) return { kind: "exec", plugin: execPlugin(value.exec, directory) };
  if (value["auth-provider"] !== undefined) {
    throw invalid(
      places,
      `user "${name}" uses "auth-provider", which kubectl does not know any more either; use an ` +
        "exec plugin",
    );
  }
  return { kind: "none" };
}

function execPlugin(exec: Record<string, unknown>, directory: string): ExecPlugin {
  const env: Record<string, string> = {};
  for (const item of Array.isArray(exec.env) ? exec.env : []) {
    if (isRecord(item) && typeof item.name === "string") env[item.name] = String(item.value ?? "");
  }
  return {
    apiVersion: text(exec.apiVersion) ?? "client.authentication.k8s.io/v1",
    command: text(exec.command) ?? "",
    args: Array.isArray(exec.args) ? exec.args.map(String) : [],
    env,
    installHint: text(exec.installHint),
    providesClusterInfo: exec.provideClusterInfo === true,
    directory,
  };
}

/** `<key>-data` in base64, or `<key>` as a file beside the kubeconfig. */
function pem({ value, directory }: NamedEntry, key: string): PemSource | undefined {
  const data = text(value[`${key}-data`]);
  if (data !== undefined) {
    return { kind: "text", text: new TextDecoder().decode(Uint8Array.fromBase64(data)) };
  }
  const file = text(value[key]);
  return file === undefined ? undefined : { kind: "file", path: fromDirectory(directory, file) };
}

function fromDirectory(directory: string, file: string): string {
  return isAbsolute(file) ? file : join(directory, file);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

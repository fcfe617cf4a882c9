/**
 * From what the user typed to a cluster.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import { ApiError, ConnectionError } from "../../lib/kube/api_error.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import {
  type ClusterConfig,
  type Credentials,
  loadClusterConfig,
} from "../../lib/kube/kubeconfig.ts";
import { KubeTransport } from "../../lib/kube/transport.ts";
import type { ConnectionValues } from "./connection_options.ts";

/** Under which name changes are recorded in objects: that of the plugin. */
const FIELD_MANAGER = "spin-plugin-kube";

/** A cluster. Whoever opened it disposes it. */
export interface Cluster extends Disposable {
  readonly client: KubeClient;
  /** The chosen namespace. */
  readonly namespace: string;
  readonly config: ClusterConfig;
}

/**
 * Opens the cluster that the options lead to. Nothing is sent yet.
 * @throws {TerminalError} if none is configured, or not rightly.
 */
export async function openCluster(
  values: ConnectionValues,
  { version }: { version: string },
): Promise<Cluster> {
  const config = await clusterConfigOf(values);
  const transport = new KubeTransport(config, {
    userAgent: `spinkube/${version} (cli)`,
    headers: impersonation(values),
  });
  return {
    client: new KubeClient(transport, { fieldManager: FIELD_MANAGER }),
    namespace: values.namespace || config.namespace,
    config,
    [Symbol.dispose]: () => transport.close(),
  };
}

/**
 * The namespace for manifests that are only printed.
 * @throws {TerminalError} if there is a configuration, and it is broken.
 */
export async function namespaceOf(values: ConnectionValues): Promise<string> {
  if (values.namespace) return values.namespace;
  try {
    return (await clusterConfigOf(values)).namespace;
  } catch (error) {
    if (error instanceof TerminalError && error.reason === "NoKubeconfig") return "default";
    throw error;
  }
}

/**
 * Runs `work` and tells what a cluster says in words.
 * @throws {TerminalError} for everything that the cluster or the way to it is to blame for.
 */
export async function explainCluster<T>(cluster: Cluster, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { server, context } = cluster.config;
    if (error instanceof ConnectionError || isTimeout(error)) {
      throw new TerminalError(
        "NoConnection",
        `Cannot reach the cluster at ${server} (context "${context}"): ${errorText(error)}`,
        { cause: error },
      );
    }
    if (!(error instanceof ApiError)) throw error;
    throw new TerminalError(error.reason || "ApiError", explainApiError(error), { cause: error });
  }
}

function explainApiError(error: ApiError): string {
  if (error.code === 404 && error.details?.name === undefined) {
    return "The cluster does not know SpinApps: the CRDs of SpinKube are not installed. Install " +
      "SpinKube first, or choose another cluster with --context";
  }
  if (error.code === 401) return `The cluster refuses the login: ${error.message}`;
  return `Error from server${error.reason ? ` (${error.reason})` : ""}: ${error.message}`;
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

async function clusterConfigOf(values: ConnectionValues): Promise<ClusterConfig> {
  const config = await baseConfig(values);
  const { server, token } = values;
  const ca = values["certificate-authority"];
  const [cert, key] = [values["client-certificate"], values["client-key"]];
  const credentials: Credentials | undefined = token
    ? { kind: "token", token }
    : cert && key
    ? { kind: "certificate", cert: { kind: "file", path: cert }, key: { kind: "file", path: key } }
    : undefined;
  return {
    ...config,
    ...(server ? { server } : {}),
    ...(ca ? { ca: { kind: "file", path: ca } } : {}),
    ...(values["insecure-skip-tls-verify"] ? { isInsecure: true, ca: undefined } : {}),
    ...(values["tls-server-name"] ? { tlsServerName: values["tls-server-name"] } : {}),
    ...(credentials ? { credentials } : {}),
  };
}

async function baseConfig(values: ConnectionValues): Promise<ClusterConfig> {
  const environment = (name: string) => Deno.env.get(name);
  try {
    return await loadClusterConfig({
      path: values.kubeconfig || undefined,
      context: values.context || undefined,
      cluster: values.cluster || undefined,
      user: values.user || undefined,
    }, {
      environment,
      readTextFile: Deno.readTextFileSync,
      homeDir: environment("HOME") ?? environment("USERPROFILE"),
    });
  } catch (error) {
    const isMissing = error instanceof TerminalError && error.reason === "NoKubeconfig";
    if (!isMissing || !values.server) throw error;
    // An address is enough.
    return {
      server: values.server,
      ca: undefined,
      isInsecure: false,
      tlsServerName: undefined,
      proxyUrl: undefined,
      credentials: { kind: "none" },
      namespace: "default",
      context: "none",
    };
  }
}

function impersonation(values: ConnectionValues): [string, string][] {
  return [
    ...(values.as ? [["impersonate-user", values.as] as [string, string]] : []),
    ...(values["as-uid"] ? [["impersonate-uid", values["as-uid"]] as [string, string]] : []),
    ...values["as-group"].map((group): [string, string] => ["impersonate-group", group]),
  ];
}

/**
 * A real Kubernetes API server for tests, without nodes and without controllers.
 *
 * @module
 */

import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { loadClusterConfig } from "../../lib/kube/kubeconfig.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { KubeTransport } from "../../lib/kube/transport.ts";
import { waitUntil } from "./wait.ts";

/** Milliseconds until it has to answer; machines that build something else at the time are slow. */
const START_MS = 60_000;

const TOKEN = "admin-of-tests";

/** A running server. Whoever started it disposes it. */
export interface ApiServer extends AsyncDisposable {
  /** Path of a kubeconfig that may do everything. */
  readonly kubeconfig: string;
  /** Kills the server, without its store, and starts it again. Undefined for a cluster of others. */
  readonly restart?: () => Promise<void>;
}

/** A client that may do everything. Whoever made it disposes it. */
export interface ApiServerClient extends Disposable {
  readonly client: KubeClient;
}

/** Why {@link startApiServer} starts nothing here; undefined if it does. */
export function whyNoApiServer(): string | undefined {
  return findServer()
    ? undefined
    : "set SPINKUBE_TEST_KUBECONFIG, KUBEBUILDER_ASSETS (with etcd and " +
      "kube-apiserver) or KUBELITE_BIN";
}

/**
 * Starts etcd and an API server on free ports of 127.0.0.1, with their data in a temporary directory;
 * or takes the cluster that `SPINKUBE_TEST_KUBECONFIG` leads to. The program is `KUBELITE_BIN`, or
 * `kube-apiserver` of `KUBEBUILDER_ASSETS`, as `setup-envtest` fills it.
 *
 * @returns Undefined if none of them is set, see {@link whyNoApiServer}.
 */
export async function startApiServer(): Promise<ApiServer | undefined> {
  const found = findServer();
  if (!found) return undefined;
  if ("kubeconfig" in found) {
    return { kubeconfig: found.kubeconfig, async [Symbol.asyncDispose]() {} };
  }
  const directory = Deno.makeTempDirSync({ prefix: "spinkube-api-" });
  const processes: Deno.ChildProcess[] = [];
  async function stop(): Promise<void> {
    // The server before its store.
    for (const child of processes.reverse()) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
    }
    await Deno.remove(directory, { recursive: true });
  }
  try {
    const [etcdPort, peerPort, port] = freePorts(3) as [number, number, number];
    const etcd = `http://127.0.0.1:${etcdPort}`;
    processes.push(spawn(found.etcd, etcdArguments({ directory, etcd, peerPort }), directory));
    await waitUntil(() => answers(`${etcd}/health`), {
      what: "etcd",
      timeoutMs: START_MS,
      explain: () => logOf(directory, found.etcd),
    });
    const args = found.isKubelite
      ? ["-etcd", etcd, "-port", String(port), "-cert-dir", join(directory, "pki")]
      : kubeApiServerArguments({ directory, etcd, port });
    const startServer = () => processes.push(spawn(found.server, args, directory));
    startServer();
    const certFile = join(directory, "pki", "apiserver.crt");
    const ready = () =>
      waitUntil(() => isReady(`https://127.0.0.1:${port}`, certFile), {
        what: "the API server",
        timeoutMs: START_MS,
        explain: () => logOf(directory, found.server),
      });
    await ready();
    const kubeconfig = join(directory, "kubeconfig");
    Deno.writeTextFileSync(kubeconfig, formatKubeconfig(port, Deno.readFileSync(certFile)));
    const restart = async () => {
      const child = processes.pop()!;
      child.kill("SIGKILL");
      await child.status;
      startServer();
      await ready();
    };
    return { kubeconfig, restart, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Connects to a server. @param options.fieldManager Default: `test`. */
export async function connect(
  { kubeconfig }: ApiServer,
  { fieldManager = "test" }: { fieldManager?: string } = {},
): Promise<ApiServerClient> {
  const config = await loadClusterConfig({ path: kubeconfig }, {
    environment: () => undefined,
    readTextFile: (path) => Deno.readTextFileSync(path),
    homeDir: undefined,
  });
  const transport = new KubeTransport(config, { userAgent: "spinkube-test" });
  return {
    client: new KubeClient(transport, { fieldManager }),
    [Symbol.dispose]: () => transport.close(),
  };
}

type Found =
  | { readonly kubeconfig: string }
  | { readonly etcd: string; readonly server: string; readonly isKubelite: boolean };

function findServer(): Found | undefined {
  const kubeconfig = Deno.env.get("SPINKUBE_TEST_KUBECONFIG");
  if (kubeconfig) return { kubeconfig };
  const assets = Deno.env.get("KUBEBUILDER_ASSETS");
  if (assets) {
    return {
      etcd: join(assets, "etcd"),
      server: join(assets, "kube-apiserver"),
      isKubelite: false,
    };
  }
  const server = Deno.env.get("KUBELITE_BIN");
  return server ? { etcd: "etcd", server, isKubelite: true } : undefined;
}

function etcdArguments(
  { directory, etcd, peerPort }: { directory: string; etcd: string; peerPort: number },
): string[] {
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    ...["--data-dir", join(directory, "etcd")],
    // What a test stores need not survive a power cut.
    "--unsafe-no-fsync",
    ...["--listen-client-urls", etcd, "--advertise-client-urls", etcd],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", `default=${peer}`],
  ];
}

function kubeApiServerArguments(
  { directory, etcd, port }: { directory: string; etcd: string; port: number },
): string[] {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const keyFile = join(directory, "accounts.key");
  const tokenFile = join(directory, "tokens.csv");
  Deno.writeTextFileSync(keyFile, privateKey);
  Deno.writeTextFileSync(tokenFile, `${TOKEN},admin,admin,system:masters\n`);
  return [
    `--etcd-servers=${etcd}`,
    `--cert-dir=${join(directory, "pki")}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--service-cluster-ip-range=10.0.0.0/12",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${keyFile}`,
    `--service-account-signing-key-file=${keyFile}`,
    `--token-auth-file=${tokenFile}`,
    "--authorization-mode=RBAC",
    // As in every cluster: the pods of the cluster itself need it.
    "--allow-privileged=true",
    // Nothing makes the accounts that pods need.
    "--disable-admission-plugins=ServiceAccount",
  ];
}

function formatKubeconfig(port: number, certificate: Uint8Array<ArrayBuffer>): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "admin", namespace: "default" } }],
    clusters: [{
      name: "test",
      cluster: {
        server: `https://127.0.0.1:${port}`,
        "certificate-authority-data": certificate.toBase64(),
      },
    }],
    users: [{ name: "admin", user: { token: TOKEN } }],
  });
}

/** What a program says goes to a file beside its data. */
function spawn(program: string, args: readonly string[], directory: string): Deno.ChildProcess {
  // The shell replaces itself, so that the process is the program.
  const script = 'log="$1"; shift; exec "$@" >"$log" 2>&1';
  return new Deno.Command("sh", {
    args: ["-c", script, "sh", logFile(directory, program), program, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

function logFile(directory: string, program: string): string {
  return join(directory, `${program.split("/").at(-1)}.log`);
}

function logOf(directory: string, program: string): string {
  return Deno.readTextFileSync(logFile(directory, program)).slice(-4_000);
}

async function isReady(server: string, certFile: string): Promise<boolean> {
  let certificate: string;
  try {
    certificate = Deno.readTextFileSync(certFile);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  using client = Deno.createHttpClient({ caCerts: [certificate] });
  return await answers(`${server}/readyz`, client);
}

async function answers(url: string, client?: Deno.HttpClient): Promise<boolean> {
  try {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(client ? { client } : {}),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Nobody listens yet.
    return false;
  }
}

/** Ports that nobody uses; all are held at the same time, so that they differ. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

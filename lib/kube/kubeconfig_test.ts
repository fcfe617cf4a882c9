import assert from "node:assert/strict";
import { TerminalError } from "../errors.ts";
import { type ClusterConfig, type KubeconfigEdge, loadClusterConfig } from "./kubeconfig.ts";

const FIRST = `
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev
  cluster: {server: "https://dev.example:6443/", certificate-authority: pki/ca.crt}
contexts:
- name: dev
  context: {cluster: dev, user: dev, namespace: apps}
- name: prod
  context: {cluster: prod, user: prod}
users:
- name: dev
  user: {token: secret}
`;

const SECOND = `
clusters:
- name: dev
  cluster: {server: "https://ignored"}
- name: prod
  cluster:
    server: https://prod.example
    certificate-authority-data: ${btoa("PEM")}
    tls-server-name: kubernetes
    proxy-url: http://proxy:3128
users:
- name: prod
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: bin/login
      args: [--cluster, prod]
      env: [{name: A, value: "1"}]
      installHint: Install login first.
      provideClusterInfo: true
`;

function edge(
  files: Record<string, string>,
  environment: Record<string, string> = {},
): KubeconfigEdge {
  return {
    homeDir: "/home/me",
    environment: (name) => environment[name],
    readTextFile(path) {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(path);
      return text;
    },
  };
}

Deno.test("loadClusterConfig() merges the files of KUBECONFIG, the first that says it wins", async () => {
  const files = { "/a/config": FIRST, "/b/config": SECOND };
  const environment = { KUBECONFIG: "/a/config:/b/config:/none" };
  const dev = await loadClusterConfig({}, edge(files, environment));
  assert.deepEqual(
    dev,
    {
      server: "https://dev.example:6443",
      ca: { kind: "file", path: "/a/pki/ca.crt" },
      isInsecure: false,
      tlsServerName: undefined,
      proxyUrl: undefined,
      credentials: { kind: "token", token: "secret" },
      namespace: "apps",
      context: "dev",
    } satisfies ClusterConfig,
  );
  const prod = await loadClusterConfig({ context: "prod" }, edge(files, environment));
  assert.deepEqual(prod.ca, { kind: "text", text: "PEM" });
  assert.equal(prod.tlsServerName, "kubernetes");
  assert.equal(prod.proxyUrl, "http://proxy:3128");
  assert.equal(prod.namespace, "default");
  assert.deepEqual(prod.credentials, {
    kind: "exec",
    plugin: {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "bin/login",
      args: ["--cluster", "prod"],
      env: { A: "1" },
      installHint: "Install login first.",
      providesClusterInfo: true,
      directory: "/b",
    },
  });
});

Deno.test("loadClusterConfig() uses a pod's service account before the home directory", async () => {
  const account = "/var/run/secrets/kubernetes.io/serviceaccount";
  const config = await loadClusterConfig(
    {},
    edge({ "/home/me/.kube/config": FIRST, [`${account}/namespace`]: "spin\n" }, {
      KUBERNETES_SERVICE_HOST: "fd00::1",
      KUBERNETES_SERVICE_PORT: "443",
    }),
  );
  assert.equal(config.server, "https://[fd00::1]:443");
  assert.equal(config.namespace, "spin");
  assert.deepEqual(config.credentials, { kind: "token-file", path: `${account}/token` });
  assert.deepEqual(config.ca, { kind: "file", path: `${account}/ca.crt` });
});

Deno.test("loadClusterConfig() names the file and what is wrong with it", async () => {
  const cases: [string, Record<string, string>, RegExp][] = [
    ["nothing there", {}, /No cluster is configured: there is no \/c\. Give --kubeconfig FILE/],
    ["no YAML", { "/c": "a: [" }, /^Kubeconfig "\/c": it is no YAML/],
    ["no mapping", { "/c": "- a" }, /it is no mapping/],
    ["no context", { "/c": "clusters: []" }, /it has no current-context.*there is none/],
    ["unknown context", { "/c": "current-context: x" }, /it has no context "x"/],
    [
      "no cluster",
      { "/c": "current-context: x\ncontexts: [{name: x, context: {cluster: y}}]" },
      /context "x" names no cluster/,
    ],
    [
      "no user",
      {
        "/c": "current-context: x\ncontexts: [{name: x, context: {cluster: y, user: z}}]\n" +
          "clusters: [{name: y, cluster: {server: 'http://a'}}]",
      },
      /names the user "z", which it does not have/,
    ],
  ];
  for (const [name, files, message] of cases) {
    await assert.rejects(
      () => loadClusterConfig({ path: "/c" }, edge(files)),
      (error: unknown) => error instanceof TerminalError && message.test(error.message),
      name,
    );
  }
});

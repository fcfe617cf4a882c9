import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readShimSettings } from "../../controllers/shim/shim_settings.ts";
import { parseManagerOptions } from "../../controllers/manager/manager_options.ts";
import { renderInstall } from "../../deploy/manifests/generate.ts";
import { type AnyObject, chartObjects, findHelm, findObject } from "../support/helm.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);

const HELM = await findHelm();

function helmTest(name: string, run: (helm: string) => Promise<void>): void {
  Deno.test({ name, ignore: HELM === undefined, fn: () => run(HELM!) });
}

function container(objects: readonly AnyObject[]) {
  return findObject(objects, "Deployment").spec.template.spec.containers[0];
}

helmTest("the chart passes Helm's own checks", async (helm) => {
  const { code, stdout } = await new Deno.Command(helm, {
    args: ["lint", "--strict", fileURLToPath(new URL("chart", DEPLOY))],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stdout));
});

helmTest('install.yaml is what the chart renders; else run "deno task manifests"', async (helm) => {
  const stored = await Deno.readTextFile(new URL("manifests/install.yaml", DEPLOY));
  assert.equal(await renderInstall(helm), stored);
});

/** The values of SpinKube's chart, all of them, each with something else than its default. */
const SPINKUBES = [
  `controllerManager=${
    JSON.stringify({
      manager: {
        args: [
          "--health-probe-bind-address=:9082",
          "--metrics-bind-address=:9443",
          "--leader-elect",
        ],
        containerSecurityContext: { allowPrivilegeEscalation: false },
        image: { repository: "registry.example.com/operator", tag: "v1" },
        imagePullPolicy: "Always",
        resources: { limits: { memory: "1Gi" } },
      },
      replicas: 2,
      serviceAccount: { annotations: { "example.com/role": "operator" } },
    })
  }`,
  'kubernetesClusterDomain="example.org"',
  'metricsService={"ports":[{"name":"https","port":443,"targetPort":9443,"protocol":"TCP"}],"type":"NodePort"}',
  'webhookService={"ports":[{"port":8443,"targetPort":9443,"protocol":"TCP"}],"type":"ClusterIP"}',
  'nameOverride="op"',
  'fullnameOverride="my-operator"',
];

helmTest("the chart takes the values of SpinKube's", async (helm) => {
  const objects = await chartObjects({ helm, jsonValues: SPINKUBES });
  const deployment = findObject(objects, "Deployment", "my-operator-controller-manager");
  const { image, imagePullPolicy, ports, env } = container(objects);
  assert.equal(deployment.spec.replicas, 2);
  assert.equal(deployment.spec.selector.matchLabels["app.kubernetes.io/name"], "op");
  assert.deepEqual([image, imagePullPolicy], ["registry.example.com/operator:v1", "Always"]);
  assert.deepEqual(ports, [
    { name: "health", containerPort: 9082 },
    { name: "metrics", containerPort: 9443 },
  ]);
  assert.deepEqual(env[0], { name: "KUBERNETES_CLUSTER_DOMAIN", value: "example.org" });
  const account = findObject(objects, "ServiceAccount");
  assert.deepEqual(account.metadata.annotations, { "example.com/role": "operator" });
  const metrics = findObject(objects, "Service", "metrics-service").spec;
  assert.deepEqual([metrics.type, metrics.ports[0].port], ["NodePort", 443]);
  // Its arguments leave webhooks out.
  assert.equal(objects.some(({ kind }) => kind.endsWith("WebhookConfiguration")), false);
});

helmTest("the chart names and labels the operator's objects as SpinKube's does", async (helm) => {
  const objects = await chartObjects({ helm });
  for (const name of ["controller-manager", "webhook-service", "metrics-service"]) {
    assert.ok(objects.some(({ metadata }) => metadata.name === `spin-operator-${name}`), name);
  }
  // Selectors cannot be changed when this chart takes a release over.
  assert.deepEqual(findObject(objects, "Deployment").spec.selector.matchLabels, {
    "app.kubernetes.io/name": "spin-operator",
    "app.kubernetes.io/instance": "spin-operator",
    "control-plane": "controller-manager",
  });
});

helmTest("the chart keeps the definitions, unless it is told not to bring them", async (helm) => {
  const kinds = (objects: readonly AnyObject[]) =>
    objects.filter(({ kind }) => kind === "CustomResourceDefinition");
  const kept = kinds(await chartObjects({ helm }));
  assert.equal(kept.length, 4);
  for (const { metadata } of kept) {
    assert.equal(metadata.annotations?.["helm.sh/resource-policy"], "keep");
  }
  const runtimeClass = findObject(await chartObjects({ helm }), "RuntimeClass");
  assert.equal(runtimeClass.metadata.annotations?.["helm.sh/resource-policy"], "keep");
  const lost = kinds(await chartObjects({ helm, values: ["crds.keep=false"] }));
  assert.equal(lost[0]!.metadata.annotations, undefined);
  assert.deepEqual(kinds(await chartObjects({ helm, values: ["crds.install=false"] })), []);
});

helmTest("the chart leaves webhooks out when they are switched off", async (helm) => {
  const objects = await chartObjects({ helm, values: ["webhooks.enabled=false"] });
  assert.equal(objects.some(({ kind }) => kind.endsWith("WebhookConfiguration")), false);
  assert.equal(objects.some(({ metadata }) => metadata.name.endsWith("webhook-service")), false);
  assert.doesNotMatch(JSON.stringify(objects), /webhook-server-cert|"admissionregistration/);
  assert.equal(parseManagerOptions(container(objects).args).webhooks, undefined);
});

helmTest("the chart mounts a certificate that somebody else makes", async (helm) => {
  const objects = await chartObjects({
    helm,
    values: [
      "webhooks.certificate.existingSecret=own-cert",
      "webhooks.certificate.caBundle=Q0E=",
      "webhooks.annotations.cert-manager\\.io/inject-ca-from=ns/cert",
    ],
  });
  const { certificateDir } = parseManagerOptions(container(objects).args).webhooks!;
  const mount = container(objects).volumeMounts.find(({ name }: { name: string }) =>
    name === "cert"
  );
  assert.equal(mount.mountPath, certificateDir);
  const volumes = findObject(objects, "Deployment").spec.template.spec.volumes;
  assert.equal(volumes.at(-1).secret.secretName, "own-cert");
  const validating = findObject(objects, "ValidatingWebhookConfiguration");
  assert.equal(validating.webhooks[0].clientConfig.caBundle, "Q0E=");
  assert.deepEqual(validating.metadata.annotations, {
    "cert-manager.io/inject-ca-from": "ns/cert",
  });
  // Nothing is written to Secrets of its namespace then.
  const own = findObject(objects, "Role", "leader-election-role");
  assert.doesNotMatch(JSON.stringify(own.rules), /secrets/);
});

helmTest("the chart confines an operator of one namespace to it", async (helm) => {
  const objects = await chartObjects({
    helm,
    values: ["watchNamespace=apps", "executor.kind=SpinAppExecutor"],
  });
  assert.equal(parseManagerOptions(container(objects).args).namespace, "apps");
  const cluster = findObject(objects, "ClusterRole", "manager-role").rules;
  assert.doesNotMatch(JSON.stringify(cluster), /secrets|deployments|"spinapps"/);
  const role = findObject(objects, "Role", "manager-role");
  assert.equal(role.metadata.namespace, "apps");
  assert.match(JSON.stringify(role.rules), /secrets/);
  const validating = findObject(objects, "ValidatingWebhookConfiguration");
  assert.deepEqual(validating.webhooks[0].namespaceSelector, {
    matchLabels: { "kubernetes.io/metadata.name": "apps" },
  });
  const executor = findObject(objects, "ConfigMap", "default-executor").data["executor.json"];
  assert.match(executor, /"namespace": "apps"/);
});

helmTest("the chart makes an executor with Spin's image", async (helm) => {
  const objects = await chartObjects({
    helm,
    values: ["executor.deploymentConfig.spinImage=spin:1", "runtimeClass.create=false"],
  });
  const executor = findObject(objects, "ConfigMap", "default-executor").data["executor.json"];
  assert.match(executor, /"spinImage": "spin:1"/);
  assert.doesNotMatch(executor, /runtimeClassName/);
  assert.equal(objects.some(({ kind }) => kind === "RuntimeClass"), false);
});

helmTest("the chart gives probes and ports only to what listens", async (helm) => {
  const args = ["--metrics-bind-address=0", "-health-probe-bind-address=0", "--webhook-port=10250"];
  const objects = await chartObjects({
    helm,
    jsonValues: [
      `controllerManager.manager.args=${JSON.stringify([...args, "--enable-webhooks=true"])}`,
      'webhookService.ports=[{"port":443,"targetPort":10250}]',
    ],
  });
  const { ports, livenessProbe, readinessProbe } = container(objects);
  assert.deepEqual(ports, [{ name: "webhook-server", containerPort: 10250 }]);
  assert.deepEqual([livenessProbe, readinessProbe], [undefined, undefined]);
});

/** Value that is switched on → the kind it brings. */
const SWITCHES: readonly (readonly [string, string, string])[] = [
  ["podDisruptionBudget.enabled=true", "PodDisruptionBudget", "controller-manager"],
  ["networkPolicy.enabled=true", "NetworkPolicy", "controller-manager"],
  ["serviceMonitor.enabled=true", "ServiceMonitor", "metrics"],
  ["grafanaDashboard.enabled=true", "ConfigMap", "dashboard"],
  ["rbac.userRoles=true", "ClusterRole", "spinapp-editor-role"],
];

helmTest("the chart brings what is switched on, and nothing else", async (helm) => {
  const without = await chartObjects({ helm });
  const all = await chartObjects({ helm, values: SWITCHES.map(([value]) => value) });
  for (const [value, kind, name] of SWITCHES) {
    assert.throws(() => findObject(without, kind, name), /There are 0 of/, value);
    findObject(all, kind, name);
  }
  const dashboard = findObject(all, "ConfigMap", "dashboard").data["spin-operator.json"];
  assert.equal(JSON.parse(dashboard).uid, "spin-operator");
  const policy = findObject(all, "NetworkPolicy").spec;
  assert.deepEqual(
    policy.ingress.flatMap(({ ports }: { ports: { port: number }[] }) => ports)
      .map(({ port }: { port: number }) => port),
    [8082, 9443, 8443],
  );
});

/** Values that are wrong → what Helm says. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["controllerManager.replica=2", /'\/controllerManager': additional properties 'replica'/],
  ["controllerManager.manager.imagePullPolicy=Sometimes", /imagePullPolicy/],
  ["controllerManager.manager.image.digest=latest", /digest/],
  ["webhooks.timeoutSeconds=31", /timeoutSeconds/],
  ["webhooks.failurePolicy=Warn", /failurePolicy/],
  ["executor.kind=SpinApp", /executor\/kind/],
  ["runtimeClass.handler=Spin_2", /handler/],
  ["watchNamespace=My_Apps", /watchNamespace/],
  ["crd.install=false", /additional properties 'crd'/],
];

helmTest("the chart refuses values that are wrong", async (helm) => {
  for (const [value, message] of REFUSED) {
    await assert.rejects(chartObjects({ helm, values: [value] }), message, value);
  }
  const both = ["runtimeClassName=a", "spinImage=b"]
    .map((value) => `executor.deploymentConfig.${value}`);
  await assert.rejects(chartObjects({ helm, values: both }), /executor\/deploymentConfig/);
});

/** The values of runtime-class-manager's chart. */
const RUNTIME_CLASS_MANAGERS = [
  `rcm=${
    JSON.stringify({
      shimDownloaderImage: { repository: "registry.example.com/downloader", tag: "v1" },
      nodeInstallerImage: { repository: "registry.example.com/installer", tag: "v2" },
      nodeInstallerJob: { ttl: 60 },
      leaderElectEnabled: true,
      shimDownloaderConfig: {
        configMapName: "shim-downloader-config",
        content: { numRetry: 5, sleepDuration: 3 },
      },
    })
  }`,
  'rcm.imagePullSecrets=[{"name":"a"},{"name":"b"}]',
];

helmTest("the chart takes the values of runtime-class-manager's", async (helm) => {
  const objects = await chartObjects({ helm, jsonValues: RUNTIME_CLASS_MANAGERS });
  const environment = new Map<string, string>(
    container(objects).env.map(({ name, value }: Record<string, string>) => [name, value]),
  );
  assert.deepEqual(readShimSettings((name) => environment.get(name), { ownNamespace: "" }), {
    namespace: "spin-operator",
    downloaderImage: "registry.example.com/downloader:v1",
    installerImage: "registry.example.com/installer:v2",
    jobTtlSeconds: 60,
    downloaderConfigMap: "shim-downloader-config",
    imagePullSecrets: ["a", "b"],
    imagePullPolicy: "IfNotPresent",
  });
  const config = findObject(objects, "ConfigMap", "shim-downloader-config");
  assert.deepEqual(config.data, { NUM_RETRY: "5", SLEEP_DURATION: "3" });
  assert.equal(objects.some(({ kind }) => kind === "Namespace"), false);
});

helmTest("the chart leaves nodes alone when it is told so", async (helm) => {
  const objects = await chartObjects({ helm, values: ["rcm.enabled=false"] });
  assert.doesNotMatch(
    JSON.stringify(objects.filter(({ kind }) => kind !== "CustomResourceDefinition")),
    /"nodes"|"jobs"|shim-controller|SHIM_/,
  );
  assert.equal(parseManagerOptions(container(objects).args).hasShims, false);
  assert.equal(parseManagerOptions(container(await chartObjects({ helm })).args).hasShims, true);
});

helmTest("the chart never adds the right to create Shims to roles that many have", async (helm) => {
  const objects = await chartObjects({ helm, values: ["rbac.userRoles=true"] });
  for (const role of ["editor", "viewer"]) {
    const { metadata } = findObject(objects, "ClusterRole", `-shim-${role}-role`);
    assert.doesNotMatch(JSON.stringify(metadata.labels), /aggregate/);
  }
});

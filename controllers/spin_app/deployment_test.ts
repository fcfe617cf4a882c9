import assert from "node:assert/strict";
import { parse } from "yaml";
import type { SpinApp } from "../../crds/spin_app.ts";
import type { DeploymentConfig } from "../../crds/spin_app_executor.ts";
import { buildDeployment } from "./deployment.ts";
import { buildService } from "./service.ts";
import type { MountedSecrets } from "./volumes.ts";

const SHIM: DeploymentConfig = { runtimeClassName: "wasmtime-spin-v2" };
const NO_SECRETS: MountedSecrets = { generatedConfig: undefined, certificates: undefined };

function appOf(spec: Partial<SpinApp["spec"]> = {}): SpinApp {
  return {
    metadata: { name: "shop", namespace: "default", uid: "u1" },
    spec: { image: "ghcr.io/acme/shop:1", executor: "containerd-shim-spin", replicas: 1, ...spec },
  };
}

function build(
  spec: Partial<SpinApp["spec"]>,
  { config = SHIM, secrets = NO_SECRETS } = {},
): ReturnType<typeof buildDeployment> {
  return buildDeployment(appOf(spec), { config, secrets });
}

function containerOf(spec: Partial<SpinApp["spec"]>, config = SHIM) {
  return build(spec, { config }).spec.template.spec.containers[0]!;
}

const WHOLE_APP: SpinApp = parse(`
apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata: {name: shop, namespace: default, uid: u1, labels: {not: copied}}
spec:
  image: ghcr.io/acme/shop:1.4.2
  executor: containerd-shim-spin
  replicas: 3
  imagePullSecrets: [{name: ghcr}]
  serviceAccountName: shop-sa
  components: [api, cart]
  variables:
  - {name: greetee, value: World}
  - name: db_password
    valueFrom: {secretKeyRef: {name: shop-secrets, key: password}}
  volumes:
  - {name: data, persistentVolumeClaim: {claimName: shop-data}}
  volumeMounts:
  - {name: data, mountPath: /mnt/data}
  resources:
    limits: {cpu: 500m, memory: 500Mi}
    requests: {cpu: 1, memory: 400Mi}
  invocationLimits: {memory: 64Mi, foo.dev/x: ignored}
  checks:
    readiness: {httpGet: {path: /healthz}}
    liveness:
      httpGet: {path: /livez, httpHeaders: [{name: x-probe, value: "1"}]}
      initialDelaySeconds: 5
  deploymentAnnotations: {team: shop}
  podAnnotations: {prometheus.io/scrape: "true"}
  podLabels: {tier: web, core.spinkube.dev/app-name: another}
  serviceAnnotations: {svc: a}
`);

Deno.test("buildDeployment() builds what SpinKube's operator applies, field for field", () => {
  const deployment = buildDeployment(WHOLE_APP, {
    config: { ...SHIM, otel: { exporter_otlp_endpoint: "http://otel:4318" } },
    secrets: { generatedConfig: "shop-83d1312e", certificates: "spin-ca" },
  });
  assert.deepEqual(
    deployment,
    parse(`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  namespace: default
  labels: {core.spinkube.dev/app-name: shop}
  annotations: {team: shop}
  ownerReferences:
  - {apiVersion: core.spinkube.dev/v1alpha1, kind: SpinApp, name: shop, uid: u1, controller: true, blockOwnerDeletion: true}
spec:
  replicas: 3
  selector:
    matchLabels:
      core.spinkube.dev/app-name: shop
      core.spinkube.dev/app.shop.status: ready
  template:
    metadata:
      labels:
        tier: web
        core.spinkube.dev/app-name: shop
        core.spinkube.dev/app.shop.status: ready
      annotations: {prometheus.io/scrape: "true"}
    spec:
      runtimeClassName: wasmtime-spin-v2
      serviceAccountName: shop-sa
      imagePullSecrets: [{name: ghcr}]
      containers:
      - name: shop
        image: ghcr.io/acme/shop:1.4.2
        command: ["/"]
        ports: [{name: http-app, containerPort: 80}]
        env:
        - {name: SPIN_VARIABLE_GREETEE, value: World}
        - name: SPIN_VARIABLE_DB_PASSWORD
          valueFrom: {secretKeyRef: {name: shop-secrets, key: password}}
        - {name: SPIN_HTTP_LISTEN_ADDR, value: "0.0.0.0:80"}
        - {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://otel:4318"}
        - {name: SPIN_MAX_INSTANCE_MEMORY, value: "67108864"}
        - {name: SPIN_COMPONENTS_TO_RETAIN, value: "api,cart"}
        volumeMounts:
        - {name: spin-runtime-config, readOnly: true, mountPath: /runtime-config.toml, subPath: runtime-config.toml}
        - {name: data, mountPath: /mnt/data}
        - {name: spin-ca, readOnly: true, mountPath: /etc/ssl/certs/ca-certificates.crt, subPath: ca-certificates.crt}
        resources:
          limits: {cpu: 500m, memory: 500Mi}
          requests: {cpu: "1", memory: 400Mi}
        livenessProbe:
          httpGet: {path: /livez, port: 80, httpHeaders: [{name: x-probe, value: "1"}]}
          initialDelaySeconds: 5
          timeoutSeconds: 1
          periodSeconds: 10
          successThreshold: 1
          failureThreshold: 3
        readinessProbe:
          httpGet: {path: /healthz, port: 80}
          initialDelaySeconds: 10
          timeoutSeconds: 1
          periodSeconds: 10
          successThreshold: 1
          failureThreshold: 3
      volumes:
      - name: spin-runtime-config
        secret:
          secretName: shop-83d1312e
          optional: true
          items: [{key: runtime-config.toml, path: runtime-config.toml}]
      - {name: data, persistentVolumeClaim: {claimName: shop-data}}
      - name: spin-ca
        secret:
          secretName: spin-ca
          optional: true
          items: [{key: ca-certificates.crt, path: ca-certificates.crt}]
`),
  );
});

Deno.test("buildService() builds what SpinKube's operator applies", () => {
  assert.deepEqual(
    buildService(WHOLE_APP),
    parse(`
apiVersion: v1
kind: Service
metadata:
  name: shop
  namespace: default
  labels: {core.spinkube.dev/app-name: shop}
  annotations: {svc: a}
  ownerReferences:
  - {apiVersion: core.spinkube.dev/v1alpha1, kind: SpinApp, name: shop, uid: u1, controller: true, blockOwnerDeletion: true}
spec:
  type: ClusterIP
  ports: [{protocol: TCP, port: 80, targetPort: http-app}]
  selector: {core.spinkube.dev/app.shop.status: ready}
`),
  );
});

Deno.test("buildDeployment() sets replicas unless somebody else does", () => {
  const cases: [spec: Partial<SpinApp["spec"]>, expected: number | undefined][] = [
    [{ replicas: 5 }, 5],
    [{ replicas: 0 }, 0],
    [{ replicas: 5, enableAutoscaling: true }, undefined],
  ];
  for (const [spec, expected] of cases) {
    assert.equal(build(spec).spec.replicas, expected, JSON.stringify(spec));
  }
  const { replicas: _, ...without } = appOf().spec;
  const app = { ...appOf(), spec: without };
  const built = buildDeployment(app, { config: SHIM, secrets: NO_SECRETS });
  assert.equal(built.spec.replicas, 0);
});

Deno.test("buildDeployment() leaves out what the app does not have", () => {
  assert.deepEqual(build({}).spec.template, {
    metadata: {
      labels: {
        "core.spinkube.dev/app-name": "shop",
        "core.spinkube.dev/app.shop.status": "ready",
      },
    },
    spec: {
      runtimeClassName: "wasmtime-spin-v2",
      serviceAccountName: "default",
      containers: [{
        name: "shop",
        image: "ghcr.io/acme/shop:1",
        command: ["/"],
        ports: [{ name: "http-app", containerPort: 80 }],
        env: [{ name: "SPIN_HTTP_LISTEN_ADDR", value: "0.0.0.0:80" }],
      }],
    },
  });
});

Deno.test("buildDeployment() runs an image with Spin in it if the executor has one", () => {
  const { image, args, command } = containerOf(
    { components: ["a", "b"] },
    { spinImage: "ghcr.io/fermyon/spin:v2.7.0" },
  );
  assert.equal(image, "ghcr.io/fermyon/spin:v2.7.0");
  assert.equal(command, undefined);
  assert.deepEqual(args, [
    "up",
    "--listen",
    "0.0.0.0:80",
    "-f",
    "ghcr.io/acme/shop:1",
    "--runtime-config-file",
    "/runtime-config.toml",
    "--component-id",
    "a",
    "--component-id",
    "b",
  ]);
  // A class that is given counts, even without a name.
  const both = { runtimeClassName: "", spinImage: "x" };
  assert.deepEqual(containerOf({}, both).command, ["/"]);
});

Deno.test("buildDeployment() has the variables of the app in its environment", () => {
  const field = { fieldRef: { fieldPath: "status.hostIP" } };
  const { env } = containerOf({
    variables: [
      { name: "simple_secret", value: "f00" },
      { name: "with_NUMB3RS", valueFrom: field },
    ],
    invocationLimits: { memory: "40M" },
    env: [{ name: "NODE_IP", valueFrom: field }],
    port: 8080,
  }, {
    ...SHIM,
    otel: {
      exporter_otlp_endpoint: "a",
      exporter_otlp_traces_endpoint: "b",
      exporter_otlp_metrics_endpoint: "c",
      exporter_otlp_logs_endpoint: "d",
    },
  });
  assert.deepEqual(env, [
    { name: "SPIN_VARIABLE_SIMPLE_SECRET", value: "f00" },
    { name: "SPIN_VARIABLE_WITH_NUMB3RS", valueFrom: field },
    { name: "SPIN_HTTP_LISTEN_ADDR", value: "0.0.0.0:8080" },
    { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "a" },
    { name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value: "b" },
    { name: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", value: "c" },
    { name: "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", value: "d" },
    { name: "SPIN_MAX_INSTANCE_MEMORY", value: "40000000" },
    { name: "NODE_IP", valueFrom: field },
  ]);
});

Deno.test("buildDeployment() mounts the user's own runtime configuration", () => {
  const runtimeConfig = { loadFromSecret: "mine" };
  const { volumes } = build({ runtimeConfig }).spec.template.spec;
  assert.deepEqual(volumes!.map(({ secret }) => secret?.secretName), ["mine"]);
});

Deno.test("buildDeployment() has what this operator adds to apps", () => {
  const added = {
    nodeSelector: { a: "b" },
    tolerations: [{ key: "k", operator: "Exists" }],
    priorityClassName: "high",
    terminationGracePeriodSeconds: 60,
  };
  const { spec } = build({
    ...added,
    podSecurityContext: { runAsNonRoot: true },
    securityContext: { readOnlyRootFilesystem: true },
    imagePullPolicy: "Always",
    checks: { readiness: { httpGet: { path: "/" } } },
    port: 8080,
  }).spec.template;
  const { containers, securityContext, runtimeClassName: _r, serviceAccountName: _s, ...rest } =
    spec;
  assert.deepEqual(rest, added);
  assert.deepEqual(securityContext, { runAsNonRoot: true });
  const [container] = containers;
  assert.equal(container!.imagePullPolicy, "Always");
  assert.deepEqual(container!.securityContext, { readOnlyRootFilesystem: true });
  assert.deepEqual(container!.ports, [{ name: "http-app", containerPort: 8080 }]);
  assert.equal(container!.readinessProbe?.httpGet?.port, 8080);
});

Deno.test("buildDeployment() refuses what Kubernetes would refuse for ever", () => {
  const data = { name: "data", emptyDir: {} };
  const cases: [spec: Partial<SpinApp["spec"]>, config: DeploymentConfig, message: RegExp][] = [
    [{}, {}, /^TerminalError: must specify either runtimeClassName or spinImage$/],
    [{}, { runtimeClassName: null, spinImage: null }, /must specify either/],
    [
      { checks: { readiness: {} } },
      SHIM,
      /failed to construct readiness probe: probe exists but with unknown configuration, expected httpGet$/,
    ],
    [{ checks: { liveness: {} } }, SHIM, /failed to construct liveness probe/],
    [{ invocationLimits: { memory: "x" } }, SHIM, /failed to parse memory limit "x"/],
    [
      { variables: [{ name: "foo", value: "1" }, { name: "FOO", value: "2" }] },
      SHIM,
      /SPIN_VARIABLE_FOO more than once/,
    ],
    [{ volumes: [data, data] }, SHIM, /several volumes with the name "data"/],
    [
      { volumeMounts: [{ name: "data", mountPath: "/a" }, { name: "other", mountPath: "/a" }] },
      SHIM,
      /several mounts at "\/a"/,
    ],
  ];
  for (const [spec, config, message] of cases) {
    assert.throws(() => build(spec, { config }), message, JSON.stringify(spec));
  }
  assert.throws(
    () =>
      build({ runtimeConfig: { loadFromSecret: "mine" } }, {
        secrets: { generatedConfig: "made", certificates: undefined },
      }),
    /^TerminalError: cannot specify both a user-provided runtime secret and a generated one$/,
  );
});

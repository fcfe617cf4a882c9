import assert from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { parseCommandLine } from "../../lib/command_line.ts";
import { UsageError } from "../../lib/errors.ts";
import type { AppOutline } from "../../shim/loader/mod.ts";
import { buildManifest, formatManifest, formatManifestJson, scaffoldName } from "./scaffold.ts";
import { compareOptions, missingVariables } from "./scaffold_app.ts";
import { findProblems, findWarnings } from "./scaffold_checks.ts";
import { SCAFFOLD, type ScaffoldValues } from "./scaffold_options.ts";

const RUNTIME_CONFIG = new TextEncoder().encode('log_dir = "/asdf"\n');

function valuesOf(args: string): ScaffoldValues {
  const words = args.split(" ").filter((word) => word !== "").map((word) =>
    word.replaceAll("␣", " ")
  );
  const parsed = parseCommandLine(SCAFFOLD, words, { environment: () => undefined });
  assert.ok(parsed.kind === "run");
  return parsed.values;
}

function scaffold(args: string, app?: AppOutline): string {
  const values = valuesOf(args);
  assert.deepEqual(findProblems(values), []);
  const hasConfig = values["runtime-config-file"] !== undefined;
  const runtimeConfig = hasConfig ? RUNTIME_CONFIG : undefined;
  return formatManifest(buildManifest({ values, runtimeConfig, app }));
}

/** The manifest of a plain app, with what an option adds. */
function plain(
  lines: string,
  { name = "example-app", image = "ghcr.io/foo/example-app:v0.1.0" } = {},
) {
  return `apiVersion: core.spinkube.dev/v1alpha1
kind: SpinApp
metadata:
  name: ${name}
spec:
  image: "${image}"
  executor: containerd-shim-spin
${lines}`;
}

const FROM = "--from ghcr.io/foo/example-app:v0.1.0";

const SECRET = `---
apiVersion: v1
kind: Secret
metadata:
  name: example-app-runtime-config
type: Opaque
data:
  runtime-config.toml: bG9nX2RpciA9ICIvYXNkZiIK
`;

function autoscaler(
  kind: "hpa" | "keda",
  { max = 3, cpu = 60, memory = 60, min = 2 } = {},
): string {
  return kind === "hpa"
    ? `---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: example-app-autoscaler
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: example-app
  minReplicas: ${min}
  maxReplicas: ${max}
  metrics:
  - type: Resource
    resource:
      name: cpu
      target:
        type: Utilization
        averageUtilization: ${cpu}
  - type: Resource
    resource:
      name: memory
      target:
        type: Utilization
        averageUtilization: ${memory}
`
    : `---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: example-app-autoscaler
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: example-app
  minReplicaCount: ${min}
  maxReplicaCount: ${max}
  triggers:
  - type: cpu
    metricType: Utilization
    metadata:
      value: "${cpu}"
  - type: memory
    metricType: Utilization
    metadata:
      value: "${memory}"
`;
}

const LIMITS = "--cpu-limit 100m --memory-limit 128Mi";
const SCALED = `  enableAutoscaling: true
  resources:
    limits:
      cpu: 100m
      memory: 128Mi
`;

const EVERYTHING = `${FROM} --autoscaler hpa --azure-identity --service-account-name sa ` +
  `--variable b=x --variable a=1x --component hello --component world ${LIMITS} ` +
  "--cpu-request 50m --memory-request 64Mi -s s1 -s s2 -c runtime-config.toml --max-replicas 10 " +
  "--autoscaler-target-cpu-utilization 50 --autoscaler-target-memory-utilization 70";

/** What the plugin writes for these options. */
const GOLDEN: readonly (readonly [args: string, text: string])[] = [
  [FROM, plain("  replicas: 2\n")],
  [`-f nginx`, plain("  replicas: 2\n", { name: "nginx", image: "nginx" })],
  [`-f a/b --from ghcr.io/foo/example-app:v0.1.0`, plain("  replicas: 2\n")],
  [`${FROM} --replicas 10`, plain("  replicas: 10\n")],
  [`${FROM} -r 0`, plain("  replicas: 0\n")],
  [`${FROM} -r=7`, plain("  replicas: 7\n")],
  [
    `${FROM} --executor spin-slight`,
    plain("  replicas: 2\n").replace("containerd-shim-spin", "spin-slight"),
  ],
  [
    `${FROM} -c x.toml`,
    plain(
      "  replicas: 2\n  runtimeConfig:\n    loadFromSecret: example-app-runtime-config\n" + SECRET,
    ),
  ],
  [
    `${FROM} --azure-identity`,
    plain('  replicas: 2\n  podLabels:\n    azure.workload.identity/use: "true"\n'),
  ],
  [`${FROM} --azure-identity=false`, plain("  replicas: 2\n")],
  [
    `${FROM} --runtime-config-file x -s one`,
    plain(
      "  replicas: 2\n  imagePullSecrets:\n    - name: one\n  runtimeConfig:\n" +
        "    loadFromSecret: example-app-runtime-config\n" + SECRET,
    ),
  ],
  [
    `${FROM} --image-pull-secret one,two`,
    plain("  replicas: 2\n  imagePullSecrets:\n    - name: one\n    - name: two\n"),
  ],
  [
    `${FROM} --service-account-name my-service-account`,
    plain("  replicas: 2\n  serviceAccountName: my-service-account\n"),
  ],
  [`${FROM} --service-account-name=`, plain("  replicas: 2\n")],
  [`${FROM} --autoscaler hpa ${LIMITS}`, plain(SCALED + autoscaler("hpa"))],
  [
    `${FROM} --autoscaler keda ${LIMITS} -r 1 --max-replicas 5`,
    plain(SCALED + autoscaler("keda", { min: 1, max: 5 })),
  ],
  [
    `${FROM} --autoscaler hpa ${LIMITS} --service-account-name sa`,
    plain(
      SCALED.replace("  resources", "  serviceAccountName: sa\n  resources") + autoscaler("hpa"),
    ),
  ],
  [
    `${FROM} -v foo=bar -v bar=baz`,
    plain(
      "  replicas: 2\n  variables:\n  - name: bar\n    value: baz\n  - name: foo\n    value: bar\n",
    ),
  ],
  [
    `${FROM} --variable foo=bar,bar=baz`,
    plain(
      "  replicas: 2\n  variables:\n  - name: bar\n    value: baz\n  - name: foo\n    value: bar\n",
    ),
  ],
  [
    `${FROM} --component hello,world`,
    plain("  replicas: 2\n  components:\n  - hello\n  - world\n"),
  ],
  [
    `${FROM} --memory-limit 64Mi --cpu-request 1`,
    plain(
      "  replicas: 2\n  resources:\n    limits:\n      memory: 64Mi\n    requests:\n      cpu: 1\n",
    ),
  ],
  [
    EVERYTHING,
    plain(
      `  enableAutoscaling: true
  podLabels:
    azure.workload.identity/use: "true"
  serviceAccountName: sa
  variables:
  - name: a
    value: 1x
  - name: b
    value: x
  components:
  - hello
  - world
  resources:
    limits:
      cpu: 100m
      memory: 128Mi
    requests:
      cpu: 50m
      memory: 64Mi
  imagePullSecrets:
    - name: s1
    - name: s2
  runtimeConfig:
    loadFromSecret: example-app-runtime-config
` + SECRET + autoscaler("hpa", { max: 10, cpu: 50, memory: 70 }),
    ),
  ],
];

for (const [args, text] of GOLDEN) {
  Deno.test(`formatManifest() equals the plugin's for ${args}`, () => {
    assert.equal(scaffold(args), text);
  });
}

/** What the plugin cannot write, or writes wrongly: the spec after image, executor and replicas. */
const ADDED: readonly (readonly [args: string, spec: Record<string, unknown>])[] = [
  ["--cpu-request 50m", { resources: { requests: { cpu: "50m" } } }],
  ["-v a=true", { variables: [{ name: "a", value: "true" }] }],
  ["-v a=x,y", { variables: [{ name: "a", value: "x,y" }] }],
  ["-v a=k=v,w", { variables: [{ name: "a", value: "k=v,w" }] }],
  ["-v a=", { variables: [{ name: "a", value: "" }] }],
  [
    "--variable-from a=secret:db/pw --variable-from b=configmap:c/k",
    {
      variables: [
        { name: "a", valueFrom: { secretKeyRef: { name: "db", key: "pw" } } },
        { name: "b", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
      ],
    },
  ],
  ["--pod-label a=1,b=2", { podLabels: { a: "1", b: "2" } }],
  ["--pod-annotation a=1", { podAnnotations: { a: "1" } }],
  ["--deployment-annotation a=1", { deploymentAnnotations: { a: "1" } }],
  ["--service-annotation a=1", { serviceAnnotations: { a: "1" } }],
  ["--invocation-limit memory=64Mi", { invocationLimits: { memory: "64Mi" } }],
  ["--port 8080", { port: 8080 }],
  ["--env A=1", { env: [{ name: "A", value: "1" }] }],
  [
    "--readiness-path /r --liveness-path /l",
    { checks: { readiness: { httpGet: { path: "/r" } }, liveness: { httpGet: { path: "/l" } } } },
  ],
  [
    "--kv default=redis,url=@secret:redis/url,pool=2 --kv other=spin --sqlite d=libsql,url=http://x",
    {
      runtimeConfig: {
        keyValueStores: [
          {
            name: "default",
            type: "redis",
            options: [
              { name: "url", valueFrom: { secretKeyRef: { name: "redis", key: "url" } } },
              { name: "pool", value: "2" },
            ],
          },
          { name: "other", type: "spin" },
        ],
        sqliteDatabases: [
          { name: "d", type: "libsql", options: [{ name: "url", value: "http://x" }] },
        ],
      },
    },
  ],
  [
    "--llm remote_http,url=http://x --variable-provider vault,url=http://v",
    {
      runtimeConfig: {
        llmCompute: { type: "remote_http", options: [{ name: "url", value: "http://x" }] },
        variableProviders: [{ type: "vault", options: [{ name: "url", value: "http://v" }] }],
      },
    },
  ],
  [
    "--volume a=secret:s --volume b=configmap:c --volume c=pvc:p --volume d=hostpath:/x:y " +
    "--volume e=emptydir --volume f=emptydir:1Gi --mount a=/m --mount b=/n:ro",
    {
      volumes: [
        { name: "a", secret: { secretName: "s" } },
        { name: "b", configMap: { name: "c" } },
        { name: "c", persistentVolumeClaim: { claimName: "p" } },
        { name: "d", hostPath: { path: "/x:y" } },
        { name: "e", emptyDir: {} },
        { name: "f", emptyDir: { sizeLimit: "1Gi" } },
      ],
      volumeMounts: [
        { name: "a", mountPath: "/m" },
        { name: "b", mountPath: "/n", readOnly: true },
      ],
    },
  ],
  [
    "--set imagePullPolicy=Always --set terminationGracePeriodSeconds=5 " +
    "--set securityContext.runAsUser=1000 --set securityContext.privileged=false " +
    '--set tolerations=[{"key":"a"}] --set nodeSelector.kubernetes\\.io/os=linux',
    {
      imagePullPolicy: "Always",
      terminationGracePeriodSeconds: 5,
      securityContext: { runAsUser: 1000, privileged: false },
      tolerations: [{ key: "a" }],
      nodeSelector: { "kubernetes.io/os": "linux" },
    },
  ],
];

for (const [args, spec] of ADDED) {
  Deno.test(`buildManifest() reads back as meant for ${args}`, () => {
    const written = parse(scaffold(`${FROM} ${args}`), { version: "1.1" }).spec;
    const { image: _image, executor: _executor, replicas: _replicas, ...others } = written;
    assert.deepEqual(others, spec);
  });
}

Deno.test("buildManifest() sets name, namespace, labels and annotations", () => {
  const args = `${FROM} --name shop -n prod --label a=1 --annotation b=2 -c x ` +
    `--autoscaler keda ${LIMITS}`;
  const documents = parseAllDocuments(scaffold(args)).map((document) => document.toJS().metadata);
  assert.deepEqual(documents, [
    { name: "shop", namespace: "prod", labels: { a: "1" }, annotations: { b: "2" } },
    { name: "shop-runtime-config", namespace: "prod" },
    { name: "shop-autoscaler", namespace: "prod" },
  ]);
});

Deno.test("buildManifest() writes the Secret as text with --with-secret stringData", () => {
  const text = scaffold(`${FROM} -c x --with-secret stringData`);
  assert.ok(text.endsWith('stringData:\n  runtime-config.toml: |\n    log_dir = "/asdf"\n'), text);
});

Deno.test("buildManifest() leaves the scheme out of the image and findWarnings() says so", () => {
  const values = valuesOf("--from https://ghcr.io/foo/example-app");
  assert.ok(
    scaffold("--from https://ghcr.io/foo/example-app").includes('"ghcr.io/foo/example-app"'),
  );
  assert.match(findWarnings(values, scaffoldName(values)).join(), /without its scheme/);
});

Deno.test("formatManifestJson() writes one object, or a List", () => {
  const values = valuesOf(FROM);
  const one = buildManifest({ values, runtimeConfig: undefined, app: undefined });
  assert.equal(JSON.parse(formatManifestJson(one)).spec.image, "ghcr.io/foo/example-app:v0.1.0");
  const two = buildManifest({ values, runtimeConfig: RUNTIME_CONFIG, app: undefined });
  const list = JSON.parse(formatManifestJson(two));
  assert.deepEqual(list.items.map(({ kind }: { kind: string }) => kind), ["SpinApp", "Secret"]);
  assert.deepEqual(list.items, parseAllDocuments(formatManifest(two)).map((each) => each.toJS()));
});

/** Everything that a variable can hold has to arrive in the app as it was typed. */
const VALUES: readonly string[] = [
  "true",
  "no",
  "1",
  "1.5",
  "0755",
  "12:30",
  "2001-12-14",
  "null",
  "~",
  "",
  " ",
  "x: y",
  "x #y",
  "@x",
  "'x'",
  '"x"',
  "{a: b}",
  "[1]",
  "- x",
  "a\nb\n",
  "\t",
  "é",
  "😀",
  "https://user:pw@host/path?x=1&y=2#z",
];

for (const value of VALUES) {
  Deno.test(`buildManifest() hands on the variable ${JSON.stringify(value)}`, () => {
    const values = { ...valuesOf(FROM), variable: [[["x", value] as const]] };
    const text = formatManifest(
      buildManifest({ values, runtimeConfig: undefined, app: undefined }),
    );
    for (const version of ["1.1", "1.2"] as const) {
      assert.deepEqual(parse(text, { version }).spec.variables, [{ name: "x", value }]);
    }
  });
}

const PROBLEMS: readonly (readonly [args: string, problems: readonly string[]])[] = [
  [`${FROM} --replicas -1`, ["the minimum replica count (-1) must be greater than 0"]],
  [`${FROM} -r 0`, []],
  ["--from a␣b", ["invalid image reference provided: 'a b'"]],
  ["--from=", ["invalid image reference provided: ''"]],
  ["--from x!", ["invalid image reference provided: 'x!'"]],
  [
    `${FROM} --autoscaler foo ${LIMITS}`,
    ["invalid autoscaler type 'foo'; the autoscaler type must be either 'hpa' or 'keda'"],
  ],
  [`${FROM} --autoscaler=`, []],
  [
    `${FROM} --autoscaler hpa ${LIMITS} -r 0 --max-replicas -1`,
    [
      "the maximum replica count (-1) must be equal to or greater than 0",
      "the minimum replica count (0) must be less than or equal to the maximum replica count (-1)",
    ],
  ],
  [
    `${FROM} --autoscaler hpa ${LIMITS} -r 5`,
    ["the minimum replica count (5) must be less than or equal to the maximum replica count (3)"],
  ],
  [
    `${FROM} --autoscaler hpa --memory-limit 1Mi`,
    ["cpu limits must be set when autoscaling is enabled"],
  ],
  [
    `${FROM} --autoscaler keda --cpu-limit 1`,
    ["memory limits must be set when autoscaling is enabled"],
  ],
  [
    `${FROM} --autoscaler hpa ${LIMITS} --autoscaler-target-cpu-utilization 0`,
    ["target cpu utilization percentage (0) must be between 1 and 100"],
  ],
  [
    `${FROM} --autoscaler hpa ${LIMITS} --autoscaler-target-memory-utilization 101`,
    ["target memory utilization percentage (101) must be between 1 and 100"],
  ],
  [
    `${FROM} --autoscaler hpa --cpu-limit 50m --memory-limit 100Mi ` +
    "--autoscaler-target-cpu-utilization 1 --autoscaler-target-memory-utilization 1",
    [],
  ],
  [`${FROM} --cpu-limit lots`, ["invalid cpu limit 'lots'; give a quantity, such as '100m'"]],
  [
    `${FROM} --set toleration=[]`,
    [
      "a SpinApp has no field 'spec.toleration' (--set toleration); did you mean 'tolerations'?",
    ],
  ],
  [
    "--from x! -r -2",
    [
      "the minimum replica count (-2) must be greater than 0",
      "invalid image reference provided: 'x!'",
    ],
  ],
];

for (const [args, problems] of PROBLEMS) {
  Deno.test(`findProblems() finds ${problems.length} in ${args}`, () => {
    assert.deepEqual(findProblems(valuesOf(args)), problems);
  });
}

const WARNINGS: readonly (readonly [args: string, warning: RegExp])[] = [
  ["--from a/my_app", /refuses 'my_app'/],
  ["--from a/a.b", /refuses 'a\.b'/],
  [`--from ghcr.io/${"a".repeat(53)}`, /at most 52/],
  [`${FROM} --autoscaler hpa ${LIMITS} -r 0`, /at least one replica/],
  [`${FROM} --cpu-limit 1 --cpu-request 1500m`, /cpu request \(1500m\) is above the limit \(1\)/],
  [`${FROM} --component a,a`, /more than once/],
];

for (const [args, warning] of WARNINGS) {
  Deno.test(`findWarnings() warns about ${args}`, () => {
    const values = valuesOf(args);
    const found = findWarnings(values, scaffoldName(values));
    assert.equal(found.length, 1);
    assert.match(found[0]!, warning);
  });
}

Deno.test("findWarnings() is silent about a good app", () => {
  assert.deepEqual(findWarnings(valuesOf(EVERYTHING), "example-app"), []);
});

for (
  const args of ["--from", "--replicas x", "--variable x", "--with-secret no", "-c x --kv a=b"]
) {
  Deno.test(`SCAFFOLD refuses ${args}`, () => assert.throws(() => valuesOf(args), UsageError));
}

const APP: AppOutline = {
  name: "example-app",
  variables: [
    { name: "greeting", isRequired: true, isSecret: false },
    { name: "password", isRequired: true, isSecret: true },
    { name: "optional", isRequired: false, isSecret: false },
  ],
  components: [
    { id: "front", allowedOutboundHosts: ["http://back.spin.internal"] },
    { id: "back", allowedOutboundHosts: [] },
  ],
};

Deno.test("compareOptions() finds unknown components and variables, broken chains and what is missing", () => {
  const { problems, warnings } = compareOptions(
    valuesOf(`${FROM} --component front,bak -v greting=x`),
    APP,
  );
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /"bak" not found.*did you mean "back"\?\n.*service chaining/);
  assert.match(problems[1]!, /no variable "greting"; did you mean "greeting"\?/);
  assert.equal(warnings.length, 2);
  assert.match(warnings[1]!, /--variable-from password=secret:NAME\/KEY/);
});

Deno.test("missingVariables() lists what the app needs, as comments", () => {
  const values = valuesOf(`${FROM} --variable-from password=secret:a/b`);
  assert.equal(
    missingVariables(values, { app: APP, name: "x" }),
    "  # The app does not start without these; put them into variables:\n" +
      '  # - name: greeting\n  #   value: ""\n',
  );
  const all = valuesOf(`${FROM} -v password=b,greeting=c`);
  assert.equal(missingVariables(all, { app: APP, name: "x" }), "");
});

Deno.test("buildManifest() puts secret variables of the app into a Secret", () => {
  const documents = parseAllDocuments(scaffold(`${FROM} -v password=b,greeting=c`, APP))
    .map((document) => document.toJS());
  assert.deepEqual(documents[0].spec.variables, [
    { name: "greeting", value: "c" },
    {
      name: "password",
      valueFrom: { secretKeyRef: { name: "example-app-variables", key: "password" } },
    },
  ]);
  assert.deepEqual(documents[1].data, { password: btoa("b") });
  assert.equal(documents[1].metadata.name, "example-app-variables");
});

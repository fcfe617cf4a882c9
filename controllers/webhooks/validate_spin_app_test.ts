import assert from "node:assert/strict";
import type { SpinApp, SpinAppSpec } from "../../crds/spin_app.ts";
import type { SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import { fieldErrorText } from "./field_error.ts";
import { type SpinAppContext, validateSpinApp } from "./validate_spin_app.ts";

const EXECUTOR: SpinAppExecutor = {
  metadata: { name: "shim", namespace: "default" },
  spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" } },
};

const OUTSIDE: SpinAppExecutor = { ...EXECUTOR, spec: { createDeployment: false } };

const GOOD: SpinAppSpec = { executor: "shim", image: "registry.example.com/shop:1", replicas: 1 };

function app(spec: Partial<SpinAppSpec>, name = "shop"): SpinApp {
  return { metadata: { name, namespace: "default" }, spec: { ...GOOD, ...spec } };
}

function errorsOf(object: SpinApp, context: Partial<SpinAppContext> = {}): string[] {
  return validateSpinApp(object, { executor: EXECUTOR, ...context }).errors.map(fieldErrorText);
}

function without(...fields: (keyof SpinAppSpec)[]): SpinApp {
  const spec = { ...GOOD };
  for (const field of fields) delete spec[field];
  return { ...app({}), spec };
}

const NO_EXECUTOR = 'spec.executor: Invalid value: "": executor must be set, likely no default ' +
  "executor was set because you have no executors installed";
const UNKNOWN_EXECUTOR =
  'spec.executor: Invalid value: "shim": executor does not exist in namespace';

Deno.test("validateSpinApp() has the checks of SpinKube with their texts", () => {
  const memory = (limit: string, resources: SpinAppSpec["resources"] = {}) =>
    app({ invocationLimits: { memory: limit }, resources });
  const tooLarge = (value: string, than: string) =>
    `spec.invocationLimits[memory]: Invalid value: "${value}": invocation limit quantity cannot ` +
    `be greater than the memory ${than}`;
  const cases: [what: string, SpinApp, context: Partial<SpinAppContext>, string[]][] = [
    ["good", app({}), {}, []],
    ["1: no executor", app({ executor: "" }), {}, [NO_EXECUTOR]],
    ["1: none at all", without("executor"), {}, [NO_EXECUTOR]],
    ["2: unknown", app({}), { executor: undefined }, [UNKNOWN_EXECUTOR]],
    ["3: both", app({ enableAutoscaling: true, replicas: 2 }), {}, [
      "spec.replicas: Invalid value: 2: replicas cannot be set when autoscaling is enabled",
    ]],
    ["3: negative", app({ enableAutoscaling: true, replicas: -2 }), {}, [
      "spec.replicas: Invalid value: -2: replicas cannot be set when autoscaling is enabled",
    ]],
    ["3: zero", app({ enableAutoscaling: true, replicas: 0 }), {}, []],
    [
      "3: autoscaling only",
      { ...app({}), spec: { ...without("replicas").spec, enableAutoscaling: true } },
      {},
      [],
    ],
    [
      "3: written by an autoscaler",
      app({ enableAutoscaling: true, replicas: 2 }),
      { before: app({ enableAutoscaling: true, replicas: 1 }) },
      [],
    ],
    [
      "3: turned on",
      app({ enableAutoscaling: true, replicas: 2 }),
      { before: app({ replicas: 2 }) },
      ["spec.replicas: Invalid value: 2: replicas cannot be set when autoscaling is enabled"],
    ],
    ["4: absent", without("replicas"), {}, [
      "spec.replicas: Invalid value: 0: replicas must be > 0",
    ]],
    ["4: negative", app({ replicas: -1 }), {}, [
      "spec.replicas: Invalid value: -1: replicas must be > 0",
    ]],
    ["4: zero by hand", app({ replicas: 0 }), {}, []],
    ["5", app({ deploymentAnnotations: { b: "2", a: "1" } }), { executor: OUTSIDE }, [
      'spec.deploymentAnnotations: Invalid value: {"a":"1","b":"2"}: deploymentAnnotations ' +
      "can't be set when the executor does not use operator deployments",
    ]],
    ["6", app({ podAnnotations: { k: "v" } }), { executor: OUTSIDE }, [
      'spec.podAnnotations: Invalid value: {"k":"v"}: podAnnotations can\'t be set when the ' +
      "executor does not use operator deployments",
    ]],
    [
      "6 only after 5",
      app({ podAnnotations: { k: "v" }, deploymentAnnotations: { k: "v" } }),
      { executor: OUTSIDE },
      [
        'spec.deploymentAnnotations: Invalid value: {"k":"v"}: deploymentAnnotations ' +
        "can't be set when the executor does not use operator deployments",
      ],
    ],
    [
      "5, 6: empty",
      app({ podAnnotations: {}, deploymentAnnotations: {} }),
      { executor: OUTSIDE },
      [],
    ],
    ["5, 6: Deployments", app({ deploymentAnnotations: { k: "v" } }), {}, []],
    [
      "5, 6: no executor",
      app({ deploymentAnnotations: { k: "v" } }),
      { executor: undefined },
      [UNKNOWN_EXECUTOR],
    ],
    ["7", memory("64MB"), {}, [
      'spec.invocationLimits[memory]: Invalid value: "64MB": memory limit must be a valid memory ' +
      "quantity (e.g. 128Mi, 1Gi)",
    ]],
    ["8: nothing to compare", memory("50Mi"), {}, []],
    ["8: request", memory("50Mi", { requests: { memory: "40Mi" } }), {}, [
      tooLarge("50Mi", "request (40Mi)"),
    ]],
    ["8: limit", memory("50Mi", { limits: { memory: "40Mi" } }), {}, [
      tooLarge("50Mi", "limit (40Mi)"),
    ]],
    [
      "8: the limit counts",
      memory("50Mi", { requests: { memory: "40Mi" }, limits: { memory: "100Mi" } }),
      {},
      [],
    ],
    ["8: equal", memory("40Mi", { limits: { memory: "40960Ki" } }), {}, []],
    ["8: canonical", memory("2048Mi", { limits: { memory: 1073741824 } }), {}, [
      tooLarge("2Gi", "limit (1073741824)"),
    ]],
    ["nothing", memory("0"), {}, [
      'spec.invocationLimits[memory]: Invalid value: "0": must be greater than zero',
    ]],
    ["other limits", app({ invocationLimits: { "foo.dev/time": "x" } }), {}, []],
    ["no spec", { metadata: { name: "shop" } } as SpinApp, { executor: undefined }, [
      NO_EXECUTOR,
      "spec.replicas: Invalid value: 0: replicas must be > 0",
    ]],
    [
      "all at once, in order",
      app({ executor: "shim", replicas: -1, invocationLimits: { memory: "x" }, image: "" }),
      { executor: undefined },
      [
        UNKNOWN_EXECUTOR,
        "spec.replicas: Invalid value: -1: replicas must be > 0",
        'spec.invocationLimits[memory]: Invalid value: "x": memory limit must be a valid memory ' +
        "quantity (e.g. 128Mi, 1Gi)",
        'spec.image: Invalid value: "": image must be set: the reference of the app, such as ' +
        "registry.example.com/shop:1.0",
      ],
    ],
  ];
  for (const [what, object, context, expected] of cases) {
    assert.deepEqual(errorsOf(object, context), expected, what);
  }
});

Deno.test("validateSpinApp() lets an app go whose executor is gone", () => {
  const object = app({ executor: "gone", replicas: -1 });
  object.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  assert.deepEqual(validateSpinApp(object, { executor: undefined }), { errors: [], warnings: [] });
});

Deno.test("validateSpinApp() refuses what no Deployment can be made of", () => {
  const cases: [SpinApp, string[]][] = [
    [app({}, "a".repeat(52)), []],
    [app({}, "a".repeat(53)), [
      `metadata.name: Invalid value: "${"a".repeat(53)}": must be no more than 52 characters: ` +
      "labels of the pods contain it",
    ]],
    ...["1shop", "my.shop", "-"].map((name): [SpinApp, string[]] => [app({}, name), [
      `metadata.name: Invalid value: "${name}": must consist of lower case letters, digits or ` +
      "'-', start with a letter, and end with a letter or digit: the app's Service has this name",
    ]]),
    [app({ variables: [{ name: "foo", value: "1" }, { name: "FOO", value: "2" }] }), [
      'spec.variables[1].name: Duplicate value: "FOO"',
    ]],
    [app({ variables: [{ name: "a b", value: "1" }] }), [
      "spec.variables[0].name: Invalid value: \"a b\": must consist of letters, digits, '_', '-' " +
      "or '.'",
    ]],
    [
      app({ variables: [{ name: "a" }], env: [{ name: "SPIN_VARIABLE_A", value: "x" }] }),
      [
        'spec.variables[0].name: Invalid value: "a": spec.env sets SPIN_VARIABLE_A too, which is ' +
        "this variable",
      ],
    ],
    [
      app({
        variables: [
          { name: "a", value: "1", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
          { name: "b", valueFrom: {} },
          {
            name: "c",
            valueFrom: { secretKeyRef: { key: "k" }, configMapKeyRef: { key: "k" } },
          },
          { name: "d", value: "", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        ],
      }),
      [
        'spec.variables[0].valueFrom: Invalid value: "": may not be specified when `value` is ' +
        "not empty",
        'spec.variables[1].valueFrom: Invalid value: "": must specify one source of the value, ' +
        "such as `secretKeyRef`",
        'spec.variables[2].valueFrom: Invalid value: "": may not have more than one field ' +
        "specified at a time",
      ],
    ],
    [app({ volumes: [{ name: "spin-ca" }, { name: "x" }, { name: "x" }] }), [
      'spec.volumes[0].name: Invalid value: "spin-ca": the operator has a volume of this name',
      'spec.volumes[2].name: Duplicate value: "x"',
    ]],
    [
      app({
        volumes: [{ name: "data" }],
        volumeMounts: [
          { name: "data", mountPath: "/data" },
          { name: "data", mountPath: "/data" },
          { name: "other", mountPath: "/runtime-config.toml" },
          { name: "spin-ca", mountPath: "/ca" },
        ],
      }),
      [
        'spec.volumeMounts[1].mountPath: Duplicate value: "/data"',
        'spec.volumeMounts[2].mountPath: Invalid value: "/runtime-config.toml": the operator ' +
        "mounts the runtime configuration there; use spec.runtimeConfig.loadFromSecret for one " +
        "of your own",
        'spec.volumeMounts[2].name: Invalid value: "other": spec.volumes has no volume of this ' +
        "name",
      ],
    ],
    [
      app({ resources: { requests: { cpu: 2, memory: "1Gi" }, limits: { cpu: "500m" } } }),
      [
        'spec.resources.requests[cpu]: Invalid value: "2": must be less than or equal to cpu ' +
        "limit of 500m",
      ],
    ],
    [
      app({ checks: { readiness: {}, liveness: { httpGet: { path: "/" }, successThreshold: 2 } } }),
      [
        "spec.checks.readiness.httpGet: Required value: probe exists but with unknown " +
        "configuration, expected httpGet",
        "spec.checks.liveness.successThreshold: Invalid value: 2: must be 1",
      ],
    ],
    [
      app({
        runtimeConfig: {
          keyValueStores: [{ name: "a", type: "spin" }, { name: "a", type: "spin" }],
          sqliteDatabases: [{ name: "a", type: "spin" }],
        },
      }),
      ['spec.runtimeConfig.keyValueStores[1].name: Duplicate value: "a"'],
    ],
    [
      app({
        runtimeConfig: {
          loadFromSecret: "mine",
          keyValueStores: [{ name: "a", type: "spin" }, { name: "a", type: "spin" }],
        },
      }),
      [],
    ],
  ];
  for (const [object, expected] of cases) assert.deepEqual(errorsOf(object), expected);
});

Deno.test("validateSpinApp() lets an app be changed that had a fault before", () => {
  const before = app({ volumes: [{ name: "x" }, { name: "x" }] }, "my.shop");
  const after = app({ volumes: [{ name: "x" }, { name: "x" }], replicas: 3 }, "my.shop");
  assert.deepEqual(errorsOf(after, { before }), []);
  assert.deepEqual(errorsOf({ ...after, spec: { ...after.spec, image: "" } }, { before }), [
    'spec.image: Invalid value: "": image must be set: the reference of the app, such as ' +
    "registry.example.com/shop:1.0",
  ]);
});

Deno.test("validateSpinApp() warns of options that Spin does not have", () => {
  const { warnings, errors } = validateSpinApp(
    app({
      invocationLimits: { cpu: "1", "foo.dev/time": "2" },
      runtimeConfig: {
        keyValueStores: [
          { name: "a", type: "redis", options: [{ name: "url", value: "redis://r" }] },
          { name: "b", type: "reddis" },
          { name: "c", type: "my_own", options: [{ name: "whatever" }] },
        ],
        sqliteDatabases: [{ name: "d", type: "libsql", options: [{ name: "url" }] }],
        llmCompute: {
          type: "remote_http",
          options: [{ name: "url" }, { name: "token" }, { name: "apitype" }],
        },
        variableProviders: [{ type: "vault", options: [{ name: "uri" }] }],
      },
    }),
    { executor: EXECUTOR },
  );
  assert.deepEqual(errors, []);
  assert.deepEqual(warnings, [
    "spec.invocationLimits[cpu]: has no effect; the only limit without a domain is memory",
    'spec.runtimeConfig.keyValueStores[1].type: Spin has no type "reddis"; did you mean "redis"?',
    'spec.runtimeConfig.sqliteDatabases[0]: libsql needs the option "token"',
    'spec.runtimeConfig.llmCompute.options[1]: remote_http has no option "token"',
    'spec.runtimeConfig.llmCompute.options[2]: remote_http has no option "apitype"; did you mean ' +
    '"api_type"?',
    'spec.runtimeConfig.llmCompute: remote_http needs the option "auth_token"',
    'spec.runtimeConfig.variableProviders[0].options[0]: vault has no option "uri"; did you mean ' +
    '"url"?',
    'spec.runtimeConfig.variableProviders[0]: vault needs the option "url"',
    'spec.runtimeConfig.variableProviders[0]: vault needs the option "token"',
    'spec.runtimeConfig.variableProviders[0]: vault needs the option "mount"',
  ]);
});

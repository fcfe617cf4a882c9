import assert from "node:assert/strict";
import type { SpinApp } from "../../crds/spin_app.ts";
import { buildRuntimeConfigSecret, isRuntimeConfigName } from "./runtime_config_secret.ts";
import { configSources, formatRuntimeConfig } from "../../crds/runtime_config.ts";

function appWith(runtimeConfig: SpinApp["spec"]["runtimeConfig"]): SpinApp {
  return {
    metadata: { name: "shop", namespace: "default", uid: "u" },
    spec: { image: "x", ...(runtimeConfig ? { runtimeConfig } : {}) },
  };
}

function noValues(): never {
  throw new Error("Nothing is to be looked up");
}

const DEFAULT = "[[config_provider]]\ntype = 'env'\nprefix = 'SPIN_VARIABLE_'\n";

Deno.test("formatRuntimeConfig() writes the bytes that SpinKube's operator writes", () => {
  const cases: [name: string, config: SpinApp["spec"]["runtimeConfig"], expected: string][] = [
    ["nothing", undefined, DEFAULT],
    [
      "every section",
      {
        keyValueStores: [
          { name: "default", type: "azure_cosmos" },
          { name: "alpha", type: "redis", options: [{ name: "url", value: "redis://a" }] },
        ],
        sqliteDatabases: [{
          name: "default",
          type: "libsql",
          options: [{ name: "url", value: "https://x" }, { name: "token", value: "secret" }],
        }],
        llmCompute: {
          type: "remote_http",
          options: [{ name: "url", value: "https://llm" }, { name: "auth_token", value: "t" }],
        },
      },
      `${DEFAULT}
[key_value_store]
[key_value_store.alpha]
type = 'redis'
url = 'redis://a'

[key_value_store.default]
type = 'azure_cosmos'

[sqlite_database]
[sqlite_database.default]
token = 'secret'
type = 'libsql'
url = 'https://x'

[llm_compute]
auth_token = 't'
type = 'remote_http'
url = 'https://llm'
`,
    ],
    [
      "names and values that need quotes",
      {
        keyValueStores: [
          { name: "a.b", type: "it's", options: [{ name: "", value: 'tab\t"\\\x7f\n' }] },
          { name: "a'b", type: 'plain \\ "', options: [{ name: "type", value: "wins" }] },
        ],
      },
      `${DEFAULT}
[key_value_store]
[key_value_store."a'b"]
type = 'wins'

[key_value_store.'a.b']
'' = "tab\\t\\"\\\\\\u007F\\n"
type = "it's"
`,
    ],
    [
      "variable providers, which are asked before the environment",
      { variableProviders: [{ type: "vault", options: [{ name: "url", value: "http://v" }] }] },
      `[[config_provider]]\ntype = 'vault'\nurl = 'http://v'\n\n${DEFAULT}`,
    ],
  ];
  for (const [name, config, expected] of cases) {
    assert.equal(formatRuntimeConfig(appWith(config), noValues), expected, name);
  }
});

Deno.test("formatRuntimeConfig() refuses names that occur twice", () => {
  const twice = [{ name: "x", type: "a" }, { name: "x", type: "b" }];
  assert.throws(
    () => formatRuntimeConfig(appWith({ keyValueStores: twice }), noValues),
    /^TerminalError: failed to construct RuntimeConfig: duplicate definition for key value store with name: x$/,
  );
  assert.throws(
    () => formatRuntimeConfig(appWith({ sqliteDatabases: twice }), noValues),
    /duplicate definition for sqlite database with name: x$/,
  );
});

const REFERENCES = appWith({
  llmCompute: {
    type: "t",
    options: [
      { name: "own", value: "v", valueFrom: { secretKeyRef: { name: "unused", key: "k" } } },
      { name: "map", valueFrom: { configMapKeyRef: { name: "m", key: "k" } } },
      { name: "secret", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
      { name: "again", valueFrom: { secretKeyRef: { name: "s", key: "other" } } },
      {
        name: "both",
        valueFrom: {
          configMapKeyRef: { name: "m", key: "k" },
          secretKeyRef: { name: "never", key: "k" },
        },
      },
      { name: "empty", value: "" },
    ],
  },
});

Deno.test("configSources() names each source once, and only those that count", () => {
  assert.deepEqual(configSources(REFERENCES), [
    { kind: "ConfigMap", name: "m" },
    { kind: "Secret", name: "s" },
  ]);
  const loaded = appWith({ ...REFERENCES.spec.runtimeConfig, loadFromSecret: "mine" });
  assert.deepEqual(configSources(loaded), []);
});

Deno.test("formatRuntimeConfig() takes values from Secrets and ConfigMaps", () => {
  const toml = formatRuntimeConfig(REFERENCES, ({ kind, name }) => ({ k: `${kind} ${name}` }));
  assert.match(
    toml,
    /again = ''\nboth = 'ConfigMap m'\nempty = ''\nmap = 'ConfigMap m'\nown = 'v'\nsecret = 'Secret s'\n/,
  );
});

Deno.test("buildRuntimeConfigSecret() names the Secret by its content", () => {
  const secret = buildRuntimeConfigSecret(appWith(undefined), DEFAULT);
  assert.deepEqual(secret, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "shop-760b133c",
      namespace: "default",
      labels: { "core.spinkube.dev/app-name": "shop" },
      ownerReferences: [{
        apiVersion: "core.spinkube.dev/v1alpha1",
        kind: "SpinApp",
        name: "shop",
        uid: "u",
      }],
    },
    data: { "runtime-config.toml": new TextEncoder().encode(DEFAULT).toBase64() },
  });
});

Deno.test("isRuntimeConfigName() knows the names of an app's Secrets", () => {
  const cases: [name: string, expected: boolean][] = [
    ["shop-760b133c", true],
    ["shop-1", true],
    ["shop-", false],
    ["shop-123456789", false],
    ["shop-xyz", false],
    ["shop-eu-760b133c", false],
    ["other-760b133c", false],
  ];
  for (const [name, expected] of cases) {
    assert.equal(isRuntimeConfigName(name, "shop"), expected, name);
  }
});

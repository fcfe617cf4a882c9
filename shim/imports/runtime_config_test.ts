import assert from "node:assert/strict";
import { loadRuntimeConfig } from "./runtime_config.ts";

const FILES = {
  file: "conf/runtime-config.toml",
  cwd: "/srv",
  readTextFile(path: string): string {
    if (path === "/srv/extra.env") return "APP_ONE=1\n# comment\nAPP_TWO='two words'\n";
    throw new Deno.errors.NotFound(path);
  },
};

function problemsOf(text: string): string {
  try {
    loadRuntimeConfig(text, FILES);
  } catch (error) {
    assert.equal((error as Error).name, "ManifestError");
    return (error as Error).message;
  }
  return "";
}

Deno.test("loadRuntimeConfig() gives the defaults for an empty file", () => {
  assert.deepEqual(loadRuntimeConfig("", FILES), {
    file: "conf/runtime-config.toml",
    keyValueStores: {},
    sqliteDatabases: {},
    variableProviders: [],
    outboundNetworking: { blockNetworks: [] },
    outboundHttp: { connectionPooling: true },
    clientTls: [],
  });
});

Deno.test("loadRuntimeConfig() reads every key and resolves paths as Spin does", () => {
  const parsed = loadRuntimeConfig(
    `
state_dir = "state"
log_dir = ""
max_instance_memory = 1048576

[key_value_store.default]
type = "spin"
path = "kv.db"
[key_value_store.memory]
type = "spin"

[sqlite_database.default]
type = "spin"
path = "sql.db"
allow_attach_file = true
[sqlite_database."other"]
type = "spin"

[[variables_provider]]
type = "static"
values = { a = "1" }
[[variables_provider]]
type = "env"
prefix = "APP"
dotenv_path = "extra.env"
[[variables_provider]]
type = "env"
dotenv_path = "missing.env"

[outbound_networking]
block_networks = ["10.0.0.0/8", "private", "::1"]
max_socket_connections = 3
max_total_connections = 4

[outbound_http]
max_concurrent_requests = 5

[outbound_redis]
max_connections = 1
[outbound_mqtt]
max_payload_size_bytes = 10
[outbound_pg]
max_connections = 2
[outbound_mysql]
max_connections = 3

[llm_compute]
type = "remote_http"
url = "http://localhost:3000/ignored"
auth_token = "t0ken"
api_type = "open_ai"
`,
    FILES,
  );
  assert.deepEqual(parsed, {
    file: "conf/runtime-config.toml",
    stateDir: "/srv/state",
    logDir: "",
    maxInstanceMemory: 1048576,
    keyValueStores: {
      default: { type: "spin", path: "/srv/conf/kv.db" },
      memory: { type: "spin" },
    },
    sqliteDatabases: {
      default: { type: "spin", path: "/srv/sql.db", allowAttachFile: true },
      other: { type: "spin", allowAttachFile: false },
    },
    variableProviders: [
      { type: "static", values: { a: "1" } },
      { type: "env", prefix: "APP", dotenv: { APP_ONE: "1", APP_TWO: "two words" } },
      { type: "env", prefix: "SPIN_VARIABLE", dotenv: {} },
    ],
    outboundNetworking: {
      blockNetworks: ["10.0.0.0/8", "private", "::1"],
      maxSocketConnections: 3,
      maxTotalConnections: 4,
    },
    outboundHttp: { connectionPooling: true, maxConnections: 6 },
    outboundRedis: { maxConnections: 1 },
    outboundMqtt: { maxPayloadSizeBytes: 10 },
    outboundPg: { maxConnections: 2 },
    outboundMysql: { maxConnections: 3 },
    llmCompute: {
      type: "remote_http",
      url: "http://localhost:3000/ignored",
      authToken: "t0ken",
      apiType: "open_ai",
    },
    clientTls: [],
  });
  structuredClone(parsed);
});

Deno.test("loadRuntimeConfig() reports every problem with its place", () => {
  const message = problemsOf(`state_dir = 5
lgo_dir = "x"
[key_value_store.cache]
type = "redis"
url = "redis://localhost"
[key_value_store.default]
type = "spinn"
[key_value_store.third]
pth = "x"
[sqlite_database.remote]
type = "libsql"
[sqlite_database.odd]
type = "mysql"
[[variables_provider]]
type = "vault"
[[variables_provider]]
type = "static"
values = { a = 1 }
[outbound_networking]
block_networks = ["10.0.0.0/99"]
[outbound_http]
max_connections = 1
max_concurrent_requests = 1
connection_pooling = "yes"
[llm_compute]
type = "remote"
`);
  const lines = message.split("\n");
  const expected = [
    "conf/runtime-config.toml:1:1: state_dir must be a string, not an integer",
    'conf/runtime-config.toml:7:1: Unknown key-value store type "spinn" of label "default"; did you ' +
    'mean "spin"?',
    'conf/runtime-config.toml:10:1: sqlite_database.remote needs the key "url"',
    'conf/runtime-config.toml:10:1: sqlite_database.remote needs the key "token"',
    'conf/runtime-config.toml:14:1: variables_provider[0] needs the key "mount"',
    'conf/runtime-config.toml:20:19: block_networks: "10.0.0.0/99" is neither a network such as ' +
    '"10.0.0.0/8" nor "private"',
    'conf/runtime-config.toml:23:1: give either "max_connections" or the deprecated ' +
    '"max_concurrent_requests", not both',
    "conf/runtime-config.toml:24:1: outbound_http.connection_pooling must be true or false, not a " +
    "string",
    'conf/runtime-config.toml:26:1: Unknown llm_compute type "remote"; expected one of ' +
    '"remote_http", "spin"',
    'conf/runtime-config.toml:2:1: unused runtime config key(s): lgo_dir; did you mean "log_dir"?',
  ];
  for (const line of expected) assert.ok(lines.includes(line), `${line}\n--- in ---\n${message}`);
  assert.match(message, /:8:2?\d*: key_value_store\.third needs the key "type"/);
  assert.match(message, /:13:1: Unknown database kind: mysql/);
  assert.match(message, /variables_provider\[1\]\.values\.a must be a string, not an integer/);
});

Deno.test("loadRuntimeConfig() reports text that is not TOML with its place", () => {
  assert.match(problemsOf("a = 1\nb = \n"), /^conf\/runtime-config\.toml:2:\d+: /);
});

Deno.test("loadRuntimeConfig() does not print values of strings in the wrong place", () => {
  const message = problemsOf('[[variables_provider]]\ntype = "static"\nvalues = "hunter2"\n');
  assert.ok(!message.includes("hunter2"), message);
});

Deno.test("loadRuntimeConfig() reads the server of models", () => {
  const REMOTE = '[llm_compute]\ntype = "remote_http"\n';
  const remote = REMOTE + 'url = "https://llm.example/"\nauth_token = "a b"\n';
  assert.deepEqual(loadRuntimeConfig(remote, FILES).llmCompute, {
    type: "remote_http",
    url: "https://llm.example/",
    authToken: "a b",
    apiType: "default",
  });
  const inside = loadRuntimeConfig('[llm_compute]\ntype = "spin"\n', FILES);
  assert.equal(inside.llmCompute, undefined, "as in Spin without its llm feature: no backend");

  const cases: [string, string[]][] = [
    ["[llm_compute]\n", ['llm_compute needs the key "type"']],
    [REMOTE, ['llm_compute needs the key "url"', 'llm_compute needs the key "auth_token"']],
    [remote + 'api_type = "openai"\n', [
      'Unknown llm_compute.api_type "openai"; did you mean "open_ai"?',
    ]],
    [remote + "use_gpu = true\n", ['unknown key "use_gpu" in llm_compute']],
    [REMOTE + 'url = "unix:/x"\nauth_token = "s3cret\\n"\n', [
      'llm_compute.url must be an http or https URL, not "unix:/x"',
      "llm_compute.auth_token must be of visible ASCII characters: it is sent in a header",
    ]],
  ];
  for (const [text, problems] of cases) {
    const message = problemsOf(text);
    for (const problem of problems) assert.ok(message.includes(problem), message);
    assert.ok(!message.includes("s3cret"));
  }
});

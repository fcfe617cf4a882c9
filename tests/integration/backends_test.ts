/**
 * What stands behind key-value stores, databases and variables, used by a guest: real servers where
 * there are some, and doubles that check the wire format.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AwsServer, hasAwsServer } from "../support/aws_server.ts";
import { CosmosServer } from "../support/cosmos_server.ts";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import { HranaServer } from "../support/hrana_server.ts";
import { hasRedisServer, RedisServer } from "../support/redis_server.ts";
import type { RunningApp } from "../support/running_app.ts";
import { checkScript, type ScriptCase } from "../support/script_app.ts";
import { startAzureIdentity, startKeyVault, startVault } from "../support/secret_servers.ts";
import { TestSuite } from "../support/test_suite.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** The guest that runs scripts, with a runtime configuration. */
function start(
  config: string,
  { env = {}, variables = {} }: {
    env?: Readonly<Record<string, string>>;
    /** The app's variables and their defaults, all given to the component. */
    variables?: Readonly<Record<string, string | undefined>>;
  } = {},
): Promise<RunningApp> {
  const directory = suite.directory();
  const names = Object.keys(variables);
  const declared = names.map((name) => {
    const value = variables[name];
    const rest = value === undefined ? "required = true" : `default = ${JSON.stringify(value)}`;
    return `${name} = { ${rest} }`;
  });
  const from = writeManifest(
    directory,
    manifest([{
      id: "script",
      route: "/...",
      source: sampleWasm("script-js"),
      lines: [
        'key_value_stores = ["default"]',
        'sqlite_databases = ["default"]',
        ...(names.length === 0 ? [] : ["[component.script.variables]"]),
        ...names.map((name) => `${name} = "{{ ${name} }}"`),
      ],
    }], { before: names.length === 0 ? "" : `[variables]\n${declared.join("\n")}` }),
  );
  Deno.writeTextFileSync(`${directory}/runtime-config.toml`, config);
  return suite.start({
    from,
    env,
    args: ["--workers", "1", "--runtime-config-file", `${directory}/runtime-config.toml`],
  });
}

async function checkAll(
  t: Deno.TestContext,
  app: RunningApp,
  cases: Readonly<Record<string, ScriptCase>>,
): Promise<void> {
  for (const [name, expected] of Object.entries(cases)) {
    await t.step(name, () => checkScript(app, expected));
  }
}

/** What every key-value store does; it is empty at the start, and at the end. */
const KEY_VALUE: Readonly<Record<string, ScriptCase>> = {
  "nothing at first": {
    script: `const s = i.keyValue2.Store.open("default");
      return [s.getKeys(), s.exists("a"), s.get("a") ?? null, s.delete("a") ?? null]`,
    returns: [[], false, null, null],
  },
  "values": {
    script: `const s = i.keyValue2.Store.open("default");
      s.set("a", bytes("one")); s.set("a", bytes("two")); s.set("empty", bytes(""));
      s.set("grün ☂", new Uint8Array([0, 255, 128]));
      return [text(s.get("a")), s.get("empty").length, Array.from(s.get("grün ☂")), s.exists("a"),
        s.getKeys().sort()]`,
    returns: ["two", 0, [0, 255, 128], true, ["a", "empty", "grün ☂"]],
  },
  "deletion": {
    script: `const s = i.keyValue2.Store.open("default");
      for (const key of s.getKeys()) s.delete(key);
      return s.getKeys()`,
    returns: [],
  },
  "several at once": {
    script: `const b = i.store.open("default");
      const names = Array.from({ length: 120 }, (_, n) => "k" + n);
      i.batch.setMany(b, names.map((name) => [name, bytes(name)]));
      const found = i.batch.getMany(b, ["k3", "none", "k119"]);
      const count = b.listKeys(undefined).keys.length;
      i.batch.deleteMany(b, names);
      return [found.map(([key, value]) => [key, value ? text(value) : null]), count,
        b.listKeys(undefined).keys.length]`,
    returns: [[["k3", "k3"], ["none", null], ["k119", "k119"]], 120, 0],
  },
  "counters": {
    script: `const b = i.store.open("default");
      const found = [i.atomics.increment(b, "n", 5), i.atomics.increment(b, "n", -7)];
      b.delete("n");
      return found.map(Number)`,
    returns: [5, -2],
  },
  "swaps": {
    script: `const b = i.store.open("default");
      b.set("c", bytes("old"));
      const cas = i.atomics.Cas.new(b, "c");
      cas.current();
      i.atomics.swap(cas, bytes("new"));
      const late = i.atomics.Cas.new(b, "c");
      late.current();
      b.set("c", bytes("other"));
      let refused = "no";
      try { i.atomics.swap(late, bytes("lost")) } catch (error) { refused = error.payload?.tag ?? String(error) }
      const found = text(b.get("c"));
      b.delete("c");
      return [found, refused]`,
    returns: ["other", "cas-failed"],
  },
};

const GET = 'return i.keyValue2.Store.open("default").get("k") ?? null';

function serverTest(
  name: string,
  options: { needs: string; isThere: boolean; run: (t: Deno.TestContext) => Promise<void> },
): void {
  Deno.test({
    name: options.isThere ? name : `${name} (needs ${options.needs}, which is not installed)`,
    ignore: !options.isThere,
    fn: options.run,
  });
}

serverTest("a guest uses a key-value store in Redis", {
  needs: "redis-server",
  isThere: hasRedisServer(),
  async run(t) {
    await using server = await RedisServer.start({ args: ["--requirepass", "s3cret"] });
    const config = (password: string) =>
      `[key_value_store.default]\ntype = "redis"\nurl = "redis://:${password}@127.0.0.1:${server.port}"\n`;
    const app = await start(config("s3cret"));
    await t.step("the configuration is told, without its secrets", async () => {
      await app.waitForStderr(/Using runtime config \[key_value_store\.default: redis\] from "/);
      assert.doesNotMatch(app.stderr, /s3cret/);
    });
    await checkAll(t, app, KEY_VALUE);
    await t.step("a wrong password", async () => {
      await using other = await start(config("wr0ng"));
      await checkScript(other, { script: GET, throwsMatching: /WRONGPASS/ });
    });
    await t.step("a server that is gone", async () => {
      server.signal("SIGKILL");
      await checkScript(app, { script: GET, throwsMatching: /"tag":"other","val":"[^"]+/ });
    });
  },
});

serverTest("a guest uses a key-value store in DynamoDB", {
  needs: "moto's server",
  isThere: hasAwsServer(),
  async run(t) {
    await using aws = await AwsServer.start();
    const { status } = await createTable(aws, "kv");
    assert.equal(status, 200);
    const config = (table: string, further = "") =>
      `[key_value_store.default]\ntype = "aws_dynamo"\nregion = "us-east-1"\ntable = "${table}"\n${further}`;
    const app = await start(config("kv"), { env: aws.environment });
    await checkAll(t, app, KEY_VALUE);
    await t.step("items are as Spin writes them", async () => {
      await checkScript(app, {
        script: 'i.keyValue2.Store.open("default").set("k", bytes("v"))',
      });
      const { body } = await aws.call("DynamoDB_20120810.GetItem", {
        TableName: "kv",
        Key: { PK: { S: "k" } },
      });
      assert.deepEqual(body.Item, { PK: { S: "k" }, VAL: { B: btoa("v") } });
    });
    await t.step("keys in the configuration, and consistent reads", async () => {
      const keys = 'access_key = "a"\nsecret_key = "b"\ntoken = "c"\nconsistent_read = true\n';
      await using other = await start(config("kv", keys), { env: { AWS_ENDPOINT_URL: aws.url } });
      await checkScript(other, { script: GET, returns: { bytes: "v" } });
    });
    await t.step("a table that is absent", async () => {
      await using other = await start(config("none"), { env: aws.environment });
      await checkScript(other, { script: GET, throwsMatching: /ResourceNotFoundException/ });
    });
    await t.step("a value that is too large for an item", () =>
      checkScript(app, {
        script: 'i.keyValue2.Store.open("default").set("large", new Uint8Array(400 * 1024))',
        throwsMatching: /ValidationException.*size/,
      }));
  },
});

serverTest("a guest is told what DynamoDB does not let it do", {
  needs: "moto's server",
  isThere: hasAwsServer(),
  async run(t) {
    // A table, and three calls for each of the two users; then signatures are checked.
    await using aws = await AwsServer.start({ openCalls: 7 });
    await createTable(aws, "guarded");
    const reader = await aws.createUser("reader", ["dynamodb:GetItem"]);
    const nobody = await aws.createUser("nobody", ["s3:GetObject"]);
    const cases: [name: string, keys: [string, string], expected: ScriptCase][] = [
      ["may read", [reader.accessKeyId, reader.secretAccessKey], { script: GET, returns: null }],
      ["may not read", [nobody.accessKeyId, nobody.secretAccessKey], {
        script: GET,
        throwsMatching: /AccessDenied.*dynamodb:GetItem/,
      }],
      ["wrong secret", [reader.accessKeyId, "wrong"], {
        script: GET,
        throwsMatching: /SignatureDoesNotMatch|InvalidSignatureException/,
      }],
      ["unknown key", ["AKIAUNKNOWN000000000", "wrong"], {
        script: GET,
        throwsMatching: /InvalidClientTokenId|UnrecognizedClientException/,
      }],
    ];
    for (const [name, [accessKey, secretKey], expected] of cases) {
      await t.step(name, async () => {
        await using app = await start(
          '[key_value_store.default]\ntype = "aws_dynamo"\nregion = "us-east-1"\ntable = "guarded"\n' +
            `access_key = "${accessKey}"\nsecret_key = "${secretKey}"\n`,
          { env: { AWS_ENDPOINT_URL_DYNAMODB: aws.url } },
        );
        await checkScript(app, expected);
      });
    }
  },
});

function createTable(aws: AwsServer, name: string) {
  return aws.call("DynamoDB_20120810.CreateTable", {
    TableName: name,
    KeySchema: [{ AttributeName: "PK", KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: "PK", AttributeType: "S" }],
    BillingMode: "PAY_PER_REQUEST",
  });
}

const COSMOS_KEY = btoa("a key of the account");

Deno.test("a guest uses a key-value store in Azure Cosmos DB", async (t) => {
  await using cosmos = new CosmosServer({
    database: "data base",
    container: "values",
    key: COSMOS_KEY,
    token: "a-token",
  });
  const config = (lines: string) =>
    `[key_value_store.default]\ntype = "azure_cosmos"\naccount = "me"\ndatabase = "data base"\n` +
    `container = "values"\nendpoint = "${cosmos.url}"\n${lines}`;
  const app = await start(config(`key = "${COSMOS_KEY}"`));
  await checkAll(t, app, KEY_VALUE);
  await t.step("documents are as Spin writes them", async () => {
    await checkScript(app, { script: 'i.keyValue2.Store.open("default").set("k", bytes("v"))' });
    assert.deepEqual(cosmos.documents.get("k")?.document, { id: "k", value: [118] });
  });
  await checkAll(t, app, {
    "a key that Cosmos DB cannot name": {
      script: 'i.keyValue2.Store.open("default").set("a/b", bytes("v"))',
      throws: {
        tag: "other",
        val: "Key contains an illegal character. Keys must not include any of: /\\?#",
      },
    },
    "an empty key": {
      script: 'i.keyValue2.Store.open("default").set("", bytes("v"))',
      throwsMatching: /Cosmos DB: BadRequest: The input name/,
    },
  });
  await t.step("requests that come too fast are made again", async () => {
    cosmos.throttled = 3;
    await checkScript(app, { script: GET, returns: { bytes: "v" } });
    cosmos.throttled = 1_000;
    await checkScript(app, { script: GET, throws: { tag: "other", val: "too many requests" } });
    cosmos.throttled = 0;
  });
  await t.step("a wrong key", async () => {
    await using other = await start(config(`key = "${btoa("another")}"`));
    await checkScript(other, {
      script: GET,
      throws: {
        tag: "other",
        val: "Cosmos DB: Unauthorized: The input authorization token can't serve the request.",
      },
    });
  });
  await t.step("a container that is absent", async () => {
    await using other = await start(
      config(`key = "${COSMOS_KEY}"`).replace('"values"', '"nothing"'),
    );
    await checkScript(other, {
      script: 'i.keyValue2.Store.open("default").set("k", bytes("v"))',
      throwsMatching: /Cosmos DB: NotFound: Resource Not Found/,
    });
  });
  const application = { tenantId: "tenant", clientId: "client", clientSecret: "secret" };
  const scope = `${cosmos.url}/.default`;
  await using identity = startAzureIdentity(application, { token: "a-token", scope });
  const service = {
    AZURE_AUTHORITY_HOST: identity.url,
    AZURE_TENANT_ID: "tenant",
    AZURE_CLIENT_ID: "client",
  };
  const managed = {
    IDENTITY_ENDPOINT: `${identity.url}/msi/token`,
    IDENTITY_HEADER: "secret header",
  };
  const identities: Record<string, [lines: string, env: Record<string, string>, good: boolean]> = {
    "an application's secret": ["", { ...service, AZURE_CLIENT_SECRET: "secret" }, true],
    "a wrong secret": ["", { ...service, AZURE_CLIENT_SECRET: "wrong" }, false],
    "a managed identity": ['auth_type = "managed_identity"', managed, true],
  };
  for (const [name, [lines, env, isGood]] of Object.entries(identities)) {
    await t.step(`without a key: ${name}`, async () => {
      await using other = await start(config(lines), { env });
      await checkScript(
        other,
        isGood
          ? { script: GET, returns: { bytes: "v" } }
          : { script: GET, throwsMatching: /AADSTS7000215: Invalid client secret provided\."/ },
      );
    });
  }
  await t.step("an answer that is none", async () => {
    cosmos.answer = () => new Response("<html>proxy</html>", { status: 502 });
    await checkScript(app, {
      script: GET,
      throws: { tag: "other", val: "Cosmos DB: HTTP status 502" },
    });
    cosmos.answer = () => new Response("garbage");
    await checkScript(app, { script: GET, throwsMatching: /a document without a value/ });
    cosmos.answer = undefined;
  });
});

Deno.test("a guest uses a database of a libSQL server", async (t) => {
  for (const versions of [[2, 3], [2]]) {
    await using server = new HranaServer({ token: "t0ken", versions });
    const config = (token: string) =>
      `[sqlite_database.default]\ntype = "libsql"\nurl = "${server.url}"\ntoken = "${token}"\n`;
    const app = await start(config("t0ken"));
    const name = `protocol ${Math.max(...versions)}`;
    await checkAll(t, app, {
      [`${name}: all types of values`]: {
        script: `const c = i.sqlite31.Connection.open("default");
          c.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)", []);
          c.execute("INSERT INTO t (v) VALUES (?), (?), (?), (?), (?)", [
            { tag: "integer", val: 1 }, { tag: "real", val: 1.5 },
            { tag: "text", val: "grün" }, { tag: "blob", val: bytes("b") }, { tag: "null" }]);
          const { columns, rows } = c.execute("SELECT v FROM t ORDER BY id", []);
          const counts = [Number(c.lastInsertRowid()), Number(c.changes())];
          const large = c.execute("SELECT CAST(? + 9007199254740992 AS TEXT)", [{ tag: "integer", val: 1 }]);
          return [columns, rows.map(({ values: [v] }) => v.tag === "integer" ? Number(v.val) : v),
            ...counts, large.rows[0].values[0].val]`,
        returns: [
          ["v"],
          [
            1,
            { tag: "real", val: 1.5 },
            { tag: "text", val: "grün" },
            { tag: "blob", val: { bytes: "b" } },
            { tag: "null" },
          ],
          5,
          5,
          "9007199254740993",
        ],
      },
      [`${name}: transactions`]: {
        script: `const c = i.sqlite31.Connection.open("default");
          c.execute("BEGIN", []); c.execute("DELETE FROM t", []); c.execute("ROLLBACK", []);
          c.execute("BEGIN", []); c.execute("DELETE FROM t WHERE id > 2", []); c.execute("COMMIT", []);
          return Number(c.execute("SELECT count(*) FROM t", []).rows[0].values[0].val)`,
        returns: 2,
      },
      [`${name}: an error of SQLite`]: {
        script: 'i.sqlite31.Connection.open("default").execute("SELECT nonsense", [])',
        throws: { tag: "io", val: "no such column: nonsense" },
      },
      [`${name}: the older interfaces`]: {
        script: `const c = i.sqlite1.open("default");
          const found = i.sqlite1.execute(c, "SELECT 1 AS n", []);
          i.sqlite1.close(c);
          return [found.columns, i.sqlite2.Connection.open("default").execute("SELECT 2 AS n", []).columns]`,
        returns: [["n"], ["n"]],
      },
    });
    await t.step(`${name}: nothing is left open`, () => assert.equal(server.openStreams, 0));
    await t.step(`${name}: the newest version is spoken`, () => {
      assert.deepEqual([...server.versions], [Math.max(...versions)]);
    });
    await t.step(`${name}: a wrong token`, async () => {
      await using other = await start(config("wr0ng"));
      await checkScript(other, {
        script: 'i.sqlite31.Connection.open("default").execute("SELECT 1", [])',
        throws: { tag: "io", val: "libSQL server: Unauthorized: `The JWT is invalid`" },
      });
      assert.doesNotMatch(other.stderr, /wr0ng/);
    });
    await t.step(`${name}: an answer that is none`, async () => {
      server.answer = () => Response.json({ results: "none" });
      await checkScript(app, {
        script: 'i.sqlite31.Connection.open("default").execute("SELECT 1", [])',
        throws: { tag: "io", val: "libSQL server: the answer is not of its protocol" },
      });
      server.answer = undefined;
    });
  }
});

const VARIABLE = (name: string) => `return i.variables2.get("${name}")`;

Deno.test("a guest reads variables from Vault", async (t) => {
  await using vault = startVault({
    "apps/one/password": { value: "from vault" },
    "apps/one/no_value": { other: "x" },
    "apps/one/no_text": { value: 5 },
  }, { token: "t0ken", mount: "secret" });
  const config = (token: string, prefix = "apps/one") =>
    `[[variables_provider]]\ntype = "vault"\nurl = "${vault.url}"\ntoken = "${token}"\n` +
    `mount = "secret"\nprefix = "${prefix}"\n`;
  const variables = { password: undefined, no_value: "d", no_text: "d", fallback: "default" };
  const app = await start(config("t0ken"), { variables });
  await checkAll(t, app, {
    "a secret": { script: VARIABLE("password"), returns: "from vault" },
    "a secret that is absent": { script: VARIABLE("fallback"), returns: "default" },
    "a secret without a value": {
      script: VARIABLE("no_value"),
      throwsMatching: /"provider".*the secret \\"apps\/one\/no_value\\" has no field \\"value\\"/,
    },
    "a secret that is no text": { script: VARIABLE("no_text"), throwsMatching: /"provider"/ },
  });
  await t.step("a wrong token", async () => {
    await using other = await start(config("wr0ng"), { variables });
    await checkScript(other, {
      script: VARIABLE("password"),
      throws: {
        tag: "provider",
        val: "Failed to check Vault for config: HTTP status 403: permission denied",
      },
    });
    assert.doesNotMatch(other.stderr, /wr0ng/);
  });
  await t.step("a required variable that nobody has", async () => {
    await using other = await start(config("t0ken", "apps/two"), { variables });
    await checkScript(other, {
      script: VARIABLE("password"),
      throws: { tag: "provider", val: 'no provider resolved required variable "password"' },
    });
  });
  await t.step("a server that sends garbage", async () => {
    vault.answer = () => new Response("garbage");
    await checkScript(app, { script: VARIABLE("password"), throwsMatching: /has no field/ });
    vault.answer = undefined;
  });
});

Deno.test("a guest reads variables from Azure Key Vault", async (t) => {
  await using vault = startKeyVault({ "db-password": "from azure" }, { token: "a-token" });
  const application = { tenantId: "tenant", clientId: "client", clientSecret: "secret" };
  const scope = "https://vault.azure.net/.default";
  await using identity = startAzureIdentity(application, { token: "a-token", scope });
  await using stranger = startAzureIdentity(application, { token: "of others", scope });
  const config = `[[config_provider]]\ntype = "azure_key_vault"\nvault_url = "${vault.url}/"\n`;
  const variables = { db_password: undefined, fallback: "default" };
  const env = (host: string, secret = "secret") => ({
    AZURE_AUTHORITY_HOST: host,
    AZURE_TENANT_ID: "tenant",
    AZURE_CLIENT_ID: "client",
    AZURE_CLIENT_SECRET: secret,
  });
  const app = await start(config, { variables, env: env(identity.url) });
  await checkAll(t, app, {
    "a secret": { script: VARIABLE("db_password"), returns: "from azure" },
    "a secret that is absent": { script: VARIABLE("fallback"), returns: "default" },
  });
  const faults: Record<string, [env: Record<string, string>, expected: RegExp]> = {
    "a wrong secret of the application": [
      env(identity.url, "wr0ng"),
      /"provider".*Azure gave no token for https:\/\/vault\.azure\.net: AADSTS7000215: Invalid client/,
    ],
    "a token that the vault does not take": [
      env(stranger.url),
      /Failed to read variable from Azure Key Vault: Unauthorized: AKV10000/,
    ],
    "an identity service that is away": [
      env("http://127.0.0.1:1"),
      /Cannot reach the Azure identity service at 127\.0\.0\.1:1/,
    ],
  };
  for (const [name, [environment, expected]] of Object.entries(faults)) {
    await t.step(name, async () => {
      await using other = await start(config, { variables, env: environment });
      await checkScript(other, { script: VARIABLE("db_password"), throwsMatching: expected });
      assert.doesNotMatch(other.stderr, /wr0ng/);
    });
  }
});

Deno.test("up names all that is wrong with back ends in the runtime configuration", async () => {
  const directory = suite.directory();
  const from = writeManifest(directory, manifest([{ id: "a", route: "/..." }]));
  const cases: [toml: string, problems: string[]][] = [
    [
      '[key_value_store.a]\ntype = "aws_dynamo"\nregion = "us east"\naccess_key = "a"\ntabel = "t"\n',
      [
        'key_value_store.a.region must be a name such as "us-east-1", not "us east"',
        'key_value_store.a needs both "access_key" and "secret_key"',
        'did you mean "table"',
      ],
    ],
    [
      '[key_value_store.a]\ntype = "azure_cosmos"\nkey = "not base64!"\naccount = "a.b"\nauth_type = "x"\n',
      [
        "key_value_store.a.key must be Base64, as Azure shows it",
        `key_value_store.a.account must be the account's name alone, not "a.b"`,
        'Unknown key_value_store.a.auth_type "x"',
        '"database"',
        '"container"',
      ],
    ],
    ['[key_value_store.a]\ntype = "redis"\nurl = "http://:s3cret@x"\n', [
      "key_value_store.a.url must be of the form redis[s]://[[user]:password@]host[:port][/database]",
    ]],
    ['[key_value_store.a]\ntype = "redi"\n', [
      'Unknown key-value store type "redi" of label "a"; did',
    ]],
    ['[sqlite_database.a]\ntype = "libsql"\nurl = "libsql://x"\ntoken = "a b"\n', [
      "sqlite_database.a.token must be of visible ASCII characters",
      "sqlite_database.a.url",
    ]],
    ['[sqlite_database.a]\ntype = "turso"\n', ["Unknown database kind: turso"]],
    ['[[variables_provider]]\ntype = "vault"\nurl = "x"\ntoken = "t"\nmout = "m"\n', [
      'did you mean "mount"',
      "variables_provider[0].url",
    ]],
    [
      '[[variables_provider]]\ntype = "azure_key_vault"\nvault_url = "https://x"\nclient_id = "c"\nauthority_host = "AzureChin"\n',
      [
        "specifies some but not all of 'client_id', 'client_secret', and 'tenant_id'",
        'did you mean "AzureChina"',
      ],
    ],
  ];
  for (const [toml, problems] of cases) {
    const file = `${directory}/config.toml`;
    Deno.writeTextFileSync(file, toml);
    const { code, stderr } = await suite.refuse({ from, args: ["--runtime-config-file", file] });
    assert.equal(code, 1, stderr);
    for (const problem of problems) assert.ok(stderr.includes(problem), `${problem}\n${stderr}`);
    assert.match(stderr, /config\.toml:\d+/);
    assert.doesNotMatch(stderr, /s3cret/);
  }
});

/**
 * The mode `host`: an app as the shim gives it to a container, without a container.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import {
  manifest,
  PROGRAM_PATH,
  sampleWasm,
  tortureManifest,
  triggerSample,
  writeManifest,
} from "../support/fixtures.ts";
import { type ProcessCommand, RunningApp } from "../support/running_app.ts";
import { checkScript } from "../support/script_app.ts";
import { storeApp } from "../support/stored_app.ts";
import { type Outcome, TestSuite } from "../support/test_suite.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

const stores = new Map<string, Promise<string>>();

/** Each app is stored once. */
function stored(name: string, manifestPath: (directory: string) => string): Promise<string> {
  let store = stores.get(name);
  if (!store) {
    const directory = `${suite.directory()}/app`;
    store = storeApp(manifestPath(suite.directory()), directory).then(() => directory);
    stores.set(name, store);
  }
  return store;
}

function torture(): Promise<string> {
  return stored("torture", tortureManifest);
}

interface HostStart {
  readonly app?: string;
  readonly args?: readonly string[];
  readonly container?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function command({ app, args = [], container = ["/"], env = {} }: HostStart): ProcessCommand {
  return {
    program: Deno.execPath(),
    args: [
      "run",
      ...DENO_FLAGS,
      ...[PROGRAM_PATH, "host"],
      ...(app === undefined ? [] : ["--app", app]),
      ...[...args, "--", ...container],
    ],
    env: { NO_COLOR: "1", SPIN_HTTP_LISTEN_ADDR: "127.0.0.1:0", ...env },
  };
}

function start(options: HostStart): Promise<RunningApp> {
  const container = [...options.container ?? ["/"], "--format", "json"];
  return RunningApp.start(command({ ...options, container }), true);
}

async function outcome(options: HostStart): Promise<Outcome> {
  const { program, args, env } = command(options);
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    signal: AbortSignal.timeout(30_000),
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("host serves a stored app, whatever the container was to run", async () => {
  await using app = await start({ app: await torture(), container: ["/hello.wasm", "bogus-arg"] });
  assert.deepEqual(await app.get("/"), { status: 200, body: "hello from C\n" });
  assert.equal((await app.get("/.well-known/spin/health")).body, "OK");
  await app.get("/log?one");
  // Both of a component's streams go to the pod's log, and nothing is written to files.
  await app.waitForStderr(/to standard output one[^]*to standard error one/);
  assert.doesNotMatch(app.stderr, /Logging component stdio/);
});

Deno.test("host ends requests in flight after SIGTERM, and exits with 0", async () => {
  const app = await start({ app: await torture() });
  const answer = app.get("/sleep?ms=700");
  await new Promise((resolve) => setTimeout(resolve, 200));
  app.signal("SIGTERM");
  assert.deepEqual(await answer, { status: 200, body: "slept\n" });
  assert.equal((await app.status).code, 0);
  await app[Symbol.asyncDispose]();
});

Deno.test("host takes variables from the environment by their own names", async () => {
  const directory = await stored("variables", (place) =>
    writeManifest(
      place,
      manifest([{
        id: "script",
        route: "/...",
        source: sampleWasm("script-js"),
        lines: ['variables = { address = "{{ redis_address }}", mood = "{{ mood }}" }'],
      }], {
        before: '[variables]\nredis_address = { required = true }\nmood = { default = "calm" }',
      }),
    ));
  const get = (name: string): string => `return i.variables2.get("${name}")`;
  {
    await using app = await start({
      app: directory,
      env: {
        REDIS_ADDRESS: "redis://by-name",
        SPIN_VARIABLE_REDIS_ADDRESS: "redis://by-prefix",
        SPIN_VARIABLE_MOOD: "bright",
        mood: "not in capitals",
      },
    });
    await checkScript(app, { script: get("address"), returns: "redis://by-name" });
    await checkScript(app, { script: get("mood"), returns: "bright" });
  }
  const { code, stderr } = await outcome({ app: directory });
  assert.equal(code, 1);
  assert.match(stderr, /^Error: no provider resolved required variable.*redis_address/);
});

Deno.test("host keeps the components that SPIN_COMPONENTS_TO_RETAIN names", async (t) => {
  const directory = await stored("two", (place) =>
    writeManifest(
      place,
      manifest([
        { id: "one", route: "/one/..." },
        { id: "two", route: "/two/...", allowedOutboundHosts: ["http://one.spin.internal"] },
      ]),
    ));
  for (const retain of ["one", "one,,", ""]) {
    await t.step(JSON.stringify(retain), async () => {
      await using app = await start({ app: directory, env: { SPIN_COMPONENTS_TO_RETAIN: retain } });
      assert.match(app.stdout, /"id": "one"/);
      assert.equal(/"id": "two"/.test(app.stdout), retain === "");
    });
  }
  const wrong: [retain: string, message: RegExp][] = [
    ["three", /with only \["three"\] components.*Specified component "three" not found/],
    [" one", /Specified component " one" not found/],
    ["two", /Selected component 'two' cannot use service chaining to unselected component/],
  ];
  for (const [retain, message] of wrong) {
    await t.step(`${JSON.stringify(retain)} is refused`, async () => {
      const { code, stderr } = await outcome({
        app: directory,
        env: { SPIN_COMPONENTS_TO_RETAIN: retain },
      });
      assert.equal(code, 1);
      assert.match(stderr, message);
    });
  }
});

Deno.test("host reads the runtime configuration and options of up", async () => {
  const state = suite.directory();
  const directory = await stored("stores", (place) =>
    writeManifest(
      place,
      manifest([{
        id: "script",
        route: "/...",
        source: sampleWasm("script-js"),
        lines: ['key_value_stores = ["default", "mine"]'],
      }]),
    ));
  const config = `${state}/config.toml`;
  await Deno.writeTextFile(config, '[key_value_store.mine]\ntype = "spin"\npath = "mine.db"');
  await using app = await start({
    app: directory,
    container: ["/", "--state-dir", state, "--key-value", "a=1"],
    env: { SPIN_RUNTIME_CONFIG_FILE: config },
  });
  const get = (store: string): string =>
    `return text(i.keyValue2.Store.open("${store}").get("a") ?? bytes("-"))`;
  await checkScript(app, { script: get("default"), returns: "1" });
  await checkScript(app, { script: get("mine"), returns: "-" });
  await app.waitForStderr(
    /Using runtime config \[key_value_store\.mine: spin\] from ".*config\.toml"/,
  );
  await app.waitForStderr(/Storing default key-value data to ".*sqlite_key_value\.db"\./);
});

Deno.test("host runs a command with the container's arguments", async () => {
  const app = await stored("job", () => triggerSample("job"));
  const { code, stdout, stderr } = await outcome({ app, container: ["/", "show", "--", "b"] });
  assert.match(stdout, /^arguments: \["job", "show", "--", "b"\]/);
  assert.equal(code, 0, stderr);
  assert.equal((await outcome({ app, container: ["/", "fail", "7"] })).code, 7);
});

Deno.test("host says what is wrong in the log and in the container's last message", async (t) => {
  const log = `${suite.directory()}/termination-log`;
  await Deno.writeTextFile(log, "");
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const busy = `127.0.0.1:${taken.addr.port}`;
  const app = await torture();
  const cases: [name: string, options: HostStart, code: number, message: RegExp][] = [
    ["no app", { args: ["--failed", "The image holds no Spin app"] }, 1, /holds no Spin app/],
    ["an app that is gone", { app: `${app}/none` }, 1, /Cannot read the app/],
    ["a taken port", { app, env: { SPIN_HTTP_LISTEN_ADDR: busy } }, 1, /is already in use/],
    ["a bad address", { app, env: { SPIN_HTTP_LISTEN_ADDR: "x" } }, 2, /SPIN_HTTP_LISTEN_ADDR/],
    ["bad memory", { app, env: { SPIN_MAX_INSTANCE_MEMORY: "lots" } }, 2, /lots/],
    [
      "a configuration that is absent",
      { app, env: { RUNTIME_CONFIG_FILE: "/no/config.toml" } },
      1,
      /Cannot read the runtime config file "\/no\/config\.toml"/,
    ],
    ["an unknown option", { app, container: ["/", "--nonsense"] }, 2, /--nonsense/],
    ["an option of a laptop", { app, container: ["/", "--from", "x"] }, 2, /--from/],
  ];
  for (const [name, options, code, message] of cases) {
    await t.step(name, async () => {
      const args = ["--termination-log", log, ...options.args ?? []];
      const ended = await outcome({ ...options, args });
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
      assert.doesNotMatch(ended.stderr, /\n +at /);
      assert.equal(`${await Deno.readTextFile(log)}\n`, ended.stderr);
    });
  }
});

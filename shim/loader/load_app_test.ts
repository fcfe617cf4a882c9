import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createTestApp, readTree } from "./_test_app.ts";
import { loadApp, readBuildCommands } from "./load_app.ts";
import { parseLockedApp } from "./parse_locked_app.ts";

const HELLO = `spin_manifest_version = 2
application.name = "hello"
[[trigger.http]]
route = "/..."
component = "hello"
[component.hello]
source = "hello.wasm"
`;

function readTestData(name: string): Promise<string> {
  return Deno.readTextFile(new URL(`testdata/${name}`, import.meta.url));
}

Deno.test("loadApp() locks a manifest as Spin does", async () => {
  const wasm = ["web.wasm", "worker.wasm", "library.wasm", "greeter.wasm"];
  await using app = await createTestApp({
    "spin.toml": await readTestData("full.toml"),
    ...Object.fromEntries(wasm.map((name) => [name, "x"])),
    "static/a.txt": "A",
    "static/sub/b.txt": "B",
  });
  const loaded = await app.load();
  const text = JSON.stringify(loaded.app)
    .replaceAll(pathToFileURL(app.appDir).href, "APP")
    .replaceAll(pathToFileURL(join(app.root, "work")).href, "WORK");
  // Texts, not values: the order of the keys is a part of the contract.
  assert.equal(text, JSON.stringify(JSON.parse(await readTestData("full.lock.json"))));
  assert.deepEqual(loaded.warnings, []);
  assert.equal(loaded.appDir, app.appDir);
  assert.deepEqual(await readTree(join(app.root, "work", "assets", "web")), {
    "a.txt": "A",
    "sub/b.txt": "B",
  });
  assert.deepEqual(parseLockedApp(JSON.stringify(loaded.app)), loaded.app);
});

Deno.test("loadApp() leaves out what is empty and names the only trigger type", async () => {
  await using app = await createTestApp({ "spin.toml": HELLO, "hello.wasm": "x" });
  const { app: locked } = await app.load();
  const base = pathToFileURL(app.appDir).href;
  assert.deepEqual(locked, {
    spin_lock_version: 0,
    metadata: {
      name: "hello",
      origin: `${base}/spin.toml`,
      trigger: { type: "http" },
      triggers: {},
    },
    triggers: [{
      id: "hello-http-trigger",
      trigger_type: "http",
      trigger_config: { component: "hello", route: "/..." },
    }],
    components: [{
      id: "hello",
      source: { content_type: "application/wasm", source: `${base}/hello.wasm` },
    }],
  });
});

Deno.test("loadApp() adds the environment to every component", async () => {
  await using app = await createTestApp({
    "spin.toml":
      `${HELLO}environment = { A = "1", B = "2" }\n[component.other]\nsource="hello.wasm"`,
    "hello.wasm": "x",
  });
  const { app: locked } = await app.load({ environment: { B: "3", AA: "4" } });
  assert.equal(JSON.stringify(locked.components[0]!.env), '{"A":"1","AA":"4","B":"3"}');
  assert.deepEqual(locked.components[1]!.env, { B: "3", AA: "4" });
});

Deno.test("loadApp() reports missing sources, files and mistakes together", async () => {
  await using app = await createTestApp({
    "spin.toml": `${HELLO}files = ["nope", "../*", "/etc/*", "a/.."]
sorce = "x"
build.command = "make"
[component.empty]
source = "empty.wasm"
[component.directory]
source = "sub"
[component.package]
source = { package = "a:b", version = "1.2.3" }
`,
    "empty.wasm": "",
    "sub/x": "",
  });
  await assert.rejects(app.load({ cwd: app.root }), (error: Error) => {
    assert.equal(error.name, "ManifestError");
    const lines = error.message.split("\n").map((line) => line.replace("app/spin.toml:", ""));
    const expected = [
      /^7:1: component "hello": Failed to load Wasm source "hello\.wasm": the file does not exist; build it first, for example with `--build`$/,
      /^8:10: component "hello": "nope" does not exist and doesn't appear to be a glob pattern$/,
      /^8:18: component "hello": \.\.\/\* cannot be mapped because it is outside the application directory\. Files must be/,
      /^8:26: component "hello": \/etc\/\* cannot be mapped because it is outside/,
      /^8:36: component "hello": A file pattern can't end in a parent directory path \(\.\.\)/,
      /^9:1: component "hello": unknown field `sorce`/,
      /^12:1: component "empty": .*the file is empty; check the path$/,
      /^14:1: component "directory": .*it is a directory; name the \.wasm file in it$/,
      /^16:1: component "package": the package "a:b@1\.2\.3" is in a registry; .*`registry pull`/,
    ];
    assert.equal(lines.length, expected.length, error.message);
    lines.forEach((line, i) => assert.match(line, expected[i]!));
    return true;
  });
  assert.ok(!(await Array.fromAsync(Deno.readDir(app.root))).some(({ name }) => name === "work"));
});

Deno.test("loadApp() loads only the selected components", async () => {
  const manifest = HELLO + `[component.other]
source = "not-built.wasm"
allowed_outbound_hosts = ["http://hello.spin.internal", "http://*.spin.internal"]
[[trigger.http]]
route = "/other"
component = "other"
[[trigger.http]]
route = "/static"
static_response = {}
`;
  await using app = await createTestApp({ "spin.toml": manifest, "hello.wasm": "x" });
  const { app: locked } = await app.load({ componentIds: ["hello"] });
  assert.deepEqual(locked.components.map(({ id }) => id), ["hello"]);
  assert.deepEqual(locked.triggers.map(({ id }) => id), ["hello-http-trigger"]);
  await assert.rejects(app.load({ componentIds: ["helo", "other"] }), {
    name: "TerminalError",
    message: `Specified component "helo" not found in application; did you mean "hello"?
Selected component 'other' cannot use service chaining to unselected component: allowed_outbound_hosts: ["http://hello.spin.internal"]
Selected component 'other' cannot use wildcard service chaining: allowed_outbound_hosts: ["http://*.spin.internal"]`,
  });
});

Deno.test("loadApp() applies a profile", async () => {
  await using app = await createTestApp({
    "spin.toml": `${HELLO}environment = { A = "1", B = "2" }
build = { command = "make", workdir = "src" }
[component.hello.profile.debug]
source = "debug.wasm"
environment = { B = "3" }
build.command = ["make", "make debug"]
[component.other]
source = "debug.wasm"
`,
    "debug.wasm": "x",
  });
  const { app: locked } = await app.load({ profile: "debug" });
  assert.match(locked.components[0]!.source.source!, /\/debug\.wasm$/);
  assert.deepEqual(locked.components[0]!.env, { A: "1", B: "3" });
  assert.equal(locked.metadata.profile, "debug");
  const source = { kind: "manifest", path: join(app.appDir, "spin.toml") } as const;
  assert.deepEqual(await readBuildCommands(source, { cwd: app.root, profile: "debug" }), [
    { componentId: "hello", commands: ["make", "make debug"], workdir: join(app.appDir, "src") },
  ]);
  await assert.rejects(app.load({ profile: "debgu" }), {
    name: "TerminalError",
    message: 'Profile debgu is not defined in this application; did you mean "debug"?',
  });
});

Deno.test("loadApp() lets a profile add and replace dependencies, which inherit as the component says", async () => {
  await using app = await createTestApp({
    "spin.toml": `spin_manifest_version = 2
application.name = "a"
[[trigger.http]]
route = "/..."
component = "hello"
[component.hello]
source = "hello.wasm"
dependencies_inherit_configuration = true
dependencies = { "a:b/c" = { path = "base.wasm" }, "d:e/f" = { path = "base.wasm" } }
[component.hello.profile.debug.dependencies]
"a:b/c" = { path = "debug.wasm", export = "x:y/z" }
"g:h/i" = { component = "library" }
[component.library]
source = "library.wasm"
[component.library.profile.debug]
source = "debug.wasm"
`,
    "hello.wasm": "1",
    "base.wasm": "2",
    "debug.wasm": "3",
    "library.wasm": "4",
  });
  const { app: locked } = await app.load({ profile: "debug", componentIds: ["hello"] });
  const { dependencies } = locked.components[0]!;
  assert.deepEqual(
    Object.entries(dependencies!).map(([name, { source, ...rest }]) => [
      name,
      source.source!.split("/").at(-1),
      rest,
    ]),
    [
      ["a:b/c", "debug.wasm", { export: "x:y/z", inherit: "All" }],
      ["d:e/f", "base.wasm", { export: null, inherit: "All" }],
      ["g:h/i", "debug.wasm", { export: null, inherit: "All" }],
    ],
  );
  assert.deepEqual(locked.components.map(({ id }) => id), ["hello"]);
});

Deno.test("loadApp() writes what a dependency inherits only if that is something", async () => {
  await using app = await createTestApp({
    "spin.toml": `spin_manifest_version = 2
application.name = "a"
[[trigger.http]]
route = "/..."
component = "hello"
[component.hello]
source = "hello.wasm"
[component.hello.dependencies]
"a:b/none" = { path = "hello.wasm" }
"a:b/false" = { path = "hello.wasm", inherit_configuration = false }
"a:b/empty" = { path = "hello.wasm", inherit_configuration = [] }
"a:b/true" = { path = "hello.wasm", inherit_configuration = true }
"a:b/some" = { path = "hello.wasm", inherit_configuration = ["variables", "files"] }
`,
    "hello.wasm": "1",
  });
  const { app: locked } = await app.load();
  const inherits = Object.entries(locked.components[0]!.dependencies!)
    .map(([name, { inherit }]) => [name, inherit]);
  assert.deepEqual(Object.fromEntries(inherits), {
    "a:b/none": undefined,
    "a:b/false": undefined,
    "a:b/empty": undefined,
    "a:b/true": "All",
    "a:b/some": { Some: ["variables", "files"] },
  });
});

Deno.test("loadApp() converts version 1", async () => {
  await using app = await createTestApp({
    "spin.toml": `spin_version = "1"
name = "old"
authors = ["x"]
trigger = { type = "http", base = "/" }
[variables]
password = { required = true }
[[component]]
id = "My_Api"
source = "a.wasm"
allowed_http_hosts = ["self", "example.com:8080", "https://x.com"]
[component.trigger]
route = "/api/..."
executor = { type = "spin" }
[component.config]
password = "{{ password }}"
[component.build]
command = "make"
[[component]]
id = "two"
source = "a.wasm"
allowed_outbound_hosts = []
allowed_http_hosts = ["insecure:allow-all"]
trigger.route = "/two"
`,
    "a.wasm": "x",
  });
  const { app: locked, warnings } = await app.load();
  assert.deepEqual(locked.metadata.triggers, { http: { base: "/" } });
  assert.deepEqual(locked.metadata.trigger, { base: "/", type: "http" });
  assert.deepEqual(locked.triggers, [
    {
      id: "trigger-my-api",
      trigger_type: "http",
      trigger_config: { component: "my-api", executor: { type: "spin" }, route: "/api/..." },
    },
    {
      id: "trigger-two",
      trigger_type: "http",
      trigger_config: { component: "two", route: "/two" },
    },
  ]);
  assert.deepEqual(locked.components.map(({ metadata }) => metadata?.allowed_outbound_hosts), [
    [
      "redis://*:*",
      "mysql://*:*",
      "postgres://*:*",
      "http://self",
      "http://example.com:8080",
      "https://example.com:8080",
      "https://x.com",
    ],
    ["http://*:*", "https://*:*", "http://self"],
  ]);
  assert.deepEqual(locked.components[0]!.config, { password: "{{ password }}" });
  assert.equal(warnings.length, 1);
});

Deno.test("loadApp() reports problems of version 1 at their places", async () => {
  await using app = await createTestApp({
    "spin.toml": `spin_manifest_version = "1"
name = "old"
[[component]]
source = "a.wasm"
idd = "x"
[[component]]
id = "b"
source = "a.wasm"
config = { x = "{{ nope }}" }
trigger = { route = "/", colour = "red" }
`,
    "a.wasm": "x",
  });
  await assert.rejects(app.load(), (error: Error) => {
    const places = error.message.split("\n").map((line) => line.split(": ").slice(0, 3).join(": "));
    assert.deepEqual(places, [
      'spin.toml:1:1: manifest: missing field `trigger`; add trigger = { type = "http" }',
      'spin.toml:3:1: component 1: missing field `id`; add id = "…"',
      'spin.toml:3:1: component 1: missing field `trigger`; add [component.trigger] with route = "/..."',
      'spin.toml:3:1: http trigger "trigger-component-at-0": missing field `route`; add route = "/..."',
      'spin.toml:5:1: component 1: unknown field `idd`; did you mean "id"?',
      'spin.toml:9:12: component "b": unknown variable "nope" in template "{{ nope }}"; declare it under [variables]',
      'spin.toml:10:26: http trigger "trigger-b": unknown field `colour`; expected one of "route", "component", "static_response", "executor"',
    ]);
    return true;
  });
});

Deno.test("loadApp() attaches middleware to components", async () => {
  await using app = await createTestApp({
    "spin.toml": `${HELLO}
[[trigger.http]]
id = "guarded"
route = "/x"
component = "hello"
dependencies.middleware = [{ path = "m.wasm" }, { component = "logger", inherit_configuration = true }]
[[trigger.http]]
route = "/y"
component = "both"
dependencies.middleware = [{ path = "m.wasm" }]
[component.both]
source = "hello.wasm"
[component.logger]
source = "m.wasm"
`,
    "hello.wasm": "x",
    "m.wasm": "x",
  });
  const { app: locked } = await app.load();
  assert.deepEqual(locked.triggers.map(({ trigger_config: config }) => config.component), [
    "hello",
    "hello-for-guarded",
    "both",
  ]);
  assert.ok(locked.triggers.every((trigger) => trigger.trigger_dependencies === undefined));
  const byId = new Map(locked.components.map((component) => [component.id, component]));
  assert.equal(byId.get("hello")!.trigger_dependencies, undefined);
  const clone = byId.get("hello-for-guarded")!;
  assert.deepEqual(clone.metadata, { "resolve-trigger-dependencies-using": "http" });
  assert.deepEqual(clone.host_requirements, { middleware: "required" });
  assert.deepEqual(clone.trigger_dependencies!.middleware!.map(({ inherit }) => inherit), [
    undefined,
    "All",
  ]);
  assert.equal(byId.get("both")!.trigger_dependencies!.middleware!.length, 1);
  assert.equal(locked.spin_lock_version, 1);
});

Deno.test("loadApp() makes an app of a single Wasm file", async () => {
  await using app = await createTestApp({ "my.app.wat": "(component)" });
  const options = { workingDir: app.root, cacheDir: app.root, cwd: app.appDir };
  const path = join(app.appDir, "my.app.wat");
  const { app: locked, appDir } = await loadApp({ kind: "wasm", path }, options);
  assert.equal(appDir, undefined);
  assert.equal(locked.metadata.name, "my.app");
  assert.equal(locked.metadata.origin, undefined);
  assert.deepEqual(locked.triggers, [{
    id: "http-trigger1",
    trigger_type: "http",
    trigger_config: { component: "http-trigger1-component", route: "/..." },
  }]);
  assert.equal(locked.components[0]!.source.source, pathToFileURL(path).href);
  assert.deepEqual(await readBuildCommands({ kind: "wasm", path }, { cwd: app.root }), []);
  await assert.rejects(loadApp({ kind: "wasm", path: join(app.appDir, "x.wasm") }, options), {
    message:
      /^x\.wasm: component "http-trigger1-component": Failed to load Wasm source .*does not exist/,
  });
});

Deno.test("loadApp() names a manifest it cannot read", async () => {
  await using app = await createTestApp({});
  await assert.rejects(app.load(), {
    name: "TerminalError",
    message: /^Failed to read Spin app manifest from "spin\.toml": /,
  });
});

Deno.test("loadApp() mounts directories themselves when asked to", async () => {
  await using app = await createTestApp({
    "spin.toml": `${HELLO}files = [{ source = "static", destination = "/" }]
[component.excluding]
source = "hello.wasm"
files = ["static"]
exclude_files = ["*.md"]
`,
    "hello.wasm": "x",
    "static/a.txt": "A",
  });
  await assert.rejects(app.load({ directMounts: true }), {
    message:
      'spin.toml:12:1: component "excluding": Cannot load a component with `exclude_files` ' +
      "using --direct-mounts",
  });
  const { app: locked } = await app.load({ directMounts: true, componentIds: ["hello"] });
  const source = pathToFileURL(join(app.appDir, "static")).href;
  assert.deepEqual(locked.components[0]!.files, [{ source, path: "/" }]);
});

/**
 * Components with dependencies: what they answer, what the dependencies may do, and what becomes of
 * the whole when a dependency fails.
 *
 * @module
 */

import assert from "node:assert/strict";
import { composeComponent } from "../../shim/engine/compose/compose.ts";
import { APPS_UNDER_TEST } from "../support/apps_under_test.ts";
import { type Case, check } from "../support/cases.ts";
import { buildAnswerer, buildAsker, buildPassThrough } from "../support/composed_guests.ts";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import type { RunningApp } from "../support/running_app.ts";
import { answerAsUpstream } from "../support/sample_cases.ts";
import { buildDenyAdapter, denyAll } from "../support/spin_compositions.ts";
import { TestSuite } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";

const HANDLER = "wasi:http/incoming-handler";

const suite = new TestSuite();
let wasm: { readonly asker: string; readonly answerer: string; readonly passThrough: string };

Deno.test.beforeAll(async () => {
  const directory = suite.directory();
  async function write(name: string, bytes: Promise<Uint8Array>): Promise<string> {
    const path = `${directory}/${name}.wasm`;
    await Deno.writeFile(path, await bytes);
    return path;
  }
  wasm = {
    asker: await write("asker", buildAsker()),
    answerer: await write("answerer", buildAnswerer()),
    passThrough: await write("pass-through", buildPassThrough()),
  };
});
Deno.test.afterAll(() => suite.close());

/** The line of a dependency in a component's table. */
function depends(name: string, path: string, more = ""): string {
  return `dependencies.${JSON.stringify(name)} = { path = ${JSON.stringify(path)}${more} }`;
}

/** Starts an app of one component, which asks the answerer. */
async function startAsker(
  options: { lines?: readonly string[]; args?: readonly string[] } = {},
): Promise<RunningApp> {
  const lines = options.lines ?? [depends("test:dep", wasm.answerer)];
  const component = { id: "asker", route: "/...", source: wasm.asker, lines };
  const from = writeManifest(suite.directory(), manifest([component]));
  return await suite.start({ from, args: options.args ?? [] });
}

const ANSWERS: readonly Case[] = [
  { request: "/hello", answer: "/hello" },
  { request: "/count", answer: "1" },
  { request: "/count", answer: "1" },
  { request: "/resource", answer: "5" },
  { request: "/drops", answer: "3" },
  { request: "/drops", answer: "3" },
  { request: "/big", answer: "0" },
  { request: "/grow", answer: "1" },
  { request: "/grow", answer: "1" },
  { request: "/sleep", answer: "/sleep" },
  { request: "/two", answer: "2" },
];

for (const strategy of ["auto", "fresh", "copy", "copy-on-write"]) {
  Deno.test(`up gives every request a new component with new dependencies (${strategy})`, async () => {
    await using app = await startAsker({ args: ["--instances", strategy] });
    for (const testCase of [...ANSWERS, ...ANSWERS]) await check(app, testCase);
  });
}

Deno.test("up ends a request whose dependency traps or loops, and no other one", async () => {
  await using app = await startAsker({ args: ["--cpu-limit", "300ms"] });
  for (
    const [path, line] of [
      ["/trap", /GET \/trap: component "asker" trapped: unreachable/],
      ["/loop", /GET \/loop: component "asker" was stopped: .* more than 300 ms of CPU time/],
    ] as const
  ) {
    await check(app, { request: path, status: 500, answer: "" });
    await app.waitForStderr(line);
    await check(app, { request: "/count", answer: "1" });
    await check(app, { request: "/drops", answer: "3" });
  }
});

Deno.test("up serves others while a dependency computes or waits", async () => {
  await using app = await startAsker({ args: ["--cpu-limit", "2s", "--workers", "1"] });
  const start = performance.now();
  const loop = check(app, { request: "/loop", status: 500 });
  const sleepers = Array.from({ length: 20 }, () => check(app, { request: "/sleep" }));
  for (let i = 0; i < 10; i++) await check(app, { request: "/count", answer: "1" });
  await Promise.all(sleepers);
  assert.ok(performance.now() - start < 1_900, "they waited for the loop");
  await loop;
});

Deno.test("up makes an instance for each dependency, and shares none between components", async () => {
  const lines = [
    depends("test:dep/answers@1.0.0", wasm.answerer),
    depends("test:dep/counts", wasm.answerer),
  ];
  const one = [depends("test:dep@1.0.0", wasm.answerer)];
  const from = writeManifest(
    suite.directory(),
    manifest([
      { id: "two", route: "/two/...", source: wasm.asker, lines },
      { id: "one", route: "/...", source: wasm.asker, lines: one },
    ]),
  );
  await using app = await suite.start({ from });
  // One and the same instance would have counted twice.
  await check(app, { request: "/two/x", answer: "1" });
  await check(app, { request: "/two-of-one", answer: "2" });
  await check(app, { request: "/count", answer: "1" });
});

for (const sample of APPS_UNDER_TEST) {
  Deno.test(`up serves the ${sample.name} sample as a dependency`, async () => {
    await using upstream = startUpstream(answerAsUpstream);
    const { authority } = upstream;
    const original = sample.source({ directory: suite.directory(), upstream: authority });
    const from = dependOn(await Deno.readTextFile(original), original);
    await using app = await suite.start({ from, args: ["--max-instance-memory", String(2 ** 30)] });
    for (const testCase of sample.cases(authority)) await check(app, testCase);
  });
}

/** An app whose components hand their requests on to those of `text`, the manifest at `path`. */
function dependOn(text: string, path: string): string {
  const directory = path.slice(0, path.lastIndexOf("/"));
  const changed = text.replaceAll(/^source = "([^"]+)"$/gm, (_line, source: string) => {
    const absolute = source.startsWith("/") ? source : `${directory}/${source}`;
    return [
      `source = ${JSON.stringify(wasm.passThrough)}`,
      depends(HANDLER, absolute, ", inherit_configuration = true"),
    ].join("\n");
  });
  assert.notEqual(changed, text);
  if (!directory.includes("fixtures")) return writeManifest(directory, changed);
  const copy = suite.directory();
  if (changed.includes('source = "assets"')) copyDirectory(`${directory}/assets`, `${copy}/assets`);
  return writeManifest(copy, changed);
}

/** Files of an app have to be in its directory. */
function copyDirectory(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyDirectory(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

const VARIABLE = "return i.variables2.get('word')";
const ENVIRONMENT = "return i.environment.getEnvironment()";
const KEY_VALUE = "const s = i.keyValue2.Store.open('default');" +
  "s.set('k', bytes('v')); return s.get('k')";
const SQLITE = "return i.sqlite2.Connection.open('default').execute('SELECT 1', []).columns";
const HTTP_1 = "return i.spinHttp.sendRequest({ method: 'get', uri: 'http://UPSTREAM/up', " +
  "headers: [], params: [] }).status";
const HTTP_2 = "const r = new i.http.OutgoingRequest(i.http.Fields.fromList([]));" +
  "r.setScheme({ tag: 'HTTP' }); r.setAuthority('UPSTREAM'); const f = " +
  "i.outgoingHandler.handle(r, undefined); const p = f.subscribe(); p.block();" +
  "return f.get().val.val.status()";
const LLM = "return i.llm2.infer('llama2-chat', 'x', undefined)";
const CONFIG = "return i.wasiConfig.getAll()";

/** Script → what comes of it if nothing is inherited, and the set with which it succeeds. */
const PERMISSIONS: readonly {
  readonly script: string;
  readonly set: string;
  readonly denied: unknown;
  readonly granted: unknown;
}[] = [
  {
    script: VARIABLE,
    set: "variables",
    denied: { error: { tag: "undefined", val: "word" } },
    granted: "hello",
  },
  {
    script: CONFIG,
    set: "variables",
    denied: { error: { tag: "io", val: '"wasi:config/store" is not permitted' } },
    granted: [["word", "hello"]],
  },
  { script: ENVIRONMENT, set: "environment", denied: [], granted: [["COLOR", "green"]] },
  {
    script: KEY_VALUE,
    set: "key_value_stores",
    denied: { error: { tag: "access-denied" } },
    granted: { bytes: "v" },
  },
  {
    script: "return i.store.open('default') !== undefined",
    set: "key_value_stores",
    denied: { error: { tag: "access-denied" } },
    granted: true,
  },
  {
    script: SQLITE,
    set: "sqlite_databases",
    denied: { error: { tag: "access-denied" } },
    granted: ["1"],
  },
  {
    script: HTTP_1,
    set: "allowed_outbound_hosts",
    denied: { error: "destination-not-allowed" },
    granted: 200,
  },
  {
    script: HTTP_2,
    set: "allowed_outbound_hosts",
    denied: {
      error: { tag: "internal-error", val: '"wasi:http/outgoing-handler" is not permitted' },
    },
    granted: 200,
  },
  {
    script: LLM,
    set: "ai_models",
    denied: { error: { tag: "model-not-supported" } },
    granted: {
      error: {
        tag: "runtime-error",
        val: "Local LLM operations are not supported in this version of Spin.",
      },
    },
  },
];

const SETS = [...new Set(PERMISSIONS.map(({ set }) => set))];

Deno.test("up gives a dependency what it inherits, and nothing else", async (t) => {
  await using upstream = startUpstream(answerAsUpstream);
  const { authority } = upstream;
  const permissions = [
    `key_value_stores = ["default"]\nsqlite_databases = ["default"]\nai_models = ["llama2-chat"]`,
    'environment = { COLOR = "green" }\nvariables = { word = "{{ word }}" }',
  ];
  const inheriting: readonly (readonly [id: string, more: string])[] = [
    ["none", ""],
    ["all", ", inherit_configuration = true"],
    ...SETS.map((set) =>
      [
        set.replaceAll("_", "-"),
        `, inherit_configuration = [${JSON.stringify(set)}]`,
      ] as const
    ),
  ];
  const components = inheriting.map(([id, more]) => ({
    id,
    route: `/${id}`,
    source: wasm.passThrough,
    allowedOutboundHosts: [`http://${authority}`],
    lines: [...permissions, depends(HANDLER, sampleWasm("script-js"), more)],
  }));
  const from = writeManifest(
    suite.directory(),
    manifest(components, { before: '[variables]\nword = { default = "hello" }' }),
  );
  await using app = await suite.start({ from, args: ["--workers", "1"] });
  for (const [id] of inheriting) {
    await t.step(id, async () => {
      for (const { script, set, denied, granted } of PERMISSIONS) {
        const isGranted = id === "all" || id === set.replaceAll("_", "-");
        const { body } = await app.get(`/${id}`, {
          method: "POST",
          body: script.replaceAll("UPSTREAM", authority),
        });
        assert.deepEqual(JSON.parse(body), isGranted ? granted : denied, `${id}: ${script}`);
      }
    });
  }
});

/** A component that was composed before it was loaded. */
async function startComposed(
  bytes: Uint8Array,
  { component, lines = [] }: { component: string; lines?: readonly string[] },
): Promise<RunningApp> {
  const source = `${suite.directory()}/composed.wasm`;
  await Deno.writeFile(source, bytes);
  const from = writeManifest(
    suite.directory(),
    manifest([{ id: component, route: "/...", source, lines }], {
      before: '[variables]\nword = { default = "hello" }',
    }),
  );
  return await suite.start({ from, args: ["--workers", "1"] });
}

Deno.test("up serves a component that was composed with its dependencies elsewhere", async () => {
  const dependency = { name: "test:dep", bytes: await buildAnswerer(), export: null };
  const composed = composeComponent(await buildAsker(), {
    component: "asker",
    dependencies: [{ ...dependency, inherit: "All" }],
  });
  await using app = await startComposed(composed, { component: "asker" });
  for (const testCase of [...ANSWERS, ...ANSWERS]) await check(app, testCase);
});

Deno.test("up denies a dependency what it was denied when it was composed elsewhere", async () => {
  const [passThrough, adapter, script] = await Promise.all([
    buildPassThrough(),
    buildDenyAdapter(),
    Deno.readFile(sampleWasm("script-js")),
  ]);
  const lines = [
    'key_value_stores = ["default"]',
    'environment = { COLOR = "green" }',
    'variables = { word = "{{ word }}" }',
  ];
  const allowed = ["fermyon:spin/key-value@2.0.0"];
  const bytes = denyAll(script, { adapter, allowed });
  const composed = composeComponent(passThrough, {
    component: "pass",
    dependencies: [{ name: HANDLER, bytes, export: null, inherit: "All" }],
  });
  await using app = await startComposed(composed, { component: "pass", lines });
  for (const { script, set, denied, granted } of PERMISSIONS) {
    if (![VARIABLE, ENVIRONMENT, KEY_VALUE].includes(script)) continue;
    const { body } = await app.get("/", { method: "POST", body: script });
    assert.deepEqual(JSON.parse(body), set === "key_value_stores" ? granted : denied, script);
  }
});

interface Refusal {
  readonly name: string;
  readonly lines: (paths: typeof wasm) => string[];
  readonly message: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: "matches no import",
    lines: ({ answerer }) => [depends("test:other", answerer)],
    message: /dependency 'test:other' doesn't match any imports of component 'asker'; it imports /,
  },
  {
    name: "shares an import with another one",
    lines: ({ answerer }) => [
      depends("test:dep/counts", answerer),
      depends("test:dep/counts@2.0.0", answerer),
      depends("test:dep/answers", answerer),
    ],
    message: /test:dep\/counts dependency conflicts with test:dep\/counts@2\.0\.0/,
  },
  {
    name: "has not what is imported",
    lines: ({ passThrough }) => [depends("test:dep", passThrough)],
    message: new RegExp(
      "dependency 'test:dep' doesn't export 'test:dep/answers@1\\.0\\.0' to satisfy import " +
        "'test:dep/answers@1\\.0\\.0'; it exports wasi:http/incoming-handler@0\\.2\\.3\n" +
        "dependency 'test:dep' doesn't export 'test:dep/counts@1\\.0\\.0' to satisfy import ",
    ),
  },
  {
    name: "has an export of another type",
    lines: ({ answerer }) => [
      depends("test:dep/counts", answerer),
      depends("test:dep/answers", answerer, ', export = "test:dep/counts@1.0.0"'),
    ],
    message:
      /dependency 'test:dep\/answers' exports 'test:dep\/counts@1\.0\.0' which is not compatible with import 'test:dep\/answers@1\.0\.0'/,
  },
  {
    name: "leaves imports to the host that it does not have",
    lines: ({ answerer }) => [depends("test:dep/answers", answerer)],
    message:
      /Component "asker" imports what this host does not offer:\n {2}test:dep\/counts@1\.0\.0/,
  },
];

Deno.test("up refuses an app with a dependency that", async (t) => {
  for (const { name, lines, message } of REFUSALS) {
    await t.step(name, async () => {
      const component = {
        id: "asker",
        route: "/...",
        source: wasm.asker,
        lines: lines(wasm),
      };
      const from = writeManifest(suite.directory(), manifest([component]));
      const { code, stderr } = await suite.refuse({ from });
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
    });
  }
});

Deno.test("up prepares a component anew when a dependency or what it inherits has changed", async () => {
  const directory = suite.directory();
  const path = `${directory}/dependency.wasm`;
  async function start(more: string): Promise<RunningApp> {
    const component = {
      id: "pass",
      route: "/...",
      source: wasm.passThrough,
      lines: ['environment = { COLOR = "green" }', depends(HANDLER, path, more)],
    };
    return await suite.start({ from: writeManifest(directory, manifest([component])) });
  }
  await Deno.copyFile(sampleWasm("script-js"), path);
  for (
    const [more, expected] of [
      ["", "[]"],
      [', inherit_configuration = ["environment"]', '[["COLOR","green"]]'],
    ] as const
  ) {
    await using app = await start(more);
    await check(app, { request: "POST /", body: ENVIRONMENT, answer: expected });
  }
  await Deno.copyFile(sampleWasm("torture"), path);
  await using app = await start("");
  await check(app, { request: "/", answer: "hello from C\n" });
});

import assert from "node:assert/strict";
import { parse } from "@bytecodealliance/jco";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import { type Outcome, TestSuite } from "../support/test_suite.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** A component with an HTTP handler and an import that nobody offers. */
const FOREIGN_IMPORT = `
(component
  (import "acme:things/widgets@1.0.0" (instance $widgets (export "make" (func (result u32)))))
  (core func $make (canon lower (func $widgets "make")))
  (core module $module
    (import "host" "make" (func $make (result i32)))
    (func (export "handle") (drop (call $make))))
  (core instance $instance
    (instantiate $module (with "host" (instance (export "make" (func $make))))))
  (func $handle (canon lift (core func $instance "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))`;

/** A component without any export. */
const NO_HANDLER = `(component)`;

/** What a user must never see. */
function assertReadable(outcome: Outcome): void {
  const { code, stdout, stderr } = outcome;
  assert.equal(code, 1, stderr);
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /^\s+at /m, "a stack trace");
  assert.doesNotMatch(stderr, /Uncaught|undefined|\[object|SPINKUBE_DEBUG/);
  assert.equal(stderr.match(/^Error: /gm)?.length, 1, stderr);
}

interface SourceCase {
  readonly title: string;
  /** The bytes of `app.wasm`; undefined: there is no such file; or it is a directory. */
  readonly bytes: () => Uint8Array | "directory" | undefined | Promise<Uint8Array>;
  readonly message: RegExp;
}

function torture(): Uint8Array {
  return Deno.readFileSync(sampleWasm("torture"));
}

function noise(bytes: number): Uint8Array {
  // A fixed sequence: the test must not fail now and then.
  let state = 12345;
  return Uint8Array.from({ length: bytes }, () => (state = (state * 48271) % 2147483647) & 255);
}

const SOURCE_CASES: readonly SourceCase[] = [
  { title: "a missing file", bytes: () => undefined, message: /component "main".*app\.wasm/s },
  { title: "a directory", bytes: () => "directory", message: /component "main".*app\.wasm/s },
  { title: "an empty file", bytes: () => new Uint8Array(0), message: /"main".*the file is empty/ },
  {
    title: "a truncated component",
    bytes: () => torture().subarray(0, 60_000),
    message: /"main".*truncated or damaged \(60000 bytes\)/,
  },
  {
    title: "random bytes",
    bytes: () => noise(4096),
    message: /"main".*unable to determine wasm binary encoding/,
  },
  {
    title: "a damaged component",
    bytes() {
      const bytes = torture();
      bytes.set(noise(2_000), 30_000);
      return bytes;
    },
    message: /"main"/,
  },
  {
    title: "a WASI command",
    bytes: () => Deno.readFileSync(sampleWasm("wagi")),
    message:
      /"main": Expected component to export one of .*it is a command \(it exports wasi:cli\/run\)/,
  },
  {
    title: "a bare module",
    bytes: () => parse('(module (func (export "f")))'),
    message: /"main".*core module without a `component-type` section/,
  },
  {
    title: "a component without a handler",
    bytes: () => parse(NO_HANDLER),
    message: /"main": Expected component to export one of .*it exports nothing/,
  },
  {
    title: "an import that no host offers",
    bytes: () => parse(FOREIGN_IMPORT),
    message: /"main" imports what this host does not offer:\n {2}acme:things\/widgets@1\.0\.0\n/,
  },
];

Deno.test("up says which component cannot run and why", async (t) => {
  for (const { title, bytes, message } of SOURCE_CASES) {
    await t.step(title, async () => {
      const directory = suite.directory();
      const content = await bytes();
      if (content === "directory") Deno.mkdirSync(`${directory}/app.wasm`);
      else if (content) Deno.writeFileSync(`${directory}/app.wasm`, content);
      const from = writeManifest(
        directory,
        manifest([{ id: "main", route: "/...", source: "app.wasm" }]),
      );
      const outcome = await suite.refuse({ from });
      assertReadable(outcome);
      assert.match(outcome.stderr, message);
    });
  }
});

Deno.test("up ignores what is wrong with a component that no trigger uses", async () => {
  const directory = suite.directory();
  Deno.writeFileSync(`${directory}/foreign.wasm`, await parse(FOREIGN_IMPORT));
  const unused = '[component.unused]\nsource = "foreign.wasm"';
  const from = writeManifest(
    directory,
    manifest([{ id: "main", route: "/..." }], { after: unused }),
  );
  await using app = await suite.start({ from });
  assert.equal((await app.get("/")).body, "hello from C\n");
});

interface ManifestCase {
  readonly title: string;
  readonly text: string;
  readonly args?: readonly string[];
  readonly messages: readonly RegExp[];
}

const MANIFEST_CASES: readonly ManifestCase[] = [
  {
    title: "text that is no TOML",
    text: "spin_manifest_version = 2\n[application\nname = 1\n",
    messages: [/spin\.toml:2:\d+: /],
  },
  { title: "an empty file", text: "", messages: [/spin\.toml.*spin_manifest_version/s] },
  {
    title: "several mistakes at once",
    text: manifest([
      { id: "one", route: "/...", lines: ['sqlite_database = ["default"]'] },
      { id: "two", route: "/two/:/x", allowedOutboundHosts: ["nonsense"] },
    ]),
    messages: [/sqlite_database/, /nonsense/],
  },
  {
    title: "a trigger of an unknown component",
    text: manifest([{ id: "one", route: "/one" }], {
      after: '[[trigger.http]]\nroute = "/two"\ncomponent = "won"',
    }),
    messages: [/"?won"?/],
  },
  {
    title: "no trigger",
    text: manifest([]),
    messages: [/No triggers in app|trigger/],
  },
  {
    title: "a required variable without a value",
    text: manifest([{
      id: "one",
      route: "/...",
      lines: ['[component.one.variables]\ntoken = "{{ api_token }}"'],
    }], { before: "[variables]\napi_token = { required = true, secret = true }" }),
    messages: [/no provider resolved required variable.*api_token/],
  },
  {
    title: "a component to serve that does not exist",
    text: manifest([{ id: "one", route: "/..." }]),
    args: ["--component-id", "other"],
    messages: [/other/, /one/],
  },
  {
    title: "a component to follow that does not exist",
    text: manifest([{ id: "one", route: "/..." }]),
    args: ["--follow", "other"],
    messages: [/do not exist in the application/, /other/],
  },
  {
    title: "a store that is not configured",
    text: manifest([{ id: "one", route: "/...", lines: ['key_value_stores = ["cache"]'] }]),
    messages: [/unknown key_value_stores label "cache" for component "one"/],
  },
  {
    title: "files that do not exist",
    text: manifest([{
      id: "one",
      route: "/...",
      lines: [
        'files = [{ source = "absent", destination = "/" }]',
      ],
    }]),
    messages: [/component "one".*absent/],
  },
  {
    title: "an instance memory that is too small",
    text: manifest([{ id: "one", route: "/..." }]),
    args: ["--max-instance-memory", "65536"],
    messages: [/"one" does not fit into --max-instance-memory/],
  },
];

Deno.test("up says what is wrong with an app, all of it", async (t) => {
  for (const { title, text, args, messages } of MANIFEST_CASES) {
    await t.step(title, async () => {
      const from = writeManifest(suite.directory(), text);
      const outcome = await suite.refuse({ from, ...(args ? { args } : {}) });
      assertReadable(outcome);
      for (const message of messages) assert.match(outcome.stderr, message);
    });
  }
});

Deno.test("up says so if there is no app", async (t) => {
  const empty = suite.directory();
  const unreadable = `${suite.directory()}/spin.toml`;
  Deno.mkdirSync(unreadable);
  const cases: [title: string, from: string][] = [
    ["a directory without a manifest", empty],
    ["a path that does not exist", `${empty}/nowhere/spin.toml`],
    ["a directory that is called spin.toml", unreadable],
  ];
  for (const [title, from] of cases) {
    await t.step(title, async () => {
      const outcome = await suite.refuse({ from });
      assertReadable(outcome);
      assert.ok(outcome.stderr.includes(from), outcome.stderr);
    });
  }
});

Deno.test("up refuses a WASI command without an executor and says why", async () => {
  const outcome = await suite.refuse({ from: sampleWasm("wagi") });
  assertReadable(outcome);
  assert.match(outcome.stderr, /it is a command .*executor = \{ type = "wagi" \}/);
});

Deno.test("up refuses wrong options with exit code 2", async () => {
  const from = sampleWasm("torture");
  const { code, stderr } = await suite.refuse({ from, args: ["--cpu-limit", "fast", "--lisen"] });
  assert.equal(code, 2);
  assert.match(stderr, /--cpu-limit/);
  assert.match(stderr, /did you mean "--listen"\?/);
  assert.doesNotMatch(stderr, /^\s+at /m);
});

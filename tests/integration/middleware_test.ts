import assert from "node:assert/strict";
import { check } from "../support/cases.ts";
import { middlewareWasm, sampleWasm, writeManifest } from "../support/fixtures.ts";
import { recordCalls } from "../support/recorded_calls.ts";
import { hasRegistryServer, RegistryServer } from "../support/registry_server.ts";
import type { RunningApp } from "../support/running_app.ts";
import {
  buildDenyAdapter,
  chainComponents,
  denyAll,
  HANDLER,
  middlewareComponent,
} from "../support/spin_compositions.ts";
import { TestSuite } from "../support/test_suite.ts";
import { runProgram } from "./_program.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

const ADDER = `{ path = ${JSON.stringify(middlewareWasm("header-adder"))} }`;

/** @param inherit What it inherits of the component: TOML. */
function stasher(inherit: string): string {
  const path = JSON.stringify(middlewareWasm("kv-stasher"));
  return `{ path = ${path}, inherit_configuration = ${inherit} }`;
}

/** An app with one component, and triggers of which each has middleware. */
function appWith(
  triggers: readonly { route: string; middleware: readonly string[] }[],
  source = middlewareWasm("echo"),
): string {
  return writeManifest(
    suite.directory(),
    [
      'spin_manifest_version = 2\n[application]\nname = "guarded"',
      ...triggers.map(({ route, middleware }) =>
        [
          "[[trigger.http]]",
          `route = ${JSON.stringify(route)}`,
          'component = "main"',
          `dependencies.middleware = [${middleware.join(", ")}]`,
        ].join("\n")
      ),
      '[component.main]\nkey_value_stores = ["default"]',
      `source = ${JSON.stringify(source)}`,
    ].join("\n"),
  );
}

function start(middleware: readonly string[]): Promise<RunningApp> {
  const from = appWith([{ route: "/...", middleware }]);
  const env = recordCalls(middlewareWasm("echo"));
  return suite.start({ from, args: ["--workers", "1"], env });
}

/** Sent and awaited back: more than any buffer on the way holds. */
const BIG = "0123456789abcdef".repeat(8 << 10);

Deno.test("up passes requests and responses through middleware", async () => {
  await using app = await start([ADDER]);
  await check(app, {
    request: "POST /testywesty",
    headers: [["content-type", "text/x-mine"]],
    body: BIG,
    answer: `Request body:\n\n${BIG}`,
    answerHeaders: {
      "request-header-added-by": "middleware-header-adder",
      "response-header-added-by": "yep me again!",
      "content-type": "text/x-mine",
    },
  });
  await check(app, { request: "/", answer: "Request body:\n\n" });
  const head = await app.fetch("/", { method: "HEAD" });
  assert.equal(head.headers.get("response-header-added-by"), "yep me again!");
  assert.equal(await head.text(), "");
});

Deno.test("up runs middleware in the order of the manifest, the first one outermost", async () => {
  {
    await using app = await start([ADDER, stasher("true")]);
    const answer = "Path: /testywesty?a=b, seen: middleware-header-adder\nRequest body:\n\nhello";
    await check(app, { request: "POST /testywesty?a=b", body: "hello", answer });
  }
  await using app = await start([stasher('["key_value_stores"]'), ADDER]);
  const answer = "Path: /x, seen: nothing\nRequest body:\n\n";
  const answerHeaders = { "response-header-added-by": "yep me again!" };
  await check(app, { request: "/x", answer, answerHeaders });
});

Deno.test("middleware has the permissions that it has inherited, and no others", async () => {
  for (const inherit of ["false", '["variables", "allowed_outbound_hosts"]']) {
    await using app = await start([stasher(inherit)]);
    await check(app, { request: "/x", status: 500, answer: "" });
    await app.waitForStderr(
      /GET \/x: component "main \(middleware 1\)" answered with the error internal-error \(Error::AccessDenied\)/,
    );
  }
});

Deno.test("middleware answers in place of the component, and for it", async () => {
  await using app = await start([ADDER, stasher("true")]);
  await check(app, {
    request: "/forbidden",
    status: 403,
    answer: "not /forbidden\n",
    answerHeaders: { "response-header-added-by": "yep me again!" },
  });
  await check(app, {
    request: "/error?catch",
    status: 502,
    answer: "ErrorCode::HttpRequestLengthRequired\n",
  });
  await check(app, { request: "/error", status: 500, answer: "" });
  await app.waitForStderr(/middleware 1\)" answered with the error HTTP-request-length-required/);
  await check(app, { request: "/trap?catch", status: 502, answer: /component \\"main\\" trapped/ });
  await check(app, { request: "/after", answer: /^Path: \/after/ });
});

Deno.test("triggers with different middleware share a component", async () => {
  const from = appWith([
    { route: "/plain", middleware: [] },
    { route: "/added", middleware: [ADDER] },
    { route: "/stashed", middleware: [stasher("true")] },
  ]);
  await using app = await suite.start({ from });
  for (
    const [path, adder, text] of [
      ["/stashed", null, "Path: /stashed, seen: nothing\nRequest body:\n\n"],
      ["/plain", null, "Path: /stashed, seen: nothing\nRequest body:\n\n"],
      ["/added", "yep me again!", "Path: /stashed, seen: nothing\nRequest body:\n\n"],
    ] as const
  ) {
    const response = await app.fetch(path);
    assert.equal(response.headers.get("response-header-added-by"), adder, path);
    assert.equal(await response.text(), text, path);
  }
});

Deno.test("many requests go through middleware at once", async () => {
  await using app = await start([ADDER, stasher("true")]);
  const bodies = Array.from({ length: 60 }, (_, index) => `${index}`.repeat(3_000));
  await Promise.all(bodies.map(async (body) => {
    const response = await app.fetch("/many", { method: "POST", body });
    const answer = "Path: /many, seen: middleware-header-adder\nRequest body:\n\n";
    assert.equal(await response.text(), answer + body);
  }));
});

Deno.test("up refuses middleware that does not fit", async () => {
  const cases: [middleware: string, source: string, problem: RegExp][] = [
    [
      ADDER,
      sampleWasm("tiny-js"),
      /^Error: Component "main" cannot have middleware: middleware goes with components that export wasi:http\/handler@0\.3\.x; it exports .*wasi:http\/incoming-handler@0\.2/m,
    ],
    [
      `{ path = ${JSON.stringify(middlewareWasm("echo"))} }`,
      middlewareWasm("echo"),
      /^Error: Component "main \(middleware 1\)" is no middleware: it has to import wasi:http\/handler@0\.3\.x; it imports /m,
    ],
  ];
  for (const [middleware, source, problem] of cases) {
    const from = appWith([{ route: "/...", middleware: [middleware] }], source);
    const { code, stderr } = await suite.refuse({ from });
    assert.equal(code, 1, stderr);
    assert.match(stderr, problem);
  }
});

/** The fixtures in one component, as Spin makes it when it pushes an app. */
async function compose(options: { denies: boolean }): Promise<string> {
  const [adapter, adder, stasher, echo] = await Promise.all([
    buildDenyAdapter(),
    middlewareComponent("header-adder"),
    middlewareComponent("kv-stasher"),
    middlewareComponent("echo"),
  ]);
  const guarded = options.denies ? denyAll(stasher, { adapter }) : stasher;
  const path = `${suite.directory()}/composed.wasm`;
  await Deno.writeFile(path, chainComponents([denyAll(adder, { adapter }), guarded, echo]));
  return path;
}

Deno.test({
  name: "up runs an image that was composed with middleware" +
    (hasRegistryServer() ? "" : " (needs docker-registry)"),
  ignore: !hasRegistryServer(),
  async fn() {
    await using registry = await RegistryServer.start();
    const cache = { XDG_CACHE_HOME: suite.directory(), DENO_DIR: denoDirectory() };
    async function push(name: string, options: { denies: boolean }): Promise<string> {
      const from = appWith([{ route: "/...", middleware: [] }], await compose(options));
      const reference = `${registry.host}/org/${name}:v1`;
      const args = ["registry", "push", "-k", "-f", from, reference];
      const { code, stderr } = await runProgram(args, { env: cache });
      assert.equal(code, 0, stderr);
      return reference;
    }
    const run = (from: string): Promise<RunningApp> =>
      suite.start({ from, args: ["-k", "--workers", "1"], env: cache });
    {
      await using app = await run(await push("granted", { denies: false }));
      await check(app, {
        request: "POST /testywesty?a=b",
        body: BIG,
        answer: `Path: /testywesty?a=b, seen: middleware-header-adder\nRequest body:\n\n${BIG}`,
        answerHeaders: { "response-header-added-by": "yep me again!" },
      });
      await check(app, { request: "/trap?catch", status: 502, answer: /"main\\" trapped/ });
      await check(app, { request: "/forbidden", status: 403, answer: "not /forbidden\n" });
      await check(app, { request: "/after", answer: /^Path: \/after/ });
    }
    await using app = await run(await push("denied", { denies: true }));
    await check(app, { request: "/x", status: 500, answer: "" });
    await app.waitForStderr(
      /GET \/x: component "main \(middleware 1\)" answered with the error internal-error \(Error::AccessDenied\)/,
    );
  },
});

/** Where Deno keeps packages; or it would fetch them again into the cache of the test. */
function denoDirectory(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  return Deno.env.get("DENO_DIR") ?? `${cache}/deno`;
}

Deno.test("middleware of the manifest comes before what a component was composed with", async () => {
  const [stasher, echo] = await Promise.all([
    middlewareComponent("kv-stasher"),
    middlewareComponent("echo"),
  ]);
  const source = `${suite.directory()}/composed.wasm`;
  await Deno.writeFile(source, chainComponents([stasher, echo]));
  const from = appWith([{ route: "/...", middleware: [ADDER] }], source);
  await using app = await suite.start({ from, args: ["--workers", "1"] });
  const answer = "Path: /x, seen: middleware-header-adder\nRequest body:\n\nhello";
  await check(app, { request: "POST /x", body: "hello", answer });
});

Deno.test("middleware may be composed of others itself", async () => {
  const [adapter, adder, stasher] = await Promise.all([
    buildDenyAdapter(),
    middlewareComponent("header-adder"),
    middlewareComponent("kv-stasher"),
  ]);
  const path = `${suite.directory()}/middleware.wasm`;
  await Deno.writeFile(path, chainComponents([denyAll(adder, { adapter }), stasher]));
  async function answerTo(inherit: string): Promise<{ status: number; text: string }> {
    const middleware = `{ path = ${JSON.stringify(path)}, inherit_configuration = ${inherit} }`;
    const from = appWith([{ route: "/...", middleware: [middleware] }]);
    await using app = await suite.start({ from, args: ["--workers", "1"] });
    const response = await app.fetch("/x");
    return { status: response.status, text: await response.text() };
  }
  assert.deepEqual(await answerTo("true"), {
    status: 200,
    text: "Path: /x, seen: middleware-header-adder\nRequest body:\n\n",
  });
  assert.equal((await answerTo("false")).status, 500);
});

Deno.test("up refuses a composition of middleware that cannot be taken apart", async () => {
  const source = `${suite.directory()}/composed.wat`;
  const component = (imports: string[], exports: string[], name: string): string =>
    `(component ${name} (import "own" (func $own))
      ${imports.map((item) => `(import "${item}" (instance (export "f" (func))))`).join(" ")}
      (instance $made (export "f" (func $own)))
      ${exports.map((item) => `(export "${item}" (instance $made))`).join(" ")})`;
  await Deno.writeTextFile(
    source,
    `(component (import "own" (func $own))
      ${component([], ["a:b/c"], "$helper")}
      ${component(["a:b/c"], [HANDLER], "$app")}
      ${component(["a:b/c", HANDLER], [HANDLER], "$guard")}
      (instance $h (instantiate $helper (with "own" (func $own))))
      (instance $a (instantiate $app
        (with "own" (func $own)) (with "a:b/c" (instance $h "a:b/c"))))
      (instance $g (instantiate $guard (with "own" (func $own))
        (with "a:b/c" (instance $h "a:b/c")) (with "${HANDLER}" (instance $a "${HANDLER}"))))
      (export "${HANDLER}" (instance $g "${HANDLER}")))`,
  );
  const from = appWith([{ route: "/...", middleware: [] }], source);
  const { code, stderr } = await suite.refuse({ from });
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^Error: Cannot run component "main" \(.*\): it is composed of HTTP middleware .*: they share an instance of a third component\. Name the middleware in/m,
  );
});

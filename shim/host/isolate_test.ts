import assert from "node:assert/strict";
import { readGuest } from "../engine/_guest_fixture.ts";
import { compileModules } from "../engine/component.ts";
import { prepareComponent } from "../engine/prepare.ts";
import { readEntry, writeEntry } from "../engine/prepared_store.ts";
import { createTemporaryStores, resolveRuntimeConfig } from "../imports/runtime_config_defaults.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import { TerminalError } from "../../lib/errors.ts";
import type { HostOptions } from "./host_options.ts";
import type { IsolateComponent } from "./guests.ts";
import { createIsolate, type Isolate } from "./isolate.ts";

const CLIENT = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 9 } } as const;

async function prepared(guest: string, directory: string): Promise<IsolateComponent> {
  const entry = `${directory}/${guest}`;
  await writeEntry(entry, await prepareComponent(await readGuest(guest)));
  const { manifest, files } = (await readEntry(entry))!;
  return {
    id: guest,
    directory: entry,
    manifest,
    modules: compileModules(files, { manifest, component: guest }),
  };
}

function locked(id: string, parts: Partial<LockedComponent> = {}): LockedComponent {
  return { id, source: { content_type: "application/wasm" }, ...parts };
}

/** Makes an isolate of the torture guest; `edit` may change what it is made from. */
async function withIsolate(
  test: (isolate: Isolate, lines: string[]) => Promise<void>,
  edit: (component: IsolateComponent) => IsolateComponent = (component) => component,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  await using temporary = createTemporaryStores({ parent: directory });
  const lines: string[] = [];
  const options: HostOptions = {
    listen: { hostname: "127.0.0.1", port: 0 },
    findFreePort: false,
    announce: "none",
    runtimeConfig: resolveRuntimeConfig({ cwd: directory, appDir: directory, temporary }),
    variables: [],
    dotenv: {},
    follow: "none",
    truncateLogs: false,
    allowTransientWrite: false,
    cacheDir: directory,
    instances: "auto",
    cpuLimitMs: 200,
    graceMs: 0,
    explainErrors: false,
  };
  const app: LockedApp = {
    spin_lock_version: 0,
    metadata: { name: "test", version: "2.0.0" },
    triggers: [
      { id: "1", trigger_type: "http", trigger_config: { route: "/...", component: "torture" } },
    ],
    components: [locked("torture", { env: { COLOR: "green" } })],
  };
  try {
    const component = edit(await prepared("torture", directory));
    const isolate = await createIsolate(
      {
        app,
        options,
        components: [component],
        selfUrl: "http://127.0.0.1:1",
        maxInstanceBytes: 1 << 28,
      },
      { environment: () => undefined, report: (reported) => lines.push(...reported) },
    );
    try {
      await test(isolate, lines);
    } finally {
      await isolate.close();
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function ask(isolate: Isolate, path: string): Promise<{ status: number; body: string }> {
  const response = await isolate.handler(new Request(`http://localhost${path}`), CLIENT);
  return { status: response.status, body: await response.text() };
}

Deno.test("createIsolate() serves an app", async () => {
  await withIsolate(async (isolate, lines) => {
    assert.deepEqual(isolate.guests.all.map(({ id, pool }) => [id, pool.strategy]), [
      ["torture", "copy-on-write"],
    ]);
    assert.deepEqual(await ask(isolate, "/"), { status: 200, body: "hello from C\n" });
    assert.match((await ask(isolate, "/env")).body, /COLOR=green/);
    assert.match((await ask(isolate, "/headers")).body, /spin-path-info: \/headers/);
    assert.equal((await ask(isolate, "/.well-known/spin/health")).body, "OK");
    assert.deepEqual(JSON.parse((await ask(isolate, "/.well-known/spin/info")).body), {
      name: "test",
      version: "2.0.0",
    });
    assert.deepEqual(lines, []);
  });
});

Deno.test("createIsolate() survives everything that a guest does", async () => {
  await withIsolate(async (isolate, lines) => {
    for (const path of ["/trap", "/abort", "/loop", "/exit?code=0", "/silent", "/error"]) {
      assert.deepEqual(await ask(isolate, path), { status: 500, body: "" }, path);
      assert.match(lines.at(-1)!, /^Error processing request: GET \/[a-z]+: component "torture" /);
    }
    assert.equal(lines.length, 6);
    await assert.rejects(ask(isolate, "/late-trap"));
    assert.match(
      lines.at(-1)!,
      /^Warning: Component error after response started: component "torture" trapped: unreachable$/,
    );
    const answers = await Promise.all(
      ["/loop", "/", "/sleep?ms=5", "/trap", "/"].map((path) => ask(isolate, path)),
    );
    assert.deepEqual(answers.map(({ status }) => status), [500, 200, 200, 500, 200]);
  });
});

Deno.test("createIsolate() leaves nothing open when a component cannot be served", async (t) => {
  const cases: [string, (component: IsolateComponent) => IsolateComponent, string][] = [
    [
      "it has no handler",
      (component) => ({ ...component, manifest: { ...component.manifest, exports: [] } }),
      "NoHandler",
    ],
    [
      "it imports what nobody offers",
      (component) => ({
        ...component,
        manifest: {
          ...component.manifest,
          imports: [...component.manifest.imports, "a:b/c@1.0.0"],
          functions: { ...component.manifest.functions, "a:b/c": ["f"] },
        },
      }),
      "UnknownImport",
    ],
    ["it cannot be instantiated", (component) => {
      const modules = new Map(component.modules);
      const [first] = modules.keys();
      // An empty module has not the exports that the others want.
      modules.set(
        first!,
        new WebAssembly.Module(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
      );
      return { ...component, modules };
    }, "CannotInstantiate"],
  ];
  for (const [name, edit, reason] of cases) {
    await t.step(name, async () => {
      await assert.rejects(
        withIsolate(() => Promise.resolve(), edit),
        (error: unknown) => {
          assert.ok(error instanceof TerminalError, String(error));
          assert.equal(error.reason, reason);
          assert.match(error.message, /"torture"/);
          return true;
        },
      );
    });
  }
});

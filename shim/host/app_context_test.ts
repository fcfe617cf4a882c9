import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createTemporaryStores, resolveRuntimeConfig } from "../imports/runtime_config_defaults.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import { createAppContext } from "./app_context.ts";
import type { HostOptions } from "./host_options.ts";

function component(id: string, parts: Partial<LockedComponent> = {}): LockedComponent {
  return { id, source: { content_type: "application/wasm" }, ...parts };
}

function appOf(...components: LockedComponent[]): LockedApp {
  return { spin_lock_version: 0, metadata: {}, triggers: [], components };
}

async function withContext(
  app: LockedApp,
  action: (
    context: ReturnType<typeof createAppContext>,
    place: { directory: string; lines: string[] },
  ) => Promise<void> | void,
  options: Partial<HostOptions> = {},
): Promise<void> {
  const directory = await Deno.makeTempDir();
  await using temporary = createTemporaryStores({ parent: directory });
  const lines: string[] = [];
  const hostOptions: HostOptions = {
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
    cpuLimitMs: 0,
    graceMs: 0,
    explainErrors: false,
    ...options,
  };
  try {
    const context = createAppContext(app, hostOptions, {
      internal: { component: () => undefined, selfUrl: () => "http://127.0.0.1:1" },
      environment: () => undefined,
      report: (reported) => lines.push(...reported),
    });
    await action(context, { directory, lines });
    await context.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("createAppContext() gives each component its own permissions", async () => {
  const app = appOf(
    component("a", {
      env: { KEY: "value" },
      config: { name: "literal" },
      metadata: { key_value_stores: ["default"], databases: ["default"] },
    }),
    component("b", { metadata: { allowed_http_hosts: ["example.com"] } }),
  );
  await withContext(app, async (context, { directory, lines }) => {
    const [a, b] = [context.component("a"), context.component("b")];
    assert.equal(context.component("a"), a);
    assert.deepEqual(a.environment, [["KEY", "value"]]);
    assert.equal(a.variables.get("name"), "literal");
    assert.deepEqual([a.keyValueLabels, b.keyValueLabels], [["default"], []]);
    assert.equal(a.keyValueStore("default"), b.keyValueStore("default"), "one store a label");
    assert.equal(a.keyValueStore("toString"), undefined);
    assert.equal(a.sqliteDatabase("nope"), undefined);
    assert.equal(b.outbound.check("https://example.com", "https"), true);
    assert.equal(a.outbound.check("https://example.com", "https"), false);
    assert.equal(lines.length, 2);
    await a.keyValueStore("default")!.set("k", new Uint8Array([1]));
    assert.ok(Deno.statSync(join(directory, ".spin", "sqlite_key_value.db")).isFile);
    a.stdout.write(new TextEncoder().encode("hello\n"));
    await context.close();
    const log = join(directory, ".spin", "logs", "a_stdout.txt");
    assert.equal(await Deno.readTextFile(log), "hello\n");
  });
});

Deno.test("createAppContext() offers all interfaces", async () => {
  await withContext(appOf(component("a")), async (context) => {
    const names = [
      "wasi:cli/environment@0.2",
      "wasi:http/outgoing-handler@0.2",
      "wasi:io/streams@0.2",
      "fermyon:spin/key-value",
      "fermyon:spin/key-value@2.0.0",
      "fermyon:spin/mysql@2.0.0",
      "fermyon:spin/postgres@2.0.0",
      "spin:postgres/postgres@4.2.0",
      "fermyon:spin/sqlite@2.0.0",
      "spin:sqlite/sqlite@3.0.0",
      "fermyon:spin/variables@2.0.0",
      "fermyon:spin/config",
      "fermyon:spin/http",
      "fermyon:spin/llm",
      "fermyon:spin/llm@2.0.0",
      "fermyon:spin/mqtt@2.0.0",
      "wasi:config/store@0.2.0-draft-2024-09-27",
      "wasi:keyvalue/atomics@0.2.0-draft2",
      "wasi:keyvalue/batch@0.2.0-draft2",
      "wasi:keyvalue/store@0.2.0-draft2",
    ];
    const offered = Object.keys(await context.componentImports("a", names));
    for (const name of names) {
      assert.ok(offered.includes(name.replace(/@0\.2\.\d+$/, "@0.2")), name);
    }
    const few = Object.keys(await context.componentImports("a", ["wasi:io/streams@0.2.3"]));
    assert.ok(few.includes("wasi:io/streams@0.2"));
    assert.ok(
      !few.some((name) => name.startsWith("fermyon:")),
      "what nobody imports is not loaded",
    );
  });
});

Deno.test("createAppContext() mounts what the files of a component name", async () => {
  const source = pathToFileURL("/data/assets/").href;
  const app = appOf(
    component("a", {
      files: [{ path: "/", source }, { path: "etc/x.txt", source: "file:///x.txt" }],
    }),
    component("b", { files: [{ path: "/", digest: "sha256:00" }] }),
  );
  await withContext(app, (context) => {
    assert.deepEqual(context.component("a").mounts, [
      { hostPath: "/data/assets", guestPath: "/", writable: true },
      { hostPath: "/x.txt", guestPath: "/etc/x.txt", writable: true },
    ]);
    assert.throws(() => context.component("b"), { name: "TerminalError", message: /has no file/ });
  }, { allowTransientWrite: true });
});

Deno.test("createAppContext() refuses an app for all of its reasons at once", async () => {
  const app: LockedApp = {
    ...appOf(component("a", { metadata: { key_value_stores: ["x"] } })),
    variables: { token: {} },
  };
  await assert.rejects(withContext(app, () => {}, { follow: ["b"] }), (error: Error) => {
    assert.equal(error.name, "TerminalError");
    assert.match(error.message, /specified in --follow do not exist/);
    assert.match(error.message, /unknown key_value_stores label "x" for component "a"/);
    assert.match(error.message, /no provider resolved required variable\(s\): \[Key\("token"\)\]/);
    return true;
  });
});

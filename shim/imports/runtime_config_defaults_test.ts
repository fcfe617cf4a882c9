import assert from "node:assert/strict";
import { basename, dirname } from "node:path";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import { loadRuntimeConfig, type RuntimeConfig } from "./runtime_config.ts";
import {
  checkStores,
  createTemporaryStores,
  describeRuntimeConfig,
  resolveRuntimeConfig,
  type RuntimeConfigSources,
  type TemporaryStores,
} from "./runtime_config_defaults.ts";

const TEMPORARY: TemporaryStores = {
  path: (name) => `/tmp/stores/${name}.db`,
  remove: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

function resolve(sources: Partial<RuntimeConfigSources>): RuntimeConfig {
  return resolveRuntimeConfig({ cwd: "/cwd", temporary: TEMPORARY, ...sources });
}

function parse(text: string) {
  return loadRuntimeConfig(text, { file: "/conf/rc.toml", cwd: "/cwd" });
}

function appWith(...components: [id: string, stores: string[], databases: string[]][]): LockedApp {
  return {
    spin_lock_version: 0,
    metadata: {},
    triggers: [],
    components: components.map(([id, key_value_stores, databases]): LockedComponent => ({
      id,
      source: { content_type: "application/wasm" },
      metadata: { key_value_stores, databases },
    })),
  };
}

Deno.test("resolveRuntimeConfig() applies flag, file and default in this order", () => {
  const file = parse('state_dir = "/toml/state"\nlog_dir = "/toml/logs"\n');
  const unset = parse('state_dir = ""\nlog_dir = ""\n');
  const cases: [Partial<RuntimeConfigSources>, string | undefined, string | undefined][] = [
    [{}, undefined, undefined],
    [{ appDir: "/app" }, "/app/.spin", "/app/.spin/logs"],
    [{ appDir: "/app", stateDirFlag: "s" }, "/cwd/s", "/cwd/s/logs"],
    [{ appDir: "/app", stateDirFlag: "" }, undefined, undefined],
    [{ appDir: "/app", logDirFlag: "" }, "/app/.spin", undefined],
    [{ appDir: "/app", parsed: file }, "/toml/state", "/toml/logs"],
    [{ parsed: file, stateDirFlag: "/s", logDirFlag: "l" }, "/s", "/cwd/l"],
    [{ appDir: "/app", parsed: unset }, undefined, undefined],
    [{ stateDirFlag: "/s", parsed: unset }, "/s", undefined],
  ];
  for (const [sources, stateDir, logDir] of cases) {
    const config = resolve(sources);
    assert.deepEqual([config.stateDir, config.logDir], [stateDir, logDir], JSON.stringify(sources));
  }
});

Deno.test("resolveRuntimeConfig() provides the default stores", () => {
  const kept = resolve({ appDir: "/app" });
  assert.deepEqual(kept.keyValueStores, {
    default: { type: "spin", path: "/app/.spin/sqlite_key_value.db", isTemporary: false },
  });
  assert.deepEqual(kept.sqliteDatabases, {
    default: {
      type: "spin",
      path: "/app/.spin/sqlite_db.db",
      isTemporary: false,
      allowAttachFile: false,
    },
  });
  const lost = resolve({ parsed: parse('[key_value_store.x]\ntype = "spin"\n') });
  assert.deepEqual(lost.keyValueStores, {
    default: { type: "spin", path: "/tmp/stores/key_value_default.db", isTemporary: true },
    x: { type: "spin", path: "/tmp/stores/key_value_x.db", isTemporary: true },
  });
});

Deno.test("resolveRuntimeConfig() lets the file replace the default stores", () => {
  const config = resolve({
    appDir: "/app",
    maxInstanceMemoryFlag: 7,
    parsed: parse('max_instance_memory = 5\n[key_value_store.default]\ntype = "spin"\n'),
  });
  const { default: store } = config.keyValueStores;
  assert.ok(store?.type === "spin" && store.isTemporary);
  assert.equal(config.maxInstanceMemory, 7);
});

Deno.test("checkStores() names every label that is not configured", () => {
  const config = resolve({ appDir: "/app" });
  checkStores(appWith(["a", ["default"], ["default"]]), config);
  assert.throws(() => checkStores(appWith(["a", ["x"], ["p"]], ["b", ["y"], ["q"]]), config), {
    name: "TerminalError",
    message: [
      'unknown key_value_stores label "x" for component "a"',
      'unknown key_value_stores label "y" for component "b"',
      "Check the spelling, or define [key_value_store.<label>] in a file given with " +
      "--runtime-config-file.",
      "One or more components use SQLite databases which are not defined.",
      "Check the spelling, or define [sqlite_database.<label>] in a file given with " +
      "--runtime-config-file.",
      "Details:",
      "- Component a uses database 'p'",
      "- Component b uses database 'q'",
    ].join("\n"),
  });
  assert.throws(() => checkStores(appWith(["a", ["toString"], []]), config));
});

Deno.test("describeRuntimeConfig() says what is used and nothing else", () => {
  const parsed = parse(
    '[key_value_store.default]\ntype = "spin"\n[sqlite_database.x]\ntype = "spin"\n',
  );
  const config = resolve({ appDir: "/app" });
  assert.deepEqual(describeRuntimeConfig({ app: appWith(["a", [], []]), config }), [
    'Logging component stdio to "/app/.spin/logs/"',
  ]);
  assert.deepEqual(
    describeRuntimeConfig({ app: appWith(["a", ["default"], ["default"]]), config }),
    [
      'Logging component stdio to "/app/.spin/logs/"',
      'Storing default key-value data to "/app/.spin/sqlite_key_value.db".',
      'Storing default SQLite data to "/app/.spin/sqlite_db.db".',
    ],
  );
  assert.deepEqual(
    describeRuntimeConfig({
      app: appWith(["a", ["default"], []]),
      config: resolve({ parsed }),
      parsed,
    }),
    [
      "Using runtime config [key_value_store.default: spin], [sqlite_database.x: spin] from " +
      '"/conf/rc.toml"',
      "Storing default key-value data to a temporary in-memory database.",
    ],
  );
});

Deno.test("createTemporaryStores() makes a private directory only when needed", async () => {
  const parent = await Deno.makeTempDir();
  try {
    const stores = createTemporaryStores({ parent });
    assert.equal([...Deno.readDirSync(parent)].length, 0);
    const [first, second] = [stores.path("a/b"), stores.path("c")];
    assert.equal(dirname(first), dirname(second));
    assert.equal(basename(first), "a%2Fb.db");
    assert.equal(Deno.statSync(dirname(first)).mode! & 0o077, 0);
    await stores.remove();
    await stores.remove();
    assert.equal([...Deno.readDirSync(parent)].length, 0);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

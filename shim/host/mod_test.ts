import assert from "node:assert/strict";
import { createTemporaryStores, resolveRuntimeConfig } from "../imports/runtime_config_defaults.ts";
import type { LockedApp, LockedComponent, LockedTrigger } from "../loader/locked_app.ts";
import { TerminalError } from "../../lib/errors.ts";
import { findPort } from "./http_listener.ts";
import { type HostOptions, runHost } from "./mod.ts";

function trigger(id: string, type: string, config: LockedTrigger["trigger_config"]): LockedTrigger {
  return { id, trigger_type: type, trigger_config: config };
}

function appOf(triggers: LockedTrigger[], components: LockedComponent[] = []): LockedApp {
  return { spin_lock_version: 0, metadata: { name: "test" }, triggers, components };
}

const FIXED: LockedTrigger = trigger("fixed", "http", {
  route: "/...",
  static_response: { status_code: 200, body: "fixed" },
});

async function withOptions(test: (options: HostOptions) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    await using temporary = createTemporaryStores({ parent: directory });
    await test({
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
      workers: 1,
      instances: "auto",
      cpuLimitMs: 0,
      graceMs: 1_000,
      explainErrors: false,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("runHost() refuses apps that it cannot serve", async (t) => {
  const component: LockedComponent = { id: "c", source: { content_type: "application/wasm" } };
  const cases: [string, LockedApp, string, RegExp][] = [
    ["no triggers", appOf([]), "NoTriggers", /^No triggers in app$/],
    [
      "triggers of other types",
      appOf([FIXED, trigger("a", "other", {}), trigger("b", "kafka", {})]),
      "UnknownTrigger",
      /'other', 'kafka'.*--component-id/,
    ],
    [
      "a component without a file",
      appOf([trigger("a", "http", { route: "/", component: "c" })], [component]),
      "NoSource",
      /^Component "c" has no file as its source/,
    ],
    [
      "a component whose file is absent",
      appOf([trigger("a", "http", { route: "/", component: "c" })], [{
        ...component,
        source: { content_type: "application/wasm", source: "file:///no/such/file.wasm" },
      }]),
      "UnreadableSource",
      /^Cannot read "\/no\/such\/file\.wasm", the source of component "c"/,
    ],
  ];
  for (const [name, app, reason, message] of cases) {
    await t.step(name, async () => {
      await withOptions(async (options) => {
        await assert.rejects(
          runHost(app, options, AbortSignal.abort()),
          (error: unknown) => {
            assert.ok(error instanceof TerminalError, String(error));
            assert.equal(error.reason, reason);
            assert.match(error.message, message);
            return true;
          },
        );
      });
    });
  }
});

Deno.test("runHost() says that the port is taken before it serves anything", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await withOptions(async (options) => {
    const attempt = runHost(appOf([FIXED]), {
      ...options,
      listen: { hostname: "127.0.0.1", port: taken.addr.port },
    }, new AbortController().signal);
    await assert.rejects(attempt, /is already in use/);
  });
});

Deno.test("runHost() serves until the signal fires, then gives the port up", async () => {
  const port = findPort({ hostname: "127.0.0.1", port: 0, findFreePort: false });
  await withOptions(async (options) => {
    const stop = new AbortController();
    const running = runHost(
      appOf([FIXED]),
      { ...options, listen: { hostname: "127.0.0.1", port } },
      stop.signal,
    );
    let answer: Response | undefined;
    for (let tries = 0; tries < 100 && !answer; tries++) {
      answer = await fetch(`http://127.0.0.1:${port}/x`).catch(() => undefined);
      if (!answer) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(await answer?.text(), "fixed");
    stop.abort();
    await running;
    Deno.listen({ hostname: "127.0.0.1", port }).close();
  });
});

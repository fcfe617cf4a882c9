import assert from "node:assert/strict";
import type { LockedApp } from "../../loader/locked_app.ts";
import { summarizeApp } from "./app_summary.ts";

function appOf(triggers: LockedApp["triggers"]): LockedApp {
  return {
    spin_lock_version: 1,
    metadata: { name: "a", version: "1.0" },
    triggers,
    components: [],
  };
}

function http(id: string, config: LockedApp["triggers"][number]["trigger_config"]) {
  return { id, trigger_type: "http", trigger_config: config };
}

Deno.test("summarizeApp() gives routes the address at which a browser gets to them", () => {
  const app = appOf([
    http("t1", { component: "c", route: "/..." }),
    http("t2", { component: "d", route: "/d" }),
    http("t3", { component: "e", route: { private: true } }),
  ]);
  for (const baseUrl of ["http://0.0.0.0:3000", "http://127.0.0.1:3000"]) {
    assert.deepEqual(summarizeApp(app, { baseUrl }), {
      name: "a",
      version: "1.0",
      triggers: [
        { type: "http", component: "c", detail: "/...", url: "http://127.0.0.1:3000/" },
        { type: "http", component: "d", detail: "/d", url: "http://127.0.0.1:3000/d" },
      ],
    });
  }
});

Deno.test("summarizeApp() tells what other triggers listen to, and no addresses", () => {
  const redis = {
    id: "t1",
    trigger_type: "redis",
    trigger_config: { component: "c", channel: "news", address: "redis://user:secret@host" },
  };
  assert.deepEqual(summarizeApp(appOf([redis]), { baseUrl: "" }).triggers, [
    { type: "redis", component: "c", detail: "news" },
  ]);
});

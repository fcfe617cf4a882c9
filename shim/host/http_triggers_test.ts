import assert from "node:assert/strict";
import type { JsonObject, LockedApp } from "../loader/locked_app.ts";
import { type HttpRoute, httpRoutes } from "./http_triggers.ts";

function appOf(...triggers: [string, JsonObject][]): LockedApp {
  return {
    spin_lock_version: 0,
    metadata: {},
    triggers: triggers.map(([trigger_type, trigger_config], index) => ({
      id: `trigger-${index}`,
      trigger_type,
      trigger_config,
    })),
    components: [],
  };
}

Deno.test("httpRoutes() reads routes, private ones and static responses", () => {
  const fixed = {
    status_code: 302,
    headers: { location: "/new", "x-count": 3 },
    body: "moved",
  };
  const app = appOf(
    ["http", { route: "/...", component: "a" }],
    ["redis", { channel: "c", component: "a" }],
    ["http", { route: { private: true }, component: "b" }],
    ["http", { route: "/old", static_response: fixed }],
    ["http", { route: "/bare", static_response: {} }],
  );
  const expected: HttpRoute[] = [
    {
      triggerId: "trigger-0",
      component: "a",
      route: "/...",
      staticResponse: undefined,
      wagi: undefined,
    },
    {
      triggerId: "trigger-2",
      component: "b",
      route: undefined,
      staticResponse: undefined,
      wagi: undefined,
    },
    {
      triggerId: "trigger-3",
      component: "",
      route: "/old",
      staticResponse: {
        status: 302,
        headers: { location: "/new", "x-count": "3" },
        body: "moved",
      },
      wagi: undefined,
    },
    {
      triggerId: "trigger-4",
      component: "",
      route: "/bare",
      staticResponse: { status: 200, headers: {}, body: undefined },
      wagi: undefined,
    },
  ];
  assert.deepEqual(httpRoutes(app), expected);
});

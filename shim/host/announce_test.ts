import assert from "node:assert/strict";
import type { JsonObject, LockedApp } from "../loader/locked_app.ts";
import { formatAnnouncement } from "./announce.ts";

const BASE_URL = "http://127.0.0.1:3000";

function appWith(triggers: JsonObject[], description?: string): LockedApp {
  return {
    spin_lock_version: 0,
    metadata: {},
    triggers: triggers.map((trigger_config, index) => ({
      id: `trigger-${index}`,
      trigger_type: "http",
      trigger_config,
    })),
    components: [{
      id: "hello",
      source: { content_type: "application/wasm", source: "file:///hello.wasm" },
      ...(description === undefined ? {} : { metadata: { description } }),
    }],
  };
}

for (
  const [route, line, json] of [
    ["/hello", `${BASE_URL}/hello`, { route: "/hello", wildcard: false }],
    ["/hello/...", `${BASE_URL}/hello (wildcard)`, { route: "/hello", wildcard: true }],
    ["/hello/*", `${BASE_URL}/hello (wildcard)`, { route: "/hello", wildcard: true }],
    ["/...", `${BASE_URL} (wildcard)`, { route: "", wildcard: true }],
    ["/", `${BASE_URL}/`, { route: "/", wildcard: false }],
    ["hello/", `${BASE_URL}/hello`, { route: "/hello", wildcard: false }],
    ["/users/:id", `${BASE_URL}/users/:id`, { route: "/users/:id", wildcard: false }],
  ] as const
) {
  Deno.test(`formatAnnouncement() lists the route ${route}`, () => {
    const app = appWith([{ route, component: "hello" }]);
    assert.equal(
      formatAnnouncement(app, { baseUrl: BASE_URL, format: "plain" }),
      `\nServing ${BASE_URL}\nAvailable Routes:\n  hello: ${line}`,
    );
    assert.deepEqual(JSON.parse(formatAnnouncement(app, { baseUrl: BASE_URL, format: "json" })), {
      base_url: BASE_URL,
      routes: [{ id: "hello", ...json }],
    });
  });
}

Deno.test("formatAnnouncement() adds the component's description", () => {
  const app = appWith([{ route: "/", component: "hello" }], "Says hello");
  assert.match(
    formatAnnouncement(app, { baseUrl: BASE_URL, format: "plain" }),
    /\n {2}hello: http:\/\/127\.0\.0\.1:3000\/\n {4}Says hello$/,
  );
  const { routes } = JSON.parse(formatAnnouncement(app, { baseUrl: BASE_URL, format: "json" }));
  assert.equal(routes[0].description, "Says hello");
});

Deno.test("formatAnnouncement() names a static response by its trigger and hides private routes", () => {
  const app = appWith([
    { route: "/robots.txt", static_response: { status_code: 404 } },
    { route: { private: true }, component: "hello" },
  ]);
  const text = formatAnnouncement(app, { baseUrl: BASE_URL, format: "plain" });
  assert.match(text, /trigger-0: http:\/\/127\.0\.0\.1:3000\/robots\.txt$/);
  assert.doesNotMatch(text, /hello/);
});

Deno.test("formatAnnouncement() leaves out a route that another one replaces", () => {
  const app = appWith([
    { route: "/a", static_response: {} },
    { route: "/a", component: "hello" },
  ]);
  const { routes } = JSON.parse(formatAnnouncement(app, { baseUrl: BASE_URL, format: "json" }));
  assert.deepEqual(routes, [{ id: "hello", route: "/a", wildcard: false }]);
});

import assert from "node:assert/strict";
import type { LockedApp } from "./locked_app.ts";
import { parseLockedApp } from "./parse_locked_app.ts";
import { selectComponents } from "./select_components.ts";

const APP: LockedApp = {
  spin_lock_version: 0,
  metadata: { name: "a", triggers: {} },
  triggers: [
    { id: "t", trigger_type: "http", trigger_config: { component: "a", route: "/..." } },
    { id: "u", trigger_type: "http", trigger_config: { component: "b", route: "/b" } },
    { id: "v", trigger_type: "x", trigger_config: { components: { r: ["b"] } } },
  ],
  components: [
    {
      id: "a",
      metadata: { allowed_outbound_hosts: ["{{ x }}", "https://b.spin.internal:443"] },
      source: { content_type: "application/wasm", digest: "sha256:00" },
    },
    { id: "b", source: { content_type: "application/wasm", inline: "AGFzbQ" } },
  ],
};

function parse(changes: Record<string, unknown>): LockedApp {
  return parseLockedApp(JSON.stringify({ ...APP, ...changes }));
}

Deno.test("parseLockedApp() gives the app as it is", () => {
  assert.deepEqual(parse({}), APP);
  assert.equal(
    (parse({ unknown_field: 1 }) as unknown as { unknown_field: number }).unknown_field,
    1,
  );
});

Deno.test("parseLockedApp() drops optional requirements and keeps the known ones", () => {
  const app = parse({
    spin_lock_version: 1,
    must_understand: ["host_requirements", "component_host_requirements"],
    host_requirements: { flying: "optional" },
    components: [{
      ...APP.components[0],
      host_requirements: { middleware: "required", singing: "optional" },
    }],
  });
  assert.equal(app.host_requirements, undefined);
  assert.deepEqual(app.components[0]!.host_requirements, { middleware: "required" });
});

const REFUSED: [changes: Record<string, unknown>, message: RegExp][] = [
  [{ spin_lock_version: 2 }, /"spin_lock_version" must be 0 or 1, got 2/],
  [
    { spin_lock_version: undefined, metadata: [], triggers: {}, components: 1 },
    /spin_lock_version.*; "metadata" must.*; "triggers" must.*; "components" must/,
  ],
  [
    { must_understand: ["everything"] },
    /^This version of Spin does not support the following features required by this application: everything$/,
  ],
  [
    { host_requirements: { a: "required", b: "required", middleware: "required" } },
    /^This version of Spin does not support the following features required by this application: a, b$/,
  ],
  [{ components: [{ id: "x" }] }, /component "x" must have a "source" with/],
  [{ components: [null] }, /component 1 must have an "id"/],
  [
    { components: [{ ...APP.components[0], env: { A: 1 } }] },
    /the values of "env" must be strings/,
  ],
  [{ components: [{ ...APP.components[0], files: [{ path: "/" }] }] }, /"files" must have content/],
  [{ triggers: [{ id: "x" }] }, /trigger 1 must have "id"/],
  [
    {
      components: [{
        ...APP.components[0],
        dependencies: {
          a: {},
          b: { source: { inline: "" }, export: 1 },
          c: { source: { inline: "" }, inherit: ["files"] },
          d: { source: { inline: "" }, inherit: { Some: ["files"] } },
          e: { source: { inline: "" }, export: null, inherit: "All" },
        },
      }],
    },
    /: component "a", dependency "a": it must have a "source" .*; component "a", dependency "b": "export" must be .*; component "a", dependency "c": "inherit" must be "All" or [^;]*$/,
  ],
];

Deno.test("parseLockedApp() refuses what it cannot run", () => {
  for (const [changes, message] of REFUSED) {
    assert.throws(
      () => parse(changes),
      { name: "TerminalError", message },
      JSON.stringify(changes),
    );
  }
  assert.throws(() => parseLockedApp("{"), {
    name: "TerminalError",
    message: /^Invalid locked app: /,
  });
  assert.throws(() => parseLockedApp("[]"), { message: "Invalid locked app: it is not an object" });
});

Deno.test("parseLockedApp() brings old apps into today's form", () => {
  const app = parse({
    metadata: { name: "a", trigger: { type: "redis", address: "redis://x" } },
    components: [{ ...APP.components[1], metadata: { allowed_http_hosts: ["x.com"] } }],
  });
  assert.deepEqual(app.metadata.triggers, { redis: { address: "redis://x" } });
  assert.deepEqual(app.components[0]!.metadata, {
    allowed_outbound_hosts: [
      "redis://*:*",
      "mysql://*:*",
      "postgres://*:*",
      "http://x.com",
      "https://x.com",
    ],
  });
});

Deno.test("selectComponents() keeps the selected components and their triggers", () => {
  assert.equal(selectComponents(APP, []), APP);
  const selected = selectComponents(APP, ["b"]);
  assert.deepEqual(selected.components.map(({ id }) => id), ["b"]);
  assert.deepEqual(selected.triggers.map(({ id }) => id), ["u", "v"]);
  assert.throws(() => selectComponents(APP, ["a"]), {
    message: "Selected component 'a' cannot use service chaining to unselected component: " +
      'allowed_outbound_hosts: ["http://b.spin.internal"]',
  });
  assert.deepEqual(selectComponents(APP, ["a", "b"]), APP);
  assert.throws(() => selectComponents(APP, ["zzz"]), {
    name: "TerminalError",
    message: /^Specified component "zzz" not found in application/,
  });
});

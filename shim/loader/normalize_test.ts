import assert from "node:assert/strict";
import { normalizeManifest, type NormalManifest } from "./normalize.ts";
import { parseManifest } from "./parse_manifest.ts";

function normalize(text: string): NormalManifest {
  const { manifest, report } = parseManifest(
    `spin_manifest_version = 2\napplication.name = "a"\n${text}`,
    "spin.toml",
  );
  const normal = normalizeManifest(manifest, { profile: undefined, report });
  report.throwIfAny();
  return normal;
}

Deno.test("normalizeManifest() gives every trigger an id", () => {
  const { triggers } = normalize(`
[component]
c.source = "c"
[[trigger.http]]
component = "c"
[[trigger.http]]
component = "c"
[[trigger.http]]
static_response = {}
[[trigger.http]]
id = "http-trigger2"
component = "c"
[[trigger.cron]]
component = "c"
[[trigger.cron]]
component = { source = "d" }
`);
  assert.deepEqual(triggers.map(({ id }) => id), [
    "c-http-trigger",
    "http-trigger1",
    "http-trigger3",
    "http-trigger2",
    "c-cron-trigger",
    "cron-trigger1",
  ]);
});

Deno.test("normalizeManifest() moves inline components to the top", () => {
  const { triggers, components } = normalize(`
[component.x-component]
source = "taken"
[[trigger.http]]
id = "one"
component = { source = "a" }
[[trigger.http]]
id = "x"
component = { source = "b" }
[[trigger.http]]
id = "not kebab"
component = { source = "c" }
[[trigger.other]]
id = "many"
component = "one-component"
components = { r = [{ source = "d" }, "x-component"], s = { source = "e" } }
`);
  const ids = triggers.map(({ component, components: roles }) => [
    component?.id,
    ...roles.flatMap(([, list]) => list.map(({ id }) => id)),
  ]);
  assert.deepEqual(ids, [
    ["one-component"],
    ["inline-component1"],
    ["inline-component2"],
    ["one-component", "inline-component3", "x-component", "inline-component4"],
  ]);
  const sources = [...components].map(([id, { source }]) => [
    id,
    source?.kind === "path" ? source.path : undefined,
  ]);
  assert.deepEqual(Object.fromEntries(sources), {
    "x-component": "taken",
    "one-component": "a",
    "inline-component1": "b",
    "inline-component2": "c",
    "inline-component3": "d",
    "inline-component4": "e",
  });
});

Deno.test("normalizeManifest() puts the source of a component in place of its id", () => {
  const { components } = normalize(`
[component.a]
source = "a"
dependencies = { "x:y/z" = { component = "b", export = "p:q/r" } }
[component.b]
source = { url = "http://x", digest = "sha256:${"A".repeat(64)}" }
[trigger]
`);
  const [dependency] = components.get("a")!.dependencies;
  assert.deepEqual(dependency!.source, {
    kind: "url",
    url: "http://x",
    digest: `sha256:${"a".repeat(64)}`,
  });
  assert.equal(dependency!.export, "p:q/r");
});

/**
 * Reads version 1 of `spin.toml` and converts it to what version 2 would say.
 *
 * @module
 */

import { checkKebabId } from "./identifiers.ts";
import type { Manifest, ManifestComponent, ManifestTrigger } from "./manifest.ts";
import { readComponentV1 } from "./manifest_component.ts";
import type { Fields } from "./manifest_fields.ts";
import { readVariables } from "./manifest_v2.ts";

/** Reads the whole document; everything wrong goes to the report of `root`. */
export function readManifestV1(root: Fields): Manifest {
  root.raw("spin_manifest_version");
  root.raw("spin_version");
  if (!root.has("trigger")) root.missing("trigger", 'trigger = { type = "http" }');
  const global = root.table("trigger", "trigger");
  const type = global?.requiredString("type", 'type = "http"') ?? "http";
  const { components, triggers } = readComponents(root, type);
  const manifest: Manifest = {
    application: {
      name: root.requiredString("name", 'name = "…"') ?? "",
      version: root.string("version") ?? "",
      description: root.string("description") ?? "",
      authors: root.strings("authors"),
      triggers: new Map(
        global ? [[type, { config: global.rest(["type"]), path: global.path }]] : [],
      ),
    },
    variables: readVariables(root),
    triggers,
    components,
  };
  root.close();
  return manifest;
}

function readComponents(
  root: Fields,
  type: string,
): { components: Map<string, ManifestComponent>; triggers: ManifestTrigger[] } {
  const components = new Map<string, ManifestComponent>();
  const triggers: ManifestTrigger[] = [];
  const tables = root.tableList("component", (i) => {
    const value = root.peek("component");
    const entry = Array.isArray(value) ? value[i] : undefined;
    const id = typeof entry === "object" && "id" in entry ? entry.id : i + 1;
    return `component ${JSON.stringify(id)}`;
  });
  for (const fields of tables) {
    const id = readId(fields);
    if (!fields.has("trigger")) {
      fields.missing("trigger", '[component.trigger] with route = "/..."');
    }
    const config = fields.table("trigger", `${fields.owner}, trigger`)?.rest([]) ?? {};
    const component = readComponentV1(fields);
    if (components.has(id)) {
      fields.problem(
        "id",
        `the id ${JSON.stringify(id)} is used twice; give each component its own`,
      );
      continue;
    }
    components.set(id, component);
    triggers.push({
      id: `trigger-${id}`,
      type,
      component: { kind: "reference", id, path: fields.at("id") },
      components: [],
      dependencies: [],
      config,
      path: fields.at("trigger"),
    });
  }
  return { components, triggers };
}

/** Ids of version 1 were free; the two usual ways to be no kebab-case id are put right. */
function readId(fields: Fields): string {
  const written = fields.requiredString("id", 'id = "…"');
  if (written === undefined) return `component-at-${fields.path.at(-1)}`;
  if (checkKebabId(written) === undefined) return written;
  const id = written.replaceAll("_", "-").toLowerCase();
  const problem = checkKebabId(id);
  if (problem) fields.problem("id", `invalid component id ${JSON.stringify(written)}: ${problem}`);
  return id;
}

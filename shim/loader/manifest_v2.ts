/**
 * Reads version 2 of `spin.toml`.
 *
 * @module
 */

import { checkKebabId, checkLowerSnakeId } from "./identifiers.ts";
import type {
  ComponentSpec,
  Manifest,
  ManifestApplication,
  ManifestComponent,
  ManifestDependency,
  ManifestTrigger,
  ManifestVariable,
} from "./manifest.ts";
import { readComponent } from "./manifest_component.ts";
import { Fields } from "./manifest_fields.ts";
import { readTriggerDependency } from "./manifest_source.ts";
import { describeType, isTable, type TomlValue } from "./toml_document.ts";
import type { KeyPath } from "./toml_positions.ts";
import { checkVariableName } from "./variables_template.ts";

/** Reads the whole document; everything wrong goes to the report of `root`. */
export function readManifestV2(root: Fields): Manifest {
  root.raw("spin_manifest_version");
  const manifest: Manifest = {
    application: readApplication(root),
    variables: readVariables(root),
    triggers: readTriggers(root),
    components: readComponents(root),
  };
  root.close();
  return manifest;
}

function readApplication(root: Fields): ManifestApplication {
  if (!root.has("application")) root.missing("application", '[application] with name = "…"');
  const fields = root.table("application", "application");
  const triggers = new Map(
    (fields?.tables("trigger", (type) => `application trigger "${type}"`) ?? [])
      .map(([type, table]) => [type, { config: table.rest([]), path: table.path }]),
  );
  const application = {
    name: fields?.requiredString("name", 'name = "…"') ?? "",
    version: fields?.string("version") ?? "",
    description: fields?.string("description") ?? "",
    authors: fields?.strings("authors") ?? [],
    triggers,
  };
  fields?.array("targets", "an array");
  fields?.table("tool");
  fields?.close();
  return application;
}

/** Reads the table `variables`, the same in both versions. */
export function readVariables(root: Fields): ManifestVariable[] {
  return root.tables("variables", (name) => `variable ${JSON.stringify(name)}`)
    .map(([name, fields]) => {
      const problem = checkVariableName(name) ?? checkLowerSnakeId(name);
      if (problem) fields.report.add(fields.path, `${JSON.stringify(name)}: ${problem}`);
      const variable = {
        name,
        description: fields.string("description"),
        default: fields.string("default"),
        isRequired: fields.boolean("required") ?? false,
        isSecret: fields.boolean("secret") ?? false,
        path: fields.path,
      };
      if (variable.isRequired === fields.has("default")) {
        const got = variable.isRequired ? "both" : "neither";
        fields.report.add(
          fields.path,
          `${fields.owner}: must be \`required\` OR have a \`default\`; it has ${got}`,
        );
      }
      fields.close();
      return variable;
    });
}

function readTriggers(root: Fields): ManifestTrigger[] {
  if (!root.has("trigger")) {
    root.missing("trigger", "[[trigger.http]] with a route and a component");
  }
  const table = root.table("trigger", "trigger");
  return (table?.keys ?? []).flatMap((type) =>
    table!.tableList(type, (i) => `${type} trigger ${i + 1}`).map((fields) =>
      readTrigger(fields, type)
    )
  );
}

const TRIGGER_FIELDS = ["id", "component", "components", "dependencies"];

function readTrigger(fields: Fields, type: string): ManifestTrigger {
  const component = fields.raw("component");
  return {
    id: fields.string("id") ?? "",
    type,
    component: component === undefined
      ? undefined
      : readSpec(fields, { value: component, path: fields.at("component") }),
    components: readRoles(fields),
    dependencies: readTriggerDependencies(fields, type),
    config: fields.rest(TRIGGER_FIELDS),
    path: fields.path,
  };
}

function readRoles(fields: Fields): ManifestTrigger["components"] {
  const table = fields.table("components");
  return (table?.keys ?? []).map((role) => {
    const value = table!.raw(role)!;
    const path = table!.at(role);
    const values = Array.isArray(value)
      ? value.map((item, i) => ({ value: item, path: [...path, i] }))
      : [{ value, path }];
    return [role, values.map((item) => readSpec(fields, item))] as const;
  });
}

/** A reference that cannot be right has been reported; it is kept, so that it counts as given. */
function readSpec(
  fields: Fields,
  { value, path }: { value: TomlValue; path: KeyPath },
): ComponentSpec {
  if (isTable(value)) {
    const owner = `${fields.owner}, inline component`;
    const component = readComponent(new Fields(value, { report: fields.report, path, owner }));
    return { kind: "inline", component, path };
  }
  const problem = typeof value === "string" ? checkKebabId(value) : undefined;
  if (typeof value !== "string") {
    const got = describeType(value);
    fields.report.add(
      path,
      `${fields.owner}: a component must be an id or a table with a "source", got ${got}`,
    );
  } else if (problem) {
    fields.report.add(
      path,
      `${fields.owner}: invalid component id ${JSON.stringify(value)}: ${problem}`,
    );
  }
  return { kind: "reference", id: typeof value === "string" ? value : "", path };
}

function readTriggerDependencies(
  fields: Fields,
  type: string,
): [string, ManifestDependency[]][] {
  const table = fields.table("dependencies", `${fields.owner}, dependencies`);
  if (!table) return [];
  // Other trigger types are free to have roles of their own.
  const roles = type === "http" ? ["middleware"] : table.keys;
  const dependencies = roles.filter((role) => table.has(role)).map(
    (role): [string, ManifestDependency[]] => [
      role,
      table.tableList(role, (i) => `${fields.owner}, ${role} ${i + 1}`)
        .flatMap((entry) => readTriggerDependency(entry, role) ?? []),
    ],
  );
  for (const role of roles) table.raw(role);
  table.close();
  return dependencies;
}

function readComponents(root: Fields): Map<string, ManifestComponent> {
  return new Map(
    root.tables("component", (id) => `component ${JSON.stringify(id)}`).map(([id, fields]) => {
      const problem = checkKebabId(id);
      if (problem) {
        fields.report.add(fields.path, `invalid component id ${JSON.stringify(id)}: ${problem}`);
      }
      return [id, readComponent(fields)];
    }),
  );
}

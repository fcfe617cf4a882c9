/**
 * Reads where Wasm comes from, and dependencies.
 *
 * @module
 */

import { suggest } from "../../lib/nearest.ts";
import {
  checkDependencyName,
  checkKebabId,
  isSemver,
  parseDependencyPackage,
} from "./identifiers.ts";
import type { InheritSetting, ManifestDependency, ManifestSource } from "./manifest.ts";
import { Fields } from "./manifest_fields.ts";
import { describeType, isTable } from "./toml_document.ts";

const SOURCE_EXAMPLE = 'source = "path/to/file.wasm"';

/** Reads the field `source`; undefined if it is absent or wrong, which has been reported. */
export function readSource(
  fields: Fields,
  { isRequired }: { isRequired: boolean },
): ManifestSource | undefined {
  if (!fields.has("source")) {
    if (isRequired) fields.missing("source", SOURCE_EXAMPLE);
    else fields.raw("source");
    return undefined;
  }
  const value = fields.raw("source")!;
  if (typeof value === "string") {
    if (value !== "") return { kind: "path", path: value };
    fields.problem("source", `"source" is empty; write ${SOURCE_EXAMPLE}`);
    return undefined;
  }
  if (!isTable(value)) {
    fields.problem("source", `"source" must be a path or a table, got ${describeType(value)}`);
    return undefined;
  }
  const table = fields.table("source", `${fields.owner}, source`)!;
  const source = table.has("url") || table.has("digest")
    ? readUrlSource(table)
    : readPackageSource(table);
  table.close();
  return source;
}

function readUrlSource(fields: Fields): ManifestSource | undefined {
  const url = fields.requiredString("url", 'url = "https://…"');
  const digest = fields.requiredString("digest", 'digest = "sha256:…"');
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    fields.problem("url", `"url" must be an http or https URL, got ${JSON.stringify(url)}`);
    return undefined;
  }
  if (digest !== undefined && !/^sha256:[0-9a-fA-F]{64}$/.test(digest)) {
    fields.problem(
      "digest",
      `invalid digest ${JSON.stringify(digest)}: must be 'sha256:' and 64 hexadecimal digits`,
    );
    return undefined;
  }
  return url === undefined || digest === undefined
    ? undefined
    : { kind: "url", url, digest: digest.toLowerCase() };
}

function readPackageSource(fields: Fields): ManifestSource | undefined {
  const name = fields.requiredString("package", 'package = "namespace:name"');
  const version = fields.requiredString("version", 'version = "1.2.3"');
  const registry = fields.string("registry");
  if (name === undefined || version === undefined) return undefined;
  if (!isPackageName(name)) {
    fields.problem("package", `"package" must be "namespace:name", got ${JSON.stringify(name)}`);
  }
  if (!isSemver(version)) {
    fields.problem(
      "version",
      `invalid semantic version (${JSON.stringify(version)}); write an exact one such as "1.2.3"`,
    );
  }
  return { kind: "registry", package: name, version, registry };
}

function isPackageName(name: string): boolean {
  const parsed = parseDependencyPackage(name);
  return parsed !== undefined && parsed.package === name;
}

/** Reads a table `dependencies`, name by name. */
export function readDependencies(fields: Fields): ManifestDependency[] {
  const table = fields.table("dependencies");
  if (!table) return [];
  return table.keys.flatMap((name) => {
    const problem = checkDependencyName(name);
    if (problem) table.problem(name, `invalid dependency name ${JSON.stringify(name)}: ${problem}`);
    const dependency = readDependency(table, name);
    return dependency ? [dependency] : [];
  });
}

function readDependency(table: Fields, name: string): ManifestDependency | undefined {
  const value = table.raw(name)!;
  const path = table.at(name);
  const owner = `${table.owner}, dependency ${JSON.stringify(name)}`;
  if (typeof value === "string") {
    const source = versionSource(table, { name, version: value, registry: undefined });
    return source && { name, source, export: null, inherit: undefined, path };
  }
  if (!isTable(value)) {
    table.problem(
      name,
      `dependency ${JSON.stringify(name)} must be a version or a table, got ${describeType(value)}`,
    );
    return undefined;
  }
  const fields = new Fields(value, { report: table.report, path, owner });
  const exported = fields.string("export") ?? null;
  const inherit = readInherit(fields);
  const source = readDependencySource(fields, name);
  fields.close();
  return source && { name, source, export: exported, inherit, path };
}

function readDependencySource(
  fields: Fields,
  name: string,
): ManifestDependency["source"] | undefined {
  if (!fields.has("version") || fields.has("package")) return readSourceForm(fields);
  const version = fields.string("version");
  const registry = fields.string("registry");
  return version === undefined ? undefined : versionSource(fields, { name, version, registry });
}

/** A version alone: the name of the dependency names the package. */
function versionSource(
  fields: Fields,
  { name, version, registry }: { name: string; version: string; registry: string | undefined },
): ManifestSource | undefined {
  const parsed = parseDependencyPackage(name);
  if (parsed) return { kind: "registry", package: parsed.package, version, registry };
  if (checkDependencyName(name) === undefined) {
    const path = fields.path.at(-1) === name ? fields.path : fields.at(name);
    fields.report.add(
      path,
      `${fields.owner} has invalid dependencies: dependency ${
        JSON.stringify(name)
      } must specify a ` +
        'package name; add package = "namespace:name"',
    );
  }
  return undefined;
}

/** The forms that say themselves where the Wasm is: exactly one of path, url, component, package. */
function readSourceForm(fields: Fields): ManifestDependency["source"] | undefined {
  const forms = ["path", "url", "component", "package"].filter((form) => fields.has(form));
  const [form] = forms;
  if (form === undefined || forms.length > 1) {
    const got = forms.length === 0
      ? "none of them"
      : forms.map((name) => `"${name}"`).join(" and ");
    fields.report.add(
      fields.path,
      `${fields.owner}: write exactly one of "path", "url", "component", "package" or "version"; ` +
        `it has ${got}`,
    );
    // All of them are known names, whatever else is wrong.
    for (const name of ["path", "url", "digest", "component", "package", "version", "registry"]) {
      fields.raw(name);
    }
    return undefined;
  }
  if (form === "url") return readUrlSource(fields);
  if (form === "component") return readComponentForm(fields);
  if (form === "package") {
    const source = { name: fields.string("package"), version: fields.string("version") };
    const registry = fields.string("registry");
    if (source.name !== undefined && !isPackageName(source.name)) {
      fields.problem(
        "package",
        `"package" must be "namespace:name", got ${JSON.stringify(source.name)}`,
      );
    }
    if (source.version === undefined) fields.missing("version", 'version = "1.2.3"');
    return source.name === undefined || source.version === undefined
      ? undefined
      : { kind: "registry", package: source.name, version: source.version, registry };
  }
  const path = fields.string("path");
  if (path === "") fields.problem("path", '"path" is empty; name a .wasm file');
  return path ? { kind: "path", path } : undefined;
}

function readComponentForm(fields: Fields): ManifestDependency["source"] | undefined {
  const component = fields.string("component");
  if (component === undefined) return undefined;
  const problem = checkKebabId(component);
  if (problem === undefined) return { kind: "component", component };
  fields.problem("component", `invalid component id ${JSON.stringify(component)}: ${problem}`);
  return undefined;
}

/** The sets of permissions that a dependency can inherit. */
const INHERITABLE = [
  "ai_models",
  "allowed_outbound_hosts",
  "environment",
  "files",
  "key_value_stores",
  "sqlite_databases",
  "variables",
];

function readInherit(fields: Fields): InheritSetting {
  const value = fields.raw("inherit_configuration");
  if (value === undefined) return undefined;
  if (value === false) return { Some: [] };
  if (value === true) return "All";
  if (!Array.isArray(value)) {
    fields.problem(
      "inherit_configuration",
      `"inherit_configuration" must be true, false or an array of strings, got ${
        describeType(value)
      }`,
    );
    return undefined;
  }
  const names = fields.strings("inherit_configuration");
  names.forEach((name, i) => {
    if (INHERITABLE.includes(name)) return;
    fields.report.add(
      fields.at("inherit_configuration", i),
      `${fields.owner}: ${JSON.stringify(name)} cannot be inherited; ${suggest(name, INHERITABLE)}`,
    );
  });
  return { Some: names };
}

/** Reads one entry of a trigger's `dependencies.<role>`; the role becomes its name. */
export function readTriggerDependency(
  fields: Fields,
  role: string,
): ManifestDependency | undefined {
  const inherit = readInherit(fields);
  const source = readSourceForm(fields);
  fields.close();
  return source && { name: role, source, export: null, inherit, path: fields.path };
}

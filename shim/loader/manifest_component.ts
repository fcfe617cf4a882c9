/**
 * Reads one component of a manifest.
 *
 * @module
 */

import { convertAllowedHttpHost, DATABASE_HOSTS } from "./allowed_http_hosts.ts";
import { checkVariableName } from "./variables_template.ts";
import { checkLowerSnakeId } from "./identifiers.ts";
import type {
  FileMount,
  ManifestBuild,
  ManifestComponent,
  ManifestDependency,
  ManifestProfile,
} from "./manifest.ts";
import { Fields } from "./manifest_fields.ts";
import { readDependencies, readSource } from "./manifest_source.ts";
import { describeType, isTable } from "./toml_document.ts";

/** Reads a component of version 2 and reports what it does not know. */
export function readComponent(fields: Fields): ManifestComponent {
  const source = readSource(fields, { isRequired: true });
  const variables = readVariables(fields, "variables");
  const common = readCommon(fields);
  const http = readAllowedHttpHosts(fields);
  if (http.length > 0) {
    const all = [...common.allowedOutboundHosts, ...http].map(({ text }) => text);
    fields.report.warn(
      fields.at("allowed_http_hosts"),
      `${fields.owner}: \`allowed_http_hosts\` is deprecated; replace it with ` +
        `\`allowed_outbound_hosts = ${JSON.stringify(all)}\``,
    );
  }
  const dependencies = readDependencies(fields);
  const inheritAll = fields.boolean("dependencies_inherit_configuration") ?? false;
  fields.array("targets", "an array");
  fields.table("tool");
  const profiles = fields
    .tables("profile", (name) => `${fields.owner}, profile ${JSON.stringify(name)}`)
    .map(([name, profile]): [string, ManifestProfile] => [name, readProfile(profile)]);
  fields.close();
  const all = [dependencies, ...profiles.map(([, profile]) => profile.dependencies)];
  checkInheritance(fields, { inheritAll, dependencies: all.flat() });
  return {
    ...common,
    source,
    variables,
    variablesPath: fields.at("variables"),
    allowedOutboundHosts: [...common.allowedOutboundHosts, ...http],
    dependencies: withInheritance(dependencies, inheritAll),
    profiles: new Map(
      profiles.map(([name, profile]) => [name, {
        ...profile,
        dependencies: withInheritance(profile.dependencies, inheritAll),
      }]),
    ),
  };
}

/** Reads a `[[component]]` of version 1; the caller has read `id` and `trigger`. */
export function readComponentV1(fields: Fields): ManifestComponent {
  const source = readSource(fields, { isRequired: true });
  const variables = readVariables(fields, "config");
  const hasOutbound = fields.has("allowed_outbound_hosts");
  const common = readCommon(fields);
  const databases = hasOutbound ? [] : DATABASE_HOSTS.map((text) => ({ text, path: fields.path }));
  const http = readAllowedHttpHosts(fields);
  fields.close();
  return {
    ...common,
    source,
    variables,
    variablesPath: fields.at("config"),
    allowedOutboundHosts: [...common.allowedOutboundHosts, ...databases, ...http],
    dependencies: [],
    profiles: new Map(),
  };
}

type CommonFields = Omit<
  ManifestComponent,
  "source" | "variables" | "variablesPath" | "dependencies" | "profiles"
>;

const PERMISSION_FIELDS = [
  "ai_models",
  "allowed_http_hosts",
  "allowed_outbound_hosts",
  "dependencies",
  "files",
  "key_value_stores",
  "sqlite_databases",
  "variables",
];

function readCommon(fields: Fields): CommonFields {
  fields.strings("allowed_outbound_hosts");
  const hosts = fields.peek("allowed_outbound_hosts");
  return {
    path: fields.path,
    description: fields.string("description") ?? "",
    environment: fields.stringMap("environment"),
    files: readFiles(fields),
    excludeFiles: fields.strings("exclude_files"),
    // The place of an entry is its index among all, those of a wrong type included.
    allowedOutboundHosts: (Array.isArray(hosts) ? hosts : []).flatMap((text, i) =>
      typeof text === "string" ? [{ text, path: fields.at("allowed_outbound_hosts", i) }] : []
    ),
    permissionFields: PERMISSION_FIELDS.filter((key) => isFilled(fields, key)),
    keyValueStores: fields.strings("key_value_stores"),
    sqliteDatabases: fields.strings("sqlite_databases"),
    aiModels: fields.strings("ai_models"),
    build: readBuild(fields),
  };
}

function isFilled(fields: Fields, key: string): boolean {
  if (!fields.has(key)) return false;
  const value = fields.peek(key)!;
  return Array.isArray(value) ? value.length > 0 : isTable(value) && Object.keys(value).length > 0;
}

function readVariables(fields: Fields, key: string): [string, string][] {
  const variables = fields.stringMap(key);
  for (const [name] of variables) {
    const problem = checkVariableName(name) ?? checkLowerSnakeId(name);
    if (problem) {
      fields.report.add(
        fields.at(key, name),
        `${fields.owner}: ${JSON.stringify(name)}: ${problem}`,
      );
    }
  }
  return variables;
}

function readAllowedHttpHosts(fields: Fields): { text: string; path: (string | number)[] }[] {
  return fields.array("allowed_http_hosts", "an array of strings").flatMap((entry, i) => {
    const path = [...fields.at("allowed_http_hosts", i)];
    if (typeof entry !== "string") {
      fields.report.add(
        path,
        `${fields.owner}: "allowed_http_hosts" item ${i + 1} must be a string, got ${
          describeType(entry)
        }`,
      );
      return [];
    }
    try {
      return convertAllowedHttpHost(entry).map((text) => ({ text, path }));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      fields.report.add(
        path,
        `${fields.owner}: \`allowed_http_hosts\` is malformed: ${error.message}`,
      );
      return [];
    }
  });
}

function readFiles(fields: Fields): FileMount[] {
  return fields.array("files", "an array").flatMap((value, i): FileMount[] => {
    if (typeof value === "string") return [{ kind: "pattern", pattern: value }];
    const path = fields.at("files", i);
    const owner = `${fields.owner}, files item ${i + 1}`;
    if (!isTable(value)) {
      fields.report.add(
        path,
        `${owner} must be a path, a glob pattern or { source = "…", destination = "…" }, got ${
          describeType(value)
        }`,
      );
      return [];
    }
    const entry = new Fields(value, { report: fields.report, path, owner });
    const source = entry.requiredString("source", 'source = "path/in/the/app"');
    const destination = entry.requiredString("destination", 'destination = "/path/for/the/guest"');
    entry.close();
    return source === undefined || destination === undefined
      ? []
      : [{ kind: "placement", source, destination }];
  });
}

function readBuild(fields: Fields): ManifestBuild | undefined {
  const build = fields.table("build", `${fields.owner}, build`);
  if (!build) return undefined;
  const command = readCommand(build);
  const workdir = build.string("workdir");
  const watch = build.strings("watch");
  build.close();
  return command === undefined ? undefined : { command, workdir, watch };
}

function readCommand(build: Fields): string | string[] | undefined {
  if (!build.has("command")) {
    build.missing("command", 'command = "…"');
    return undefined;
  }
  return Array.isArray(build.peek("command")) ? build.strings("command") : build.string("command");
}

function readProfile(fields: Fields): ManifestProfile {
  const source = readSource(fields, { isRequired: false });
  const environment = fields.stringMap("environment");
  const dependencies = readDependencies(fields);
  const build = fields.table("build", `${fields.owner}, build`);
  const buildCommand = build && readCommand(build);
  build?.close();
  fields.close();
  return { source, environment, dependencies, buildCommand, path: fields.path };
}

/** The flag of the component holds for the dependencies of its profiles too. */
function withInheritance(
  dependencies: readonly ManifestDependency[],
  inheritAll: boolean,
): readonly ManifestDependency[] {
  return inheritAll
    ? dependencies.map((dependency) => ({ ...dependency, inherit: "All" as const }))
    : dependencies;
}

function checkInheritance(
  fields: Fields,
  { inheritAll, dependencies }: {
    inheritAll: boolean;
    dependencies: ManifestComponent["dependencies"];
  },
): void {
  if (!inheritAll || dependencies.every(({ inherit }) => inherit === undefined)) return;
  const id = String(fields.path.at(-1));
  fields.report.add(
    fields.at("dependencies_inherit_configuration"),
    `Component \`${id}\` specifies both \`dependencies_inherit_configuration\` and per-dependency ` +
      "`inherit_configuration`. These are mutually exclusive; use one or the other.",
  );
}

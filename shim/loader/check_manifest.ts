/**
 * What can only be checked when the whole manifest is known.
 *
 * @module
 */

import { nearest, suggest } from "../../lib/nearest.ts";
import { isBlankEntry, parseAllowedHost, serviceChainingTarget } from "./allowed_hosts.ts";
import { validateHttpGlobals, validateHttpTrigger } from "./http_trigger.ts";
import { areCompatible, checkKebabId, checkLabel, parseDependencyPackage } from "./identifiers.ts";
import type { ManifestReport } from "./manifest_report.ts";
import type { NormalComponent, NormalManifest, NormalTrigger } from "./normalize.ts";
import type { KeyPath } from "./toml_positions.ts";
import { validateOtherTrigger } from "./other_triggers.ts";
import { triggerConfig } from "./trigger_config.ts";
import {
  parseTemplate,
  renderTemplate,
  type TemplatePart,
  templateVariables,
} from "./variables_template.ts";

/** Adds every problem of a normalized manifest to the report. */
export function checkManifest(manifest: NormalManifest, report: ManifestReport): void {
  for (const [id, component] of manifest.components) {
    const context = { manifest, report, owner: `component ${JSON.stringify(id)}` };
    checkVariables(component, context);
    checkAllowedHosts(component, context);
    checkLabels(component, context);
    checkDependencies(component, context);
    warnOfWholeApp(component, context);
  }
  for (const trigger of manifest.triggers) checkTrigger(trigger, { manifest, report });
  checkHttpGlobals(manifest, report);
}

interface Context {
  readonly manifest: NormalManifest;
  readonly report: ManifestReport;
  readonly owner: string;
}

function checkVariables(component: NormalComponent, context: Context): void {
  for (const [name, template] of component.variables) {
    checkTemplate(template, { ...context, path: [...component.variablesPath, name] });
  }
}

/** The parts of a template whose variables all exist; else undefined, and reported. */
function checkTemplate(
  template: string,
  { manifest, report, owner, path }: Context & { path: KeyPath },
): TemplatePart[] | undefined {
  const names = manifest.variables.map(({ name }) => name);
  try {
    const parts = parseTemplate(template);
    const unknown = templateVariables(parts).filter((variable) => !names.includes(variable));
    for (const variable of unknown) {
      report.add(
        path,
        `${owner}: unknown variable ${JSON.stringify(variable)} in template ` +
          `${JSON.stringify(template)}; ${
            names.length === 0
              ? `declare it under [variables]: ${variable || "name"} = { required = true }`
              : suggest(variable, names)
          }`,
      );
    }
    return unknown.length === 0 ? parts : undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    report.add(path, `${owner}: ${error.message} ${JSON.stringify(template)}; close it with '}}'`);
    return undefined;
  }
}

function checkAllowedHosts(component: NormalComponent, context: Context): void {
  const defaults = new Map(context.manifest.variables.map((variable) => [
    variable.name,
    variable.default,
  ]));
  for (const { text, path } of component.allowedOutboundHosts) {
    const parts = checkTemplate(text, { ...context, path });
    if (!parts) continue;
    // What has no default is checked when it is first used.
    const rendered = renderTemplate(parts, (variable) => defaults.get(variable));
    const isTemplate = templateVariables(parts).length > 0;
    if (rendered === undefined || (isTemplate && isBlankEntry(rendered))) continue;
    try {
      parseAllowedHost(rendered);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const message = `${context.owner}: \`allowed_outbound_hosts\` is malformed: ${error.message}`;
      context.report.add(path, message);
      continue;
    }
    checkChaining(rendered, { ...context, path });
  }
}

/** A chain to nowhere only fails when it is used, so it is a warning. */
function checkChaining(
  entry: string,
  { manifest, report, owner, path }: Context & { path: KeyPath },
): void {
  const target = serviceChainingTarget(entry);
  if (target === undefined || target === "*" || manifest.components.has(target)) return;
  const best = nearest(target, manifest.components.keys());
  const hint = best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`;
  report.warn(
    path,
    `${owner}: ${JSON.stringify(entry)} is for a component that does not exist${hint}`,
  );
}

function checkLabels(component: NormalComponent, { report, owner }: Context): void {
  const lists = [
    ["key_value_stores", component.keyValueStores],
    ["sqlite_databases", component.sqliteDatabases],
  ] as const;
  for (const [key, labels] of lists) {
    labels.forEach((label, i) => {
      const problem = checkLabel(label);
      if (!problem) return;
      const path = [...component.path, key, i];
      report.add(path, `${owner}: invalid label ${JSON.stringify(label)} in "${key}": ${problem}`);
    });
  }
}

/** The manifest itself, the sources and secrets in `.env` would all be shown to the guest. */
function warnOfWholeApp(component: NormalComponent, { report, owner }: Context): void {
  component.files.forEach((mount, i) => {
    if (mount.kind !== "pattern" || !["*", "**/*"].includes(mount.pattern)) return;
    const what = mount.pattern === "*" ? "directory" : "directory tree";
    report.warn(
      [...component.path, "files", i],
      `${owner}: the entire application ${what} is included as asset files. This is unlikely to be ` +
        `what you want. If it is, use the pattern "./${mount.pattern}" to avoid this warning.`,
    );
  });
}

function checkDependencies(component: NormalComponent, { report, owner }: Context): void {
  const { dependencies } = component;
  for (const [i, { name, export: exported, path }] of dependencies.entries()) {
    const parsed = parseDependencyPackage(name);
    if (!parsed) continue;
    if (parsed.interface === undefined && exported !== null) {
      report.add(
        path,
        `${owner}: using an export to satisfy the package dependency ${name} is not currently ` +
          "permitted; name the interface, as in " +
          JSON.stringify(`${parsed.package}/interface`),
      );
    }
    for (const other of dependencies.slice(0, i)) {
      if (!isConflict(parsed, parseDependencyPackage(other.name))) continue;
      report.add(path, `${owner}: ${other.name} dependency conflicts with ${name}`);
    }
  }
}

type PackageName = ReturnType<typeof parseDependencyPackage>;

/** Whether both are about the same interface of the same package in versions that go together. */
function isConflict(left: PackageName, right: PackageName): boolean {
  if (left?.package !== right?.package || !left || !right) return false;
  const isSameInterface = left.interface === undefined || right.interface === undefined ||
    left.interface === right.interface;
  const isAnyVersion = left.version === undefined || right.version === undefined;
  return isSameInterface && (isAnyVersion || areCompatible(left.version!, right.version!));
}

function checkTrigger(
  trigger: NormalTrigger,
  { manifest, report }: Omit<Context, "owner">,
): void {
  const owner = `${trigger.type} trigger ${JSON.stringify(trigger.id)}`;
  const references = [
    ...(trigger.component ? [trigger.component] : []),
    ...trigger.components.flatMap(([, list]) => list),
  ];
  for (const { id, path } of references) {
    // An id that is none has been reported when it was read.
    if (manifest.components.has(id) || checkKebabId(id) !== undefined) continue;
    const hint = suggest(id, manifest.components.keys());
    report.add(path, `${owner}: component ${JSON.stringify(id)} does not exist; ${hint}`);
  }
  const config = triggerConfig(trigger);
  const problems = trigger.type === "http"
    ? validateHttpTrigger(config, trigger.id)
    : validateOtherTrigger(config, trigger.type);
  for (const { path, message } of problems) {
    report.add([...trigger.path, ...path], `${owner}: ${message}`);
  }
}

function checkHttpGlobals(manifest: NormalManifest, report: ManifestReport): void {
  const globals = manifest.application.triggers.get("http");
  if (!globals) return;
  const owner = 'application trigger "http"';
  for (const { path, message } of validateHttpGlobals(globals.config)) {
    report.add([...globals.path, ...path], `${owner}: ${message}`);
  }
  if (globals.config.base === "/") {
    report.warn(
      [...globals.path, "base"],
      `${owner}: "base" is deprecated; remove it, since "/" is what every app has`,
    );
  }
}

/**
 * Text of a locked app (`spin.lock`, or the configuration layer of an image) to a value.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import { convertAllowedHttpHost, DATABASE_HOSTS } from "./allowed_http_hosts.ts";
import type { Json, JsonObject, LockedApp, LockedComponent } from "./locked_app.ts";

/** What an app can demand to be understood. */
const MUST_UNDERSTAND = ["host_requirements", "component_host_requirements"];

/** What an app or component can demand of the host. */
const HOST_FEATURES = ["local_service_chaining", "middleware"];

/**
 * Parses a locked app of version 0 or 1. Unknown fields are kept; what older versions wrote
 * differently is brought into today's form; optional host requirements are dropped.
 *
 * @throws {TerminalError} if it is not a locked app, or asks for what is not known here.
 */
export function parseLockedApp(json: string): LockedApp {
  const app = parseJson(json);
  const problems = isObject(app) ? findProblems(app) : ["it is not an object"];
  if (problems.length > 0) {
    throw new TerminalError("InvalidLockedApp", `Invalid locked app: ${problems.join("; ")}`);
  }
  // The shape has been checked.
  const locked = app as unknown as LockedApp;
  const mustUnderstand = locked.must_understand ?? [];
  checkFeatures(mustUnderstand.filter((feature) => !MUST_UNDERSTAND.includes(feature)));
  const components = locked.components.map((component) => modernize(withRequirements(component)));
  const upgraded = withRequirements({ ...locked, metadata: modernMetadata(locked), components });
  const features = [upgraded, ...components]
    .flatMap(({ host_requirements: requirements }) => Object.keys(requirements ?? {}));
  checkFeatures(features.filter((feature) => !HOST_FEATURES.includes(feature)));
  return upgraded;
}

function parseJson(json: string): Json {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new TerminalError("InvalidLockedApp", `Invalid locked app: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function findProblems(app: JsonObject): string[] {
  const problems: string[] = [];
  const { spin_lock_version: version, metadata, triggers, components } = app;
  if (version !== 0 && version !== 1) {
    problems.push(
      `"spin_lock_version" must be 0 or 1, got ${JSON.stringify(version)}; the app was made by a ` +
        "newer version",
    );
  }
  if (!isObject(metadata)) problems.push('"metadata" must be an object');
  if (app.must_understand !== undefined && !isArrayOf(app.must_understand, isString)) {
    problems.push('"must_understand" must be an array of strings');
  }
  for (const key of ["variables", "host_requirements"]) {
    if (app[key] !== undefined && !isObject(app[key])) problems.push(`"${key}" must be an object`);
  }
  if (!Array.isArray(triggers)) problems.push('"triggers" must be an array');
  else triggers.forEach((trigger, i) => problems.push(...findTriggerProblems(trigger, i)));
  if (!Array.isArray(components)) problems.push('"components" must be an array');
  else components.forEach((component, i) => problems.push(...findComponentProblems(component, i)));
  return problems;
}

function findTriggerProblems(trigger: Json, index: number): string[] {
  const isRight = isObject(trigger) && isString(trigger.id) && isString(trigger.trigger_type) &&
    isObject(trigger.trigger_config);
  return isRight
    ? []
    : [`trigger ${index + 1} must have "id", "trigger_type" and "trigger_config"`];
}

function findComponentProblems(component: Json, index: number): string[] {
  if (!isObject(component) || !isString(component.id)) {
    return [`component ${index + 1} must have an "id"`];
  }
  const owner = `component ${JSON.stringify(component.id)}`;
  const problems: string[] = [];
  if (!isContent(component.source)) {
    problems.push(`${owner} must have a "source" with "source", "inline" or "digest"`);
  }
  for (const key of ["metadata", "env", "config", "dependencies", "host_requirements"]) {
    const value = component[key];
    if (value !== undefined && !isObject(value)) {
      problems.push(`${owner}: "${key}" must be an object`);
    }
  }
  for (const key of ["env", "config"]) {
    const value = component[key];
    if (isObject(value) && !Object.values(value).every(isString)) {
      problems.push(`${owner}: the values of "${key}" must be strings`);
    }
  }
  for (const [name, dependency] of Object.entries(objectOrNone(component.dependencies))) {
    const problem = findDependencyProblem(dependency);
    if (problem) problems.push(`${owner}, dependency ${JSON.stringify(name)}: ${problem}`);
  }
  const { files } = component;
  const areFiles = files === undefined ||
    isArrayOf(files, (file) => isContent(file) && isString(file.path));
  if (!areFiles) problems.push(`${owner}: "files" must have content and a "path" each`);
  return problems;
}

function findDependencyProblem(dependency: Json): string | undefined {
  if (!isObject(dependency) || !isContent(dependency.source)) {
    return 'it must have a "source" with "source", "inline" or "digest"';
  }
  const { export: exported = null, inherit } = dependency;
  if (exported !== null && !isString(exported)) return '"export" must be a string or null';
  const isInherit = inherit === undefined || inherit === "All" ||
    (isObject(inherit) && isArrayOf(inherit.Some, isString));
  return isInherit ? undefined : '"inherit" must be "All" or { "Some": ["…"] }';
}

function objectOrNone(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** Drops optional requirements: the app runs without them. */
function withRequirements<Part extends { host_requirements?: JsonObject }>(part: Part): Part {
  if (!part.host_requirements) return part;
  const { host_requirements: requirements, ...rest } = part;
  const required = Object.entries(requirements).filter(([, value]) => value !== "optional");
  if (required.length === 0) return rest as Part;
  return { ...part, host_requirements: Object.fromEntries(required) };
}

function checkFeatures(features: readonly string[]): void {
  if (features.length === 0) return;
  throw new TerminalError(
    "UnsupportedFeatures",
    "This version of Spin does not support the following features required by this application: " +
      [...new Set(features)].join(", "),
  );
}

/** Before `metadata.triggers` there was only `metadata.trigger`. */
function modernMetadata({ metadata }: LockedApp): JsonObject {
  const { trigger, triggers } = metadata;
  if (isObject(triggers)) return metadata;
  if (!isObject(trigger) || typeof trigger.type !== "string") return { ...metadata, triggers: {} };
  const { type, ...config } = trigger;
  const isEmpty = Object.keys(config).length === 0;
  return { ...metadata, triggers: isEmpty ? {} : { [type]: config } };
}

/** Before `allowed_outbound_hosts` there was `allowed_http_hosts`, and databases were open to all. */
function modernize(component: LockedComponent): LockedComponent {
  const { allowed_http_hosts: old, ...metadata } = component.metadata ?? {};
  if (!isArrayOf(old, isString)) return component;
  const hosts = metadata.allowed_outbound_hosts;
  const kept = isArrayOf(hosts, isString) ? hosts : [...DATABASE_HOSTS];
  const allowed = [...kept, ...old.flatMap((host) => convertOldHost(host, component.id))];
  return { ...component, metadata: { ...metadata, allowed_outbound_hosts: allowed } };
}

function convertOldHost(host: string, component: string): string[] {
  try {
    return convertAllowedHttpHost(host);
  } catch (error) {
    throw new TerminalError(
      "InvalidLockedApp",
      `Invalid locked app: component ${JSON.stringify(component)}: \`allowed_http_hosts\` is ` +
        `malformed: ${errorText(error)}`,
      { cause: error },
    );
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: Json | undefined): value is string {
  return typeof value === "string";
}

function isArrayOf<Item extends Json>(
  value: Json | undefined,
  isItem: (item: Json) => item is Item,
): value is Item[];
function isArrayOf(value: Json | undefined, isItem: (item: Json) => boolean): boolean;
function isArrayOf(value: Json | undefined, isItem: (item: Json) => boolean): boolean {
  return Array.isArray(value) && value.every((item) => isItem(item));
}

function isContent(value: Json | undefined): value is JsonObject {
  return isObject(value) && ["source", "inline", "digest"].some((key) => isString(value[key]));
}

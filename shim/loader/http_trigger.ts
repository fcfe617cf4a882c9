/**
 * The rules of HTTP trigger configuration.
 *
 * @module
 */

import { suggest } from "../../lib/nearest.ts";
import type { Json, JsonObject } from "./locked_app.ts";
import type { KeyPath } from "./toml_positions.ts";

/** Something wrong with a configuration, and where in it. */
export interface ConfigProblem {
  /** Relative to the configuration. */
  readonly path: KeyPath;
  readonly message: string;
}

/**
 * Everything wrong with the configuration of one HTTP trigger, in the form of the locked app: with
 * `component` being an id.
 */
export function validateHttpTrigger(config: JsonObject, triggerId: string): ConfigProblem[] {
  const component = typeof config.component === "string" ? config.component : undefined;
  const key = component ?? triggerId;
  return [
    ...checkKeys(config, { known: ["route", "component", "static_response", "executor"] }),
    ...checkTarget(config, triggerId),
    ...checkRoute(config.route, key),
    ...checkStaticResponse(config.static_response),
    ...checkExecutor(config.executor, key),
  ];
}

/** Everything wrong with `[application.trigger.http]`. */
export function validateHttpGlobals(config: JsonObject): ConfigProblem[] {
  const problems = checkKeys(config, { known: ["base"] });
  if (config.base !== undefined && config.base !== "/") {
    problems.push({
      path: ["base"],
      message:
        `"base" must be "/", got ${JSON.stringify(config.base)}: base paths are not supported ` +
        "any more; put the base in front of each route",
    });
  }
  return problems;
}

function checkKeys(
  config: JsonObject,
  { known, within = [] }: { known: readonly string[]; within?: KeyPath },
): ConfigProblem[] {
  return Object.keys(config).filter((key) => !known.includes(key)).map((key) => ({
    path: [...within, key],
    message: `unknown field \`${key}\`; ${suggest(key, known)}`,
  }));
}

function checkTarget(config: JsonObject, triggerId: string): ConfigProblem[] {
  const hasComponent = config.component !== undefined;
  const hasResponse = config.static_response !== undefined;
  if (hasComponent !== hasResponse) return [];
  const got = hasComponent ? "both" : "neither";
  return [{
    path: hasComponent ? ["static_response"] : [],
    message: `Triggers must specify either component or static_response - ${triggerId} has ${got}`,
  }];
}

function checkRoute(route: Json | undefined, key: string): ConfigProblem[] {
  if (route === undefined) {
    return [{ path: [], message: 'missing field `route`; add route = "/..."' }];
  }
  if (typeof route === "string") {
    const problem = checkRoutePattern(route);
    const message = `Error parsing route ${route} associated with component ${key}: ${problem}`;
    return problem === undefined ? [] : [{ path: ["route"], message }];
  }
  if (isObject(route) && typeof route.private === "boolean") {
    const problems = checkKeys(route, { known: ["private"], within: ["route"] });
    if (!route.private) {
      problems.push({
        path: ["route"],
        message: "route must be a string pattern or '{ private = true }': " +
          `'${key}' has { private = false }`,
      });
    }
    return problems;
  }
  return [{
    path: ["route"],
    message: `route must be a string pattern or '{ private = true }', got ${JSON.stringify(route)}`,
  }];
}

/**
 * What is wrong with a route pattern, or undefined if it is right. `/...` in the middle is a literal
 * segment; `*` there would never match what its author expects, so it is refused.
 */
export function checkRoutePattern(route: string): string | undefined {
  const path = route.replace(/\/(?:\.\.\.|\*)$/, "");
  for (const segment of path.split("/")) {
    if (segment === "*" && path !== "*") return "a wildcard must be the last segment";
    if (segment.length > 1 && segment.startsWith("*")) {
      return `since there can only be one wildcard, it does not need a name. replace \`${segment}\` ` +
        "with `*`";
    }
    if (segment === ":" || segment.startsWith(":.")) return "params must be named";
  }
  return undefined;
}

function checkStaticResponse(response: Json | undefined): ConfigProblem[] {
  if (response === undefined) return [];
  if (!isObject(response)) {
    return [{ path: ["static_response"], message: '"static_response" must be a table' }];
  }
  const problems: ConfigProblem[] = [];
  const { status_code: status, headers, body } = response;
  const isStatus = typeof status === "number" && Number.isInteger(status);
  if (status !== undefined && !(isStatus && status >= 200 && status <= 599)) {
    problems.push({
      path: ["static_response", "status_code"],
      message: `"status_code" must be an integer from 200 to 599, got ${JSON.stringify(status)}`,
    });
  }
  if (body !== undefined && typeof body !== "string") {
    problems.push({ path: ["static_response", "body"], message: '"body" must be a string' });
  }
  if (headers !== undefined) problems.push(...checkHeaders(headers));
  return problems;
}

function checkHeaders(headers: Json): ConfigProblem[] {
  const within = ["static_response", "headers"];
  if (!isObject(headers)) return [{ path: within, message: '"headers" must be a table' }];
  return Object.entries(headers).flatMap(([name, value]) => {
    const path = [...within, name];
    if (typeof value !== "string") {
      return [{ path, message: `header ${JSON.stringify(name)} must be a string` }];
    }
    return isHeader(name, value)
      ? []
      : [{ path, message: `header ${JSON.stringify(name)} is not a valid HTTP header` }];
  });
}

function isHeader(name: string, value: string): boolean {
  try {
    new Headers([[name, value]]);
    return true;
  } catch {
    // The platform's answer is all there is to know.
    return false;
  }
}

function checkExecutor(executor: Json | undefined, key: string): ConfigProblem[] {
  if (executor === undefined) return [];
  const type = isObject(executor) ? executor.type : undefined;
  if (!isObject(executor) || typeof type !== "string") {
    return [{ path: ["executor"], message: 'executor must be { type = "http" } or "wagi"' }];
  }
  if (type === "http" || type === "spin") return [];
  if (type !== "wagi") {
    const message = `unknown executor type ${JSON.stringify(type)}; ${
      suggest(type, ["http", "spin", "wagi"])
    }`;
    return [{ path: ["executor", "type"], message }];
  }
  const problems = checkKeys(executor, {
    known: ["type", "argv", "entrypoint"],
    within: ["executor"],
  });
  if (executor.argv !== undefined && typeof executor.argv !== "string") {
    problems.push({ path: ["executor", "argv"], message: '"argv" must be a string' });
  }
  if (executor.entrypoint !== undefined && executor.entrypoint !== "_start") {
    const message = `Wagi component '${key}' cannot use deprecated 'entrypoint' field`;
    problems.push({ path: ["executor", "entrypoint"], message });
  }
  return problems;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

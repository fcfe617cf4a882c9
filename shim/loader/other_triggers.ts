/**
 * The rules of the configuration of triggers other than HTTP. Types that are not known here belong to
 * somebody else, and their configuration is left to him.
 *
 * @module
 */

import { suggest } from "../../lib/nearest.ts";
import type { ConfigProblem } from "./http_trigger.ts";
import type { JsonObject } from "./locked_app.ts";

interface TriggerKeys {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

const TYPES: Readonly<Record<string, TriggerKeys>> = {
  command: { required: [], optional: [] },
  cron: { required: ["cron_expression"], optional: [] },
  mqtt: {
    required: ["topic"],
    optional: ["address", "username", "password", "keep_alive_interval", "qos"],
  },
  redis: { required: ["channel"], optional: ["address"] },
};

/** Everything wrong with the configuration of one trigger of `type`. */
export function validateOtherTrigger(config: JsonObject, type: string): ConfigProblem[] {
  const keys = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (!keys) return [];
  const known = ["component", ...keys.required, ...keys.optional];
  const problems: ConfigProblem[] = [];
  for (const [key, value] of Object.entries(config)) {
    if (!known.includes(key)) {
      problems.push({
        path: [key],
        message: `unknown field \`${key}\`; ${suggest(key, known)}`,
      });
    } else if (typeof value !== "string") {
      problems.push({
        path: [key],
        message: `"${key}" must be a string, got ${JSON.stringify(value)}`,
      });
    }
  }
  for (const key of ["component", ...keys.required]) {
    if (config[key] === undefined) {
      problems.push({ path: [], message: `missing field \`${key}\`` });
    }
  }
  return problems;
}

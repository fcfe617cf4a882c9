/**
 * The rules of the configuration of triggers other than HTTP. Types that are not known here belong to
 * somebody else, and their configuration is left to him.
 *
 * @module
 */

import { suggest } from "../../lib/nearest.ts";
import type { ConfigProblem } from "./http_trigger.ts";
import type { JsonObject } from "./locked_app.ts";

/** What a key's value has to be; undefined if it is. */
type CheckValue = (value: unknown) => string | undefined;

interface TriggerKeys {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Keys that are not strings. */
  readonly checks?: Readonly<Record<string, CheckValue>>;
}

const TYPES: Readonly<Record<string, TriggerKeys>> = {
  command: { required: [], optional: [] },
  cron: { required: ["cron_expression"], optional: [] },
  mqtt: {
    required: ["topic"],
    optional: ["address", "username", "password", "keep_alive_interval", "qos"],
  },
  redis: { required: ["channel"], optional: ["address"] },
  sqs: {
    required: ["queue_url"],
    optional: ["max_messages", "idle_wait_seconds", "system_attributes", "message_attributes"],
    checks: {
      // More is refused by SQS, request after request.
      max_messages: integer(1, 10),
      idle_wait_seconds: integer(0, 86_400),
      system_attributes: listOfStrings,
      message_attributes: listOfStrings,
    },
  },
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
      continue;
    }
    const expected = (keys.checks?.[key] ?? aString)(value);
    if (expected === undefined) continue;
    problems.push({
      path: [key],
      message: `"${key}" must be ${expected}, got ${JSON.stringify(value)}`,
    });
  }
  for (const key of ["component", ...keys.required]) {
    if (config[key] === undefined) {
      problems.push({ path: [], message: `missing field \`${key}\`` });
    }
  }
  return problems;
}

function aString(value: unknown): string | undefined {
  return typeof value === "string" ? undefined : "a string";
}

function integer(least: number, most: number): CheckValue {
  return (value) => {
    const isGood = Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
    return isGood ? undefined : `an integer from ${least} to ${most}`;
  };
}

function listOfStrings(value: unknown): string | undefined {
  const isGood = Array.isArray(value) && value.every((item) => typeof item === "string");
  return isGood ? undefined : "a list of strings";
}

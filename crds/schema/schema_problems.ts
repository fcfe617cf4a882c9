/**
 * What an API server without webhooks says about an object of a custom resource, as far as its schema
 * tells: types, formats, required and unknown fields. Rules in CEL are left to a real API server.
 *
 * @module
 */

import type { Schema } from "./openapi.ts";

/** The problems of a value, each as `path: what is wrong`; none if the schema accepts it. */
export function schemaProblems(value: unknown, schema: Schema, path = ""): string[] {
  if (schema.nullable && value === null) return [];
  if (schema["x-kubernetes-int-or-string"]) return intOrStringProblems(value, schema, path);
  switch (schema.type) {
    case "object":
      return isRecord(value)
        ? objectProblems(value, schema, path)
        : [`${path}: must be an object, is ${nameOf(value)}`];
    case "array":
      return Array.isArray(value)
        ? listProblems(value, schema, path)
        : [`${path}: must be a list, is ${nameOf(value)}`];
    case "string":
      return typeof value === "string"
        ? textProblems(value, schema, path)
        : [`${path}: must be a string, is ${nameOf(value)}`];
    case "integer":
      return Number.isInteger(value)
        ? numberProblems(value as number, schema, path)
        : [`${path}: must be a whole number, is ${nameOf(value)}`];
    case "boolean":
      return typeof value === "boolean"
        ? []
        : [`${path}: must be true or false, is ${nameOf(value)}`];
    default:
      throw new TypeError(`The schema of ${path || "the object"} has no type`);
  }
}

function objectProblems(
  value: Record<string, unknown>,
  schema: Schema,
  path: string,
): string[] {
  const problems = (schema.required ?? [])
    .filter((field) => !Object.hasOwn(value, field))
    .map((field) => `${join(path, field)}: is required`);
  for (const [field, item] of Object.entries(value)) {
    const known = schema.properties?.[field] ?? schema.additionalProperties;
    if (known) problems.push(...schemaProblems(item, known, join(path, field)));
    // The API server knows all fields of metadata, and an object without fields says nothing.
    else if (schema["x-kubernetes-preserve-unknown-fields"] || path === "metadata") continue;
    else problems.push(`${join(path, field)}: is unknown`);
  }
  return problems;
}

function listProblems(value: readonly unknown[], schema: Schema, path: string): string[] {
  const { minItems = 0, maxItems = Infinity, items } = schema;
  if (!items) throw new TypeError(`The schema of ${path} does not say what is in the list`);
  return [
    ...(value.length < minItems ? [`${path}: needs at least ${minItems} items`] : []),
    ...(value.length > maxItems ? [`${path}: may have at most ${maxItems} items`] : []),
    ...value.flatMap((item, index) => schemaProblems(item, items, `${path}[${index}]`)),
  ];
}

function textProblems(value: string, schema: Schema, path: string): string[] {
  const { minLength = 0, maxLength = Infinity, pattern, format } = schema;
  const choices = schema.enum;
  return [
    ...(value.length < minLength ? [`${path}: needs at least ${minLength} characters`] : []),
    ...(value.length > maxLength ? [`${path}: may have at most ${maxLength} characters`] : []),
    ...(pattern !== undefined && !new RegExp(pattern).test(value)
      ? [`${path}: must match ${pattern}`]
      : []),
    ...(choices && !choices.includes(value) ? [`${path}: must be one of ${choices}`] : []),
    ...(format === "date-time" && Number.isNaN(Date.parse(value))
      ? [`${path}: must be a time`]
      : []),
  ];
}

function numberProblems(value: number, schema: Schema, path: string): string[] {
  const limit = schema.format === "int32" ? 2 ** 31 : 2 ** 63;
  const { minimum = -limit, maximum = limit - 1 } = schema;
  return [
    ...(value < minimum ? [`${path}: must be at least ${minimum}`] : []),
    ...(value > maximum ? [`${path}: may be at most ${maximum}`] : []),
  ];
}

function intOrStringProblems(value: unknown, schema: Schema, path: string): string[] {
  if (Number.isInteger(value)) return [];
  return typeof value === "string"
    ? textProblems(value, schema, path)
    : [`${path}: must be a whole number or a string, is ${nameOf(value)}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `${typeof value} ${JSON.stringify(value)}`;
}

function join(path: string, field: string): string {
  return path === "" ? field : `${path}.${field}`;
}

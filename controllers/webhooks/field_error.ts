/**
 * What is wrong with a field of an object, in the words of Kubernetes' own validation
 * (apimachinery's `field.Error` and `errors.NewInvalid`).
 *
 * @module
 */

import type { ResourceType, StatusBody } from "../../lib/kube/types.ts";

/** One problem. */
export interface FieldError {
  readonly reason: "FieldValueInvalid" | "FieldValueDuplicate" | "FieldValueRequired";
  /** `spec.variables[1].name`. */
  readonly field: string;
  /** What is wrong, without the field: `Invalid value: 0: replicas must be > 0`. */
  readonly message: string;
}

/** What validation found: errors refuse the object, warnings are shown to whoever wrote it. */
export interface Findings {
  readonly errors: readonly FieldError[];
  readonly warnings: readonly string[];
}

/** A field whose value is not possible. */
export function invalid(
  field: string,
  { value, detail }: { value: unknown; detail: string },
): FieldError {
  return {
    reason: "FieldValueInvalid",
    field,
    message: `Invalid value: ${formatValue(value)}: ${detail}`,
  };
}

/** A field with a value that another one has already. */
export function duplicate(field: string, value: unknown): FieldError {
  return {
    reason: "FieldValueDuplicate",
    field,
    message: `Duplicate value: ${formatValue(value)}`,
  };
}

/** A field that has to be there. */
export function required(field: string, detail: string): FieldError {
  return { reason: "FieldValueRequired", field, message: `Required value: ${detail}` };
}

/** `spec.replicas: Invalid value: 0: replicas must be > 0`. */
export function fieldErrorText({ field, message }: FieldError): string {
  return `${field}: ${message}`;
}

/**
 * The status that tells all problems at once, as an admission webhook answers it.
 * @param name The object's name; empty if it has none yet.
 */
export function invalidStatus(
  { group, kind }: Pick<ResourceType, "group" | "kind">,
  { name, errors }: { name: string; errors: readonly FieldError[] },
): StatusBody {
  const texts = [...new Set(errors.map(fieldErrorText))];
  const all = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return {
    kind: "Status",
    status: "Failure",
    message: `${kind}.${group} ${quote(name)} is invalid: ${all}`,
    reason: "Invalid",
    details: {
      name,
      group,
      kind,
      causes: errors.map(({ reason, field, message }) => ({ reason, message, field })),
    },
    code: 422,
  };
}

/** A value as Go prints it there: text quoted, objects as JSON with sorted keys. */
function formatValue(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value !== "object" || value === null) return String(value);
  // Go's JSON can stand in HTML.
  return JSON.stringify(sortKeys(value)).replaceAll(
    /[<>&\u2028\u2029]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => left < right ? -1 : 1)
      .map(([key, item]) => [key, sortKeys(item)]),
  );
}

/** Characters that Go writes as a letter after a backslash. */
const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ['"', '\\"'],
  ["\\", "\\\\"],
]);

/** Go's `%q`. */
export function quote(text: string): string {
  return `"${Array.from(text, quoteCharacter).join("")}"`;
}

function quoteCharacter(character: string): string {
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) return short;
  // What Go calls printable.
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  // Half of a pair, which Go's text cannot have.
  if (code >= 0xd800 && code < 0xe000) return "\ufffd";
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, "0")}`
    : `\\U${code.toString(16).padStart(8, "0")}`;
}

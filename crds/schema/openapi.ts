/**
 * Schemas of custom resources, and short ways to write them.
 *
 * @module
 */

/** The part of OpenAPI v3 that Kubernetes takes for custom resources. */
export interface Schema {
  readonly description?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic";
  readonly "x-kubernetes-map-type"?: "atomic";
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly Rule[];
}

/** A rule in CEL; `self` is the value it stands at. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** The field that is named in the refusal, relative to the place of the rule. */
  readonly fieldPath?: string;
  /** Lets the rule see the stored value as `oldSelf`, which is absent on creation. */
  readonly optionalOldSelf?: boolean;
}

/** What a schema may have besides a type and a description. */
type More = Omit<Schema, "type" | "description">;

/** A string. */
export function text(description: string, more: More = {}): Schema {
  return { description, type: "string", ...more };
}

/** `true` or `false`. */
export function flag(description: string, more: More = {}): Schema {
  return { description, type: "boolean", ...more };
}

/** A whole number of 32 bits. */
export function int32(description: string, more: More = {}): Schema {
  return { description, type: "integer", format: "int32", ...more };
}

/** A whole number of 64 bits. */
export function int64(description: string, more: More = {}): Schema {
  return { description, type: "integer", format: "int64", ...more };
}

/** A list of which Kubernetes merges nothing. */
export function list(description: string, items: Schema, more: More = {}): Schema {
  return { description, type: "array", items, ...more };
}

/** A {@link list} that says so, as those within Kubernetes' own types do. */
export function atomicList(description: string, items: Schema, more: More = {}): Schema {
  return list(description, items, { ...more, "x-kubernetes-list-type": "atomic" });
}

/** A list of words. */
export function words(description: string, more: More = {}): Schema {
  return atomicList(description, { type: "string" }, more);
}

/** Text by names that the user chooses. */
export function textMap(description: string): Schema {
  return { description, type: "object", additionalProperties: { type: "string" } };
}

/** An object with these fields. */
export function object(
  description: string,
  properties: Readonly<Record<string, Schema>>,
  more: More = {},
): Schema {
  return {
    description,
    type: "object",
    ...(more.required ? { required: more.required } : {}),
    properties,
    ...more,
  };
}

/** An {@link object} that has one owner as a whole, as references in Kubernetes' own types do. */
export function atomicObject(
  description: string,
  properties: Readonly<Record<string, Schema>>,
  more: More = {},
): Schema {
  return object(description, properties, { ...more, "x-kubernetes-map-type": "atomic" });
}

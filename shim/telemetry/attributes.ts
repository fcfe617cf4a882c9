/**
 * Attributes of spans, metrics and logs.
 *
 * @module
 */

import type { AnyValue, KeyValue } from "./otlp_messages.ts";

/** What an attribute may be. Whole numbers are integers. */
export type AttributeValue = string | number | boolean | readonly AttributeValue[];

/** Attributes by name. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** Attributes as they are sent; those that are undefined are left out. */
export function keyValues(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }]
  );
}

/** A value as it is sent. */
export function anyValue(value: AttributeValue): AnyValue {
  switch (typeof value) {
    case "string":
      return { stringValue: value };
    case "boolean":
      return { boolValue: value };
    case "number":
      return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value };
    default:
      return { arrayValue: { values: value.map(anyValue) } };
  }
}

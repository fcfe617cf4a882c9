/**
 * Values of `wasi:otel/types`, and what they are in the OpenTelemetry protocol.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { anyValue, type AttributeValue } from "../telemetry/attributes.ts";
import type { AnyValue, KeyValue, Resource, Scope } from "../telemetry/otlp_messages.ts";

/** The record `datetime` of `wasi:clocks/wall-clock`. */
export interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

/** The record `key-value`: the value is JSON. */
export interface OtelAttribute {
  readonly key: string;
  readonly value: string;
}

/** The record `resource`. */
export interface OtelResource {
  readonly attributes: readonly OtelAttribute[];
  readonly schemaUrl?: string;
}

/** The record `instrumentation-scope`. */
export interface OtelScope {
  readonly name: string;
  readonly version?: string;
  readonly schemaUrl?: string;
  readonly attributes: readonly OtelAttribute[];
}

/** Nanoseconds since 1970. */
export function nanosOf({ seconds, nanoseconds }: Datetime): bigint {
  return seconds * 1_000_000_000n + BigInt(nanoseconds);
}

/** Attributes of the guest as they are sent. */
export function toKeyValues(attributes: readonly OtelAttribute[]): KeyValue[] {
  return attributes.map(({ key, value }) => ({ key, value: otelValue(value) }));
}

/** A resource of the guest as it is sent. */
export function toResource({ attributes }: OtelResource): Resource {
  return { attributes: toKeyValues(attributes) };
}

/** A scope of the guest as it is sent. */
export function toScope({ name, version, attributes }: OtelScope): Scope {
  return { name, version: version ?? "", attributes: toKeyValues(attributes) };
}

const BYTES = "data:application/octet-stream;base64,";

/**
 * A value: JSON, in which bytes are a data URL. A text that is no JSON stands for itself, and so does
 * JSON that no attribute can be.
 */
export function otelValue(text: string): AnyValue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Guests that do not know of the encoding send plain text.
    return { stringValue: text };
  }
  if (typeof value === "string" && value.startsWith(BYTES)) {
    return { bytesValue: new Uint8Array(Buffer.from(value.slice(BYTES.length), "base64")) };
  }
  if (typeof value === "number") return numberValue(text.trim(), value);
  if (isAttribute(value)) return anyValue(value);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return tableValue(value as Record<string, unknown>, text);
  }
  return { stringValue: text };
}

/** Whether a number is an integer is seen in how it is written; all of 64 bits count. */
function numberValue(text: string, value: number): AnyValue {
  if (!/^-?\d+$/.test(text)) return { doubleValue: value };
  const integer = BigInt(text);
  return BigInt.asIntN(64, integer) === integer ? { intValue: integer } : { doubleValue: value };
}

function isAttribute(value: unknown): value is AttributeValue {
  if (Array.isArray(value)) return value.every((item) => !Array.isArray(item) && isAttribute(item));
  return ["string", "number", "boolean"].includes(typeof value);
}

function tableValue(table: Record<string, unknown>, text: string): AnyValue {
  const entries = Object.entries(table);
  if (!entries.every(([, value]) => !Array.isArray(value) && isAttribute(value))) {
    return { stringValue: text };
  }
  const values = entries.map(([key, value]) => ({ key, value: anyValue(value as AttributeValue) }));
  return { kvlistValue: { values } };
}

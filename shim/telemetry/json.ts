/**
 * Messages of the OpenTelemetry protocol in its JSON form: protobuf's, but for identifiers, which are
 * hexadecimal, and enums, which are numbers.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { MessageInit, MessageType } from "../proto/schema.ts";

/** Fields that hold identifiers of traces and spans. */
const IDENTIFIERS: readonly string[] = ["traceId", "spanId", "parentSpanId"];

/** The JSON text of a message of `type`. */
export function encodeJson<M extends MessageType>(type: M, value: MessageInit<M>): string {
  return JSON.stringify(toJson(type, value as Record<string, unknown>));
}

function toJson(type: MessageType, value: Record<string, unknown>): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(type.fields)) {
    const item = value[name];
    if (item === undefined) continue;
    json[name] = Array.isArray(item)
      ? item.map((element) => toValue(name, { type: field.type, value: element }))
      : toValue(name, { type: field.type, value: item });
  }
  return json;
}

function toValue(
  name: string,
  { type, value }: { type: MessageType["fields"][string]["type"]; value: unknown },
): unknown {
  if (typeof type !== "string") return toJson(type, value as Record<string, unknown>);
  switch (type) {
    case "bytes":
      return Buffer.from(value as Uint8Array).toString(
        IDENTIFIERS.includes(name) ? "hex" : "base64",
      );
    case "int64":
    case "uint64":
    case "fixed64":
    case "sfixed64":
      return String(value);
    case "double":
      return Number.isFinite(value) ? value : String(value);
    default:
      return value;
  }
}

/**
 * TOML with positions.
 *
 * @module
 */

import { parse, TomlDate, TomlError, type TomlTable, type TomlValue } from "smol-toml";
import { ManifestError } from "../../lib/errors.ts";
import type { Json, JsonObject } from "./locked_app.ts";
import { indexTomlPositions, type TomlPositions } from "./toml_positions.ts";

export type { TomlTable, TomlValue };

/** A parsed document. */
export interface TomlDocument {
  /** As the user named it; begins every message. */
  readonly file: string;
  readonly root: TomlTable;
  readonly positions: TomlPositions;
}

/**
 * Parses `text`.
 * @param file How messages call the file.
 * @throws {ManifestError} with line and column if the text is not TOML.
 */
export function parseTomlDocument(text: string, file: string): TomlDocument {
  // Some editors write a byte order mark, which is no part of TOML.
  const source = text.startsWith("\ufeff") ? text.slice(1) : text;
  try {
    return { file, root: parse(source), positions: indexTomlPositions(source) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split("\n", 1)[0]!.replace(/^Invalid TOML document: /, "");
    throw new ManifestError(
      [{ file, line: error.line, column: error.column, message: `TOML parse error: ${message}` }],
      { cause: error },
    );
  }
}

/** Whether a value is a table. */
export function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof TomlDate);
}

/** What TOML calls the type of a value, with its article. */
export function describeType(value: TomlValue): string {
  if (typeof value === "string") return "a string";
  if (typeof value === "boolean") return "a boolean";
  if (typeof value === "bigint") return "an integer";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a float";
  if (Array.isArray(value)) return "an array";
  return value instanceof TomlDate ? "a date" : "a table";
}

/**
 * The same value as JSON; dates become RFC 3339 strings, keys keep their order.
 * @throws {RangeError} if a number has no form in JSON (`nan`, `inf`).
 */
export function tomlToJson(value: TomlValue): Json {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`${value} cannot be represented in JSON`);
  }
  if (typeof value === "bigint") return Number(value);
  if (value instanceof TomlDate) return value.toISOString();
  if (Array.isArray(value)) return value.map(tomlToJson);
  if (isTable(value)) return tomlTableToJson(value);
  if (typeof value !== "object") return value;
  throw new TypeError("Cannot convert a TOML value of an unknown kind");
}

/** {@link tomlToJson} of a table. */
export function tomlTableToJson(table: TomlTable): JsonObject {
  // A null prototype keeps a key called `__proto__` an ordinary key.
  const json: JsonObject = Object.create(null);
  for (const [key, value] of Object.entries(table)) json[key] = tomlToJson(value);
  return json;
}
